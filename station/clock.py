"""The station's clock: monotonic time is the event loop's, wall time is a port that a simulation can fix.

Ages, limits and deadlines use `mono_s` only; `utc` is for people and records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SIMULATION_EPOCH_UTC = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
"""a Monday, start of the early shift; a fixed start keeps simulated records the same from run to run"""


class Clock:
    """`wall` gives the wall time now; without it the wall time is a fixed start plus the loop's own time."""

    def __init__(self, wall: Callable[[], datetime] | None = None) -> None:
        self._wall = wall

    def mono_s(self) -> float:
        return asyncio.get_running_loop().time()

    def utc(self) -> datetime:
        if self._wall is not None:
            return self._wall()
        return SIMULATION_EPOCH_UTC + timedelta(seconds=self.mono_s())
