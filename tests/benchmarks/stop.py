"""How long a Stop takes to standstill, from every state: `python -m tests.benchmarks.stop [runs]`; judges nothing.

Virtual time, the real station on the simulated machine. Standstill: no axis moves and no channel of any device is busy.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench
from tests.support import virtual

STEP_S = 0.001
GIVE_UP_S = 2.0
SEED = 4


def stands(b: Bench) -> bool:
    """Nothing in the machine moves and no command runs."""
    plant = b.plant
    cores = (plant.plc.core, plant.head.core, plant.dip_unit.core, plant.film_gauge.core)
    return not b.is_moving() and not any(channel.busy for core in cores for channel in core.channels)


async def time_to_stand_s(b: Bench) -> float:
    """Press Stop now; virtual seconds until the machine stands, `GIVE_UP_S` where it does not."""
    asked_s = b.plant.now()
    stopping = asyncio.create_task(b.controller.command(Command.STOP), name="stop")
    # The world has no event for standstill.
    while not stands(b) and b.plant.now() < asked_s + GIVE_UP_S:  # noqa: ASYNC110
        await asyncio.sleep(STEP_S)
    stood_s = b.plant.now() - asked_s
    await stopping
    return stood_s


Bring = Callable[[Bench, float], Awaitable[None]]
"""Bring a station to a state, at a share 0 to 1 of the way through it."""


async def _resetting(b: Bench, share: float) -> None:
    await b.controller.command(Command.RESET)
    await asyncio.sleep(8.0 * share)


async def _starting(b: Bench, share: float) -> None:
    await b.ready()
    b.order()
    await asyncio.sleep(4.0 * share)


async def _execute(b: Bench, share: float) -> None:
    await b.ready()
    b.order()
    await b.controller.wait_for(State.EXECUTE)
    await asyncio.sleep(18.0 * share)


async def _holding(b: Bench, share: float) -> None:
    await _execute(b, share)
    if b.controller.packml.state is State.EXECUTE:
        await b.controller.command(Command.HOLD)
        await asyncio.sleep(0.02)


async def _unholding(b: Bench, share: float) -> None:
    await _holding(b, share)
    if b.controller.packml.state in (State.HOLDING, State.HELD):
        await b.controller.wait_for(State.HELD)
        await b.controller.command(Command.UNHOLD)
        await asyncio.sleep(0.05 + 0.2 * share)


async def _stopping(b: Bench, share: float) -> None:
    await _execute(b, share)
    stopping = asyncio.create_task(b.controller.command(Command.STOP), name="first stop")
    await asyncio.sleep(0.0)
    await time_to_stand_s(b)
    await stopping


async def _aborted(b: Bench, share: float) -> None:
    await _execute(b, share)
    await b.controller.command(Command.ABORT)


STATES: dict[str, tuple[Bring, float]] = {
    "Resetting": (_resetting, 1.0),
    "Starting": (_starting, 0.5),
    "Execute": (_execute, 3.0),
    "Holding": (_holding, 1.0),
    "after Unhold": (_unholding, 0.5),
    "Stopping (again)": (_stopping, 0.2),
    "Aborted": (_aborted, 0.2),
}
"""What leads to a state, and how many runs it gets relative to the others."""


def measure(bring: Bring, share: float) -> tuple[float, str]:
    """One run: (time to standstill in s, the state in which Stop was pressed)."""
    found: list[tuple[float, str]] = []

    @virtual
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with bench(Path(folder), is_ready=False) as b:
                await bring(b, share)
                state = f"{b.controller.packml.state.title}: {b.controller.sub_step or '-'}"
                found.append((await time_to_stand_s(b), state))

    run()
    return found[0]


def main(runs: int) -> None:
    chance = random.Random(SEED)
    worst = 0.0
    print(f"{'brought to':<18}{'runs':>5}{'median ms':>11}{'worst ms':>10}  worst in")
    for name, (bring, weight) in STATES.items():
        found = sorted(measure(bring, chance.random()) for _ in range(max(1, round(runs * weight))))
        worst = max(worst, found[-1][0])
        middle, (longest, where) = found[len(found) // 2][0], found[-1]
        print(f"{name:<18}{len(found):>5}{middle * 1e3:>11.0f}{longest * 1e3:>10.0f}  {where}")
    print(f"worst of all: {worst * 1e3:.0f} ms, wanted at most 300 ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
