"""Loop lag and heartbeat gaps on real sockets, the API flooded: `python -m tests.benchmarks.soak [--seconds 60]`.

Machine, service and flood are processes of their own, and boards are built all the time. The lag is what the service
measured of itself since its start, some twenty seconds before the flood: the longer the soak, the less these dilute
the quantiles. The gaps between heartbeats are what the machine's devices saw while it was flooded. Judges nothing,
prints how busy the computer was.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.stop_real import LIMITER_REFILLS_S, Flood
from tests.scenarios.bench import RECIPE
from tests.scenarios.live import Line

WANTED_LAG_MS, WANTED_GAP_MS = 20.0, 300.0
READY_WITHIN_S = 120.0
LOOKS_EVERY_S = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.soak")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--no-flood", action="store_true", help="for comparison")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        line = Line(Path(folder))
        stack.callback(line.close)
        line.start_service()
        _build_until_stopped(line)
        flood = None if options.no_flood else Flood(line)
        line.ask(do="heartbeats")
        placed, busy = len(line.ask(do="truth")["placements"]), Busy()
        if flood is not None:
            stack.callback(flood.end)
            flood.begin()
        ends_s = time.monotonic() + options.seconds
        gaps: dict[str, float] = {}
        while time.monotonic() < ends_s:
            time.sleep(LOOKS_EVERY_S)
            for device, gap_s in line.ask(do="heartbeats")["longest_gap_s"].items():
                gaps[device] = max(gap_s, gaps.get(device, 0.0))
        busy_ratio, placed = busy.ratio(), len(line.ask(do="truth")["placements"]) - placed
        if flood is not None:
            flood.rest()
            time.sleep(LIMITER_REFILLS_S)
        _tell(line.get("/v1/health"), gaps)
        load = os.getloadavg()[0]
        print(f"computer: {100 * busy_ratio:.0f} % of {os.cpu_count()} cores busy, load {load:.1f}")
        alarms = [alarm["number"] for alarm in line.get("/v1/alarms")["items"]]
        print(f"{placed} packages placed meanwhile, {line.state()} at the end, alarms {alarms or 'none'}", flush=True)


def _build_until_stopped(line: Line) -> None:
    """From the start of the service until boards are built, one after another."""
    line.post("/v1/station/commands", "soak-reset", command="reset")
    line.reach("Idle", within_s=READY_WITHIN_S)
    job = line.post("/v1/jobs", "soak-order", recipe=RECIPE, boards=0).raise_for_status().json()["id"]
    line.post(f"/v1/jobs/{job}/actions", "soak-start", action="start").raise_for_status()
    line.reach("Execute", within_s=READY_WITHIN_S)


def _tell(health: dict[str, Any], gaps: dict[str, float]) -> None:
    lag = health["loop_lag"]
    figures = {name: 1e3 * lag[key] for name, key in _FIGURES}
    told = "  ".join(f"{name} {value:.0f}" for name, value in figures.items())
    print(f"loop lag, ms: {told}  (wanted: 99.9 % within {WANTED_LAG_MS:.0f})")
    told = "  ".join(f"{device} {1e3 * gap_s:.0f}" for device, gap_s in gaps.items())
    print(f"longest gap between heartbeats, ms: {told}  (wanted: {WANTED_GAP_MS:.0f} at worst)")


_FIGURES = (("median", "median_s"), ("99 %", "p99_s"), ("99.9 %", "p999_s"), ("worst", "max_s"))


class Busy:
    """How busy all cores together are from now on."""

    def __init__(self) -> None:
        self._idle, self._all = self._read()

    def ratio(self) -> float:
        idle, all_ = self._read()
        return 1.0 - (idle - self._idle) / max(1, all_ - self._all)

    @staticmethod
    def _read() -> tuple[int, int]:
        """Ticks in which there was nothing to do, and all ticks: proc(5), the first line of /proc/stat."""
        ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)


if __name__ == "__main__":
    main()
