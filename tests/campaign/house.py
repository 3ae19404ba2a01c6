"""What happens to the host of the service: disk, memory, clock, scheduler, a second service, recipes, the log.

Every act is brought about at a seam of the real service: the driver of the database, the executor that writes, the wall
clock, the loop's turns, the web service. An act returns when it has struck. Those of the network stand elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import recipes
from station.clock import SIMULATION_EPOCH_UTC, Clock
from station.service_log import LINES_MAX, service_log
from station.store import open_store
from station.store.chain import canonical
from station.store.database import BUSY_LIMIT_S, DATABASE_NAME
from station.store.errors import SQLITE_BUSY, SQLITE_FULL, StoreError
from station.store.schema import SCHEMA_VERSION
from tests.campaign import neighbours
from tests.campaign.host_loop import HostLoop
from tests.campaign.watcher import OPERATOR, Watcher
from tests.campaign.web import judge_refusal, web
from tests.scenarios.bench import RECIPE, Bench, recipe

SQLITE_IOERR = 10
SLOW_COMMIT_S = 5.0
PAUSE_S = 3.0
BLOCK_S = 0.5
CLOCK_JUMP = timedelta(hours=1)
FLOOD_LINES = 100_000
_LOG = logging.getLogger(__name__)
OTHER_VISION = "sha256:" + "0" * 64

Act = Callable[[Bench, Watcher], Awaitable[None]]


# -- disk ------------------------------------------------------------------------------------------------------------


class _FailingDriver:
    """Stands before the driver of the database and fails every write with this result code."""

    def __init__(self, driver: sqlite3.Connection, code: int, struck: asyncio.Event) -> None:
        self._driver, self._code, self._struck = driver, code, struck

    def __enter__(self) -> _FailingDriver:
        self._driver.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._driver.__exit__(*error)

    def executemany(self, statement: str, rows: object) -> None:
        self._struck.set()
        error = sqlite3.OperationalError(f"planted, result code {self._code}")
        error.sqlite_errorcode = self._code
        raise error


async def _fail_writes(b: Bench, code: int) -> None:
    struck = asyncio.Event()
    database: Any = b.store.database
    database._writer_driver = _FailingDriver(database._writer_driver, code, struck)
    await struck.wait()


async def disk_full(b: Bench, watcher: Watcher) -> None:
    await _fail_writes(b, SQLITE_FULL)


async def io_error(b: Bench, watcher: Watcher) -> None:
    await _fail_writes(b, SQLITE_IOERR)


async def database_held(b: Bench, watcher: Watcher) -> None:
    """Another program holds the database for longer than a write waits."""
    _slow(b, BUSY_LIMIT_S)
    await _fail_writes(b, SQLITE_BUSY)


async def slow_commit(b: Bench, watcher: Watcher) -> None:
    """One commit needs five seconds of the disk."""
    _slow(b, SLOW_COMMIT_S)
    done = asyncio.Event()
    b.store.writing.after_commit.append(lambda rows: done.set())
    while b.store.last_commit_s < SLOW_COMMIT_S:  # the commit that is under way now may still be a quick one
        done.clear()
        await done.wait()
        await asyncio.sleep(0)
    _slow(b, 0.0)


def _slow(b: Bench, takes_s: float) -> None:
    writer: Any = b.store.database.writer
    writer.takes_s = takes_s


# -- process and clock -----------------------------------------------------------------------------------------------


async def process_paused(b: Bench, watcher: Watcher) -> None:
    await _stand_still(PAUSE_S)


async def loop_blocked(b: Bench, watcher: Watcher) -> None:
    await _stand_still(BLOCK_S)


async def _stand_still(for_s: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HostLoop)
    loop.stand_still(for_s)
    await asyncio.sleep(for_s)


async def clock_jumps(b: Bench, watcher: Watcher) -> None:
    clock = b.controller.clock
    clock._wall = lambda: SIMULATION_EPOCH_UTC + timedelta(seconds=clock.mono_s()) + CLOCK_JUMP


async def task_dies(b: Bench, watcher: Watcher) -> None:
    """The watch beside everything meets a mistake of ours."""
    struck = asyncio.Event()
    modes: Any = b.controller.modes
    look = modes.look

    def dies(*_: object, **__: object) -> None:
        modes.look = look
        struck.set()
        raise RuntimeError("planted: the watch dies")

    modes.look = dies
    await struck.wait()


async def second_service(b: Bench, watcher: Watcher) -> None:
    _refused_by(lambda: open_store(b.store.data_dir, Clock()).close(), watcher)


def damaged_at_start(data_dir: Path, act: str, watcher: Watcher) -> None:
    """The memory of an earlier day is damaged, or that of another version: it is refused, and its backup restored."""
    store = open_store(data_dir, Clock(lambda: SIMULATION_EPOCH_UTC))
    for number in range(200):
        store.events.append("station.online", {"number": number})
    store.close()
    path = data_dir / DATABASE_NAME
    backup = path.read_bytes()
    if act == "other_version":
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.close()
    else:
        middle = len(backup) // 2
        path.write_bytes(backup[:middle] + bytes(4096) + backup[middle + 4096 :])
    _refused_by(lambda: open_store(data_dir, Clock(lambda: SIMULATION_EPOCH_UTC)).close(), watcher)
    shutil.rmtree(data_dir)
    data_dir.mkdir()
    path.write_bytes(backup)


def _refused_by(opening: Callable[[], None], watcher: Watcher) -> None:
    try:
        opening()
        watcher.add(OPERATOR, "was not refused", {})
    except StoreError as refused:
        watcher.add(OPERATOR, "was refused", {"text": str(refused)})


# -- recipes, log ------------------------------------------------------------------------------------------------------


async def recipe_edited(b: Bench, watcher: Watcher) -> None:
    """From now on the name of the recipe stands for another content: an edited revision is stored and approved."""
    document, address = recipe().as_data(), f"/v1/recipes/{RECIPE}"
    document["place"]["hold_s"] += 0.1
    async with web(b) as client:
        tag = (await client.get(address)).headers["etag"]
        edited = (await client.put(address, json=document, headers={"If-Match": tag})).json()
        await client.post(f"{address}/revisions/{edited['hash']}/actions", json={"action": "approve"})
    assert b.shelf.to_build(RECIPE).content_hash == edited["hash"] != recipe().content_hash


async def wrong_recipe(b: Bench, watcher: Watcher) -> None:
    """The next order names a recipe for boards of another product; the one after it is right again."""
    struck, right = asyncio.Event(), b.named
    data = recipe().as_data()
    other = recipes.from_data({**data, "board": {**data["board"], "code_prefix": "OTHER"}}, RECIPE)

    def named() -> recipes.Recipe:
        b.named = right
        struck.set()
        return other

    b.named = named
    await struck.wait()


async def approved_under_another_vision(b: Bench, watcher: Watcher) -> None:
    """What the memory holds after an update of the software. The next order is refused; an MES that asks too is told
    why; the recipe is looked at and approved anew."""
    struck, to_build, drawn = asyncio.Event(), b.shelf.to_build, b.drawn
    kept = b.store.recipes.put(drawn.name, str(drawn.revision), drawn.content_hash, canonical(drawn.as_data()))
    b.store.recipes.approve(kept.hash, OTHER_VISION)

    def ordered(name: str, revision: str = "") -> recipes.Recipe:
        struck.set()
        return to_build(name, revision)

    b.shelf.to_build = ordered  # type: ignore[method-assign]
    await struck.wait()
    async with web(b) as client:
        order, key = {"recipe": drawn.name, "boards": 1}, {"Idempotency-Key": "order-3"}
        before = len(b.controller.jobs.views())
        refused = await client.post("/v1/jobs", json=order, headers=key)
        is_told = refused.status_code == 409 and refused.json()["code"] == "recipe-other-vision"
        judge_refusal(watcher, is_told and len(b.controller.jobs.views()) == before, refused.text)
        address = f"/v1/recipes/{drawn.name}/revisions/{kept.hash}"
        renewed = (await client.post(f"{address}/actions", json={"action": "approve"})).json()
        watcher.add(OPERATOR, "approves anew", {"text": drawn.name})
        if (renewed["refusal"], renewed["approved_vision"]) != (None, b.shelf.vision):
            watcher.add(OPERATOR, "was not refused", {"text": f"approved anew, and not taken: {renewed}"})


async def absurd_recipe(b: Bench, watcher: Watcher) -> None:
    """A recipe whose film is thicker than a package."""
    document = recipe().as_data()
    document["film"]["target_um"] = 5_000.0
    async with web(b) as client:
        answer = await client.put("/v1/recipes/absurd", json=document, headers={"If-None-Match": "*"})
        judge_refusal(watcher, answer.status_code == 422, answer.text)


async def log_flood(b: Bench, watcher: Watcher) -> None:
    """So many lines at one instant, and nobody takes them off the terminal."""
    reader = _NobodyReads()
    with service_log(reader) as lines:
        for number in range(FLOOD_LINES):
            _LOG.error("planted line %d", number)
        await asyncio.sleep(1.0)
        # One line is in the writer's hand.
        is_bounded = FLOOD_LINES - LINES_MAX - 1 <= lines.dropped <= FLOOD_LINES - LINES_MAX
        if not is_bounded:
            watcher.add(OPERATOR, "was not refused", {"text": f"{lines.dropped} of {FLOOD_LINES} lines were dropped"})
        reader.reads.set()


class _NobodyReads(logging.Handler):
    """A terminal that is stopped: whoever writes to it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.reads.wait()


