"""O12: a gate that is pressed through again and again: Retry is withheld until somebody with the key was there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.alarms.active import ActiveAlarm, AnswerRefused
from station.alarms.catalogue import Answer, Reaction, all_definitions
from station.alarms.translate import CATALOGUE_MODULES
from station.profile import reference_profile
from station.run.packml import Command, State
from station.run.pressed import PRESSES_ON
from tests.scenarios.bench import Bench, bench, numbers
from tests.support import virtual

LIMIT = reference_profile().limits.presses_max
BOARD_WITHOUT_FIDUCIAL = FaultSpec("fiducial_missing", nth=1, value=1.0)


async def pressed(b: Bench, times: int = LIMIT) -> ActiveAlarm:
    """Retry is pressed so often, and nothing was put right: the next question."""
    for _ in range(times):
        await b.until(lambda: b.controller.packml.state is State.HELD and b.controller.alarms.questions != [])
        b.answer(b.controller.alarms.questions[0], "retry")
        await asyncio.sleep(0.001)
    await b.until(lambda: b.controller.packml.state is State.HELD and b.controller.alarms.questions != [])
    return b.controller.alarms.questions[0]


async def turn_the_key(b: Bench) -> None:
    for position in (True, False):
        b.plant.set_safety(key_manual=position)
        await asyncio.sleep(1.0)


def put_right(b: Bench) -> None:
    b.plant.boards[-1].missing_fiducials = ()


@virtual
async def test_after_five_presses_retry_is_withheld_and_the_screen_says_why_and_what_to_do(tmp_path: Path) -> None:
    async with bench(tmp_path, BOARD_WITHOUT_FIDUCIAL) as b:
        b.order()
        question = await pressed(b, LIMIT - 1)
        assert (numbers(b.controller.alarms.standing), question.answers) == ([501], (Answer.RETRY, Answer.STOP))
        question = await pressed(b, 1)
        await asyncio.sleep(5.0)
        shown = b.snapshots.now()["alarms"]
        assert [alarm["number"] for alarm in shown] == [501, 907]
        assert [answer["id"] for answer in shown[0]["answers"]] == ["stop"]
        assert "'Retry' withheld until the key switch" in shown[0]["text"]
        assert (
            "'Fiducial not found' (501) was answered with Retry or a new part 5 times at board 1 of job"
            in (shown[1]["text"])
        )
        with pytest.raises(AnswerRefused, match="key switch"):
            b.answer(question, "retry")
        answers = await b.events("operator.answer")
        assert [(told["alarm"], told["answer"], told["nth"]) for told in answers] == [
            (501, "retry", nth) for nth in range(1, LIMIT + 1)
        ]


@virtual
async def test_the_key_turned_to_manual_and_back_gives_retry_back_and_the_gate_that_passes_then_is_noted(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, BOARD_WITHOUT_FIDUCIAL) as b:
        b.order()
        question = await pressed(b)
        b.plant.set_safety(key_manual=True)
        await asyncio.sleep(2.0)
        assert b.snapshots.now()["state"]["mode"] == "Manual"
        assert question.answers == (Answer.STOP,), "the key is still turned"
        b.plant.set_safety(key_manual=False)
        await asyncio.sleep(2.0)
        assert (question.answers, numbers(b.controller.alarms.standing)) == ((Answer.RETRY, Answer.STOP), [501])
        assert "withheld" not in question.view()["text"]
        put_right(b)
        b.answer(question, "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 2
        passed = await b.events("gate.passed")
        assert [(one["step"], one["alarm"], one["asked"]) for one in passed] == [("locate_board", 501, LIMIT + 1)]
        cleared = [told["why"] for told in await b.events("fault.cleared") if told["number"] == 907]
        assert cleared == ["the key switch was turned to manual and back"]


@virtual
async def test_a_key_that_was_turned_before_proves_nothing_and_after_five_more_presses_it_is_asked_for_again(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, BOARD_WITHOUT_FIDUCIAL) as b:
        await turn_the_key(b)
        b.order()
        await pressed(b, 2)
        await turn_the_key(b)
        question = await pressed(b, LIMIT - 2)
        assert question.answers == (Answer.STOP,)
        await turn_the_key(b)
        assert (await pressed(b, LIMIT - 1)).answers == (Answer.RETRY, Answer.STOP)
        assert (await pressed(b, 1)).answers == (Answer.STOP,)
        assert (await b.events("operator.answer"))[-1]["nth"] == 2 * LIMIT, "the audit counts on"


@virtual
async def test_a_job_that_is_stopped_takes_its_counts_and_its_warning_along(tmp_path: Path) -> None:
    async with bench(tmp_path, BOARD_WITHOUT_FIDUCIAL) as b:
        b.order()
        question = await pressed(b)
        b.answer(question, "stop")
        await b.rest(State.STOPPED)
        assert b.controller.alarms.standing == []
        await b.controller.command(Command.RESET)
        await b.rest(State.IDLE)
        b.order()
        assert (await pressed(b, LIMIT - 1)).answers == (Answer.RETRY, Answer.STOP)


@virtual
async def test_a_site_can_be_skipped_without_the_key_and_the_next_one_counts_from_none(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        b.plant.faults.inject(FaultSpec("frame_lost", duration_s=1e6), b.plant.now())
        question = await pressed(b)
        assert (question.definition.number, question.answers) == (504, (Answer.SKIP_SITE, Answer.STOP))
        b.answer(question, "skip_site")
        await asyncio.sleep(0.001)
        assert 907 not in numbers(b.controller.alarms.standing)
        assert Answer.RETRY in (await pressed(b, 1)).answers
        b.plant.faults.heal()
        b.answer(b.controller.alarms.questions[0], "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        results = [(record["result"], [told["nth"] for told in record["operator"]]) for record in await b.records()]
        assert results == [("unplaced", [1, 2, 3, 4, 5, 6]), ("placed", [1, 2])]


def test_whatever_is_withheld_a_legal_answer_remains() -> None:
    assert CATALOGUE_MODULES
    asked = [row for row in all_definitions() if row.reaction is Reaction.ASK and set(row.answers) & set(PRESSES_ON)]
    assert len(asked) > 20
    assert [row.number for row in asked if Answer.STOP not in row.answers] == []
