"""The guard in the running machine: what it refuses stays undone, is told by name, and work goes on afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from station.alarms.catalogue import ProcessAlarm
from station.run.controller import CommandRefused
from station.run.modes import Mode
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, numbers
from tests.scenarios.test_stopping import builds_a_board_again, stands
from tests.support import virtual


def interlocks(b: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """Conditions and actions by id, as people are shown them."""
    shown = b.snapshots.now()["interlocks"]
    return {each["id"]: each for each in shown["conditions"]}, {each["id"]: each for each in shown["actions"]}


@virtual
async def test_a_door_opened_in_travel_stops_the_machine_and_is_named_as_what_forbids_every_motion(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("go_to_plate")
        await asyncio.sleep(0.05)
        held, opened_s = b.truth()["nozzle"], b.plant.now()
        b.plant.set_safety(door_closed=False)
        assert await b.rest() is State.ABORTED
        await stands(b, opened_s)
        conditions, actions = interlocks(b)
        assert (conditions["door_closed"]["holds"], conditions["door_closed"]["reason"]) == (
            False,
            "the door is open; close it",
        )
        assert conditions["air"] == {
            "id": "air",
            "title": "Compressed air there",
            "holds": True,
            "reason": None,
        }
        assert actions["travel"]["allowed"] is False
        assert "door_closed" in actions["travel"]["forbidden_by"]
        assert b.truth()["nozzle"] == held
        b.plant.set_safety(door_closed=True)
        await builds_a_board_again(b)


@virtual
async def test_air_lost_with_a_part_on_the_nozzle_is_a_controlled_stop_that_keeps_the_part(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("expose_dry")
        await asyncio.sleep(0.05)
        held = b.truth()["nozzle"]
        assert held is not None
        b.plant.set_safety(air_ok=False)
        assert await b.rest() is State.STOPPED
        assert numbers(b.controller.alarms.standing) == [209]
        assert "compressed air is missing" in b.alarm_text()
        assert b.truth()["nozzle"] == held
        await stands(b, b.plant.now())
        b.plant.set_safety(air_ok=True)
        await builds_a_board_again(b)
        assert held in b.truth()["rejected"]


@pytest.mark.parametrize("step_id", ["align", "place"])
def test_the_key_on_manual_lets_a_placement_end_and_nothing_new_begin(tmp_path: Path, step_id: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            await b.until(lambda: b.plant.gantry.is_moving(b.plant.now()) or step_id == "place")
            await asyncio.sleep(0.3 if step_id == "place" else 0.0)
            b.plant.set_safety(key_manual=True)
            assert await b.rest() is State.STOPPED
            placed = len(b.placements())
            assert placed == (1 if step_id == "place" else 0), "no act was begun that could not be ended"
            # What was placed has not been looked at: a person is asked, and may leave the look to the station.
            assert numbers(b.controller.alarms.standing) == [209, 901][: 1 + placed]
            assert "key switch stands on manual" in b.alarm_text()
            assert len(b.happened("part lost")) == 0
            b.answer(b.controller.alarms.standing[0], "acknowledge")
            if placed:
                b.answer(b.controller.alarms.standing[0], "look")
            await b.until(lambda: b.controller.modes.mode is Mode.MANUAL)
            with pytest.raises(CommandRefused, match="turn the key switch"):
                await b.controller.command(Command.RESET)
            b.plant.set_safety(key_manual=False)
            await b.until(lambda: b.controller.modes.mode is Mode.PRODUCTION)
            await builds_a_board_again(b)

    story()


@virtual
async def test_the_blade_is_not_sent_over_the_plate_while_the_head_is_low_there(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("dip")
        await b.until(lambda: b.plant.head.z_um_at(b.plant.now()) > 15_000.0, 0.005)
        await b.controller.cell.head.refresh()
        with pytest.raises(ProcessAlarm, match="low over the dip plate"):
            await b.controller.cell.dip_unit.level(100.0, 50_000.0, 1)
        with pytest.raises(ProcessAlarm, match="too low to travel"):
            await b.controller.cell.gantry.move_to(20_000.0, 20_000.0, 0.0)
        assert not b.happened("collision")
        assert await b.rest() is State.COMPLETE, b.alarm_text()


@virtual
async def test_a_part_is_let_go_nowhere_but_where_it_may_lie(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("expose_wet")
        held = b.truth()["nozzle"]
        with pytest.raises(ProcessAlarm, match="'Let go' is forbidden"):
            await b.controller.cell.head.vacuum_off(0.0, 0.1)
        assert b.truth()["nozzle"] == held
        assert await b.rest() is State.COMPLETE, b.alarm_text()


@virtual
async def test_nothing_is_moved_in_ready_whoever_asks(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        cell = b.controller.cell
        for motion in (
            cell.gantry.move_to(20_000.0, 20_000.0, 0.0),
            cell.head.home(),
            cell.conveyor.load_board(),
            cell.feeder.change_tray(),
            cell.dip_unit.home(),
            cell.film_gauge.reference(),
        ):
            with pytest.raises(ProcessAlarm, match="the station is at rest"):
                await motion
        _, actions = interlocks(b)
        assert not any(action["allowed"] for action in actions.values())


@virtual
async def test_positions_are_lost_with_the_drive_power_and_regained_by_homing_only(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        trusted = {axes["axes"]: axes["trusted"] for axes in b.snapshots.now()["interlocks"]["position"]}
        assert trusted == {"Z": True, "X, Y and theta": True, "Blade": True}
        b.plant.set_safety(drives_enabled=False)
        assert await b.rest(State.ABORTED) is State.ABORTED
        await asyncio.sleep(1.0)
        b.plant.set_safety(drives_enabled=True)
        await asyncio.sleep(2.0)
        lost = next(a for a in b.snapshots.now()["interlocks"]["position"] if a["axes"] == "X, Y and theta")
        assert (lost["trusted"], lost["why"]) == (False, "drive power lost")
        await builds_a_board_again(b)
        history = [
            (e.kind, e.data.get("why")) for e in await b.store.events.read(limit=100_000) if "X, Y" in str(e.data)
        ]
        assert history == [
            ("position.trusted", None),
            ("position.lost", "drive power lost"),
            ("position.trusted", None),
        ]


@pytest.mark.parametrize("refuse_s", [0.3, 60.0])
def test_a_device_that_has_fallen_silent_is_asked_anew_before_a_motion_that_needs_its_word(
    tmp_path: Path, refuse_s: float
) -> None:
    """The dip needs the blade at rest: what the dip unit said two seconds ago is no evidence."""

    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step("go_to_plate")
            await b.controller.command(Command.HOLD)
            assert await b.rest() is State.HELD
            dips = len(b.happened("dipped"))
            b.plant.cut_link("dip_unit", refuse_s)
            await asyncio.sleep(2.0)
            conditions, actions = interlocks(b)
            if refuse_s > 2.0:
                assert conditions["blade_rests"]["holds"] is None
                assert "no fresh reading from the dip unit" in conditions["blade_rests"]["reason"]
                assert "blade_rests" in actions["dip"]["forbidden_by"]
            await b.controller.command(Command.UNHOLD)
            state = await b.rest()
            if refuse_s > 2.0:
                assert state is State.ABORTED
                assert numbers(b.controller.alarms.standing) == [107, 101], "told of in Held already"
                assert "dip unit" in b.alarm_text()
                assert len(b.happened("dipped")) == dips
            else:
                assert state is State.COMPLETE, b.alarm_text()

    story()