STAND_STILL = ("process_paused", "loop_blocked")
AT_START = ("database_damaged", "other_version")
"""what is found by a service that starts"""
ACTS: dict[str, Act] = {
    "disk_full": disk_full,
    "io_error": io_error,
    "database_held": database_held,
    "slow_commit": slow_commit,
    "process_paused": process_paused,
    "loop_blocked": loop_blocked,
    "clock_jumps": clock_jumps,
    "task_dies": task_dies,
    "second_service": second_service,
    "recipe_edited": recipe_edited,
    "wrong_recipe": wrong_recipe,
    "log_flood": log_flood,
    "absurd_recipe": absurd_recipe,
    "approved_under_another_vision": approved_under_another_vision,
    **neighbours.ACTS,
}
"""what happens while it runs"""
ACT_OF = {
    "C16": "approved_under_another_vision",
    "H01": "kill",
    "H02": "disk_full",
    "H03": "database_held",
    "H04": "slow_commit",
    "H05": "io_error",
    "H06": "database_damaged",
    "H07": "clock_jumps",
    "H08": "process_paused",
    "H09": "kill",
    "H10": "task_dies",
    "H11": "loop_blocked",
    "H12": "second_service",
    "H13": "other_version",
    "H14": "log_flood",
    "O05": "wrong_recipe",
    "O06": "recipe_edited",
    "O07": "absurd_recipe",
    **neighbours.ACT_OF,
}
"""which act is which fault of the list"""
