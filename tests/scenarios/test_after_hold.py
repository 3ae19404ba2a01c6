"""B08, B04 in Held: after a hold the board says who it is and where it lies before the head does anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench
from tests.support import virtual


async def held_at(b: Bench, step_id: str) -> None:
    b.order()
    await b.step(step_id)
    await b.controller.command(Command.HOLD)
    await b.rest(State.HELD)


@pytest.mark.parametrize("step_id", ["locate_board", "go_to_tray", "dip", "align", "place"])
def test_another_board_in_the_clamp_ends_the_job_before_anything_is_placed_on_it(tmp_path: Path, step_id: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            await held_at(b, step_id)
            before = b.placements()
            b.plant.faults.inject(FaultSpec("board_swapped"), b.plant.now())
            await asyncio.sleep(0.5)
            await b.controller.command(Command.UNHOLD)
            assert await b.rest(State.STOPPED) is State.STOPPED
            assert 713 in [alarm.definition.number for alarm in b.controller.alarms.standing], b.alarm_text()
            assert "B0002" in b.alarm_text()
            assert b.placements() == before
            assert {record["board"]["serial"] for record in await b.records()} <= {"B0001"}

    story()


@pytest.mark.parametrize("step_id", ["look_at_site", "pick", "go_to_plate", "dip", "expose_wet", "align"])
def test_a_board_that_was_pushed_while_held_is_measured_anew_and_the_package_lies_right(
    tmp_path: Path, step_id: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            await held_at(b, step_id)
            b.plant.faults.inject(FaultSpec("board_shifts", value=150.0), b.plant.now())
            await asyncio.sleep(0.5)
            await b.controller.command(Command.UNHOLD)
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            assert [record["result"] for record in await b.records()] == ["placed", "placed"]
            assert [record["reason"] for record in await b.records()] == [None, None]
            assert all(abs(placed["offset_x_um"]) < 15.0 for placed in b.placements())
            assert b.happened("collision") == []

    story()


@virtual
async def test_a_hold_in_which_nothing_happened_costs_one_look_and_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await held_at(b, "go_to_plate")
        seen = len(b.happened("exposed"))
        await b.controller.command(Command.UNHOLD)
        await b.step("look_at_imprint")
        assert len(b.happened("exposed")) == seen + 1
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [record["result"] for record in await b.records()] == ["placed", "placed"]


async def a_hand_in_the_machine(b: Bench, does: FaultSpec) -> None:
    b.plant.set_safety(door_closed=False)
    await asyncio.sleep(1.0)
    b.plant.faults.inject(does, b.plant.now())
    await asyncio.sleep(1.0)
    b.plant.set_safety(door_closed=True)
    await asyncio.sleep(1.0)


@pytest.mark.parametrize("step_id", ["look_at_site", "pick", "expose_dry", "go_to_plate"])
def test_a_film_that_lay_there_while_the_door_was_open_is_laid_anew_before_the_next_dip(
    tmp_path: Path, step_id: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            await held_at(b, step_id)
            touched = b.plant.film.generation
            await a_hand_in_the_machine(b, FaultSpec("film_touched"))
            await b.controller.command(Command.UNHOLD)
            await b.step("expose_wet")
            assert b.plant.film.generation == touched + 1, "one film more, and no more than one"
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            assert [(r["result"], r["reason"]) for r in await b.records()] == [("placed", None)] * 2
            assert [told["number"] for told in await b.events("alarm.retried")] == [908]

    story()


@virtual
async def test_a_part_that_was_dipped_goes_on_and_the_one_after_it_gets_a_new_film(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await held_at(b, "align")
        dipped, touched = len(b.happened("dipped")), b.plant.film.generation
        await a_hand_in_the_machine(b, FaultSpec("film_touched"))
        await b.controller.command(Command.UNHOLD)
        await b.step("look_at_placed")
        assert (len(b.happened("dipped")), len(b.placements())) == (dipped, 1)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        laid = [at_s for at_s, _ in b.happened("film laid")]
        (touched_s, _), (last_dip_s, _) = b.happened("film touched by hand")[0], b.happened("dipped")[-1]
        assert any(touched_s < at_s < last_dip_s for at_s in laid), f"film {touched} was touched"
        assert [record["result"] for record in await b.records()] == ["placed", "placed"]


@pytest.mark.parametrize("step_id", ["expose_wet", "align"])
def test_a_package_that_was_turned_by_hand_while_held_is_looked_at_again_and_lies_right(
    tmp_path: Path, step_id: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            await held_at(b, step_id)
            await a_hand_in_the_machine(b, FaultSpec("part_shifts", value=150.0))
            await b.controller.command(Command.UNHOLD)
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            assert [(r["result"], r["reason"]) for r in await b.records()] == [("placed", None)] * 2
            assert all(abs(placed["offset_x_um"]) < 15.0 for placed in b.placements())
            assert 909 in [told["number"] for told in await b.events("alarm.retried")]

    story()


@virtual
async def test_a_package_that_was_pushed_out_of_its_limits_while_held_is_rejected_by_the_second_look(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await held_at(b, "align")
        await a_hand_in_the_machine(b, FaultSpec("part_shifts", value=2_000.0))
        await b.controller.command(Command.UNHOLD)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        results = [(record["result"], (record["reason"] or {}).get("code")) for record in await b.records()]
        assert results == [("rejected", "pick_offset"), ("placed", None), ("placed", None)]
        assert len(b.placements()) == 2


@virtual
async def test_a_code_that_cannot_be_read_after_a_hold_is_asked_about_and_looked_at_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await held_at(b, "go_to_tray")
        b.plant.faults.inject(FaultSpec("code_unreadable"), b.plant.now())
        await b.controller.command(Command.UNHOLD)
        await b.until(lambda: b.controller.alarms.questions != [])
        await b.rest(State.HELD)
        b.plant.faults.heal()
        await b.answer_next(702, "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [record["result"] for record in await b.records()] == ["placed", "placed"]
