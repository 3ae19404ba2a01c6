"""How often a person presses on through the same question at the same place, and what that leads to.

There is no override: every Retry measures again. But a gate that is tried often enough lets a bad thing by once. So
after a number of presses the answers that press on are withheld, until the key switch was turned to manual and back:
the one proof this machine sees by itself that somebody with a key stood at it. Skip and stop always remain. The counts
end with the job; a job that was interrupted is never resumed, so they need not outlive the service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from station.alarms.active import ActiveAlarm, AlarmList
from station.alarms.catalogue import Answer, ProcessAlarm

PRESSES_ON = (Answer.RETRY, Answer.NEW_PART)


class Pressed:
    """One for a station.

    limit   so many presses through one cause at one place; then the key is asked for
    place   where the station builds just now, in words; what was counted elsewhere is over
    tell    puts an alarm on the list that asks nothing
    """

    def __init__(
        self,
        alarms: AlarmList,
        limit: int,
        place: Callable[[], str],
        tell: Callable[[ProcessAlarm, dict[str, Any]], ActiveAlarm],
    ) -> None:
        self._alarms, self._limit, self._place, self._tell = alarms, limit, place, tell
        self._at = ""
        self._asked: Counter[int] = Counter()
        self._presses: Counter[int] = Counter()
        """since the place was come to, or the key was turned"""
        self._waiting: list[tuple[ActiveAlarm, ActiveAlarm]] = []
        """questions with something withheld, each with the alarm that says so"""
        self._was_manual = False

    def count(self, alarm: ProcessAlarm) -> None:
        """A person is about to be asked: say in the alarm how often by now, and what is withheld."""
        if self._place() != self._at:
            self.over()
            self._at = self._place()
        number = alarm.definition.number
        self._asked[number] += 1
        alarm.nth = self._asked[number]
        if self._presses[number] >= self._limit:
            alarm.withheld = tuple(answer for answer in alarm.definition.answers if answer in PRESSES_ON)

    def asked(self, question: ActiveAlarm) -> None:
        """It stands on the list; where something of it is withheld, another alarm says why and what to do."""
        if not question.withheld:
            return
        row = question.definition
        times = self._presses[row.number]
        alarm = ProcessAlarm("gate_pressed", title=row.title, number=row.number, times=times, place=self._at)
        self._waiting.append((question, self._tell(alarm, question.objects)))
        self._was_manual = False

    def answered(self, question: ActiveAlarm, answer: Answer | None) -> None:
        """It stands no more; None: nobody answered it."""
        if answer in PRESSES_ON:
            self._presses[question.definition.number] += 1
        for waiting in [pair for pair in self._waiting if pair[0] is question]:
            self._waiting.remove(waiting)
            self._alarms.remove(waiting[1], "the question was answered" if answer else "not asked any more")

    def look(self, key_manual: bool | None) -> None:
        """Follow the key switch; a position that is not known is none."""
        if key_manual is True:
            self._was_manual = True
        elif key_manual is False and self._was_manual and self._waiting:
            for question, warning in self._waiting:
                self._presses[question.definition.number] = 0
                question.give_back()
                self._alarms.remove(warning, "the key switch was turned to manual and back")
            self._waiting.clear()

    def over(self) -> None:
        """The place is left, or the job has ended: whatever was counted is over."""
        self._asked.clear()
        self._presses.clear()
