"""A field journal is run again: the faults behind it are found, and the outcome is the same; also after a SIGKILL."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec
from sim_hardware.scenario import Rendering
from sim_hardware.schedule import load_plan
from sim_hardware.world.machine import Fidelity
from station.cli.main import app
from station.demo.deeds import deeds_of
from station.demo.field_journal import FieldJournal, read_journal
from station.demo.replay import Replay, Replayed
from station.demo.run import Order, run
from station.run.packml import Command
from station.store.errors import ChainBroken
from tests.campaign.run import run as run_campaign
from tests.scenarios.bench import bench, killed_in

ROOT = Path(__file__).resolve().parents[2]


def job(folder: Path, *faults: FaultSpec, boards: int = 1) -> FieldJournal:
    """A job on a machine that really has these faults; what is read is only what the station wrote."""
    run(
        Order("pop_12x12_168", boards, 7, Fidelity.IDEAL, Rendering.OBSERVATION, faults),
        folder,
    )
    return read_journal(folder)


def replayed(journal: FieldJournal, seed: int = 21) -> Replayed:
    return Replay(journal, seed=seed, fidelity=Fidelity.IDEAL, library="pop_12x12_168").search()


def test_a_job_without_faults_is_the_same_at_the_first_run_on_a_machine_of_another_seed(tmp_path: Path) -> None:
    found = replayed(job(tmp_path))
    assert found.is_same
    assert (found.tries, found.guess.size) == (1, 0)
    assert found.agreed == found.words > 8


@pytest.mark.parametrize(
    "faults",
    [
        (FaultSpec("film_thin", value=20.0), FaultSpec("fiducial_missing", nth=1, value=1.0)),
        (FaultSpec("ball_missing", nth=2, value=1.0), FaultSpec("force_over", nth=19, value=50.0)),
        (*(FaultSpec(kind, at_s=23.0, nth=nth) for kind, nth in (("pick_fail", 1), ("frame_lost", 2), ("bridge", 1))),),
        (FaultSpec("input_false", at_s=27.0, target="estop_ok", duration_s=30.0),),
        (FaultSpec("link_cut", at_s=28.5, target="head", duration_s=3.0),),
    ],
    ids=["film and fiducial", "ball and force", "pick, frame, bridge", "e-stop", "cable"],
)
def test_the_faults_behind_a_journal_are_found_and_make_the_same_outcome(
    tmp_path: Path, faults: tuple[FaultSpec, ...]
) -> None:
    journal = job(tmp_path, *faults)
    found = replayed(journal)
    assert found.is_same, found.difference
    assert found.guess.size > 0
    told = [word.text for outcome in found.journal for word in outcome.lines["alarms"] + outcome.lines["packages"]]
    assert len(told) > 1, "the job went on as if nothing had been: this proves nothing"


def test_a_difference_that_no_fault_of_the_machine_explains_is_said_where_it_is(tmp_path: Path) -> None:
    journal = job(tmp_path)
    [life] = journal.lives
    at = next(i for i, told in enumerate(life.told) if told.kind == "placement.recorded")
    life.told[at].data["result"] = "ambiguous"
    found = replayed(journal)
    assert not found.is_same
    assert found.difference is not None
    assert "packages, word 1: the journal says board 1 site 1.U1: ambiguous" in found.difference[1].sentence
    assert found.difference[1].sentence.endswith("the replay board 1 site 1.U1: placed")


KILLED = """
import os, signal, sys
from pathlib import Path
from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import Fidelity
from station.demo.run import Order, run

def heard(kind, data):
    if kind == "journal.intent" and data["step"] == "place":
        os.kill(os.getpid(), signal.SIGKILL)

faults = (FaultSpec("film_thin", nth=1, value=20.0),)
run(Order("pop_12x12_168", 1, 7, Fidelity.IDEAL, Rendering.OBSERVATION, faults), Path(sys.argv[1]), heard)
"""


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a process that was killed with the intent of a placement on the disk."""
    folder = tmp_path_factory.mktemp("killed") / "data"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert (folder / "station.sqlite3-wal").stat().st_size > 0, "what was written last stands in the log"
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def test_a_journal_that_sigkill_cut_off_is_read_from_a_copy_and_replayed_to_where_it_ends(cut_off: Path) -> None:
    before = contents(cut_off)
    journal = read_journal(cut_off)
    assert contents(cut_off) == before, "the field's own files are not touched"
    [life] = journal.lives
    assert life.was_cut_off
    assert life.told[-1].kind == "journal.intent"
    found = replayed(journal)
    assert found.is_same, found.difference
    assert found.lives[0].killed_in is not None
    assert [fault.kind for fault in found.guess.faults[0]] == ["film_thin"]
    intents = [told.data["step"] for told in found.lives[0].told if told.kind == "journal.intent"]
    assert intents == ["pick", "dip", "place"]


