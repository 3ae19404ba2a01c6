"""A defect of the software, in a step and outside of one: alarm 803, machine at rest, traceback kept, work goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from station.run.job import JobRun
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, numbers
from tests.support import virtual


def broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("a defect")


async def is_told_and_survived(b: Bench, place: str) -> None:
    assert await b.rest() is State.ABORTED
    assert 803 in numbers(b.controller.alarms.standing)
    assert not b.is_moving()
    [bug] = await b.events("bug")
    assert bug["step"] == place
    assert "in broken" in bug["traceback"]
    assert bug["traceback"].endswith("ZeroDivisionError: a defect\n")
    await b.controller.command(Command.CLEAR)
    await b.ready()


@virtual
async def test_inside_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(tmp_path) as b:
        with monkeypatch.context() as patch:
            patch.setattr(b.controller.eyes, "inspect_package", broken)
            b.order()
            await is_told_and_survived(b, "judge_dry")


@virtual
async def test_between_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(tmp_path) as b:
        with monkeypatch.context() as patch:
            patch.setattr(JobRun, "_free_sites", broken)
            b.order()
            await is_told_and_survived(b, "Execute")


@virtual
async def test_while_homing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(tmp_path, is_ready=False) as b:
        with monkeypatch.context() as patch:
            patch.setattr("station.run.controller.home_and_calibrate", broken)
            await b.controller.command(Command.RESET)
            assert await b.rest() is State.ABORTED
        await is_told_and_survived(b, "Reset")


@virtual
async def test_in_the_watch_beside_everything_which_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as b:
        with monkeypatch.context() as patch:
            patch.setattr("station.run.watch.Watch._reservoir_low", broken)
            assert await b.rest(State.ABORTED) is State.ABORTED
        await is_told_and_survived(b, "watch")
        b.plant.set_safety(estop_ok=False)
        assert await b.rest(State.ABORTED) is State.ABORTED, "an emergency stop at rest is seen again"
        assert 201 in numbers(b.controller.alarms.standing)


@virtual
async def test_in_the_watch_of_a_machine_that_has_aborted_it_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as b:
        await b.controller.command(Command.ABORT)
        with monkeypatch.context() as patch:
            patch.setattr("station.run.watch.Watch._reservoir_low", broken)
            await asyncio.sleep(3.0)
        assert [event["step"] for event in await b.events("bug")] == ["watch"]
