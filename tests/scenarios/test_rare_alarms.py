"""Alarms that no single fault of the machine raises: what is wrong is fitted, forgotten, or never ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.devices.head import PressEvidence, PressProfile
from sim_hardware.devices import head
from station.process.outcomes import SiteLocated
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench
from tests.support import virtual


def standing(b: Bench) -> list[int]:
    return [alarm.definition.number for alarm in b.controller.alarms.standing]


@virtual
async def test_a_reference_that_is_lost_in_the_last_instant_is_the_drives_own_word(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        press = b.controller.cell.head.press

        async def pressed(profile: PressProfile) -> PressEvidence:
            # After the newest status, and before the command.
            b.plant.head.is_homed = False
            return await press(profile)

        b.order()
        await b.step("go_to_plate")
        b.controller.cell.head.press = pressed  # type: ignore[method-assign]
        assert await b.rest() is State.STOPPED
        assert 202 in standing(b), b.alarm_text()
        assert b.happened("dipped") == []


@virtual
async def test_another_nozzle_than_the_profile_names_is_refused_in_reset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "NOZZLE_ID", 99)
    async with bench(tmp_path, is_ready=False) as b:
        await b.controller.command(Command.RESET)
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert standing(b) == [208]
        assert "99" in b.alarm_text()


@virtual
async def test_a_drive_with_narrower_limits_than_the_profile_names_refuses_the_target(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        machine = b.plant.machine
        b.plant.machine = replace(machine, x=replace(machine.x, upper=300_000.0))
        b.order()
        alarm = await b.alarm()
        assert alarm.definition.number == 204, b.alarm_text()
        assert b.plant.gantry.measured_at(b.plant.now())[0] <= 300_000.0
        b.answer(alarm, "stop")
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert b.placements() == []


@virtual
async def test_without_its_glass_part_the_machine_is_not_calibrated_and_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path, is_ready=False) as b:
        b.plant.holder.glass = None
        await b.controller.command(Command.RESET)
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert standing(b) == [506], b.alarm_text()
        assert b.controller.cell.calibration is None


@virtual
async def test_a_glass_part_left_in_the_lower_seat_is_found_there_and_ends_in_the_upper(tmp_path: Path) -> None:
    async with bench(tmp_path, is_ready=False) as b:
        b.plant.holder.in_lower_seat = True
        await b.controller.command(Command.RESET)
        assert await b.rest(State.IDLE) is State.IDLE, b.alarm_text()
        assert b.controller.cell.calibration is not None
        assert b.plant.holder.glass is not None
        assert not b.plant.holder.in_lower_seat


@virtual
async def test_a_site_that_nobody_has_proven_free_gets_no_package(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("align")
        await asyncio.sleep(0.05)
        assert b.controller.current is not None
        b.controller.current.work.findings.forget(SiteLocated)
        await b.rest()
        assert [event["number"] for event in await b.events("alarm.raised")] == [605]
        assert next((r["site"], r["result"]) for r in await b.records()) == ("1.U1", "unplaced")


@virtual
async def test_a_judgement_that_never_comes_ends_the_job_with_the_name_of_its_step(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:

        async def never(*_: Any) -> Any:
            await asyncio.sleep(3600.0)

        b.controller.eyes.inspect_package = never  # type: ignore[method-assign]
        b.order()
        assert await b.rest() is State.STOPPED
        assert standing(b) == [802]
        assert "Inspect package" in b.alarm_text()
        assert b.happened("dipped") == []
