"""The pause point between steps, and the list of alarms that people answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from station.alarms import translate
from station.alarms.active import CLEARED, RAISED, AlarmList, AnswerRefused, clear_earlier
from station.alarms.catalogue import Answer, ProcessAlarm
from station.clock import Clock
from station.run.gate import Gate
from station.store import open_store
from tests.support import virtual

assert translate.CATALOGUE_MODULES

BIN = {"what": "full"}


@virtual
async def test_a_shut_gate_lets_the_step_under_way_end_and_no_other_begin() -> None:
    quiet_at_s: list[float] = []
    loop = asyncio.get_running_loop()
    gate = Gate(lambda: quiet_at_s.append(loop.time()))
    begun: list[float] = []

    async def step(wait_s: float, lasts_s: float) -> None:
        await asyncio.sleep(wait_s)
        await gate.enter()
        begun.append(loop.time())
        await asyncio.sleep(lasts_s)
        gate.leave()

    steps = [asyncio.create_task(step(0.0, 2.0)), asyncio.create_task(step(1.5, 1.0))]
    await asyncio.sleep(1.0)
    gate.shut()
    assert quiet_at_s == []
    await asyncio.sleep(4.0)
    assert (begun, quiet_at_s) == ([0.0], [2.0])
    gate.open()
    await asyncio.gather(*steps)
    assert begun == [0.0, 5.0]


@virtual
async def test_shutting_a_gate_with_nothing_under_way_is_quiet_at_once_and_a_cancelled_wait_counts_nothing() -> None:
    quiet: list[bool] = []
    gate = Gate(lambda: quiet.append(True))
    gate.shut()
    assert quiet == [True]
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(gate.quiet(), 1.0)


@virtual
async def test_a_question_is_answered_once_in_its_own_words_and_for_its_own_moment() -> None:
    alarms = AlarmList(lambda *_: None)
    asked = alarms.raise_(ProcessAlarm("bin_not_ready", **BIN), "now", {}, ask=True)
    for wrong in (
        ("A9", "retry", asked.state_token),
        (asked.id, "retry", "T9"),
        (asked.id, "skip_site", asked.state_token),
    ):
        with pytest.raises(AnswerRefused):
            alarms.answer(*wrong)
    assert alarms.standing == [asked]
    alarms.answer(asked.id, "retry", asked.state_token)
    assert asked.answer is not None
    assert await asked.answer is Answer.RETRY
    with pytest.raises(AnswerRefused, match="does not stand"):
        alarms.answer(asked.id, "retry", asked.state_token)


@virtual
async def test_what_is_only_told_can_be_acknowledged_and_nothing_else() -> None:
    alarms = AlarmList(lambda *_: None)
    told = alarms.raise_(ProcessAlarm("bin_not_ready", **BIN), "now", {}, ask=False)
    assert [answer["id"] for answer in told.view()["answers"]] == ["acknowledge"]
    with pytest.raises(AnswerRefused):
        alarms.answer(told.id, "retry", told.state_token)
    alarms.answer(told.id, "acknowledge", told.state_token)
    assert alarms.standing == []


@virtual
async def test_clear_takes_what_was_told_and_leaves_what_was_asked_in_the_order_of_raising() -> None:
    alarms = AlarmList(lambda *_: None)
    first = alarms.raise_(ProcessAlarm("bin_not_ready", **BIN), "now", {}, ask=True)
    alarms.raise_(ProcessAlarm("bin_not_ready", **BIN), "now", {}, ask=False)
    third = alarms.raise_(ProcessAlarm("reservoir_empty", level="EMPTY"), "now", {}, ask=True)
    alarms.clear()
    assert alarms.standing == [first, third]
    assert len({alarm.id for alarm in (first, third)} | {alarm.state_token for alarm in (first, third)}) == 4


@virtual
async def test_every_alarm_that_leaves_the_list_is_noted_with_its_reason_and_only_once() -> None:
    noted: list[tuple[str, str]] = []
    alarms = AlarmList(lambda kind, data: noted.append((data["id"], data["why"])))
    asked = alarms.raise_(ProcessAlarm("bin_not_ready", **BIN), "now", {}, ask=True)
    alarms.raise_(ProcessAlarm("bin_not_ready", **BIN), "now", {}, ask=False)
    third = alarms.raise_(ProcessAlarm("bin_not_ready", **BIN), "now", {}, ask=True)
    alarms.answer(asked.id, "retry", asked.state_token)
    alarms.remove(asked)
    alarms.clear()
    alarms.remove(third)
    assert noted == [("A0-1", "retry"), ("A0-2", "clear"), ("A0-3", "not asked any more")]


@virtual
async def test_a_start_clears_what_stood_when_an_earlier_service_ended(tmp_path: Path) -> None:
    store = open_store(tmp_path, Clock(), durability="normal")
    for active_id in ("A1", "A2"):
        store.events.append(RAISED, {"id": active_id, "number": 306})
    store.events.append(CLEARED, {"id": "A1", "number": 306, "why": "retry"})
    await store.commit()
    await clear_earlier(store.events)
    await store.commit()
    *_, last = await store.events.read(kinds=(CLEARED,))
    assert (last.data["id"], last.data["why"]) == ("A2", "the service was started anew")
    await clear_earlier(store.events)
    assert store.events.head_seq == last.seq
    store.close()
