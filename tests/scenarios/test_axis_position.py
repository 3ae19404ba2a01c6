"""A10, M11: a drive that says done where it is not, and an encoder that stands still, are found in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import State
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
            assert numbers(b.controller.alarms.standing) == [203]
            assert "off its target" in b.alarm_text()
            assert b.happened("crash") == []

    story()
