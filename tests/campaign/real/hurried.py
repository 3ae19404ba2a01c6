"""A program on an event loop whose clock runs faster: `python -m tests.campaign.real.hurried 3 station run ...`.

Both machine and service run so, at the same speed; sockets, disk and signals stay what they are. What the processor
needs is not shortened: at three times the speed a pause of 20 ms is one of 60 ms.
"""

from __future__ import annotations

import asyncio
import runpy
import selectors
import sys
import time
from typing import Any


class _HastySelector(selectors.DefaultSelector):
    """Waits only a part of the time that it is told to wait."""

    speed = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / self.speed)


class HurriedLoop(asyncio.SelectorEventLoop):
    """`time()` runs `speed` times as fast as the monotonic clock of the computer, from the same zero."""

    def __init__(self, speed: float) -> None:
        selector = _HastySelector()
        selector.speed = speed
        super().__init__(selector)
        self._speed = speed

    def time(self) -> float:
        return time.monotonic() * self._speed


def main(speed: float, module: str, arguments: list[str]) -> None:
    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> Any:
            return HurriedLoop(speed)

    asyncio.set_event_loop_policy(Policy())
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3:])
