"""Planted bugs: every edit still applies, a stale one is loud, and a bug is found by a hunter that does not know it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.matrix import cells
from tests.campaign.planted import page
from tests.campaign.planted.bugs import BUGS
from tests.campaign.planted.hunted import Hunt
from tests.campaign.planted.model import DoesNotApply, bug, plant
from tests.campaign.planted.rounds import rounds, sort_of
from tests.campaign.planted.state import SOURCES, state_of_code
from tests.campaign.planted.work import ROUNDS

ROOT = Path(__file__).resolve().parents[2]
NAMED = (
    "retries on writes",
    "record after the check",
    "homed not cleared",
    "wall clock for film age",
    "no number passes",
    "average instead of the worst ball",
    "stale frame",
    "missing read-back",
    "watchdog not verified",
    "vacuum off in the clean-up",
    "broad except",
    "intent not on the disk",
    "key saved after the job",
    "swapped words",
    "lock held in Held",
    "resume after a restart",
    "the broker is waited for",
    "retry counter reset",
    "edge instead of level",
    "wrong site flag",
)
"""the classical ones: docs/planted_bugs.md lists them all"""


def test_there_are_more_than_fifty_and_the_classical_ones_are_among_them() -> None:
    assert len(BUGS) >= 50
    assert set(NAMED) <= set(BUGS)


@pytest.mark.parametrize("key", BUGS)
def test_every_edit_applies_to_the_code_as_it_is_and_can_be_compiled(key: str) -> None:
    texts = BUGS[key].patched()
    assert all(text != path.read_text(encoding="utf-8") for path, text in texts.items())


def test_an_edit_whose_old_text_is_gone_is_loud() -> None:
    stale = bug("stale", "", ("station/run/gate.py", "this text is not there", "x"))
    with pytest.raises(DoesNotApply, match=r"station/run/gate.py: the text to be replaced is there 0 times"):
        stale.patched()


def test_a_module_that_was_imported_before_cannot_be_spoilt_any_more() -> None:
    import station.run.gate  # noqa: F401

    with pytest.raises(DoesNotApply, match="is imported already"):
        plant(BUGS["Held at once"])


def test_what_the_code_as_it_is_shows_does_not_count() -> None:
    hunting = Hunt({"M01 S02 before": ["36"]}, stops=True)
    assert not hunting.note("M01 S02 before", [("36", "as ever")])
    assert hunting.note("M01 S04 before", [("36", "new")])
    assert hunting.result() | {"cpu_s": 0} == {
        "found": "36",
        "at": "M01 S04 before",
        "sentence": "new",
        "pieces": 2,
        "cpu_s": 0,
        "seen": {},
    }


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("key", "by"), [("accepted is done", ""), ("key saved after the job", "33"), ("a full disk is no reason", "24")]
)
def test_a_planted_bug_is_found_in_a_process_of_its_own(tmp_path: Path, key: str, by: str) -> None:
    known = tmp_path / "known.json"
    known.write_text('{"seen": {}}')
    ran = subprocess.run(
        [sys.executable, "-m", "tests.campaign.planted.hunt", "--bug", key, "--known", str(known)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["found"] is not None
    assert found["found"] == by or not by


def test_every_fault_comes_once_a_round_and_goes_through_all_acts_that_cannot_be_undone() -> None:
    every = cells()
    parts = list(rounds(every))
    assert sorted(map(str, (cell for part in parts for cell in part))) == sorted(map(str, every))
    assert {cell.fault for cell in parts[0]} == {cell.fault for cell in every}
    assert all(len({cell.fault for cell in part}) == len(part) for part in (parts[0], *parts[2:]))
    hunted = {(cell.fault, sort_of(cell)) for part in parts[:ROUNDS] for cell in part}
    assert hunted == {(cell.fault, sort_of(cell)) for cell in every}


def test_any_source_that_changes_is_another_state_of_the_code_and_a_test_is_not(tmp_path: Path) -> None:
    for source in SOURCES:
        (tmp_path / source).mkdir(parents=True)
    written = tmp_path / "station" / "run" / "gate.py"
    written.parent.mkdir()
    written.write_text("open\n")
    first = state_of_code(tmp_path)
    (tmp_path / "tests" / "campaign" / "test_gate.py").write_text("closed\n")
    assert state_of_code(tmp_path) == first
    written.write_text("closed\n")
    assert state_of_code(tmp_path) != first


def test_the_page_says_whether_its_lines_are_of_one_state_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "KEPT", tmp_path / "measured.json")
    clean = {"pieces": 9, "cpu_s": 2.0, "code": "new", "seen": {}}
    lines = [{"bug": key, "found": "36", "at": "x", "pieces": 1, "cpu_s": 1.0, "code": "new"} for key in BUGS]
    page.KEPT.write_text(page.kept(clean, lines))
    assert "All lines are of one state of the code, `new`" in page.document()
    assert "take 2 s and show\nnothing." in page.document()
    lines[3]["code"] = "old"
    page.KEPT.write_text(page.kept(clean, lines))
    assert (
        f"several states of the code** (digests of its sources): {len(BUGS) - 1} of `new`, 1 of `old`"
        in page.document()
    )


@pytest.mark.skipif(not page.KEPT.exists(), reason="nothing was measured: make campaign-planted")
def test_the_page_is_the_one_that_was_measured() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.document(), "run: python -m tests.campaign.planted --page"
