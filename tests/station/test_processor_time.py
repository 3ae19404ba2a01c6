"""Where the processor's time went: shared out to the part that ran, all of it, and the signal given back."""

from __future__ import annotations

import signal
import time

import pytest

from drivers.wire.encoding import crc16
from sim_hardware.world.motion import Limits, point_to_point
from station.demo.processor_time import ProcessorTime


def _work(*, physics_share: float) -> None:
    """A quarter of a second of the processor's time in drivers and simulator, in turns."""
    started_s = time.process_time()
    turn = 0
    while time.process_time() - started_s < 0.25:
        until_s = time.process_time() + 0.02 * (physics_share if turn % 2 else 1.0 - physics_share)
        while time.process_time() < until_s:
            if turn % 2:
                for way in range(1, 40):
                    point_to_point(float(way), Limits(100.0, 1_000.0, 50_000.0))
            else:
                crc16.__wrapped__(bytes(4_000))
        turn += 1


@pytest.mark.parametrize("physics_share", [0.2, 0.8])
def test_the_time_goes_to_the_part_that_ran(physics_share: float) -> None:
    before = signal.getsignal(signal.SIGPROF)
    with ProcessorTime() as spent:
        _work(physics_share=physics_share)
    parts = spent.by_part
    longer, shorter = ("Simulator: physics", "Drivers and frames")[:: 1 if physics_share > 0.5 else -1]
    assert parts[longer] > 1.5 * parts[shorter] > 0.0
    assert sum(parts.values()) == pytest.approx(spent.total_s)
    assert spent.total_s >= 0.25
    assert signal.getsignal(signal.SIGPROF) == before
