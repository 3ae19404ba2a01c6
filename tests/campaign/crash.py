"""Crash points: the station is killed at the nth commit or the nth step of one of its tasks, and started anew.

After the kill nothing more reaches the disk or a wire. A new station opens the same store on the same machine, a person
answers what it asks, and the run is judged by all invariants, and by what must hold across a kill.
"""

from __future__ import annotations

import asyncio
import contextvars
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sim_hardware import virtual_time
from station.alarms.catalogue import definition
from station.run.packml import State
from station.store.errors import StoreFailed
from tests.campaign.judged import Judged, violations
from tests.campaign.operator import Hangs, Operator
from tests.campaign.run import fast_folder, story
from tests.campaign.watcher import OPERATOR, Watcher
from tests.scenarios.bench import Bench, bench, recipe, world

DEAD_FOR_S = 2.0
SETTLED = definition("act_settled").number
"""tells that the sensors have proved what became of an act; it asks nothing"""
TRUTHFUL_WITHIN_S = 3.0
MAIN_TASK = "Task-1"


class At(StrEnum):
    """Where the counting is done."""

    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"
    TASK_STEP = "task step"


@dataclass(frozen=True, slots=True)
class Point:
    """The nth occasion after the order was given; n = 0 kills nobody and counts."""

    at: At
    n: int


class _Killer:
    """Counts occasions and kills at the wanted one."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.count = 0
        self.is_armed = False
        self.has_killed = False
        self.kill: Callable[[], None] = lambda: None

    def occasion(self, at: At) -> None:
        if not self.is_armed or self.has_killed or at is not self.point.at:
            return
        self.count += 1
        if self.count == self.point.n:
            self.has_killed = True
            self.kill()


class _CountingLoop(virtual_time.VirtualTimeLoop):
    """Tells the killer of every step of a task that is not the test's own: the machine has no tasks."""

    killer: _Killer

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        owner = getattr(callback, "__self__", None)
        if isinstance(owner, asyncio.Task) and owner.get_name() != MAIN_TASK:
            return super().call_soon(self._step, callback, args, context=context)
        return super().call_soon(callback, *args, context=context)

    def _step(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.killer.occasion(At.TASK_STEP)
        callback(*args)


@dataclass(slots=True)
class Crash:
    """What one crash point showed; `count` is how many occasions there were up to the kill, or in the whole job."""

    point: Point
    count: int
    has_killed: bool
    broken: list[tuple[int, str]]
    problems: list[str]
    asked: list[int]
    story: list[str]

    @property
    def is_good(self) -> bool:
        return not self.broken and not self.problems

    def as_dict(self) -> dict[str, Any]:
        return {
            "at": self.point.at.value,
            "n": self.point.n,
            "killed": self.has_killed,
            "broken": [list(one) for one in self.broken],
            "problems": self.problems,
            "asked": self.asked,
        }


def crash(point: Point, seed: int = 11) -> Crash:
    """Run a one-board job, kill it there, start anew, finish, judge."""
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=fast_folder()))
    usual = virtual_time.VirtualTimeLoop
    killer = _Killer(point)
    try:
        virtual_time.VirtualTimeLoop = type("Loop", (_CountingLoop,), {"killer": killer})  # type: ignore[misc]
        return virtual_time.run(_crash(killer, seed, folder))
    finally:
        virtual_time.VirtualTimeLoop = usual  # type: ignore[misc]
        shutil.rmtree(folder, ignore_errors=True)


