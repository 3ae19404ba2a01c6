"""From the last frame of a hand to standstill, by either dead-man: `python -m tests.benchmarks.jog [--holds 200]`.

Virtual time; the hold lengths are drawn, so that the last frame falls anywhere between two looks at the device.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

from drivers.wire.handshake import JOG_SILENCE_LIMIT_S
from sim_hardware import virtual_time
from station.run import jog
from station.run.jog import SILENCE_LIMIT_S, Axis, Speed
from tests.scenarios.bench import bench
from tests.scenarios.hand import Hand, to_manual

HELD_S = (0.06, 0.5)
SERVICE_GONE_S = 60.0
"""a service whose own dead-man never bites stands for one that is frozen"""


async def _measure(folder: Path, holds: int, silence_limit_s: float) -> list[float]:
    jog.SILENCE_LIMIT_S = silence_limit_s
    rng, found = random.Random(7), []
    async with bench(folder) as b:
        await to_manual(b)
        hand = Hand(b)
        for number in range(holds):
            axis = (Axis.X, Axis.Y, Axis.Z)[number // 2 % 3]
            before = 0.0
            await hand.hold(axis, -1 if number % 2 else +1, rng.uniform(*HELD_S), Speed.FAST)
            if b.is_moving():
                before = await hand.until_it_stands()
            await hand.ended()
            hand.let_go()
            await asyncio.sleep(rng.uniform(0.01, 0.1))
            if before:
                found.append(before)
    return found


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.jog", description=__doc__)
    parser.add_argument("--holds", type=int, default=200)
    holds = parser.parse_args().holds
    for who, limit_s, silence_s in (
        ("service", SILENCE_LIMIT_S, SILENCE_LIMIT_S),
        ("device ", JOG_SILENCE_LIMIT_S, SERVICE_GONE_S),
    ):
        with tempfile.TemporaryDirectory() as folder:
            stood = virtual_time.run(_measure(Path(folder), holds, silence_s))
        mean_ms, worst_ms = 1e3 * sum(stood) / len(stood), 1e3 * max(stood)
        told = f"stands after {mean_ms:.1f} ms, worst {worst_ms:.1f} of {len(stood)}"
        print(f"{who}  dead-man {1e3 * limit_s:.0f} ms: {told}")


if __name__ == "__main__":
    main()
