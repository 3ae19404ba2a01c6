"""Crash points: the station is killed at the nth commit, step of a task or byte on a wire, and started anew.

After the kill nothing more reaches the disk or a wire. A new station opens the same store on the same machine, a person
answers what it asks, and the run is judged by all invariants, and by what must hold across a kill. Many points share
one run: the process is split at each of them, the child is killed, the parent builds on to the next.
"""

from __future__ import annotations

import asyncio
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

__all__ = ["At", "Crash", "Point", "Story", "count", "crash", "crash_many", "looped"]

DEAD_FOR_S = 2.0
SETTLED = definition("act_settled").number
"""tells that the sensors have proved what became of an act; it asks nothing"""
TRUTHFUL_WITHIN_S = 3.0


@dataclass(slots=True)
class Crash:
    """What one crash point showed; `counts` is how many occasions there were up to the kill, or in the whole job.

    told_after_s   virtual time from the start of a new station until it said where it stands, the longest of them
    ended          what became of the packages, as recorded and in truth: what two kills of one sort must share
    """

    point: Point
    counts: Counter[At]
    has_killed: bool
    killed_again: bool = False
    told_after_s: float = 0.0
    ended: list[str] = field(default_factory=list)
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
            "again_at": self.point.again_at.value,
            "killed": self.has_killed,
            "killed_again": self.killed_again,
            "told_after_s": self.told_after_s,
            "ended": self.ended,
            "broken": [list(one) for one in self.broken],
            "problems": self.problems,
            "asked": self.asked,
        }


def crash(point: Point, seed: int = 11) -> Crash:
    """Run a one-board job, kill it there, start anew, finish, judge."""
    return _in_folder(lambda folder: looped(Story(folder, seed, Killer([point]), lambda: point)))


