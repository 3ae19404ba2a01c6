"""Questions to whoever is at the machine: the station is Held meanwhile, and goes on when the last one is answered.

What an answer means is decided by the one who asked. Hold and Unhold of a person pass through here as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from station.alarms.active import ActiveAlarm, AlarmList
from station.alarms.catalogue import Answer, ProcessAlarm
from station.run.gate import Gate
from station.run.packml import Command, Packml, State
from station.run.pressed import Pressed
from station.run.steps import RunEnded


class Asking:
    """`question` puts an alarm on the list that waits for its answer; `reached` waits for a state; `commit` saves;
    `pressed` counts how often the same is asked."""

    def __init__(
        self,
        packml: Packml,
        gate: Gate,
        alarms: AlarmList,
        pressed: Pressed,
        question: Callable[[ProcessAlarm, dict[str, Any]], ActiveAlarm],
        commit: Callable[[], Awaitable[None]],
        reached: Callable[..., Awaitable[State]],
        is_attended: Callable[[], bool],
    ) -> None:
        self._packml, self._gate, self._alarms, self._question = packml, gate, alarms, question
        self._pressed = pressed
        self._commit, self._reached, self._is_attended = commit, reached, is_attended
        self._is_held_by_person = False

    async def ask(self, alarm: ProcessAlarm, objects: dict[str, Any]) -> Answer:
        """Hold and wait for a person's answer; the station runs on afterwards.

        raises   RunEnded where nobody is there to be asked and this alarm's row says to stop then
        """
        if not self._is_attended():
            if (answer := alarm.definition.unattended) is Answer.STOP:
                raise RunEnded(alarm, abort=False, objects=objects)
            alarm.answered_by = "policy"
            return answer
        self._pressed.count(alarm)
        active = self._question(alarm, objects)
        self._pressed.asked(active)
        assert active.answer is not None
        given: Answer | None = None
        if self._packml.state is State.EXECUTE:
            self._packml.command(Command.HOLD)
            self._gate.shut()
        try:
            await self._commit()
            given = answer = await active.answer
        finally:
            self._alarms.remove(active)
            self._pressed.answered(active, given)
        is_held = self._packml.state in (State.HELD, State.HOLDING)
        if is_held and not self._is_held_by_person and not self._alarms.questions:
            await self._reached(State.HELD)
            self._packml.command(Command.UNHOLD)
            self.go_on()
        return answer

    def hold(self) -> None:
        """A person has pressed Hold: only a person ends it."""
        self._is_held_by_person = True
        self._gate.shut()

    def go_on(self) -> None:
        """From Unholding back to work."""
        self._is_held_by_person = False
        self._packml.completed(State.UNHOLDING)
        self._gate.open()

    def over(self) -> None:
        """The machine has come to rest: whatever held it is over."""
        self._is_held_by_person = False
        self._pressed.over()
        self._gate.renew()
