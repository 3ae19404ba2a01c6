"""Waiting for what comes from outside: boards, trays. The station is Suspended meanwhile, not Held: nobody is asked.

Only the feed itself moves in Suspended; the guard's table says so. Work goes on by itself when the thing is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from drivers.errors import NothingThere
from station.alarms.active import ActiveAlarm, AlarmList
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.run.gate import Gate
from station.run.packml import Command, Packml, State

LOOK_AGAIN_S = 10.0
"""between two tries of the feed. Estimate"""


class Supply:
    """`tell` puts an alarm on the list that asks nothing; `reached` waits for one of some states."""

    def __init__(
        self,
        cell: Cell,
        packml: Packml,
        gate: Gate,
        alarms: AlarmList,
        tell: Callable[[ProcessAlarm, dict[str, Any]], ActiveAlarm],
        reached: Callable[..., Awaitable[State]],
    ) -> None:
        self._packml, self._gate, self._alarms, self._tell, self._reached = packml, gate, alarms, tell, reached
        self._feeds = {"no_board": cell.conveyor.load_board, "tray_empty": cell.feeder.change_tray}

    async def wait(self, alarm: ProcessAlarm, objects: dict[str, Any]) -> None:
        """Until the thing that this alarm misses is there.

        raises   what the feed raises besides NothingThere
        """
        feed = self._feeds[alarm.definition.key]
        # A person may have pressed Hold while the feed ran: first that is over, then this is waited for.
        await self._reached(State.EXECUTE)
        told = self._tell(alarm, objects)
        self._packml.command(Command.SUSPEND)
        self._gate.shut()
        try:
            await self._reached(State.SUSPENDED)
            while True:
                try:
                    await feed()
                    break
                except NothingThere:
                    await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            self._alarms.remove(told)
        self._packml.command(Command.UNSUSPEND)
        self._packml.completed(State.UNSUSPENDING)
        if self._alarms.questions:
            # Something else went wrong meanwhile and waits for a person.
            self._packml.command(Command.HOLD)
            self._gate.shut()
        else:
            self._gate.open()
