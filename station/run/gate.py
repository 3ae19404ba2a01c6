"""The pause point between steps: open in Execute, shut while the station holds.

It knows how many steps are under way, so that Holding can end when the last of them did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Gate:
    """Steps pass one by one; `on_quiet` is called when the gate is shut and nothing is under way any more."""

    def __init__(self, on_quiet: Callable[[], None]) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._under_way = 0
        self._nothing_runs = asyncio.Event()
        self._nothing_runs.set()
        self._on_quiet = on_quiet
        self._is_for_good = False

    def shut(self) -> None:
        self._open.clear()
        self._check_quiet()

    def shut_for_good(self) -> None:
        """The station is about to stop: whoever opens the gate now does so in vain."""
        self._is_for_good = True
        self.shut()

    def open(self) -> None:
        if not self._is_for_good:
            self._open.set()

    def renew(self) -> None:
        """The machine has come to rest: open, whatever shut it."""
        self._is_for_good = False
        self.open()

    async def enter(self) -> None:
        """Wait until steps may run, then count as one of them."""
        while not self._open.is_set():
            await self._open.wait()
        self._under_way += 1
        self._nothing_runs.clear()

    def leave(self) -> None:
        self._under_way -= 1
        if self._under_way == 0:
            self._nothing_runs.set()
        self._check_quiet()

    async def quiet(self) -> None:
        """Wait until no step is under way."""
        await self._nothing_runs.wait()

    def _check_quiet(self) -> None:
        if not self._open.is_set() and self._under_way == 0:
            self._on_quiet()
