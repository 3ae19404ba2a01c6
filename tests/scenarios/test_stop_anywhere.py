"""O08: Stop is taken in every state, also while nothing can be written, and everything stands within 300 ms."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.wire.handshake import Stop
from station.run.packml import Command, State
from station.store.errors import StoreFailed
from tests.benchmarks.stop import STATES, time_to_stand_s
from tests.scenarios.bench import Bench, bench
from tests.scenarios.test_stopping import STANDS_WITHIN_S, builds_a_board_again, stands
from tests.support import virtual


def fill_the_disk(b: Bench) -> None:
    def full(groups: object) -> None:
        raise StoreFailed("the disk of the data directory is full. Free space, then start the station again")

    b.store.database.write = full  # type: ignore[method-assign,assignment]


def free_the_disk(b: Bench) -> None:
    del b.store.database.write  # type: ignore[attr-defined]
    b.store.writing.failure = None


@pytest.mark.parametrize("share", [0.1, 0.45, 0.8])
@pytest.mark.parametrize("name", STATES)
def test_stop_from_every_state_ends_in_standstill_and_the_station_works_again(
    tmp_path: Path, name: str, share: float
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, is_ready=False) as b:
            await STATES[name][0](b, share)
            asked_s = b.plant.now()
            assert await time_to_stand_s(b) <= STANDS_WITHIN_S
            assert await b.rest() is (State.ABORTED if name == "Aborted" else State.STOPPED)
            await stands(b, asked_s)
            await builds_a_board_again(b)

    story()


@pytest.mark.parametrize("name", ["Resetting", "Starting", "Execute", "Holding", "after Unhold"])
def test_stop_needs_no_disk(tmp_path: Path, name: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, is_ready=False) as b:
            await STATES[name][0](b, 0.3)
            fill_the_disk(b)
            assert await time_to_stand_s(b) <= STANDS_WITHIN_S
            assert await b.rest() is State.STOPPED
            assert 801 in [alarm.definition.number for alarm in b.controller.alarms.standing]
            assert await b.controller.command(Command.STOP) is State.STOPPED
            free_the_disk(b)

    story()


@pytest.mark.parametrize("state", State)
def test_in_each_of_the_17_states_stop_is_taken_and_reaches_every_device_that_moves(
    tmp_path: Path, state: State
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.controller.packml.state = state
            after = await b.controller.command(Command.STOP)
            wanted = Stop.QUICK if state in (State.ABORTING, State.ABORTED) else Stop.CONTROLLED
            assert [core.stop_level for core in (b.plant.plc.core, b.plant.head.core)] == [wanted] * 2
            assert [core.stop_level for core in (b.plant.dip_unit.core, b.plant.film_gauge.core)] == [wanted] * 2
            unmoved = (State.STOPPING, State.STOPPED, State.CLEARING, State.ABORTING, State.ABORTED)
            assert after is (state if state in unmoved else State.STOPPED)

    story()


@virtual
async def test_a_device_that_does_not_answer_does_not_keep_the_others_from_stopping(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("go_to_plate")
        await b.until(lambda: b.plant.gantry.is_moving(b.plant.now()), 0.002)
        b.plant.cabling.cables["head"].cut(5.0)
        b.plant.cabling.cables["dip_unit"].cut(5.0)
        assert await time_to_stand_s(b) <= STANDS_WITHIN_S
        assert b.plant.plc.core.stop_level is Stop.CONTROLLED
