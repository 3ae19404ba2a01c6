"""B06, O16: what is missing from outside suspends the station; it goes on by itself, and nobody is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.wire.handshake import Result
from station.alarms.catalogue import ProcessAlarm
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, numbers, world
from tests.scenarios.test_stopping import stands
from tests.support import virtual


async def states(b: Bench) -> list[str]:
    return [event["to"] for event in await b.events("state.changed")]


async def out_of_boards(b: Bench) -> None:
    b.order(2)
    assert await b.rest(State.SUSPENDED, State.HELD) is State.SUSPENDED
    assert numbers(b.controller.alarms.standing) == [701]
    assert len(b.placements()) == 2


def bring_boards(b: Bench, total: int) -> None:
    b.plant.scenario = replace(b.plant.scenario, board_count=total)


@virtual
async def test_without_boards_the_station_waits_and_goes_on_by_itself_when_one_comes(tmp_path: Path) -> None:
    plant = world(boards=1)
    await plant.start()
    async with bench(tmp_path, plant=plant) as b:
        await out_of_boards(b)
        for _ in range(30):
            await asyncio.sleep(1.0)
            assert not b.is_moving(), "only the belt runs"
        assert b.controller.packml.state is State.SUSPENDED
        assert b.snapshots.now()["state"]["text"] == "Waiting"
        bring_boards(b, 3)
        assert await b.rest(State.COMPLETE, State.HELD) is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 4
        assert b.controller.alarms.standing == []
        seen = await states(b)
        start = seen.index("Suspending")
        assert seen[start : start + 4] == ["Suspending", "Suspended", "Unsuspending", "Execute"]
        assert "Held" not in seen
    await plant.stop()


@virtual
async def test_stop_is_obeyed_while_waiting_for_a_board(tmp_path: Path) -> None:
    plant = world(boards=1)
    await plant.start()
    async with bench(tmp_path, plant=plant) as b:
        await out_of_boards(b)
        assert await b.controller.command(Command.STOP) is State.STOPPED
        bring_boards(b, 3)
        await stands(b, b.plant.now())
        await asyncio.sleep(30.0)
        assert b.truth()["board_in_nest"] is None, "nothing is brought any more"
        assert b.controller.alarms.standing == []
    await plant.stop()


@virtual
async def test_an_emergency_stop_while_waiting_is_noticed_at_once_and_not_at_the_next_try(tmp_path: Path) -> None:
    plant = world(boards=1)
    await plant.start()
    async with bench(tmp_path, plant=plant) as b:
        await out_of_boards(b)
        await asyncio.sleep(7.0)
        assert not b.plant.plc.transport.busy, "between two tries"
        pressed_s = b.plant.now()
        b.plant.set_safety(estop_ok=False, drives_enabled=False)
        assert await b.rest(State.ABORTED) is State.ABORTED
        assert b.plant.now() - pressed_s < 1.0
        assert numbers(b.controller.alarms.standing) == [201]
    await plant.stop()


@virtual
async def test_a_door_opened_while_the_belt_runs_ends_the_wait(tmp_path: Path) -> None:
    plant = world(boards=1)
    await plant.start()
    async with bench(tmp_path, plant=plant) as b:
        await out_of_boards(b)
        await b.until(lambda: b.plant.plc.transport.busy)
        b.plant.set_safety(door_closed=False)
        assert await b.rest(State.ABORTED) is State.ABORTED
        assert "door" in b.alarm_text().lower()
    await plant.stop()


@virtual
async def test_without_trays_the_station_waits_as_well(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        feeder = b.plant.plc.feeder
        bring = feeder._on_start
        feeder._on_start = lambda spec, args: feeder.after(1.0, feeder.finish, Result.NOTHING_THERE)
        b.controller._workshop.tray.pocket = b.controller.cell.profile.tray.pocket_count
        assert await b.rest(State.SUSPENDED, State.HELD) is State.SUSPENDED
        assert numbers(b.controller.alarms.standing) == [305]
        await asyncio.sleep(25.0)
        feeder._on_start = bring
        assert await b.rest(State.COMPLETE, State.HELD) is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 2


@virtual
async def test_a_question_that_came_up_meanwhile_is_answered_before_anything_goes_on(tmp_path: Path) -> None:
    plant = world(boards=1)
    await plant.start()
    async with bench(tmp_path, plant=plant) as b:
        await out_of_boards(b)
        question = b.controller._raise(ProcessAlarm("reservoir_empty", level="EMPTY"), {}, ask=True)
        bring_boards(b, 3)
        assert await b.rest(State.HELD, State.COMPLETE) is State.HELD
        await asyncio.sleep(5.0)
        assert len(b.placements()) == 2
        b.answer(question, "retry")
        await b.controller.command(Command.UNHOLD)
        assert await b.rest(State.COMPLETE) is State.COMPLETE
        assert len(b.placements()) == 4
    await plant.stop()


@virtual
async def test_hold_while_the_belt_runs_empty_is_held_first_and_waits_afterwards(tmp_path: Path) -> None:
    plant = world(boards=1)
    await plant.start()
    async with bench(tmp_path, plant=plant) as b:
        b.order(2)
        await b.step("board_out")
        await b.step("load_board")
        await b.controller.command(Command.HOLD)
        assert await b.rest(State.HELD, State.SUSPENDED) is State.HELD
        await asyncio.sleep(20.0)
        assert b.controller.packml.state is State.HELD
        await b.controller.command(Command.UNHOLD)
        assert await b.rest(State.SUSPENDED) is State.SUSPENDED
        bring_boards(b, 2)
        assert await b.rest(State.COMPLETE) is State.COMPLETE
    await plant.stop()


@pytest.mark.parametrize("key", ["motion_forbidden", "no_board"])
def test_while_waiting_only_the_feed_may_move(tmp_path: Path, key: str) -> None:
    @virtual
    async def story() -> None:
        plant = world(boards=1)
        await plant.start()
        async with bench(tmp_path, plant=plant) as b:
            await out_of_boards(b)
            actions = {a["id"]: a for a in b.snapshots.now()["interlocks"]["actions"]}
            if key == "no_board":
                assert actions["load_board"]["allowed"]
                assert actions["change_tray"]["allowed"]
            else:
                assert not actions["travel"]["allowed"]
                with pytest.raises(ProcessAlarm, match="the station is at rest"):
                    await b.controller.cell.gantry.move_to(20_000.0, 20_000.0, 0.0)
        await plant.stop()

    story()
