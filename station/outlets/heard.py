"""Whether anybody hears the station: a warning when an outlet has been without its broker for too long.

The outlet knows nothing of alarms, and nothing here knows MQTT. Nothing of this stops anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from station.alarms.catalogue import ProcessAlarm

UNHEARD = "unheard"
"""key of the alarm"""
LOOK_EVERY_S = 1.0
NO_ANSWER = "no answer came yet"


class Outlet(Protocol):
    """What is looked at.

    is_heard  whether a broker takes what it is told
    trouble   why it does not, None where nothing went wrong yet
    backlog   events that wait to be told
    """

    @property
    def is_heard(self) -> bool: ...
    @property
    def trouble(self) -> str | None: ...
    @property
    def backlog(self) -> int: ...


class HeardOutside:
    """One for an outlet. It is told once in an absence: whoever acknowledged it is left in peace until the next one.

    warn      shows an alarm
    over      the alarms of this kind have passed: (key, why)
    limit_s   so long may the broker be away, from the start of the service on
    """

    def __init__(
        self,
        outlet: Outlet,
        warn: Callable[[ProcessAlarm], object],
        over: Callable[[str, str], object],
        limit_s: float,
    ) -> None:
        self._outlet, self._warn, self._over, self._limit_s = outlet, warn, over, limit_s

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        heard_s, is_told = loop.time(), False
        while True:
            away_s = loop.time() - heard_s
            if self._outlet.is_heard:
                heard_s = loop.time()
                if is_told:
                    self._over(UNHEARD, "the broker is back")
                is_told = False
            elif not is_told and away_s >= self._limit_s:
                why = self._outlet.trouble or NO_ANSWER
                waiting = self._outlet.backlog
                self._warn(ProcessAlarm(UNHEARD, away_s=away_s, limit_s=self._limit_s, why=why, waiting=waiting))
                is_told = True
            await asyncio.sleep(LOOK_EVERY_S)
