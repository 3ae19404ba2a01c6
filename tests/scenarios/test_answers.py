"""O03, O04, O08, O09: hold and resume, answers that come late, wrong or twice, and two questions at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.alarms.active import AnswerRefused
from station.run.controller import CommandRefused
from station.run.packml import Command, State
from tests.scenarios.bench import bench, numbers
from tests.support import virtual


@pytest.mark.parametrize("step_id", ["go_to_tray", "pick", "dip", "expose_wet", "place", "look_at_placed"])
def test_hold_ends_the_step_under_way_and_resume_goes_on_where_it_was(tmp_path: Path, step_id: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            await b.controller.command(Command.HOLD)
            assert await b.rest() is State.HELD
            picks = len(b.happened("picked"))
            await asyncio.sleep(4.0)
            assert not b.is_moving()
            assert len(b.happened("picked")) == picks
            assert b.controller.alarms.standing == []
            await b.controller.command(Command.UNHOLD)
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            assert len(b.placements()) == 2

    story()


@virtual
async def test_a_pause_longer_than_the_film_and_the_dipped_package_allow_uses_neither(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("align")
        await b.controller.command(Command.HOLD)
        assert await b.rest() is State.HELD
        held = b.truth()["nozzle"]
        await asyncio.sleep(120.0)
        await b.controller.command(Command.UNHOLD)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert held in b.truth()["rejected"], "a package dipped two minutes ago is not placed"
        assert (await b.records())[0]["reason"]["code"] == "dip_interlock"
        assert len(b.placements()) == 2


@virtual
async def test_a_wrong_a_stale_and_a_second_answer_are_refused_and_change_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("fiducial_missing", nth=1, value=1.0)) as b:
        b.order()
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0]
        with pytest.raises(AnswerRefused, match="permitted: retry, stop"):
            b.controller.answer(alarm.id, "was_placed", alarm.state_token)
        with pytest.raises(AnswerRefused, match="moved on"):
            b.controller.answer(alarm.id, "retry", "T999")
        with pytest.raises(AnswerRefused, match="does not stand"):
            b.controller.answer("A999", "retry", alarm.state_token)
        assert b.controller.packml.state is State.HELD
        assert b.controller.alarms.standing == [alarm]
        b.answer(alarm, "retry")
        with pytest.raises(AnswerRefused, match="does not stand"):
            b.answer(alarm, "stop")
        # The fiducial is still missing: the same question comes back as another one, and the old answer does not fit.
        await b.until(lambda: b.controller.alarms.standing != [])
        again = b.controller.alarms.standing[0]
        assert (again.definition.number, again.id != alarm.id) == (501, True)
        with pytest.raises(AnswerRefused):
            b.controller.answer(alarm.id, "stop", alarm.state_token)
        assert (await b.events("operator.answer"))[0]["answer"] == "retry"
        assert len(await b.events("operator.answer")) == 1


@virtual
async def test_an_answer_that_comes_after_a_stop_is_too_late_and_moves_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("fiducial_missing", nth=1, value=1.0)) as b:
        b.order()
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0]
        assert await b.controller.command(Command.STOP) is State.STOPPED
        with pytest.raises(AnswerRefused, match="does not stand"):
            b.answer(alarm, "retry")
        await asyncio.sleep(5.0)
        assert b.controller.packml.state is State.STOPPED
        assert not b.is_moving()


@virtual
async def test_resume_does_not_pass_by_an_open_question(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("fiducial_missing", nth=1, value=1.0)) as b:
        b.order()
        await b.rest(State.HELD)
        assert b.snapshots.now()["commands"]["resume"]["allowed"] is False
        with pytest.raises(CommandRefused, match="501"):
            await b.controller.command(Command.UNHOLD)
        assert b.controller.packml.state is State.HELD


@virtual
async def test_an_answer_does_not_lift_the_hold_that_a_person_asked_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("expose_wet")
        await b.controller.command(Command.HOLD)
        await asyncio.sleep(0.05)
        b.plant.lose_part()
        await b.until(lambda: b.controller.alarms.standing != [])
        assert await b.rest() is State.HELD
        b.answer(b.controller.alarms.standing[0], "new_part")
        await asyncio.sleep(5.0)
        assert b.controller.packml.state is State.HELD
        await b.controller.command(Command.UNHOLD)
        assert await b.rest() is State.COMPLETE, b.alarm_text()


@virtual
async def test_two_questions_at_once_are_both_answered_before_anything_goes_on(tmp_path: Path) -> None:
    """The film for the next package fails while this one is lost on its way."""
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_imprint")
        b.plant.film.set_reservoir(0.0)
        await b.step("expose_wet")
        await asyncio.sleep(0.05)
        b.plant.lose_part()
        await b.until(lambda: len(b.controller.alarms.standing) == 2)
        assert await b.rest() is State.HELD
        assert numbers(b.controller.alarms.standing) == [405, 302], "the first one out stands first"
        b.plant.film.set_reservoir(1.0)
        first, second = b.controller.alarms.standing
        b.answer(second, "new_part")
        await asyncio.sleep(2.0)
        assert b.controller.packml.state is State.HELD, "one question is still open"
        b.answer(first, "retry")
        await b.rest()
        assert b.controller.packml.state is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 2


@virtual
async def test_material_that_runs_low_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        b.plant.film.set_reservoir(0.05)
        assert await b.rest() is State.COMPLETE
        assert len(b.placements()) == 2
        assert numbers(b.controller.alarms.standing) == [409]
        await b.controller.command(Command.RESET)
        assert await b.rest(State.IDLE) is State.IDLE, "a warning is not in the way"
        b.answer(b.controller.alarms.standing[0], "acknowledge")
        await asyncio.sleep(5.0)
        assert b.controller.alarms.standing == [], "said once, not again and again"
        b.plant.film.refill()
        await asyncio.sleep(5.0)
        b.plant.film.set_reservoir(0.05)
        await b.until(lambda: numbers(b.controller.alarms.standing) == [409])


@virtual
async def test_a_second_start_and_a_start_in_the_wrong_state_are_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        job = b.order()
        with pytest.raises(CommandRefused, match="only a queued job"):
            b.controller.start_job(job)
        other = b.controller.submit("pop_12x12_168", 1)
        with pytest.raises(CommandRefused, match="start is refused in state Starting"):
            b.controller.start_job(other)
        assert other.state == "queued"
        assert await b.rest() is State.COMPLETE
        assert len(b.placements()) == 2


@virtual
async def test_an_abort_of_one_lane_does_not_wait_for_the_question_of_another(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_imprint")
        b.plant.faults.inject(FaultSpec("film_thin", value=200.0), b.plant.now())
        await b.until(lambda: b.controller.alarms.standing != [])
        b.plant.set_safety(estop_ok=False, drives_enabled=False)
        assert await b.rest(State.ABORTED) is State.ABORTED
        assert 201 in numbers(b.controller.alarms.standing)
        assert all(alarm.answer is None or alarm.definition.number > 900 for alarm in b.controller.alarms.standing)
