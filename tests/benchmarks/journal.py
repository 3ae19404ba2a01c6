"""What durable records cost in cycle time: `python -m tests.benchmarks.journal [boards] [folder]`; judges nothing.

The same boards three times. First in virtual time with commits that cost nothing; then every one of these commits again
on a real disk, each made durable (`synchronous = FULL`) and timed; then in virtual time with every commit taking what
it took there. The folder says which disk.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from station.run.packml import State
from station.store.database import Database, Group
from tests.scenarios.bench import Bench, bench
from tests.support import virtual

WANTED_PERCENT = 1.0
PACKAGES_PER_BOARD = 2


class _Disk:
    """Stands where the thread of the writer stands: every job takes as long as the next of these times."""

    def __init__(self, times_s: Iterator[float]) -> None:
        self._times_s = times_s

    @property
    def takes_s(self) -> float:
        return next(self._times_s, 0.0)

    def shutdown(self, wait: bool = True) -> None:
        """There is no thread."""


def build(boards: int, times_s: Sequence[float] = ()) -> tuple[float, list[list[Group]]]:
    """Build boards in virtual time. Returns the seconds from Start to Complete, and what every commit wrote."""
    written: list[list[Group]] = []
    lasted_s: list[float] = []

    @virtual
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with bench(Path(folder)) as b:
                _watch(b, written, times_s)
                began_s = asyncio.get_running_loop().time()
                b.order(boards)
                assert await b.rest() is State.COMPLETE, b.alarm_text()
                lasted_s.append(asyncio.get_running_loop().time() - began_s)

    run()
    return lasted_s[0], written


def _watch(b: Bench, written: list[list[Group]], times_s: Sequence[float]) -> None:
    database: Any = b.store.database
    write = database.write

    def noted(groups: Sequence[Group]) -> None:
        written.append([(statement, list(rows)) for statement, rows in groups])
        write(groups)

    database.write = noted
    database.writer.shutdown()
    database.writer = _Disk(iter(times_s))


def on_a_disk(commits: Sequence[list[Group]], folder: Path) -> list[float]:
    """Make the same commits durable on a real disk; seconds of each."""
    with tempfile.TemporaryDirectory(dir=folder) as data_dir:
        database = Database(Path(data_dir), durability="full")
        times_s = []
        for groups in commits:
            began_s = time.perf_counter()
            database.write(groups)
            times_s.append(time.perf_counter() - began_s)
        database.close()
    return times_s


def main(boards: int, folder: Path) -> None:
    free_s, commits = build(boards)
    times_s = on_a_disk(commits, folder)
    durable_s, again = build(boards, times_s)
    assert len(again) == len(commits)
    ordered = sorted(times_s)
    median_ms, p99_ms = ordered[len(ordered) // 2] * 1e3, ordered[int(len(ordered) * 0.99)] * 1e3
    packages = boards * PACKAGES_PER_BOARD
    print(
        f"{packages} packages, {len(commits)} commits, {len(commits) / packages:.1f} a package; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"a commit on the disk of {folder}: median {median_ms:.2f} ms, 99 % {p99_ms:.2f} ms, "
        f"worst {ordered[-1] * 1e3:.1f} ms"
    )
    print(f"commits that cost nothing: {free_s / packages:.4f} s a package; as measured: {durable_s / packages:.4f} s")
    print(f"overhead {(durable_s / free_s - 1) * 100:.2f} %, wanted {WANTED_PERCENT:.0f} % or less")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, Path(sys.argv[2]) if len(sys.argv) > 2 else Path.cwd())
