"""M03, M04: the PLC's cable is gone in the middle of a move. The gantry stops itself; nothing is executed twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from drivers.wire.handshake import Result
from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench
from tests.support import virtual

DEAD_MAN_S = 0.5
BRAKING_S = 0.2


def count_executions(b: Bench) -> Counter[tuple[str, int, int]]:
    """How often each command number was truly begun by a device: (channel, session, number)."""
    begun: Counter[tuple[str, int, int]] = Counter()
    for device in (b.plant.plc, b.plant.head, b.plant.dip_unit):
        for channel in device.core.channels:
            _watch(channel, begun)
    return begun


def _watch(channel: object, begun: Counter[tuple[str, int, int]]) -> None:
    accept = channel._accept  # type: ignore[attr-defined]

    def counted(session: int, seq: int, spec: object) -> None:
        begun[(channel.name, session, seq)] += 1  # type: ignore[attr-defined]
        accept(session, seq, spec)

    channel._accept = counted  # type: ignore[attr-defined]


@pytest.mark.parametrize("refuse_s", [0.05, 0.3])
def test_a_link_that_returns_at_once_costs_nothing_and_repeats_nothing(tmp_path: Path, refuse_s: float) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            begun = count_executions(b)
            b.order()
            await b.step("go_to_plate")
            fault = FaultSpec("link_drop", nth=1, target="plc", duration_s=refuse_s)
            b.plant.faults.inject(fault, b.plant.now())
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            assert b.happened("link cut")
            assert len(b.placements()) == 2
            assert set(begun.values()) == {1}

    story()


@virtual
async def test_a_link_that_stays_away_stops_the_gantry_by_its_own_dead_man_and_the_station_says_which_link(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        begun = count_executions(b)
        job = b.order()
        await b.step("go_to_plate")
        b.plant.faults.inject(FaultSpec("link_drop", nth=1, target="plc", duration_s=20.0), b.plant.now())
        assert await b.rest(State.ABORTED, State.STOPPED, State.COMPLETE, State.HELD) is State.ABORTED
        alarm = b.controller.alarms.standing[0].view()
        assert alarm["number"] == 101
        assert "plc" in alarm["text"]
        assert alarm["remedy"]
        assert not alarm["position_trusted"]
        cut_s = b.happened("link cut")[0][0]
        await asyncio.sleep(max(0.0, cut_s + DEAD_MAN_S + BRAKING_S - b.plant.now()))
        assert not b.is_moving()
        assert b.plant.gantry.stands_from_s <= cut_s + DEAD_MAN_S + BRAKING_S
        assert b.placements() == []
        assert b.truth()["nozzle"] is not None, "vacuum stays on: the package is not dropped"
        assert job.state == "aborted"
        # It heals: everything can be brought back by hand, and the package in hand goes to the bin, not on a board.
        await asyncio.sleep(25.0)
        held = b.truth()["nozzle"]
        assert not b.is_moving(), "a link that returns moves nothing by itself"
        await b.controller.command(Command.CLEAR)
        await b.ready()
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert held in b.truth()["rejected"]
        assert held not in [p["serial"] for p in b.placements()]
        assert len(b.placements()) == 2
        assert set(begun.values()) == {1}


@virtual
async def test_a_move_longer_than_the_dead_man_is_cut_short_by_the_device_alone(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.controller.cell.plc.permit = None  # the guard would not move anything in Idle; this is about the device alone
        assert await b.controller.cell.gantry.move_to(20_000.0, 20_000.0, 0.0)
        gantry = b.controller.cell.gantry
        moving = asyncio.create_task(gantry.move_to(480_000.0, 380_000.0, 0.0, speed_um_per_s=100_000.0))
        await asyncio.sleep(0.3)
        b.plant.cut_link("plc", 30.0)
        await asyncio.sleep(DEAD_MAN_S + BRAKING_S)
        assert not b.is_moving()
        x_um, _, _ = b.plant.gantry.measured_at(b.plant.now())
        assert x_um < 200_000.0, "the target was far away and is not reached"
        assert b.plant.plc.gantry.result is Result.WATCHDOG
        await asyncio.gather(moving, return_exceptions=True)


@virtual
async def test_the_picture_for_people_goes_on_while_a_device_is_silent_and_says_that_its_inputs_are_not_known(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("go_to_plate")
        b.plant.faults.inject(FaultSpec("link_silent", target="plc", duration_s=5.0), b.plant.now())
        seen = []
        for _ in range(150):
            seen.append(b.snapshots.now()["safety"])
            await asyncio.sleep(0.01)
        assert seen[0] is not None
        assert seen[-1] is None
        await b.alarm()
