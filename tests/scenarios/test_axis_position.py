"""A10, M11: a drive that says done where it is not, and an encoder that stands still, are found in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import bench, numbers
from tests.support import virtual


@pytest.mark.parametrize("step_id", ["look_at_site", "go_to_plate", "align"])
@pytest.mark.parametrize("fault", [FaultSpec("done_early", nth=1), FaultSpec("axis_reading", value=12_345.0)])
def test_a_move_that_did_not_reach_its_target_ends_in_aborted(tmp_path: Path, step_id: str, fault: FaultSpec) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            b.plant.faults.inject(fault, b.plant.now())
            assert await b.rest(State.ABORTED, State.COMPLETE, State.HELD) is State.ABORTED
            # The first move after "Travel to site" has begun is that to the look at the package: it lies there unseen.
            assert numbers(b.controller.alarms.standing) == [203, 901][: 1 + len(b.placements())]
            assert "off its target" in b.alarm_text()
            assert b.happened("crash") == []

    story()


@virtual
async def test_an_alarm_says_whether_the_position_is_trusted_as_it_is_in_that_instant(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("go_to_plate")
        b.plant.faults.inject(FaultSpec("part_falls"), b.plant.now())
        asked = await b.alarm()
        assert (asked.definition.number, asked.view()["position_trusted"]) == (302, True)
        # The same machine a moment later: the drives have lost their power.
        b.plant.set_safety(estop_ok=False, drives_enabled=False)
        assert await b.rest(State.ABORTED) is State.ABORTED
        stopped = b.controller.alarms.standing[-1]
        assert (stopped.definition.number, stopped.view()["position_trusted"]) == (201, False)


@virtual
async def test_before_the_first_homing_no_alarm_trusts_the_position(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("watchdog_off", target="plc"), is_ready=False) as b:
        await b.controller.command(Command.RESET)
        await b.rest(State.STOPPED)
        assert [alarm.view()["position_trusted"] for alarm in b.controller.alarms.standing] == [False]
