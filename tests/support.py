"""Running coroutines as tests: in virtual time on in-memory cables, or in real time on real sockets."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from sim_hardware import virtual_time

REAL_TIME_LIMIT_S = 60.0
REAL_INPUT_FILES = Path(__file__).resolve().parents[2] / "shared" / "data"

Story = Callable[..., Coroutine[Any, Any, None]]


def virtual(story: Story) -> Callable[..., None]:
    """Run an async test in virtual time. A deadlock raises `virtual_time.Stalled`; a leftover task fails the test."""

    @functools.wraps(story)
    def run(*args: Any, **kwargs: Any) -> None:
        virtual_time.run(_leaving_no_task(story(*args, **kwargs)))

    return run


def real(story: Story) -> Callable[..., None]:
    """Run an async test on a normal loop with real sockets; it must end by itself within a minute."""

    @functools.wraps(story)
    def run(*args: Any, **kwargs: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(REAL_TIME_LIMIT_S):
                await _leaving_no_task(story(*args, **kwargs))

        asyncio.run(bounded())

    return run


async def _leaving_no_task(story: Coroutine[Any, Any, None]) -> None:
    await story
    await asyncio.sleep(0)
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"tasks left running: {sorted(left)}"


def real_input_file(relative: str) -> Path:
    """A data file of a public hardware project; the test is skipped where the files are not at hand."""
    path = REAL_INPUT_FILES / relative
    if not path.exists():
        pytest.skip(f"real input file {relative} is not at hand")
    return path
