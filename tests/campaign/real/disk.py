"""H02, H03, H04: a disk without room, a database that somebody else holds, in the middle of a board, by seed.

Room is taken by a file beside the database on a small disk of its own (a tmpfs, where this user may mount one), else by
a limit on the size of every file that the service writes. Nobody here can slow an fsync down; a lock that another
process holds on the database for up to 1.5 s makes the commit wait as long, which the service cannot tell apart.
"""

from __future__ import annotations

import random
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from station.store.database import DATABASE_NAME
from tests.campaign.real import judge
from tests.campaign.real.hand import STORE_FAILED, Hand
from tests.campaign.real.kills import BOARD_S
from tests.campaign.real.lines import SAID_KEPT, line_for
from tests.campaign.real.told import Told
from tests.scenarios.live import Line, wait_for

DISK_BYTES = 24_000_000
LEFT_BYTES = 40_000
"""at most so much room is left when the disk is filled: some tens of commits"""
STOPS_WITHIN_S = 120.0
"""of the machine's time, from the fault to the alarm: the room that is left lasts for some steps, seldom for a board"""
REFUSED = 5
"""exit code of a service that does not start on such a memory"""


class Trouble(StrEnum):
    """What becomes of the disk."""

    FULL = "full"
    HELD_SHORTLY = "held for less than 2 s"
    HELD_LONG = "held for more than 2 s"


TROUBLES = (Trouble.FULL, Trouble.FULL, Trouble.FULL, Trouble.HELD_SHORTLY, Trouble.HELD_LONG)
"""by turns"""


@dataclass(slots=True)
class Troubled:
    """One run. `rest_s`: from the fault to the alarm that tells of it, of the computer's time."""

    seed: int
    trouble: str
    means: str = ""
    full: int = 0
    held: int = 0
    rest_s: float = 0.0
    refused_start: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(seed: int, speed: float = 1.0) -> Troubled:
    """One machine, one board, the trouble of this seed in the middle of it; then the disk is well and a board built."""
    began_s = time.monotonic()
    trouble = TROUBLES[seed % len(TROUBLES)]
    found = Troubled(seed, trouble.value)
    with (
        tempfile.TemporaryDirectory(prefix="disk-") as disk,
        small_disk(Path(disk)) as found.means,
        line_for(found.wrong, seed, speed, lambda folder: Path(disk) / "data") as line,
    ):
        _run(line, found, trouble, random.Random(seed))
    found.seconds = round(time.monotonic() - began_s, 2)
    return found


@contextmanager
def small_disk(at: Path) -> Iterator[str]:
    """A disk of its own where this user may mount one; yields what it is."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(at)], capture_output=True, check=False
    )
    try:
        yield "tmpfs" if mounted.returncode == 0 else "limit on file sizes"
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", str(at)], check=False)


def _run(line: Line, found: Troubled, trouble: Trouble, chance: random.Random) -> None:
    told = Told()
    hand = Hand(line, told, f"disk-{found.seed}")
    line.start_service()
    told.listen(line)
    hand.begin_a_board()
    time.sleep(chance.uniform(0.0, BOARD_S) / line.speed)
    if trouble is Trouble.HELD_SHORTLY:
        found.held += 1
        _hold(line, chance.uniform(0.3, 1.5))
        _goes_on(line, found)
    else:
        with _without_room(line, found, chance) if trouble is Trouble.FULL else _held(line, found):
            _stops_safely(line, hand, found)
            assert line.service is not None
            line.service.end()
            if trouble is Trouble.FULL and chance.random() < 0.5:
                _does_not_start(line, found)
        line.start_service()
        found.wrong += judge.at_start(line, told)
        told.listen(line)
    hand.finish_a_board()
    found.wrong += judge.at_end(line, told)
    assert line.service is not None
    if (code := line.service.end()) != 0:
        found.wrong.append(f"after Ctrl-C it ends with {code}")


@contextmanager
def _without_room(line: Line, found: Troubled, chance: random.Random) -> Iterator[None]:
    """Fill the disk but for a little, and give the room back at the end."""
    found.full += 1
    assert line.service is not None
    if found.means == "tmpfs":
        ballast, left = line.data_dir.parent / "ballast", chance.randrange(LEFT_BYTES)
        free = shutil.disk_usage(line.data_dir).free
        # The service writes meanwhile and may take what is left.
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            file.write(b"\0" * max(0, free - left))
        yield
        ballast.unlink()
        return
    pid = line.service.process.pid
    written = (line.data_dir / f"{DATABASE_NAME}-wal").stat().st_size
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (written, resource.RLIM_INFINITY))
    yield
    if line.service.process.poll() is None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def _held(line: Line, found: Troubled) -> Iterator[None]:
    """Another program holds the database to write."""
    found.held += 1
    with closing(sqlite3.connect(line.data_dir / DATABASE_NAME, timeout=5.0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def _hold(line: Line, held_s: float) -> None:
    with closing(sqlite3.connect(line.data_dir / DATABASE_NAME, timeout=5.0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(held_s)
        other.execute("ROLLBACK")


def _stops_safely(line: Line, hand: Hand, found: Troubled) -> None:
    """The station says 801, comes to rest, takes a Stop, and the machine stands."""
    began_s = time.monotonic()

    def says_so() -> bool:
        if any(alarm["number"] == STORE_FAILED for alarm in line.get("/v1/alarms")["items"]):
            return True
        if line.state() != "Execute":
            hand.step()  # what is left was enough for this board: go on until it is not
        return False

    assert line.service is not None
    wait_for("alarm 801", line.service, condition=says_so, within_s=STOPS_WITHIN_S / line.speed + 5.0)
    wait_for("rest", line.service, condition=lambda: line.state() in judge.WAITS, within_s=5.0)
    found.rest_s = round(time.monotonic() - began_s, 2)
    still = line.ask(do="still")
    if still["is_moving"] or still["under_way"]:
        found.wrong.append(f"at rest with a failed memory, and {still}")
    stop = line.post("/v1/station/commands", "", command="stop")
    if stop.status_code != 202:
        found.wrong.append(f"Stop is answered {stop.status_code} {stop.text}")
    reset = line.post("/v1/jobs", f"no-room-{found.seed}", recipe="pop_12x12_168", boards=1)
    if reset.status_code != 503:
        found.wrong.append(f"an order that cannot be kept is answered {reset.status_code} {reset.text}")
    health = line.get("/v1/health")
    if health["store_failure"] is None:
        found.wrong.append("health says nothing of it")


def _does_not_start(line: Line, found: Troubled) -> None:
    """On a disk that is still full the service says what is wrong, or it starts and says 801; it never just dies."""
    try:
        line.start_service()
    except AssertionError:
        assert line.service is not None
        code = line.service.process.wait(timeout=5)
        if code != REFUSED:
            found.wrong.append(f"start on a full disk ends with {code}: {line.service.said[-SAID_KEPT:]}")
        found.refused_start += 1
        return
    assert line.service is not None
    line.service.end()


def _goes_on(line: Line, found: Troubled) -> None:
    """A commit that waits for less than the limit is no failure; that nothing else waits for it shows in H04."""
    if any(alarm["number"] == STORE_FAILED for alarm in line.get("/v1/alarms")["items"]):
        found.wrong.append("a commit that waited for less than 2 s failed")
