"""B02, B03, C11, D07, V06: wrong board, board again, a mark too many, wrong material, a double pocket."""

from __future__ import annotations

from pathlib import Path

from sim_hardware.faults import FaultSpec
from station.run.packml import State
from tests.scenarios.bench import bench, recipe
from tests.support import virtual


@virtual
async def test_a_board_of_another_product_is_refused_by_its_code_and_nothing_is_placed(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("board_foreign", nth=1)) as b:
        b.order()
        alarm = await b.answer_next(704, "stop")
        assert "OTHER-B0001" in alarm.text
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert b.placements() == []


@virtual
async def test_a_built_board_that_comes_again_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("board_again", nth=1)) as b:
        b.order(boards=2)
        alarm = await b.answer_next(703, "stop")
        assert "B0001" in alarm.text
        assert "2 placement records" in alarm.text
        assert len(b.placements()) == 2


@virtual
async def test_of_two_marks_where_one_should_be_none_is_taken(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("fiducial_twin", nth=1, value=1_500.0)) as b:
        b.order()
        await b.rest(State.HELD)
        assert [alarm.definition.number for alarm in b.controller.alarms.standing] == [501]
        assert b.placements() == []


@virtual
async def test_a_double_pocket_is_met_slowly_and_left_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("pocket_doubled", nth=1)) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert b.happened("crash") == []
        assert [record["package"]["pocket"] for record in await b.records()] == [1, 2]
        assert b.plant.tray is not None
        assert b.plant.tray.pockets[0].package is not None


@virtual
async def test_a_lot_of_another_material_is_refused_before_anything_is_dipped(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("lot_foreign")) as b:
        b.order()
        alarm = await b.alarm()
        assert alarm.definition.number == 410, b.alarm_text()
        assert "PASTE-0009" in alarm.text
        b.answer(alarm, "stop")
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert b.happened("dipped") == []


@virtual
async def test_material_that_is_open_for_longer_than_its_pot_life_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("level_film")
        run = b.controller.current
        assert run is not None
        run.work.material_since_s -= recipe().material.pot_life_s
        alarm = await b.alarm()
        assert alarm.definition.number == 408, b.alarm_text()
        assert b.happened("dipped") == []