async def _crash(killer: _Killer, seed: int, folder: Path) -> Crash:
    plant = world(seed=seed)
    await plant.start()
    watcher = Watcher(plant)
    problems: list[str] = []
    async with bench(folder / "store", plant=plant, seed=seed) as b:
        watcher.attach(b)
        durable = _watch_commits(b, killer)
        killed = asyncio.Event()

        def kill() -> None:
            b.store.writing.failure = StoreFailed("the process is gone")
            b.is_dead = True
            for cable in plant.cabling.cables.values():
                cable.cut(0.001)
            watcher.add(OPERATOR, "kills the station", {})
            killed.set()

        killer.kill = kill
        killer.is_armed = True
        b.order()
        await b.until(lambda: b.controller.packml.state is State.COMPLETE or killed.is_set(), 0.05)
        killer.is_armed = False
        if killed.is_set():
            await b.die()
    if not killer.has_killed:
        await plant.stop()
        return Crash(killer.point, killer.count, False, [], [], [], [])
    await asyncio.sleep(DEAD_FOR_S)
    if b.is_moving():
        problems.append(f"something still moves {DEAD_FOR_S:.0f} s after the kill")
    began_s = plant.now()
    async with bench(folder / "store", plant=plant, seed=seed + 1, is_ready=False) as b:
        watcher.attach(b)
        if plant.now() - began_s > TRUTHFUL_WITHIN_S:
            problems.append(f"the new station needed {plant.now() - began_s:.1f} s to say where it stands")
        problems += await _what_was_lost(b, durable)
        asked = [alarm.definition.number for alarm in b.controller.alarms.standing]
        open_acts = len(b.store.journal.open_intents())
        questions = [number for number in asked if number != SETTLED]
        if (b.controller.packml.state is State.ABORTED) != bool(asked) or len(questions) != open_acts:
            problems.append(
                f"{open_acts} acts are open, the station is {b.controller.packml.state.title}, asks {asked}"
            )
        hang = ""
        operator = Operator(b, watcher)
        try:
            await operator.finish_a_board()
        except Hangs as hanging:
            hang = str(hanging)
        await b.store.commit()
        events = [(event.kind, event.data) for event in await b.store.events.read(limit=100_000)]
        judged = Judged(
            plant,
            recipe(),
            list(watcher.entries),
            dict(watcher.executed),
            await b.records(),
            events,
            (await b.store.verify()).is_sound,
            not hang,
            hang,
            [began_s],
        )
    await plant.stop()
    return Crash(killer.point, killer.count, True, violations(judged), problems, asked, story(judged))


def _watch_commits(b: Bench, killer: _Killer) -> dict[int, str]:
    """Count commits; returns what grows: number and hash of every event that was told to be on the disk."""
    durable: dict[int, str] = {}
    writing = b.store.writing
    write = writing._database.write

    def written(groups: Any) -> None:
        killer.occasion(At.BEFORE_COMMIT)
        if writing.failure is not None:
            raise writing.failure
        write(groups)
        killer.occasion(At.AFTER_COMMIT)

    writing._database.write = written  # type: ignore[method-assign]
    writing.after_commit.append(lambda rows: durable.update({row[0]: row[6] for row in rows}))
    return durable


async def _what_was_lost(b: Bench, durable: dict[int, str]) -> list[str]:
    """Invariant 32: whatever was acknowledged is still there, unchanged."""
    now = {event.seq: event.hash for event in await b.store.events.read(limit=100_000)}
    lost = [seq for seq, seal in durable.items() if now.get(seq) != seal]
    return [f"{len(lost)} acknowledged events are lost or changed, the first is {min(lost)}"] if lost else []


def points(every: int = 1, seed: int = 11) -> list[Point]:
    """All points of a one-board job; of the steps of tasks every nth only."""
    commits = [Point(at, n) for at in (At.BEFORE_COMMIT, At.AFTER_COMMIT) for n in range(1, count(at, seed) + 1)]
    return commits + [Point(At.TASK_STEP, n) for n in range(1, count(At.TASK_STEP, seed) + 1, every)]


def count(at: At, seed: int = 11) -> int:
    """How many such points a one-board job has."""
    return crash(Point(at, 0), seed).count


def line(job: tuple[Point, int]) -> dict[str, Any]:
    """One crash point (point, seed) as data."""
    point, seed = job
    try:
        return crash(point, seed).as_dict()
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"[:300]
        return {"at": point.at.value, "n": point.n, "killed": True, "broken": [], "problems": [problem], "asked": []}
