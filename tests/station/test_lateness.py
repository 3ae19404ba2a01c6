"""The service's own lateness: measured on the loop's clock, the largest of ten seconds, told once."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

import pytest

from station.clock import Clock
from station.lateness import LATELY_S, LOOK_EVERY_S, LoopLag, Worst
from station.store import open_store
from tests.support import virtual

BLOCKED_S = 0.2


async def measured(for_s: float) -> LoopLag:
    loop = asyncio.get_running_loop()
    lag = LoopLag(loop.time)
    looking = asyncio.create_task(lag.run())
    await asyncio.sleep(for_s)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    return lag


@virtual
async def test_a_loop_that_nothing_holds_up_is_never_late() -> None:
    lag = await measured(60.0)
    assert lag.view() == {"recent_max_s": 0.0, "median_s": 0.0, "p99_s": 0.0, "p999_s": 0.0, "max_s": 0.0}


def test_a_loop_that_is_blocked_is_late_by_the_block_less_one_look_at_most() -> None:
    async def story() -> LoopLag:
        loop = asyncio.get_running_loop()
        loop.call_later(0.12, time.sleep, BLOCKED_S)
        return await measured(0.12 + BLOCKED_S + 2 * LOOK_EVERY_S)

    lag = asyncio.run(story())
    found = lag.view()
    assert found is not None
    assert found["recent_max_s"] == found["max_s"] == lag.worst.untold()
    assert found["max_s"] >= BLOCKED_S - LOOK_EVERY_S
    assert found["median_s"] < found["max_s"]


def test_nothing_is_claimed_before_the_first_look() -> None:
    lag = LoopLag(lambda: 0.0)
    assert lag.view() is None
    assert math.isnan(lag.quantile_s(0.5))


@virtual
async def test_the_quantiles_are_those_of_the_looks() -> None:
    clock_s = 0.0
    lates = iter([0.0] * 989 + [0.0205] * 10 + [3.0])

    def now_s() -> float:
        return clock_s

    lag = LoopLag(now_s)
    looking = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    for late_s in lates:
        clock_s += LOOK_EVERY_S + late_s
        await asyncio.sleep(LOOK_EVERY_S)
    looking.cancel()
    found = lag.view()
    assert found is not None
    assert found["median_s"] <= 0.001
    assert found["p99_s"] == found["p999_s"] == 0.021
    assert found["max_s"] == pytest.approx(3.0)


def test_the_largest_of_the_last_ten_seconds_is_forgotten_after_them() -> None:
    worst = Worst()
    worst.note(0.3, at_s=1.0)
    worst.note(0.1, at_s=2.0)
    worst.note(0.2, at_s=3.0)
    assert worst.lately(1.0 + LATELY_S) == 0.3
    assert worst.lately(1.1 + LATELY_S) == 0.2
    assert worst.lately(3.1 + LATELY_S) == 0.0
    assert (worst.untold(), worst.untold()) == (0.3, 0.0)


@virtual
async def test_a_commit_counts_while_it_is_under_way_and_ten_seconds_longer(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    store = open_store(tmp_path, Clock())
    writer = store.database.writer
    writer.takes_s = 3.0  # type: ignore[attr-defined]
    store.events.append("note", {})
    commit = asyncio.create_task(store.commit())
    await asyncio.sleep(2.0)
    assert store.writing.slowest_commit_s(loop.time()) == pytest.approx(2.0)
    await commit
    await asyncio.sleep(LATELY_S - 0.1)
    assert store.writing.slowest_commit_s(loop.time()) == pytest.approx(3.0)
    await asyncio.sleep(0.2)
    assert store.writing.slowest_commit_s(loop.time()) == 0.0
    store.close()