def crash_many(
    points: Sequence[Point],
    seed: int = 11,
    at_once: int = 1,
    enough: Callable[[Any, dict[str, Any]], bool] | None = None,
) -> Iterator[tuple[Point, dict[str, Any]]]:
    """The same for many points of one run, each with its line, in the order in which the run comes to them.

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

    made = Story(folder / "store", seed, Killer(points, reached), lambda: here[0] if here else points[0])
    try:
        or_error(brood, lambda: looped(made).as_dict())
        for point, told in brood.results():
            yield point, _line(point, told)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _line(point: Point, told: dict[str, Any]) -> dict[str, Any]:
    if "error" not in told:
        return told
    return {**Crash(point, Counter(), True, problems=[told["error"]]).as_dict()}


def count(seed: int = 11) -> Counter[At]:
    """How many points of every sort a one-board job has."""
    return crash(Point(At.BEFORE_COMMIT, 0), seed).counts


def _in_folder(work: Callable[[Path], Crash]) -> Crash:
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=fast_folder()))
    try:
        return work(folder / "store")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def looped(told: Story) -> Crash:
    return virtual_time.run(told.tell(), loop_type=type("Loop", (KillersLoop,), {"killer": told.killer}))


class Story:
    """One job, one or two kills, the restart, the finished board. `folder` is where a restarted station looks."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        killer: Killer,
        point: Callable[[], Point],
        on_plant: Callable[[Plant], None] = lambda _: None,
    ) -> None:
        self._on_plant = on_plant
        self.folder, self.killer = folder, killer
        self._first_folder, self._seed, self._point = folder, seed, point
        self._durable: dict[int, str] = {}
        self._problems: list[str] = []
        self._restarts: list[float] = []
        self._asked: list[int] = []
        self._told_after_s = 0.0
        self.again_counts: Counter[At] = Counter()

    async def tell(self) -> Crash:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(MAIN_TASK)
        plant = world(seed=self._seed)
        await plant.start()
        self._on_plant(plant)
        watcher = Watcher(plant)
        self.killer.watch_acts(plant)
        async with bench(self._first_folder, plant=plant, seed=self._seed) as b:
            watcher.attach(b)
            killed = asyncio.Event()
            self._arm(b, plant, watcher, killed)
            b.order()
            await b.until(lambda: b.controller.packml.state is State.COMPLETE or killed.is_set(), 0.05)
            self.killer.is_armed = False
            if killed.is_set():
                if self.folder != self._first_folder:
                    abandon(b.store)
                await b.die()
                self.killer.revive()
        counts = Counter(self.killer.counts)
        if not killed.is_set():
            await plant.stop()
            return Crash(self._point(), counts, False)
        point, killed_again = self._point(), False
        if point.again:
            self.killer.want([Point(point.again_at, point.again)])
            killed_again = await self._short_life(plant, watcher)
        judged = await self._life(plant, watcher, 2)
        await plant.stop()
        return Crash(
            point,
            counts,
            True,
            killed_again,
            round(self._told_after_s, 3),
            _ended(judged),
            violations(judged),
            self._problems,
            self._asked,
            story(judged),
        )

    def _arm(self, b: Bench, plant: Plant, watcher: Watcher, killed: asyncio.Event) -> None:
        def kill() -> None:
            b.store.writing.failure = StoreFailed("the process is gone")
            b.is_dead = True
            for cable in plant.cabling.cables.values():
                cable.cut(0.001)
            watcher.add(OPERATOR, "kills the station", {})
            killed.set()

        self.killer.watch_commits(b, self._durable)
        self.killer.arm(kill)

    async def _short_life(self, plant: Plant, watcher: Watcher) -> bool:
        """A new start that is killed as well, from its first step on; whether it was."""
        killed, benches = asyncio.Event(), list[Bench]()

        def begins(b: Bench) -> None:
            benches.append(b)
            self._arm(b, plant, watcher, killed)

        life = asyncio.create_task(self._life(plant, watcher, 1, begins), name="short life")
        death = asyncio.create_task(killed.wait(), name=MAIN_TASK)
        await asyncio.wait((life, death), return_when=asyncio.FIRST_COMPLETED)
        for task in (life, death):
            task.cancel()
        await asyncio.gather(life, death, return_exceptions=True)
        self.again_counts = Counter(self.killer.counts)
        self.killer.is_armed = False
        if killed.is_set():
            await benches[0].die()
        self.killer.revive()
        return killed.is_set()

    async def _life(
        self, plant: Plant, watcher: Watcher, nth: int, begins: Callable[[Bench], None] | None = None
    ) -> Judged:
        """A new start of the station: what it says, and the board."""
        await asyncio.sleep(DEAD_FOR_S)
        devices = (plant.plc, plant.head, plant.dip_unit)
        if any(channel.busy for device in devices for channel in device.core.channels):
            self._problems.append(f"something still moves {DEAD_FOR_S:.0f} s after the kill")
        began_s = plant.now()
        self._restarts.append(began_s)
        async with bench(self.folder, plant=plant, seed=self._seed + nth, is_ready=False, before_start=begins) as b:
            watcher.attach(b)
            await self._what_is_said(b, plant.now() - began_s)
            if begins is None:
                self.killer.watch_commits(b, self._durable)
            hang = ""
            try:
                await Operator(b, watcher).finish_a_board()
            except Hangs as hanging:
                hang = str(hanging)
            return await ended(watcher, b, recipe(), hang, self._restarts)

    async def _what_is_said(self, b: Bench, took_s: float) -> None:
        """Truthful and soon: every open act is asked about or settled, and nothing acknowledged is lost (32)."""
        self._told_after_s = max(self._told_after_s, took_s)
        if took_s > TRUTHFUL_WITHIN_S:
            self._problems.append(f"the new station needed {took_s:.1f} s to say where it stands")
        now = {event.seq: event.hash for event in await b.store.events.read(limit=100_000)}
        if b.is_dead:
            return
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


def _ended(run: Judged) -> list[str]:
    """The boards, what was recorded of every package, and where packages truly are."""
    plant = run.plant
    told = [f"{one['board']['serial']} {one['site']} {one['result']}" for one in run.records]
    lie = [f"{board.serial} {sum(len(site.placed) for site in board.sites)} lie there" for board in plant.boards]
    return [*told, *lie, f"{len(plant.rejected)} in the bin", f"{len(plant.lost)} lost"]
