"""Where the processor's time of a run goes: every 10 ms of it, what is running is noted, by the part of the software.

It looks and changes nothing: a run with it gives the same events as one without. Unix, main thread.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

SAMPLE_EVERY_S = 0.010

PARTS = (
    ("sim_hardware.virtual_time", "Simulator: clock and network"),
    ("sim_hardware.world", "Simulator: physics"),
    ("sim_hardware.optics", "Simulator: what the cameras see"),
    ("sim_hardware", "Simulator: devices and their wires"),
    ("drivers", "Drivers and frames"),
    ("pymodbus", "Modbus library"),
    ("station.store", "Events, records, database"),
    ("station", "Process, schedule, judging"),
    ("vision", "Process, schedule, judging"),
    ("recipes", "Process, schedule, judging"),
)
"""(modules, title), the first that fits. What a library does counts for the part that called it."""
REST = "Start, libraries, the rest"


class ProcessorTime:
    """Counts from `with` to its end; `total_s` and `by_part` are the answer."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self._samples: Counter[str] = Counter()
        self._before: Callable[[int, FrameType | None], Any] | int | None = None

    def __enter__(self) -> ProcessorTime:
        self._started_s = time.process_time()
        self._before = signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_EVERY_S, SAMPLE_EVERY_S)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, self._before)
        self.total_s = time.process_time() - self._started_s

    def _sample(self, _: int, frame: FrameType | None) -> None:
        self._samples[_part_of(frame)] += 1

    @property
    def by_part(self) -> dict[str, float]:
        """Seconds by title, largest first; samples share out what was measured in all."""
        count = self._samples.total()
        return {title: self.total_s * samples / count for title, samples in self._samples.most_common()}


def _part_of(frame: FrameType | None) -> str:
    while frame is not None:
        module = frame.f_globals.get("__name__", "") + "."
        for prefix, title in PARTS:
            if module.startswith(prefix + "."):
                return title
        frame = frame.f_back
    return REST
