"""Waiting for work that must not be cut off: whoever waits may be cancelled, the work is not."""

from __future__ import annotations

import asyncio
from typing import Any


async def to_its_end(work: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait until it is over, however it ends; nothing of it is raised -> a cancellation that came meanwhile, for the
    caller to raise when it has looked at the work."""
    cancellation: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            cancellation = error
        except Exception:
            break
    return cancellation
