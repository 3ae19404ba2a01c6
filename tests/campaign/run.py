"""One run of any schedule: the real station on the simulated machine, a person at it, everything watched and judged."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from recipes import Recipe
from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.schedule import Act, Entry, Schedule
from sim_hardware.world.places import SafetyInputs
from tests.campaign import invariants_log, invariants_motion, invariants_people, invariants_product, invariants_records
from tests.campaign.ended import ended
from tests.campaign.folders import fast_folder
from tests.campaign.forked import AllSplit, Brood, copied, move_to, or_error
from tests.campaign.host_loop import MAIN_TASK, HostLoop
from tests.campaign.house import AT_START
from tests.campaign.judged import FAULTS_CEASE, Judged, violations
from tests.campaign.operator import Hangs
from tests.campaign.person import Person
from tests.campaign.reached import reached
from tests.campaign.reaction import Reaction, reaction_of
from tests.campaign.watcher import OPERATOR, PLANT, STATION, Watcher
from tests.scenarios.bench import Bench, bench, recipe, world

Look = Callable[[Judged, Bench], None]
INVARIANT_MODULES = (invariants_motion, invariants_product, invariants_records, invariants_log, invariants_people)
GIVEN = "recipe_load"
"""what is announced when the job is given"""
# What the station writes on a terminal about thousands of faults that were meant to happen tells nobody anything.
logging.getLogger("station").addHandler(logging.NullHandler())
COLLECTED_EVERY = 16
RUN_LIMIT_S = 60
"""real seconds after which a run counts as hanging: 100 times what one takes"""
_RUNS = count(1)
STARTED_ANEW_S = 1.0
"""what a person needs to start the service again after its memory failed"""


@dataclass(slots=True)
class Outcome:
    """What one run showed.

    struck      kinds of faults and acts that truly happened
    broken      (number, sentence of the violation)
    reaction    what the station did about it
    reached     what came by, for the counts of the whole campaign
    story       what happened, for people
    """

    struck: list[str]
    broken: list[tuple[int, str]]
    reaction: Reaction
    is_finished: bool
    reached: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "struck": self.struck,
            "broken": [list(one) for one in self.broken],
            **self.reaction.as_dict(),
            "finished": self.is_finished,
            "reached": self.reached,
        }


def run(
    schedule: Sequence[Entry],
    seed: int = 11,
    *,
    boards: int = 1,
    drawn: Recipe | None = None,
    heals_at_s: float = 0.0,
    rendering: Rendering = Rendering.OBSERVATION,
    look: Look | None = None,
) -> Outcome:
    """Run the schedule in virtual time on a machine of this seed.

    drawn       the recipe that is built; None: that of the bench
    heals_at_s  liveness: nobody repairs anything, at this simulated time all faults cease, and a board must come of it;
                0: a person puts right what is wrong before he answers
    rendering   whether pictures are drawn
    look        told of the run when it has ended, with the station that ran it
    """
    folder = Path(tempfile.mkdtemp(prefix="campaign-", dir=fast_folder()))
    try:
        whole = _run(schedule, seed, folder, boards, drawn or recipe(), heals_at_s, rendering=rendering, look=look)
        return virtual_time.run(whole, loop_type=HostLoop)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        # A whole run outlives the young collection, held together by its circles: 5 MB that thousands of runs add up.
        gc.collect(2 if next(_RUNS) % COLLECTED_EVERY == 0 else 0)


def shares_beginning(schedule: Sequence[Entry]) -> bool:
    """Whether nothing of it can strike before a station that is ready: it may be given then as well as at the start.

    Before that nobody is asked anything either, so answers may wait."""
    return all(
        getattr(entry, "act", "") == "answer"
        or (entry.step and entry.step not in ("boot", "home") and getattr(entry, "act", "") not in AT_START)
        for entry in schedule
    )


def run_each(schedules: Mapping[Any, Schedule], seed: int) -> dict[Any, dict[str, Any]]:
    """Every schedule on the machine of this seed, by its tag: the outcome of `run` as a dict, or `error`.

    Those that share their beginning live through it once."""
    shared = [(schedule, tag) for tag, schedule in schedules.items() if shares_beginning(schedule)]
    told = dict(run_many(shared, seed)) if len(shared) > 1 else {}
    return {tag: told[tag] if tag in told else run_alone(schedule, seed) for tag, schedule in schedules.items()}


def run_alone(schedule: Schedule, seed: int, **options: Any) -> dict[str, Any]:
    """The outcome of `run` as a dict, or `error`, also where it hangs."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(RUN_LIMIT_S)
    try:
        return run(schedule, seed, **options).as_dict()
    except Exception as error:
        trace = traceback.format_exception(error)[-3:]
        return {"error": f"{type(error).__name__}: {error}"[:300], "trace": trace}
    finally:
        signal.alarm(0)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {RUN_LIMIT_S} s of real time")


