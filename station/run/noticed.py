"""What no step asks: the watch notices something, and what follows stands in the row of its alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from station.alarms.active import ActiveAlarm, AlarmList
from station.alarms.catalogue import Answer, ProcessAlarm, Reaction
from station.alarms.translate import alarm_for
from station.run.asking import Asking
from station.run.packml import Command, Packml, State
from station.run.steps import RunEnded
from station.store.errors import StoreError


class Noticed:
    """One for a station.

    tell      raises an alarm that asks nothing
    command   gives the station a PackML command
    finish    has the running steps end, with the head up
    """

    def __init__(
        self,
        packml: Packml,
        alarms: AlarmList,
        asking: Asking,
        tell: Callable[[ProcessAlarm], ActiveAlarm],
        command: Callable[[Command], Awaitable[State]],
        finish: Callable[[], Awaitable[None]],
    ) -> None:
        self._packml, self._alarms, self._asking, self._tell, self._command = packml, alarms, asking, tell, command
        self._finish = finish
        self._question: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[None] | None = None

    async def act_on(self, alarm: ProcessAlarm) -> None:
        """Ask beside the running step, or tell it and end what its row says."""
        reaction = alarm.definition.reaction
        if reaction is Reaction.ASK and self._packml.state is State.EXECUTE:
            self._question = asyncio.create_task(self._ask(alarm), name=f"alarm {alarm.definition.number}")
            return
        if reaction is Reaction.FINISH:
            # Beside the watch, which must not stop looking meanwhile and finds the same again at every round.
            if self._finishing is None or self._finishing.done():
                self._tell(alarm)
                self._finishing = asyncio.create_task(self._finish_and_stop(), name="finish")
            return
        self._tell(alarm)
        if reaction is not Reaction.TELL:
            await self._command(Command.ABORT if reaction is Reaction.ABORT else Command.STOP)

    async def store_failed(self, error: StoreError) -> None:
        """Nothing is written any more: the station stops wherever it can."""
        self.tell_store_failed(error)
        await self._stop()

    def tell_store_failed(self, error: StoreError) -> None:
        """Once: nothing is written any more until the service is started anew."""
        if not self._alarms.stands("store_failed"):
            self._tell(alarm_for(error, "commit"))

    async def end(self) -> None:
        """A question that stands beside the steps is asked no more, and nothing is finished any more."""
        question, self._question = self._question, None
        await end_task(question)
        await end_task(self._finishing)

    async def _finish_and_stop(self) -> None:
        await self._finish()
        await self._stop()

    async def _stop(self) -> None:
        """Where it is no transition any more the station stands, or soon will."""
        if self._packml.allows(Command.STOP):
            await self._command(Command.STOP)

    async def _ask(self, alarm: ProcessAlarm) -> None:
        try:
            answer = await self._asking.ask(alarm, {})
        except RunEnded as ended:
            self._tell(ended.alarm)
            answer = Answer.STOP
        if answer is Answer.STOP:
            await self._stop()


async def end_task(task: asyncio.Task[None] | None) -> None:
    """Cancel it and wait for its end, unless it is over, or the caller itself."""
    if task is not None and task is not asyncio.current_task() and not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
