"""O01, O02, O08: e-stop, door and Stop. All stands in 300 ms, nothing starts by itself, work goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench
from tests.support import virtual

STANDS_WITHIN_S = 0.3


async def stands(b: Bench, since_s: float) -> None:
    """All axes at rest 300 ms after `since_s` and ever after."""
    await asyncio.sleep(max(0.0, since_s + STANDS_WITHIN_S - b.plant.now()))
    assert not b.is_moving()
    where = (b.plant.gantry.measured_at(b.plant.now()), b.plant.head.z_um_at(b.plant.now()))
    await asyncio.sleep(3.0)
    assert (b.plant.gantry.measured_at(b.plant.now()), b.plant.head.z_um_at(b.plant.now())) == where


async def builds_a_board_again(b: Bench) -> None:
    """Liveness: by Clear, Reset and a new order a board is finished, whatever hung on the nozzle."""
    if b.controller.packml.state is State.ABORTED:
        await b.controller.command(Command.CLEAR)
    for alarm in list(b.controller.alarms.standing):
        b.answer(alarm, "unknown" if alarm.definition.number == 901 else "acknowledge")
    await b.ready()
    job = b.order()
    while await b.rest() is State.HELD:
        b.answer(b.controller.alarms.standing[0], "new_part")
    assert b.controller.packml.state is State.COMPLETE, b.alarm_text()
    assert job.state == "complete"
    per_site = [(p["board"], p["site"]) for p in b.placements()]
    assert len(per_site) == len(set(per_site)), "two packages at one site"
    assert b.truth()["nozzle"] is None


TRAVELS = ("go_to_tray", "go_to_plate", "expose_dry", "align", "look_at_site")
ACTS = ("pick", "dip", "place")


@pytest.mark.parametrize("step_id", [*TRAVELS, *ACTS])
def test_the_e_stop_ends_in_aborted_with_the_vacuum_on_and_releasing_it_moves_nothing(
    tmp_path: Path, step_id: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            await asyncio.sleep(0.05)
            held = b.truth()["nozzle"]
            pressed_s = b.plant.now()
            b.plant.set_safety(estop_ok=False, drives_enabled=False)
            assert await b.rest() is State.ABORTED
            assert b.controller.alarms.standing[0].definition.number == 201
            assert b.snapshots.now()["safety"]["estop_ok"] is False
            await stands(b, pressed_s)
            assert b.truth()["nozzle"] == held
            b.plant.set_safety(estop_ok=True, drives_enabled=True)
            await stands(b, b.plant.now())
            assert b.controller.packml.state is State.ABORTED
            await builds_a_board_again(b)

    story()


@virtual
async def test_an_open_door_stops_the_machine_and_the_alarm_says_door(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("go_to_plate")
        opened_s = b.plant.now()
        b.plant.set_safety(door_closed=False)
        assert await b.rest() is State.ABORTED
        assert "door" in b.controller.alarms.standing[0].text.lower()
        await stands(b, opened_s)
        b.plant.set_safety(door_closed=True)
        await builds_a_board_again(b)


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("step_id", ["go_to_plate", "look_at_site", *ACTS])
def test_stop_from_execute_brings_everything_to_rest_in_300_ms_and_a_new_job_can_be_built(
    tmp_path: Path, step_id: str, delay_s: float
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            job = b.order()
            await b.step(step_id)
            await asyncio.sleep(delay_s)
            asked_s = b.plant.now()
            assert await b.controller.command(Command.STOP) is State.STOPPED
            assert b.plant.now() <= asked_s + STANDS_WITHIN_S
            assert {a.definition.number for a in b.controller.alarms.standing} <= {901, 903}
            await stands(b, asked_s)
            assert job.state == "stopped"
            await builds_a_board_again(b)

    story()


def under_way(b: Bench) -> list[str]:
    """Commands that the devices themselves are still busy with."""
    devices = (b.plant.plc, b.plant.head, b.plant.dip_unit, b.plant.film_gauge)
    return [f"{device.name}.{channel.name}" for device in devices for channel in device.core.channels if channel.busy]


@pytest.mark.parametrize("command", [Command.STOP, Command.ABORT])
@pytest.mark.parametrize("step_id", ["go_to_plate", *ACTS])
def test_rest_is_reported_when_every_device_stands_and_a_reset_in_the_same_instant_works(
    tmp_path: Path, step_id: str, command: Command
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            await asyncio.sleep(0.1)
            assert under_way(b)
            await b.controller.command(command)
            assert under_way(b) == []
            assert 209 not in [alarm.definition.number for alarm in b.controller.alarms.standing]
            await builds_a_board_again(b)

    story()


@virtual
async def test_stop_is_obeyed_in_held(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("go_to_plate")
        await b.controller.command(Command.HOLD)
        assert await b.rest() is State.HELD
        assert await b.controller.command(Command.STOP) is State.STOPPED
        await stands(b, b.plant.now())
        await builds_a_board_again(b)


@virtual
async def test_an_e_stop_in_ready_is_shown_and_ends_in_aborted_without_any_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.plant.set_safety(estop_ok=False, drives_enabled=False)
        async with asyncio.timeout(2.0):
            await b.controller.wait_for(State.ABORTED)
        assert b.controller.alarms.standing[0].definition.number == 201
        b.plant.set_safety(estop_ok=True, drives_enabled=True)
        await builds_a_board_again(b)


@virtual
async def test_an_e_stop_while_homing_is_an_alarm_like_any_other(tmp_path: Path) -> None:
    async with bench(tmp_path, is_ready=False) as b:
        await b.controller.command(Command.RESET)
        await b.until(lambda: b.controller.sub_step == "Home axes")
        b.plant.set_safety(estop_ok=False)
        assert await b.rest() is State.ABORTED
        assert b.controller.alarms.standing[0].definition.number == 201
        b.plant.set_safety(estop_ok=True)
        await builds_a_board_again(b)