def run_many(
    schedules: Sequence[tuple[Schedule, Any]],
    seed: int,
    at_once: int = 1,
    enough: Callable[[Any, dict[str, Any]], bool] | None = None,
    *,
    attended: bool = True,
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Run many schedules (schedule, tag) on one machine of this seed: (tag, outcome), in the order in which they part.

    Every schedule must share its beginning with a run without faults: the process is split in the instant before the
    first step that it waits for. The outcome is that of `run`, as a dict.

    enough     told of every outcome as it comes; True: the rest is not run
    attended   False: nobody is there, every alarm's row says what is done instead of asking
    """
    waiting = dict(enumerate(schedules))
    for is_early in (False, True):  # what a board without faults never comes to parts when the job is given
        if not waiting:
            return
        folder = Path(tempfile.mkdtemp(prefix="campaign-", dir=fast_folder()))
        parting = _Parting(folder / "store", Brood(at_once, enough), waiting, is_early=is_early)
        try:
            or_error(parting.brood, partial(_parted, parting, seed, folder, attended=attended))
            yield from parting.brood.results()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if parting.is_over:
            return


def _parted(parting: _Parting, seed: int, folder: Path, *, attended: bool) -> dict[str, Any]:
    told = _run((), seed, folder, 1, recipe(), 0.0, parting, attended=attended)
    return virtual_time.run(told, loop_type=HostLoop).as_dict()


class _Parting:
    """Bears a child of its own for every schedule, before the step that it waits for; the parent builds on.

    waiting    schedules that are not born yet, by their number
    is_early   all of them part when the job is given
    """

    def __init__(self, store: Path, brood: Brood, waiting: dict[int, tuple[Schedule, Any]], *, is_early: bool) -> None:
        self.brood, self.is_over = brood, False
        self._store, self._waiting, self._is_early = store, waiting, is_early

    def before_step(self, b: Bench, person: Person, step: str) -> None:
        """A step is about to be announced, deep inside the station: an end is kept for `look`."""
        if self.brood.is_child or self.is_over or (self._is_early and step != GIVEN):
            return
        for number, (schedule, tag) in list(self._waiting.items()):
            if not self._is_early and all(entry.step != step for entry in schedule):
                continue
            del self._waiting[number]
            # Before the split: the parent writes on while a child that is late would still copy.
            copy = copied(self._store, number)
            try:
                is_born = self.brood.split(tag)
            except AllSplit:
                self.is_over = True
                return
            if is_born:
                move_to(b.store, copy)
                person.store_folder = copy
                _give(schedule, b.plant, person)
                return

    def look(self) -> None:
        """Raises AllSplit in a parent that has nothing more to bear."""
        if not self.brood.is_child and (self.is_over or not self._waiting):
            raise AllSplit


def _give(schedule: Sequence[Entry], plant: Plant, person: Person) -> None:
    person.takes([entry for entry in schedule if isinstance(entry, Act)])
    for entry in schedule:
        if isinstance(entry, FaultSpec):
            plant.faults.inject(entry, plant.now())


async def _run(
    schedule: Sequence[Entry],
    seed: int,
    folder: Path,
    boards: int,
    drawn: Recipe,
    heals_at_s: float,
    parting: _Parting | None = None,
    *,
    attended: bool = True,
    rendering: Rendering = Rendering.OBSERVATION,
    look: Look | None = None,
) -> Outcome:
    task = asyncio.current_task()
    assert task is not None
    task.set_name(MAIN_TASK)
    plant = world(seed=seed, drawn=drawn, rendering=rendering)
    await plant.start()
    watcher = Watcher(plant)
    person = Person(watcher, folder / "store", repairs=not heals_at_s)
    _give(schedule, plant, person)
    person.before_the_start(folder / "store")
    if heals_at_s:
        plant.call_at(heals_at_s, _heal, watcher)
    hang, lives = "", 0
    restarts: list[float] = []
    while True:
        lives += 1
        async with bench(
            person.store_folder, plant=plant, seed=seed + lives, is_ready=False, drawn=drawn, attended=attended
        ) as b:
            watcher.attach(b)
            operator = person.at(b)
            if parting is not None and lives == 1:
                watcher.before_step, operator.before_look = partial(parting.before_step, b, person), parting.look
            if lives == 1:
                watcher.announce("boot")
                await asyncio.sleep(0.02)
            try:
                await operator.finish_a_board(boards)
            except Hangs as hanging:
                hang = str(hanging)
            if b.is_dead and not hang:
                await asyncio.sleep(person.dead_for_s if person.is_killed else STARTED_ANEW_S)
                restarts.append(plant.now())
                continue
            await person.gone()
            await asyncio.sleep(0.5)
            judged = await ended(watcher, b, drawn, hang, restarts)
            told = story(judged)
            if look is not None:
                look(judged, b)
            break
    await plant.stop()
    broken = violations(judged)
    struck = [kind for _, kind in plant.faults.struck] + person.done
    reaction = reaction_of(judged)
    return Outcome(
        struck,
        broken,
        reaction,
        not hang,
        reached(judged, reaction),
        told + [f"broken: invariant {n}: {text}" for n, text in broken],
    )


def _heal(watcher: Watcher) -> None:
    """Whatever was wrong ceases; what has happened stays as it is."""
    plant = watcher.plant
    watcher.add(PLANT, FAULTS_CEASE, {})
    plant.faults.heal()
    for cable in plant.cabling.cables.values():
        cable.refuses_until_s, cable.kept = 0.0, None
    plant.set_safety(**{name: getattr(SafetyInputs(), name) for name in SafetyInputs.__slots__})
    plant.film.refill()


LINES_MAX = 22
_UNTOLD = ("exposed", "film laid", "board in", "tray in", "glass put down")
_TOLD = ("state.changed", "alarm.raised", "alarm.retried", "operator.answer", "bug")


def story(run: Judged) -> list[str]:
    """About 20 lines: what the machine did that matters, what the station said, what the person did."""
    lines = []
    for entry in run.entries:
        if entry.source == STATION and entry.kind in _TOLD:
            lines.append(f"{entry.at_s:9.3f} s  station   {_words(entry.kind, entry.data)}")
        elif entry.source == OPERATOR:
            lines.append(f"{entry.at_s:9.3f} s  person    {entry.kind} {entry.data.get('text', '')}".rstrip())
        elif entry.source == PLANT and entry.kind not in _UNTOLD and "GLASS-1" not in entry.data.values():
            about = ", ".join(f"{key} {value}" for key, value in entry.data.items() if isinstance(value, (str, bool)))
            lines.append(f"{entry.at_s:9.3f} s  machine   {entry.kind}: {about}")
    lines += [f"{at_s:9.3f} s  fault     {kind} strikes" for at_s, kind in run.plant.faults.struck]
    lines.sort(key=lambda line: float(line[:9]))
    first = next((i for i, line in enumerate(lines) if "  fault " in line or "person    does" in line), 0)
    begin = max(0, first - 3)
    return lines[begin : begin + LINES_MAX]


def _words(kind: str, data: dict[str, Any]) -> str:
    if kind == "state.changed":
        return f"{data['from']} -> {data['to']}"
    if kind == "operator.answer":
        return f"takes the answer {data['answer']} to {data['alarm']}"
    if kind == "bug":
        return f"bug in {data['step']}: {data['traceback'].strip().splitlines()[-1]}"
    return f"{kind} {data['number']}: {data['text'][:90]}"
