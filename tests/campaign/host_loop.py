"""The virtual loop with a host that can stand still while the machine goes on, as a stopped process does.

The machine has no tasks: every task is the service's, but for those of the person and of the run itself. What comes
in meanwhile waits, as it would in the operating system; time-outs that ran off meanwhile strike at the end.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from sim_hardware.virtual_time import VirtualTimeLoop

MAIN_TASK = "the story"
"""a name of its own: the number that asyncio gives depends on what the process ran before"""
PERSON = "person"


class HostLoop(VirtualTimeLoop):
    """`stand_still` until when the service gets no turn."""

    stands_until_s = 0.0

    def stand_still(self, for_s: float) -> None:
        """From now on no task of the service gets a turn."""
        self.stands_until_s = self.time() + for_s

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        owner = getattr(callback, "__self__", None)
        if isinstance(owner, asyncio.Task) and not owner.get_name().startswith((MAIN_TASK, PERSON)):
            return super().call_soon(self._turn, callback, args, context, context=context)
        return super().call_soon(callback, *args, context=context)

    def _turn(self, callback: Callable[..., Any], args: tuple[Any, ...], context: contextvars.Context | None) -> None:
        if self.time() < self.stands_until_s:
            self.call_at(self.stands_until_s, callback, *args, context=context)
        else:
            callback(*args)
