"""The slice of the campaign that runs with every change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign import crash, matrix, page
from tests.campaign.expected import BROKEN
from tests.campaign.run import run

ROOT = Path(__file__).resolve().parents[2]
SLICE = 150
"""cells: every fault once, and some more; half a minute on one core"""
CRASHES = (
    (crash.At.BEFORE_COMMIT, 14),
    (crash.At.AFTER_COMMIT, 14),
    (crash.At.TASK_STEP, 700),
    (crash.At.TASK_STEP, 1100),
)


@pytest.mark.campaign
def test_a_slice_of_the_matrix_is_as_it_was_measured() -> None:
    cells = page.measured()["cells"]
    changed = []
    for line in matrix.prove_all(matrix.sliced(matrix.cells(), SLICE), workers=1):
        key = f"{line['fault']} {line['step']} {line['phase']}"
        now = [line["verdict"], line.get("reaction", ""), line.get("alarms", []), line["why"]]
        # What a cell that is known to be broken breaks first is not compared: only that it is not proved by now.
        is_known_bad = cells[key][0] == line["verdict"] == BROKEN
        if cells[key] != now and not is_known_bad:
            changed.append(f"{key}: was {cells[key]}, is {now}")
    assert not changed, "measure anew: make campaign"


@pytest.mark.campaign
@pytest.mark.parametrize(("at", "n"), CRASHES)
def test_a_killed_station_tells_the_truth_when_it_starts_again(at: crash.At, n: int) -> None:
    found = crash.crash(crash.Point(at, n))
    assert found.has_killed
    assert found.is_good, (found.broken, found.problems, found.story)


@pytest.mark.campaign
def test_the_same_cell_gives_the_same_line_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import json; from tests.campaign.matrix import Cell, prove; "
        "print(json.dumps(prove(Cell('V02', 'S14', 'running')), sort_keys=True))"
    )
    lines = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(lines) == 1
    assert json.loads(lines.pop())["struck"]


@pytest.mark.campaign
def test_the_same_seed_gives_the_same_bits_however_many_threads_the_computer_offers() -> None:
    code = (
        "import tests, asyncio, pathlib, tempfile; from sim_hardware import virtual_time; "
        "from tests.scenarios.bench import bench\n"
        "async def story():\n"
        "    async with bench(pathlib.Path(tempfile.mkdtemp())) as b:\n"
        "        b.order(); await b.rest(); print(b.plant.now(), b.controller.cell.calibration)\n"
        "virtual_time.run(story())"
    )
    bare = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    said = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**bare, **more}, capture_output=True, text=True, check=True
        ).stdout
        for more in ({}, {"OPENBLAS_NUM_THREADS": "1"})
    }
    assert len(said) == 1
    assert "down=" in said.pop()


def test_a_run_without_faults_breaks_nothing_and_needs_nobody() -> None:
    outcome = run(())
    assert outcome.broken == []
    assert (outcome.reaction.letters, outcome.reaction.results) == (".", ("placed", "placed"))
    assert 10 <= len(outcome.story) <= 25


def test_the_page_is_the_one_that_was_measured() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.document(), "run: python -m tests.campaign page"
    known = {f"{cell.fault} {cell.step} {cell.phase}" for cell in matrix.cells()}
    assert set(page.measured()["cells"]) <= known, "a measured cell does not exist any more: make campaign"
