"""Stories of `station records`: what is shown and exported, and that a broken chain is never passed over."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from station.cli.records import app
from station.store import Store, open_store
from station.store.database import DATABASE_NAME
from tests.store.support import HandClock, record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = open_store(tmp_path, HandClock(), durability="normal")
    for board, site, result in (
        ("B-1", "U1", "placed"),
        ("B-1", "U2", "rejected"),
        ("=cmd()", "U1", "placed"),
    ):
        kept = record(site, result, board)
        kept["verify"] = {"offset_x_um": 3.24, "offset_y_um": -1.0}
        opened.records.append(kept)
    opened.writing.commit_now()
    return opened


def run(tmp_path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data-dir", str(tmp_path)])


def test_records_are_shown_beside_a_running_station_with_the_state_of_the_chain(tmp_path: Path, store: Store) -> None:
    shown = run(tmp_path, "show", "--board", "B-1")
    assert shown.exit_code == 0
    assert [line.split("  ")[2] for line in shown.stdout.splitlines()] == ["site U1", "site U2"]
    assert "offset +3.2 -1.0 um" in shown.stdout
    assert "2 records shown. Hash chain sound: 3 events and 3 records" in shown.stderr
    [only] = run(tmp_path, "show", "--json", "--result", "rejected").stdout.splitlines()
    assert json.loads(only)["site"] == "U2"
    store.close()


def test_an_export_is_complete_and_a_barcode_is_never_a_formula(tmp_path: Path, store: Store) -> None:
    store.close()
    file = tmp_path / "out.csv"
    assert run(tmp_path, "export", "--format", "csv", "-o", str(file)).exit_code == 0
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [row["board_serial"] for row in rows] == ["B-1", "B-1", "'=cmd()"]
    assert rows[0]["offset_x_um"] == "3.24"
    file = tmp_path / "out.json"
    run(tmp_path, "export", "-o", str(file), "--site", "U1")
    assert [one["board"]["serial"] for one in json.loads(file.read_text())] == ["B-1", "=cmd()"]


def test_a_changed_record_is_named_and_ends_with_its_own_exit_code(tmp_path: Path, store: Store) -> None:
    store.close()
    with sqlite3.connect(tmp_path / DATABASE_NAME) as intruder:
        intruder.execute("UPDATE records SET body = replace(body, '3.24', '0.24') WHERE position = 2")
    intruder.close()
    shown = run(tmp_path, "show")
    assert shown.exit_code == 3
    assert "Hash chain broken: record " in shown.stderr


def test_wrong_words_and_a_missing_database_have_their_own_exit_codes(tmp_path: Path) -> None:
    assert run(tmp_path, "show", "--result", "lovely").exit_code == 2
    missing = run(tmp_path, "show")
    assert missing.exit_code == 4
    assert "There is no station database" in missing.stderr


def test_a_log_that_was_cut_or_written_anew_is_found_by_what_was_told_outside(tmp_path: Path, store: Store) -> None:
    rows = [(event.seq, event.hash) for event in asyncio.run(store.events.read())]
    store.close()
    told = tmp_path / "told.jsonl"
    told.write_text("".join(json.dumps({"seq": seq, "hash": seal}) + "\n" for seq, seal in rows))
    sound = run(tmp_path, "verify", "--told", str(told))
    assert (sound.exit_code, f"{len(rows)} told events are there" in sound.stderr) == (0, True)
    told.write_text(json.dumps({"seq": rows[-1][0], "hash": "0" * 64}))
    other = run(tmp_path, "verify", "--told", str(told))
    assert (other.exit_code, "was told with hash" in other.stderr) == (3, True)
    # Event and record of the newest placement are cut off together: both chains are sound, and only a witness knows.
    told.write_text(json.dumps({"seq": rows[-1][0], "hash": rows[-1][1]}))
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        triggers = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
        connection.execute("DELETE FROM records WHERE position = (SELECT max(position) FROM records)")
    connection.close()
    assert run(tmp_path, "verify").exit_code == 0
    cut = run(tmp_path, "verify", "--told", str(told))
    assert (cut.exit_code, f"the log ends at {rows[-1][0] - 1}" in cut.stderr) == (3, True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{}\n", "seq is missing"),
        ('{"seq": 1}\n', "hash is missing"),
        ("seq,hash\n", "no JSON from line 1, column 1 on"),
        ("[1]\n", "JSON of another shape"),
        ("\ufffe", "no text"),
        (None, "No such file or directory"),
    ],
)
def test_a_witness_that_cannot_be_read_is_named(tmp_path: Path, store: Store, text: str | None, why: str) -> None:
    store.close()
    told = tmp_path / "told.jsonl"
    if text is not None:
        told.write_bytes(text.encode("utf-16" if why == "no text" else "utf-8"))
    refused = run(tmp_path, "verify", "--told", str(told))
    assert (refused.exit_code, refused.stderr) == (
        2,
        f"{told}: {why}; wanted lines of JSON, each with seq and hash.\n",
    )
