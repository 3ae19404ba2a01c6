"""The list of alarms that stand: raised, shown, answered. The first one raised stays first.

An answer is bound to the moment in which it was asked for: a late or second answer is refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from station.alarms.catalogue import ANSWER_TEXT, AlarmDefinition, Answer, ProcessAlarm, Severity
from station.store.event_log import EventLog

RAISED, CLEARED = "fault.raised", "fault.cleared"
"""kinds of the two events that every alarm has in the log: when it came onto the list, and when and why it left"""
TAKES_A_PART = "Pick"
"""title of the step that takes the next package out of the tray"""


EVENTS_BACK = 5_000
"""in which a start looks for alarms that stood: about 50 packages"""


class AnswerRefused(Exception):
    """No such alarm, not one of its answers, or the machine has moved on since the question was asked."""


@dataclass(slots=True)
class ActiveAlarm:
    """One alarm that stands; `answer` is set where somebody waits for it."""

    id: str
    definition: AlarmDefinition
    text: str
    raised_at: str
    objects: dict[str, Any]
    state_token: str
    answers: tuple[Answer, ...]
    position_trusted: bool = False
    """of all axes, at the instant in which it was raised; what nobody could tell counts as not trusted"""
    redoes: tuple[str, ...] = ()
    """titles of the steps that a Retry does again"""
    answer: asyncio.Future[Answer] | None = None
    nth: int = 1
    """the how manieth question for this cause at this place"""
    withheld: tuple[Answer, ...] = ()
    """answers of its row that come back when a person with the key has been at the machine"""

    def give_back(self) -> None:
        """Nothing is withheld any more."""
        self.withheld, self.answers = (), self.definition.answers

    @property
    def why_withheld(self) -> str:
        """In words, with what to do; empty where nothing is withheld."""
        if not self.withheld:
            return ""
        labels = " and ".join(f"'{ANSWER_TEXT[answer][0]}'" for answer in self.withheld)
        return f"{labels} withheld until the key switch at the machine was turned to manual and back: see alarm 907."

    def consequence(self, answer: Answer) -> str:
        """What this answer leads to, and what it costs."""
        if answer is not Answer.RETRY or not self.redoes:
            return ANSWER_TEXT[answer][1]
        uses = "; uses 1 part" if TAKES_A_PART in self.redoes else ""
        return f"does again: {', '.join(self.redoes)}{uses}"

    def view(self) -> dict[str, Any]:
        """As people and the MES see it."""
        row = self.definition
        return {
            "id": self.id,
            "number": row.number,
            "title": row.title,
            "text": f"{self.text} {self.why_withheld}".rstrip(),
            "cause": row.cause,
            "remedy": list(row.remedy),
            "severity": row.severity.value,
            "answers": [
                {
                    "id": answer.value,
                    "label": ANSWER_TEXT[answer][0],
                    "consequence": self.consequence(answer),
                    "redoes": list(self.redoes) if answer is Answer.RETRY else [],
                    "uses_part": answer is Answer.NEW_PART or (answer is Answer.RETRY and TAKES_A_PART in self.redoes),
                }
                for answer in self.answers
            ],
            "raised_at": self.raised_at,
            "objects": self.objects,
            "position_trusted": self.position_trusted,
            "state_token": self.state_token,
        }


@dataclass(slots=True)
class AlarmList:
    """All alarms that stand, first out first.

    append   writes an event: no alarm leaves the list unnoted
    life     which life of the service this is: an answer to a question of an earlier one fits none of this one
    """

    append: Callable[[str, dict[str, Any]], object]
    life: int = 0
    standing: list[ActiveAlarm] = field(default_factory=list)
    raised: Counter[str] = field(default_factory=Counter)
    """how often which kind came onto the list"""

    @property
    def stopping(self) -> list[ActiveAlarm]:
        """Those that are more than a warning."""
        return [alarm for alarm in self.standing if alarm.definition.severity not in (Severity.INFO, Severity.WARN)]

    @property
    def questions(self) -> list[ActiveAlarm]:
        """Those that wait for a person's answer."""
        return [alarm for alarm in self.standing if alarm.answer is not None and not alarm.answer.done()]

    def stands(self, key: str) -> bool:
        """Whether an alarm of this kind is on the list."""
        return any(alarm.definition.key == key for alarm in self.standing)

    def raise_(
        self,
        alarm: ProcessAlarm,
        raised_at: str,
        objects: dict[str, Any],
        *,
        ask: bool,
        position_trusted: bool = False,
    ) -> ActiveAlarm:
        """Add an alarm. With `ask` it is a question: its `answer` can be awaited, and it stays until it is answered.

        Without, the decision has been taken already, and a person can only take note of it.
        """
        self.raised[alarm.definition.key] += 1
        count = self.raised.total()
        future: asyncio.Future[Answer] | None = asyncio.get_running_loop().create_future() if ask else None
        permitted = tuple(answer for answer in alarm.definition.answers if answer not in alarm.withheld)
        active = ActiveAlarm(
            id=f"A{self.life}-{count}",
            definition=alarm.definition,
            text=alarm.text,
            raised_at=raised_at,
            objects=objects,
            state_token=f"T{self.life}-{count}",
            answers=permitted if ask else (Answer.ACKNOWLEDGE,),
            position_trusted=position_trusted,
            redoes=alarm.redoes,
            answer=future,
            nth=max(1, alarm.nth),
            withheld=alarm.withheld,
        )
        self.standing.append(active)
        return active

    def answer(self, alarm_id: str, answer: str, state_token: str) -> ActiveAlarm:
        """Take a person's answer. Raises AnswerRefused and changes nothing where it does not fit."""
        for active in self.standing:
            if active.id == alarm_id:
                break
        else:
            raise AnswerRefused(f"alarm {alarm_id} does not stand any more")
        if state_token != active.state_token:
            raise AnswerRefused("the machine has moved on since this question was asked; look again")
        permitted = [permitted.value for permitted in active.answers]
        if answer not in permitted:
            why = active.why_withheld if answer in active.withheld else f"{answer!r} is no answer to this alarm"
            raise AnswerRefused(f"{why.rstrip('.')}; permitted: {', '.join(permitted)}")
        if active.answer is not None and not active.answer.done():
            active.answer.set_result(Answer(answer))
        self.remove(active, answer)
        return active

    def remove(self, active: ActiveAlarm, why: str = "not asked any more") -> None:
        """Take it off the list; does nothing where it has left already."""
        if active in self.standing:
            self.standing.remove(active)
            self.append(CLEARED, {"id": active.id, "number": active.definition.number, "why": why})

    def over(self, key: str, why: str) -> None:
        """What every alarm of this kind told of has passed by itself."""
        for active in [alarm for alarm in self.standing if alarm.definition.key == key]:
            self.remove(active, why)

    def clear(self) -> None:
        """After Clear: alarms nobody waits for leave; an open question never does."""
        questions = self.questions
        for active in [alarm for alarm in self.standing if alarm not in questions]:
            self.remove(active, "clear")


async def clear_earlier(log: EventLog) -> None:
    """Alarms that stood when an earlier service ended leave the log's list: what is still the matter is raised anew."""
    standing: dict[str, int] = {}
    for event in await log.read(max(0, log.durable_seq - EVENTS_BACK), EVENTS_BACK, (RAISED, CLEARED)):
        if event.kind == RAISED:
            standing[event.data["id"]] = event.data["number"]
        else:
            standing.pop(event.data["id"], None)
    for active_id, number in standing.items():
        log.append(CLEARED, {"id": active_id, "number": number, "why": "the service was started anew"})
