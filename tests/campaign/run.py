"""One run of any schedule: the real station on the simulated machine, a person at it, everything watched and judged."""

from __future__ import annotations

import asyncio
import gc
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec, Phase
from station.alarms.active import AnswerRefused
from station.run.controller import CommandRefused
from station.run.packml import Command, State
from station.store.errors import StoreFailed
from tests.campaign import invariants_motion, invariants_product, invariants_records
from tests.campaign.judged import Judged, violations
from tests.campaign.operator import Hangs, Operator
from tests.campaign.reaction import Reaction, reaction_of
from tests.campaign.schedule import Act, Entry
from tests.campaign.watcher import OPERATOR, PLANT, STATION, Watcher
from tests.scenarios.bench import Bench, bench, recipe, world

INVARIANT_MODULES = (invariants_motion, invariants_product, invariants_records)
LONG_HOLD_S = 75.0
"""longer than film and dipped package may wait"""
DEAD_FOR_S = 3.0


@dataclass(slots=True)
class Outcome:
    """What one run showed.

    struck      kinds of faults and acts that truly happened
    broken      (number, sentence of the violation)
    reaction    what the station did about it
    story       what happened, for people
    """

    struck: list[str]
    broken: list[tuple[int, str]]
    reaction: Reaction
    is_finished: bool
    story: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "struck": self.struck,
            "broken": [list(one) for one in self.broken],
            **self.reaction.as_dict(),
            "finished": self.is_finished,
        }


def run(schedule: Sequence[Entry], seed: int = 11) -> Outcome:
    """Run the schedule in virtual time on a machine of this seed."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-", dir=fast_folder()))
    try:
        return virtual_time.run(_run(schedule, seed, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        gc.collect(0)


def fast_folder() -> str | None:
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() else None


async def _run(schedule: Sequence[Entry], seed: int, folder: Path) -> Outcome:
    plant = world(seed=seed)
    await plant.start()
    watcher = Watcher(plant)
    person = _Person(watcher, [entry for entry in schedule if isinstance(entry, Act)])
    for entry in schedule:
        if isinstance(entry, FaultSpec):
            plant.faults.inject(entry, plant.now())
    hang, lives = "", 0
    restarts: list[float] = []
    while True:
        lives += 1
        async with bench(folder / "store", plant=plant, seed=seed + lives, is_ready=False) as b:
            watcher.attach(b)
            operator = person.at(b)
            if lives == 1:
                watcher.announce("boot")
                await asyncio.sleep(0.02)
            try:
                await operator.finish_a_board()
            except Hangs as hanging:
                hang = str(hanging)
            if person.is_power_cut and not hang and b.is_dead:
                restarts.append(plant.now())
                continue
            await person.gone()
            await asyncio.sleep(0.5)
            await b.store.commit()
            judged = Judged(
                plant,
                recipe(),
                list(watcher.entries),
                dict(watcher.executed),
                await b.records(),
                [(event.kind, event.data) for event in await b.store.events.read(limit=100_000)],
                (await b.store.verify()).is_sound,
                not hang,
                hang,
                restarts,
            )
            told = story(judged)
            break
    await plant.stop()
    broken = violations(judged)
    struck = [kind for _, kind in plant.faults.struck] + person.done
    return Outcome(
        struck,
        broken,
        reaction_of(judged),
        not hang,
        told + [f"broken: invariant {n}: {text}" for n, text in broken],
    )


class _Person:
    """Acts when their instant has come, beside the operator who answers."""

    def __init__(self, watcher: Watcher, acts: list[Act]) -> None:
        self._watcher, self._acts = watcher, acts
        self._seen: list[Act] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._bench: Bench | None = None
        self._operator: Operator | None = None
        self.done: list[str] = []
        self.is_power_cut = False
        watcher.on_phase.append(self._reached)

    def at(self, b: Bench) -> Operator:
        self._bench = b
        self._operator = Operator(b, self._watcher)
        return self._operator

    async def gone(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _reached(self, name: str, phase: Phase) -> None:
        for act in list(self._acts):
            is_announced = phase is Phase.BEFORE and name == act.step
            if is_announced and not (act.command and act.phase is not Phase.BEFORE):
                self._begin(act)
            elif is_announced and act not in self._seen:
                self._seen.append(act)
            elif act in self._seen and name == act.command and phase is _seen_as(act.phase):
                self._begin(act)

    def _begin(self, act: Act) -> None:
        self._acts.remove(act)
        self._tasks.append(asyncio.get_running_loop().create_task(self._do(act), name=f"person {act.act}"))

    async def _do(self, act: Act) -> None:
        b, plant = self._bench, self._watcher.plant
        assert b is not None
        await asyncio.sleep(act.after_s)
        self.done.append(act.act)
        self._watcher.add(OPERATOR, f"does {act.act}", {})
        controller = b.controller
        try:
            if act.act == "stop":
                self._watcher.add(OPERATOR, "presses stop", {})
                await controller.command(Command.STOP)
            elif act.act in ("hold_long", "hand"):
                await self._hold(b, act.act)
            elif act.act == "start_twice":
                assert self._operator is not None
                assert self._operator.job is not None
                controller.start_job(self._operator.job)
                self._watcher.add(OPERATOR, "was not refused", {})
            elif act.act == "second_board":
                assert self._operator is not None
                self._operator.boards_wanted += 1
            elif act.act == "wrong_answers":
                await self._answer_wrongly(b)
            elif act.act == "power_cut":
                self.is_power_cut = True
                b.store.writing.failure, b.is_dead = StoreFailed("the power is gone"), True
                for name in plant.cabling.devices():
                    plant.reboot(name)
                await b.die()
        except CommandRefused as refused:
            self._watcher.add(OPERATOR, "was refused", {"text": str(refused)})

    async def _hold(self, b: Bench, act: str) -> None:
        self._watcher.add(OPERATOR, "presses hold", {})
        assert self._operator is not None
        self._operator.waits = True
        await b.controller.command(Command.HOLD)
        await b.rest(State.HELD)
        if act == "hand":
            self._watcher.plant.faults.inject(FaultSpec("part_taken"), self._watcher.plant.now())
            await asyncio.sleep(1.0)
        else:
            await asyncio.sleep(LONG_HOLD_S)
        self._operator.waits = False

    async def _answer_wrongly(self, b: Bench) -> None:
        assert self._operator is not None
        self._operator.waits = True
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0]
        for answer, token in (("was_placed", alarm.state_token), ("retry", "T999")):
            try:
                b.controller.answer(alarm.id, answer, token)
                self._watcher.add(OPERATOR, "was not refused", {})
            except AnswerRefused as refused:
                self._watcher.add(OPERATOR, "was refused", {"text": str(refused)})
        self._watcher.plant.boards[-1].missing_fiducials = ()
        b.answer(alarm, "retry")
        try:
            b.answer(alarm, "retry")
            self._watcher.add(OPERATOR, "was not refused", {})
        except AnswerRefused as refused:
            self._watcher.add(OPERATOR, "was refused", {"text": str(refused)})
        self._operator.waits = False


def _seen_as(phase: Phase) -> Phase:
    """A person sees a press under way, not the instant of its contact."""
    return Phase.RUNNING if phase is Phase.CONTACT else phase


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
