"""Runs that share their beginning come to the same as runs of their own, and crash points count what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.campaign import crash, matrix, reached, swarm
from tests.campaign.__main__ import main
from tests.campaign.crash import At, Point
from tests.campaign.forked import Brood, or_error
from tests.campaign.run import run, run_many, shares_beginning
from tests.campaign.specials import SPECIALS

ROOT = Path(__file__).resolve().parents[2]
CELLS = ("V02,S17,running", "D01,S08,before", "O08,S14,running", "O13,S14,running")


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.campaign
def test_schedules_given_to_a_station_that_is_ready_come_to_the_same_as_alone() -> None:
    schedules = [(matrix.schedule_of(cell), cell) for cell in CELLS]
    assert all(shares_beginning(schedule) for schedule, _ in schedules)
    assert not shares_beginning(matrix.schedule_of("M01,S02,before"))
    together = dict(run_many(schedules, 11))
    assert together == {cell: plain(run(schedule).as_dict()) for schedule, cell in schedules}
    assert all(told["struck"] for told in together.values())


@pytest.mark.campaign
def test_a_point_of_many_is_the_same_as_alone_also_when_it_is_killed_again() -> None:
    points = [Point(At.AFTER_COMMIT, 14), Point(At.BYTE_OUT, 9_000), Point(At.TASK_STEP, 700, 3, At.AFTER_COMMIT)]
    together = dict(crash.crash_many(points))
    for point in points:
        alone = crash.crash(point)
        assert alone.has_killed
        assert alone.is_good, (alone.broken, alone.problems, alone.story)
        assert together[point] == plain(alone.as_dict())
        assert alone.killed_again is bool(point.again)


@pytest.mark.campaign
def test_the_counts_of_a_job_are_the_same_whatever_the_process_did_before() -> None:
    first = crash.count()
    assert first == crash.count()
    assert first[At.BEFORE_COMMIT] == first[At.AFTER_COMMIT] > 20
    assert first[At.BYTE_IN] > first[At.BYTE_OUT] > 10_000


@pytest.mark.campaign
def test_crash_points_are_gone_on_with_where_they_were_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "crash.jsonl"
    asked = ["crash", "--every", "150", "--members", "3", "--again", "2", "--out", str(out), "--part", "1/2"]
    assert main(asked) == 0
    lines = out.read_text().splitlines()
    assert main(asked) == 0
    assert out.read_text().splitlines() == lines
    said = capsys.readouterr().out
    assert f"{len(lines)} kills, 0 to run" in said
    assert main([*asked[:-1], "9/2"]) == 2


def test_a_child_that_errs_tells_so_and_the_parent_goes_on() -> None:
    async def story(brood: Brood) -> dict[str, Any]:
        for tag in ("good", "bad"):
            if brood.split(tag):
                if tag == "bad":
                    raise ValueError("a word of the child")
                return {"tag": tag}
        return {}

    from sim_hardware import virtual_time

    brood = Brood()
    or_error(brood, lambda: virtual_time.run(story(brood)))
    assert list(brood.results()) == [
        ("good", {"tag": "good"}),
        ("bad", {"error": "ValueError: a word of the child"}),
    ]


@pytest.mark.parametrize("name", SPECIALS)
def test_a_run_that_no_schedule_can_tell_breaks_nothing(name: str) -> None:
    assert SPECIALS[name]() == []


@pytest.mark.campaign
def test_a_board_comes_of_it_when_the_faults_cease_by_themselves() -> None:
    line = swarm.live((4, 11))
    assert line["finished"], line
    assert line["struck"]


@pytest.mark.campaign
def test_swarm_and_crash_are_the_same_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import json; from tests.campaign import crash, swarm; from tests.campaign.crash import At, Point;"
        "lines = swarm.batch((0, 1)) + [line for _, line in crash.crash_many([Point(At.TASK_STEP, 400)])];"
        "print(json.dumps(lines, sort_keys=True))"
    )
    told = {
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
    assert len(told) == 1
    assert all("error" not in line for line in json.loads(told.pop()))


def test_what_was_never_reached_is_named() -> None:
    lines: list[dict[str, Any]] = [
        {"reached": ["fault film_thin", "reaction R"]},
        {"reached": ["reaction R"]},
        {"error": "x"},
    ]
    told, missing = reached.document(reached.counted(lines))
    assert "      2  reaction R" in told
    assert "fault film_thin" not in missing
    assert "fault pick_fail" in missing
    assert reached.document(reached.counted(lines), 2)[1].count("fault film_thin") == 1
    wanted = reached.wanted()
    assert len(wanted) == len(set(wanted)) > 150
    assert "change Held to Unholding" in wanted


def test_seeds_that_share_a_machine_are_together() -> None:
    assert list(swarm.batches(48, 5)) == [(48, 49), (50, 51, 52)]
    assert {swarm.machine_of(seed) for seed in range(50)} == {0}
