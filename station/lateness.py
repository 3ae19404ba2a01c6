"""How late the service is: the turns of its loop, and its commits to the disk.

A loop that is held up sends no heartbeat, and devices that hear nothing for half a second stop by themselves. Nothing
here decides what is too late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

LATELY_S = 10.0
LOOK_EVERY_S = 0.050
"""half a heartbeat: what holds a heartbeat up holds a look up as well"""
BIN_S = 0.001
BIN_COUNT = 1_000


class Worst:
    """The largest of the values noted lately. Times are of the loop's clock."""

    def __init__(self) -> None:
        # Only what can still become the largest is kept: every entry is smaller than the one before it.
        self._falling: deque[tuple[float, float]] = deque()
        self._untold = 0.0

    def note(self, value: float, at_s: float) -> None:
        while self._falling and self._falling[-1][1] <= value:
            self._falling.pop()
        self._falling.append((at_s, value))
        self._untold = max(self._untold, value)
        self._forget(at_s)

    def lately(self, now_s: float) -> float:
        """The largest of the last ten seconds; 0 where nothing was noted."""
        self._forget(now_s)
        return self._falling[0][1] if self._falling else 0.0

    def untold(self) -> float:
        """The largest since this was asked last; 0 where nothing was noted."""
        told, self._untold = self._untold, 0.0
        return told

    def _forget(self, now_s: float) -> None:
        while self._falling and self._falling[0][0] < now_s - LATELY_S:
            self._falling.popleft()


class LoopLag:
    """Asks for a turn of the loop at fixed times, and notes how much later it came.

    now_s   the loop's clock
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._counts = [0] * (BIN_COUNT + 1)
        self._max_s = 0.0
        self.worst = Worst()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due_s = self._now_s() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            now_s = self._now_s()
            # The loop takes a timer for due up to one tick of its clock early.
            lag_s = max(0.0, now_s - due_s)
            self._counts[min(BIN_COUNT, int(lag_s / BIN_S))] += 1
            self._max_s = max(self._max_s, lag_s)
            self.worst.note(lag_s, now_s)

    def quantile_s(self, ratio: float) -> float:
        """What this part of all looks since the start did not exceed, to 1 ms; NaN before the first look."""
        wanted, found = ratio * sum(self._counts), 0
        for number, count in enumerate(self._counts[:BIN_COUNT]):
            found += count
            if found and found >= wanted:
                return min((number + 1) * BIN_S, self._max_s)
        return self._max_s if any(self._counts) else float("nan")

    def view(self) -> dict[str, Any] | None:
        """As /v1/health shows it; None before the first look."""
        if not any(self._counts):
            return None
        return {
            "recent_max_s": self.worst.lately(self._now_s()),
            "median_s": self.quantile_s(0.5),
            "p99_s": self.quantile_s(0.99),
            "p999_s": self.quantile_s(0.999),
            "max_s": self._max_s,
        }