async def _killed_and_started_anew(folder: Path) -> None:
    plant = (await killed_in(folder, "place", seed=5)).plant
    await asyncio.sleep(2.0)
    async with bench(folder, plant=plant, seed=6, is_ready=False) as b:
        for alarm in list(b.controller.alarms.standing):
            b.answer(alarm, "was_not_placed")
        await b.controller.command(Command.CLEAR)
        await b.ready()
    await plant.stop()


def test_a_second_life_is_replayed_on_the_machine_that_the_first_one_left(tmp_path: Path) -> None:
    virtual_time.run(_killed_and_started_anew(tmp_path))
    journal = read_journal(tmp_path)
    assert [life.was_cut_off for life in journal.lives] == [True, False]
    found = replayed(journal)
    assert found.is_same, found.difference
    first, second = found.journal
    assert next(word.text for word in second.lines["alarms"]).startswith("901 shown: was_placed")
    assert first.lines["states"][-1].text == "Execute"


def test_the_command_says_the_same_outcome_and_writes_a_schedule_that_the_campaign_runs(
    cut_off: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = tmp_path / "plan.json"
    said = CliRunner().invoke(app, ["replay", str(cut_off), "--schedule", str(plan)])
    gc.collect()
    assert not caplog.messages, "of the life that was killed nothing may be left that complains"
    assert said.exit_code == 0, said.output
    assert "outcome       the same" in said.output
    assert "fault       film_thin 20, level_film number 1" in said.output
    loaded = load_plan(plan.read_text(encoding="utf-8"))
    assert (loaded.seed, loaded.recipe, loaded.boards) == (7, "pop_12x12_168", 1)
    outcome = run_campaign(loaded.schedule, loaded.seed or 0)
    assert outcome.struck == ["film_thin"]
    assert 401 in outcome.reaction.alarms


def test_what_is_no_journal_gets_a_sentence_and_an_exit_code(tmp_path: Path) -> None:
    runner = CliRunner()
    said = runner.invoke(app, ["replay", str(tmp_path)])
    assert (said.exit_code, said.output.count("\n")) == (4, 1)
    assert "There is no station database at" in said.output
    foreign = tmp_path / "other.sqlite3"
    with sqlite3.connect(foreign) as made:
        made.execute("CREATE TABLE t (x)")
    made.close()
    said = runner.invoke(app, ["replay", str(foreign)])
    assert said.exit_code == 4
    assert "belongs to another program" in said.output


def test_a_journal_that_was_changed_is_refused(tmp_path: Path) -> None:
    job(tmp_path)
    with sqlite3.connect(tmp_path / "station.sqlite3") as changed:
        changed.execute("UPDATE events SET data = '{}' WHERE seq = 5")
    changed.close()
    with pytest.raises(ChainBroken, match="event 5"):
        read_journal(tmp_path)


def test_what_people_did_is_read_without_what_the_station_did_itself(tmp_path: Path) -> None:
    journal = job(tmp_path, FaultSpec("fiducial_missing", nth=1, value=1.0))
    deeds = [(deed.verb, deed.about.get("answer", "")) for deed in deeds_of(journal.lives[0])]
    assert deeds == [
        ("reset", ""),
        ("start", ""),
        ("answer", "retry"),
        ("answer", "retry"),
        ("answer", "stop"),
        ("close", ""),
    ]


def test_the_schedule_of_a_replay_is_the_same_in_another_process_with_another_hash_seed(tmp_path: Path) -> None:
    job(tmp_path / "data", FaultSpec("ball_missing", nth=2, value=1.0))
    said = {
        subprocess.run(
            [sys.executable, "-m", "station", "replay", str(tmp_path / "data"), "--json"],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert json.loads(said.pop())["same"]
