"""C03, C17 in part: one segment of a light dies. The balls are found all the same, but an eighth of each is not seen:
nothing is dipped in such light; a site in a field with a dark side is not believed either."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import Fidelity
from station.demo.scenario import scenario_for
from station.run.packml import State
from tests.scenarios.bench import Bench, bench, recipe
from tests.support import virtual

DEAD_UP = FaultSpec("light_segment_dead", value=100.0, target="up_camera")
DEAD_DOWN = FaultSpec("light_segment_dead", value=100.0, target="down_camera")


@asynccontextmanager
async def ready(folder: Path, fault: FaultSpec, rendering: Rendering = Rendering.OBSERVATION) -> AsyncIterator[Bench]:
    """A calibrated station in whose machine this goes wrong from now on."""
    plant = Plant(scenario_for(recipe(), seed=11, fidelity=Fidelity.REAL, rendering=rendering, boards=1))
    await plant.start()
    async with bench(folder, plant=plant) as b:
        plant.faults.inject(fault, plant.now())
        yield b
    await plant.stop()


BOTH = pytest.mark.parametrize("rendering", [Rendering.OBSERVATION, Rendering.FULL])


@virtual
@BOTH
async def test_nothing_is_dipped_under_a_dead_segment_of_the_ring_light(tmp_path: Path, rendering: Rendering) -> None:
    async with ready(tmp_path, DEAD_UP, rendering) as b:
        b.order()
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0].view()
        assert alarm["number"] == 505, b.alarm_text()
        (at_deg,) = (int(deg) for deg in re.findall(r"segment at (\d+) deg", alarm["text"]))
        assert abs(at_deg - DEAD_UP.value) <= 15, alarm["text"]
        assert "clean the light, then replace" in alarm["text"]
        told = await b.events("alarm.retried", "alarm.raised")
        does = [event["does"] for event in told if event["number"] == 505]
        assert does == ["retry", "ask"], "one picture more, then a person"
        assert b.happened("dipped") == []
        b.plant.faults.heal()
        b.answer(b.controller.alarms.standing[0], "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == len({p["site"] for p in b.placements()}) == 2


@virtual
@BOTH
async def test_a_site_in_a_half_dark_field_is_not_believed(tmp_path: Path, rendering: Rendering) -> None:
    async with ready(tmp_path, DEAD_DOWN, rendering) as b:
        b.order()
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0].view()
        assert alarm["number"] == 507, b.alarm_text()
        assert "in the picture gets" in alarm["text"]
        assert b.placements() == []
        b.plant.faults.heal()
        b.answer(b.controller.alarms.standing[0], "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert len({p["site"] for p in b.placements()}) == 2


@virtual
async def test_a_segment_that_dies_between_the_dry_and_the_wet_look_costs_the_part(tmp_path: Path) -> None:
    dies = FaultSpec("light_segment_dead", value=270.0, target="up_camera", nth=2)
    async with ready(tmp_path, dies) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        first, *others = await b.records()
        assert (first["result"], first["reason"]["code"]) == ("rejected", "package_refused")
        assert "ring light: the segment at 270 deg" in first["reason"]["text"]
        assert [record["result"] for record in others] == ["placed", "placed"]
