"""V03, V04, V08, V11: what sticks, leaks or reads wrongly is noticed before anything is pressed with the nozzle."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, numbers
from tests.support import virtual


async def complete(b: Bench) -> None:
    """The job ends well, every site got its package, and nothing was ever hit."""
    assert await b.rest() is State.COMPLETE, b.alarm_text()
    assert sorted(placement["site"] for placement in b.placements()) == ["1.U1", "2.U1"]
    assert b.happened("crash") == []
    assert b.truth()["nozzle"] is None


@virtual
async def test_a_package_that_stays_on_the_nozzle_is_not_recorded_as_placed_and_its_site_gets_another(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, FaultSpec("part_sticks", nth=1, step="place")) as b:
        b.plant.faults.announce("place", b.plant.now())
        b.order()
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0]
        assert (alarm.definition.number, alarm.objects["site"]) == (611, "1.U1")
        assert "hangs on the nozzle" in alarm.text
        # It is held by vacuum while the person looks.
        assert b.plant.head.grip.vacuum.is_on
        assert b.placements() == []
        b.answer(alarm, "was_not_placed")
        await complete(b)
        assert [(r["site"], r["result"]) for r in await b.records()] == [
            ("1.U1", "rejected"),
            ("1.U1", "placed"),
            ("2.U1", "placed"),
        ]
        assert [data["serial"] for _, data in b.happened("rejected")] == ["P000001"]


@virtual
async def test_a_stop_before_the_answer_leaves_the_placement_open(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("part_sticks", nth=1, step="place")) as b:
        b.plant.faults.announce("place", b.plant.now())
        b.order()
        await b.rest(State.HELD)
        await b.controller.command(Command.STOP)
        assert numbers(b.controller.alarms.standing) == [901], "asked anew, and nothing is recorded before"
        assert await b.records() == []


@virtual
async def test_with_nobody_there_a_package_that_is_not_seen_stops_the_job_and_stays_in_doubt(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("part_sticks", nth=1, step="place"), attended=False) as b:
        b.plant.faults.announce("place", b.plant.now())
        b.order()
        assert await b.rest() is State.STOPPED
        assert numbers(b.controller.alarms.standing) == [611, 901]
        assert await b.records() == []


@virtual
async def test_with_a_dead_vacuum_sensor_no_second_package_is_picked_on_top_of_the_first(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("pick")
        b.plant.faults.inject(FaultSpec("vacuum_sensor", value=0.0), b.plant.now())
        await b.rest(State.HELD)
        assert b.controller.alarms.standing[0].definition.number == 307, b.alarm_text()
        assert b.happened("crash") == []
        assert b.truth()["nozzle"] is not None
        b.plant.faults.heal()
        await asyncio.sleep(1.0)
        b.answer(b.controller.alarms.standing[0], "retry")
        # Now the sensor shows what hangs there.
        await b.answer_next(303, "new_part")
        await complete(b)


@virtual
async def test_a_clogged_nozzle_takes_no_further_package(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("place")
        b.plant.faults.inject(FaultSpec("nozzle_clogged", value=-70.0), b.plant.now())
        await b.rest(State.HELD)
        assert b.controller.alarms.standing[0].definition.number == 303, b.alarm_text()
        assert [data["serial"] for _, data in b.happened("picked")][-1] == "P000001"
        b.plant.faults.heal()
        b.answer(b.controller.alarms.standing[0], "new_part")
        await complete(b)


@pytest.mark.parametrize("step_id", ["go_to_plate", "expose_wet", "align"])
def test_a_package_that_is_held_badly_is_rejected_before_the_next_act(tmp_path: Path, step_id: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            b.plant.faults.inject(FaultSpec("vacuum_leaks", value=-46.0), b.plant.now())
            await complete(b)
            retold = [event["number"] for event in await b.events("alarm.raised")]
            assert retold == [308]
            assert [data["serial"] for _, data in b.happened("rejected")] == ["P000001"]
            dipped = [data["serial"] for _, data in b.happened("dipped")]
            assert ("P000001" in dipped) == (step_id != "go_to_plate")
            assert b.happened("part dropped") == []

    story()


@virtual
async def test_reset_finds_a_package_that_sticks_without_vacuum(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("part_sticks", nth=1, step="place")) as b:
        b.plant.faults.announce("place", b.plant.now())
        b.order()
        await b.step("look_at_placed")
        assert b.truth()["nozzle"] is not None
        assert not b.plant.head.grip.vacuum.is_on
        await b.controller.command(Command.STOP)
        b.answer(b.controller.alarms.standing[0], "look")
        await b.ready()
        assert [(r["site"], r["result"]) for r in await b.records()] == [("1.U1", "unplaced")]
        assert [data["serial"] for _, data in b.happened("rejected")] == ["P000001"]
        assert not b.plant.head.grip.vacuum.is_on
