"""Crash points: the station is killed at the nth commit, step of a task or byte on a wire, and started anew.

After the kill nothing more reaches the disk or a wire. A new station opens the same store on the same machine, a person
answers what it asks, and the run is judged by all invariants, and by what must hold across a kill. Many points share
one run: the process is split at each of them, the child is killed, the parent builds on to the next.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim_hardware import virtual_time
from sim_hardware.plant import Plant
from station.alarms.catalogue import definition
from station.run.packml import State
from station.store.errors import StoreFailed
from tests.campaign.ended import ended
from tests.campaign.folders import fast_folder
from tests.campaign.forked import Brood, abandon, copied, or_error
from tests.campaign.host_loop import MAIN_TASK
from tests.campaign.judged import Judged, violations
from tests.campaign.killer import At, Killer, KillersLoop, Point
from tests.campaign.operator import Hangs, Operator
from tests.campaign.run import story
from tests.campaign.watcher import OPERATOR, Watcher
from tests.scenarios.bench import Bench, bench, recipe, world

__all__ = ["At", "Crash", "Point", "count", "crash", "crash_many", "points"]

DEAD_FOR_S = 2.0
SETTLED = definition("act_settled").number
"""tells that the sensors have proved what became of an act; it asks nothing"""
TRUTHFUL_WITHIN_S = 3.0
BYTES = (At.BYTE_OUT, At.BYTE_IN)
AGAIN_WITHIN = 900
"""steps of tasks of a restarted station: from its start to its first picture of the board"""


@dataclass(slots=True)
class Crash:
    """What one crash point showed; `counts` is how many occasions there were up to the kill, or in the whole job."""

    point: Point
    counts: Counter[At]
    has_killed: bool
    broken: list[tuple[int, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.broken and not self.problems

    def as_dict(self) -> dict[str, Any]:
        return {
            "at": self.point.at.value,
            "n": self.point.n,
            "again": self.point.again,
            "killed": self.has_killed,
            "broken": [list(one) for one in self.broken],
            "problems": self.problems,
            "asked": self.asked,
        }


def crash(point: Point, seed: int = 11) -> Crash:
    """Run a one-board job, kill it there, start anew, finish, judge."""
    return _in_folder(lambda folder: _looped(_Story(folder, seed, Killer([point]), lambda: point)))


def crash_many(
    points: Sequence[Point],
    seed: int = 11,
    at_once: int = 1,
    enough: Callable[[Any, dict[str, Any]], bool] | None = None,
) -> Iterator[dict[str, Any]]:
    """The same for many points of one run, as lines, in the order in which the run comes to them.

    A split takes a few thousandths of a second; what is saved is everything up to the kill.
    """
    wanted: dict[tuple[At, int], list[Point]] = {}
    for point in points:
        wanted.setdefault((point.at, point.n), []).append(point)
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=fast_folder()))
    brood = Brood(at_once, enough)
    here: list[Point] = []

    def reached(at: At, n: int) -> bool:
        for number, point in enumerate(wanted.get((at, n), ())):
            copy = copied(folder / "store", f"{at.name}-{n}-{number}")
            if brood.split(point):
                here.append(point)
                made.folder = copy
                return True
        return False

    made = _Story(folder / "store", seed, Killer(points, reached), lambda: here[0] if here else points[0])
    try:
        or_error(brood, lambda: _looped(made).as_dict())
        for point, told in brood.results():
            yield _line(point, told)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _line(point: Point, told: dict[str, Any]) -> dict[str, Any]:
    if "error" not in told:
        return told
    return {**Crash(point, Counter(), True, problems=[told["error"]]).as_dict()}


def count(seed: int = 11) -> Counter[At]:
    """How many points of every sort a one-board job has."""
    return crash(Point(At.BEFORE_COMMIT, 0), seed).counts


def points(every: int = 1, every_byte: int = 97, again: int = 0, seed: int = 11) -> list[Point]:
    """All commits, every nth step of a task, every nth byte; and `again` of them with a second kill, spread and drawn.

    97 bytes: a prime, so that all places within a frame have their turn
    """
    whole = count(seed)
    listed = [Point(at, n) for at in (At.BEFORE_COMMIT, At.AFTER_COMMIT) for n in range(1, whole[at] + 1)]
    listed += [Point(At.TASK_STEP, n) for n in range(1, whole[At.TASK_STEP] + 1, every)]
    listed += [Point(at, n) for at in BYTES for n in range(1, whole[at] + 1, every_byte)]
    chance = random.Random(seed)
    twice = [chance.choice(listed) for _ in range(again)]
    return listed + [Point(one.at, one.n, chance.randint(1, AGAIN_WITHIN)) for one in twice]


def _in_folder(work: Callable[[Path], Crash]) -> Crash:
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=fast_folder()))
    try:
        return work(folder / "store")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _looped(told: _Story) -> Crash:
    return virtual_time.run(told.tell(), loop_type=type("Loop", (KillersLoop,), {"killer": told.killer}))


class _Story:
    """One job, one or two kills, the restart, the finished board. `folder` is where a restarted station looks."""

    def __init__(self, folder: Path, seed: int, killer: Killer, point: Callable[[], Point]) -> None:
        self.folder, self.killer = folder, killer
        self._first_folder, self._seed, self._point = folder, seed, point
        self._durable: dict[int, str] = {}
        self._problems: list[str] = []
        self._restarts: list[float] = []
        self._asked: list[int] = []

    async def tell(self) -> Crash:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(MAIN_TASK)
        plant = world(seed=self._seed)
        await plant.start()
        watcher = Watcher(plant)
        self.killer.watch_acts(plant)
        async with bench(self._first_folder, plant=plant, seed=self._seed) as b:
            watcher.attach(b)
            self.killer.watch_commits(b, self._durable)
            killed = self._arm(b, plant, watcher)
            b.order()
            await b.until(lambda: b.controller.packml.state is State.COMPLETE or killed.is_set(), 0.05)
            self.killer.is_armed = False
            if killed.is_set():
                if self.folder != self._first_folder:
                    abandon(b.store)
                await b.die()
        counts = Counter(self.killer.counts)
        if not killed.is_set():
            await plant.stop()
            return Crash(self._point(), counts, False)
        again = self._point().again
        if again:
            self.killer.want([Point(At.TASK_STEP, again)])
            await self._restart(plant, watcher, 1, is_killed=True)
        judged = await self._restart(plant, watcher, 2, is_killed=False)
        await plant.stop()
        assert judged is not None
        return Crash(self._point(), counts, True, violations(judged), self._problems, self._asked, story(judged))

    def _arm(self, b: Bench, plant: Plant, watcher: Watcher) -> asyncio.Event:
        killed = asyncio.Event()

        def kill() -> None:
            b.store.writing.failure = StoreFailed("the process is gone")
            b.is_dead = True
            for cable in plant.cabling.cables.values():
                cable.cut(0.001)
            watcher.add(OPERATOR, "kills the station", {})
            killed.set()

        self.killer.arm(kill)
        return killed

    async def _restart(self, plant: Plant, watcher: Watcher, nth: int, *, is_killed: bool) -> Judged | None:
        """A new start of the station: what it says, and the board; None where it was killed before that."""
        await asyncio.sleep(DEAD_FOR_S)
        devices = (plant.plc, plant.head, plant.dip_unit)
        if any(channel.busy for device in devices for channel in device.core.channels):
            self._problems.append(f"something still moves {DEAD_FOR_S:.0f} s after the kill")
        began_s = plant.now()
        self._restarts.append(began_s)
        async with bench(self.folder, plant=plant, seed=self._seed + nth, is_ready=False) as b:
            watcher.attach(b)
            await self._what_is_said(b, plant.now() - began_s)
            self.killer.watch_commits(b, self._durable)
            killed = self._arm(b, plant, watcher) if is_killed else asyncio.Event()
            hang = ""
            try:
                await Operator(b, watcher).finish_a_board()
            except Hangs as hanging:
                hang = str(hanging)
            self.killer.is_armed = False
            if killed.is_set():
                await b.die()
                return None
            return await ended(watcher, b, recipe(), hang, self._restarts)

    async def _what_is_said(self, b: Bench, took_s: float) -> None:
        """Truthful and soon: every open act is asked about or settled, and nothing acknowledged is lost (32)."""
        if took_s > TRUTHFUL_WITHIN_S:
            self._problems.append(f"the new station needed {took_s:.1f} s to say where it stands")
        now = {event.seq: event.hash for event in await b.store.events.read(limit=100_000)}
        lost = [seq for seq, seal in self._durable.items() if now.get(seq) != seal]
        if lost:
            self._problems.append(f"{len(lost)} acknowledged events are lost or changed, the first is {min(lost)}")
        asked = [alarm.definition.number for alarm in b.controller.alarms.standing]
        open_acts = len(b.store.journal.open_intents())
        questions = [number for number in asked if number != SETTLED]
        if (b.controller.packml.state is State.ABORTED) != bool(asked) or len(questions) != open_acts:
            state = b.controller.packml.state.title
            self._problems.append(f"{open_acts} acts are open, the station is {state}, asks {asked}")
        self._asked += asked
