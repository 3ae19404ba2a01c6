"""A board whose fiducials are a cross, a ring and a dark diamond: drawn by the machine's camera, found by the station,
and the packages stand where they should."""

from __future__ import annotations

from pathlib import Path

import pytest

import recipes
from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import Fidelity
from station.demo.scenario import scenario_for
from station.run.packml import State
from tests.scenarios.bench import bench, recipe
from tests.support import virtual

SHAPES = (
    {"shape": "cross", "part_ratio": 0.25},
    {"shape": "ring", "part_ratio": 0.6},
    {"shape": "diamond", "polarity": "dark"},
)


def with_marks(*marks: dict[str, object]) -> recipes.Recipe:
    """The usual recipe with other fiducials on its board."""
    data = recipe().as_data()
    for fiducial, mark in zip(data["board"]["fiducials"], marks, strict=True):
        fiducial.update(mark)
    return recipes.from_data(data)


def machine(built: recipes.Recipe, rendering: Rendering) -> Plant:
    return Plant(scenario_for(built, seed=11, fidelity=Fidelity.REAL, rendering=rendering, boards=1))


@virtual
@pytest.mark.parametrize("rendering", [Rendering.OBSERVATION, Rendering.FULL])
async def test_a_board_with_a_cross_a_ring_and_a_dark_diamond_is_built(tmp_path: Path, rendering: Rendering) -> None:
    built = with_marks(*SHAPES)
    plant = machine(built, rendering)
    await plant.start()
    async with bench(tmp_path, plant=plant, drawn=built) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [record["result"] for record in await b.records()] == ["placed", "placed"]
        for placed in b.placements():
            assert abs(placed["offset_x_um"]) < 15.0, placed
            assert abs(placed["offset_y_um"]) < 15.0, placed
    await plant.stop()


@virtual
@pytest.mark.parametrize("rendering", [Rendering.OBSERVATION, Rendering.FULL])
async def test_a_disc_is_not_taken_for_the_cross_of_the_recipe(tmp_path: Path, rendering: Rendering) -> None:
    plant = machine(recipe(), rendering)
    await plant.start()
    async with bench(tmp_path, plant=plant, drawn=with_marks(*SHAPES)) as b:
        b.order()
        await b.rest(State.HELD)
        assert b.controller.alarms.standing[0].definition.number == 501, b.alarm_text()
        assert "cross" in b.alarm_text()
        assert b.placements() == []
    await plant.stop()
