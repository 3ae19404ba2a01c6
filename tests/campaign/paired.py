"""One run whose outcome is compared with that of another: the machine, what lies on it, the run, what it told.

It knows no relation: what may differ between two runs, and what may not, stands in `relations`.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.world.errors_drawn import with_errors
from sim_hardware.world.machine import Fidelity, MachineTruth
from station.run.packml import Command, State
from tests.campaign.folders import fast_folder
from tests.campaign.operator import usual_answer
from tests.scenarios.bench import Bench, bench, world

ENDED = (State.COMPLETE, State.STOPPED, State.ABORTED)


@dataclass(frozen=True, slots=True)
class Told:
    """What one run told, and what is true.

    records   of all boards, in their order
    placed    what truly lies at (board, site)
    alarms    numbers in the order in which they were raised, also those that were settled without a person
    ended     the state in which the station came to rest
    last_hash of the chain over all events of the run
    struck    kinds of faults that truly happened
    history   the world's own: (time, kind, data)
    """

    records: tuple[dict[str, Any], ...]
    placed: dict[tuple[str, str], dict[str, Any]]
    alarms: tuple[int, ...]
    ended: str
    last_hash: str
    struck: tuple[str, ...]
    history: tuple[tuple[float, str, dict[str, Any]], ...]


async def _one_board(stage: Stage) -> None:
    await stage.build()


@dataclass(frozen=True, slots=True)
class Run:
    """A machine and a job on it; unattended, so that the verdict is the station's alone.

    is_noisy   all of fidelity `real`; else a machine with errors of its own and without any noise, drift or ageing,
               on which nothing but what was changed can change a measured value
    prepare    changes the machine before it is switched on
    work       does what a person does from Idle on, to the end; may begin the service anew
    """

    seed: int
    is_noisy: bool
    faults: tuple[FaultSpec, ...] = ()
    prepare: Callable[[Plant], None] = lambda plant: None
    work: Callable[[Stage], Awaitable[None]] = _one_board

    def told(self) -> Told:
        folder = Path(tempfile.mkdtemp(prefix="pair-", dir=fast_folder()))
        try:
            return virtual_time.run(_told(self, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            gc.collect(0)


class Stage:
    """A machine that stands there, and the service on it: `b` is the present life of it."""

    def __init__(self, plant: Plant, folder: Path, session: int) -> None:
        self.plant, self._folder, self._session = plant, folder, session
        self._life = bench(folder, plant=plant, seed=session, attended=False)
        self.b: Bench

    async def __aenter__(self) -> Stage:
        await self._begin()
        return self

    async def __aexit__(self, *why: Any) -> None:
        await self._life.__aexit__(*why)

    async def restart(self) -> None:
        """End the service in order, and start it again: it homes and calibrates anew."""
        self._put_right()
        await self._life.__aexit__(None, None, None)
        self._session += 1
        self._life = bench(self._folder, plant=self.plant, seed=self._session, attended=False)
        await self._begin()

    async def _begin(self) -> None:
        self.b = await self._life.__aenter__()
        append, plant = self.b.store.events.append, self.plant

        def announced(kind: str, data: dict[str, Any] | None = None) -> int:
            if kind == "step.started" and data is not None:
                plant.faults.announce(data["step"], plant.now())
            return append(kind, data)

        self.b.store.events.append = announced  # type: ignore[method-assign]

    async def build(self, boards: int = 1) -> State:
        """Order so many boards, to the end of the job."""
        if self.b.controller.packml.state is not State.IDLE:
            self._put_right()
            await self.b.ready()
        self.b.order(boards)
        return await self.b.rest(*ENDED)

    def _put_right(self) -> None:
        """A person takes a board that could not be built out, and answers what stands."""
        if self.b.controller.packml.state is State.STOPPED and self.plant.board_in_nest is not None:
            self.plant.board_clamped = False
            self.plant.take_board_out()
        for alarm in list(self.b.controller.alarms.standing):
            self.b.answer(alarm, usual_answer([answer.value for answer in alarm.answers], 1))

    async def hold(self, after_s: float, for_s: float) -> float | None:
        """Press Hold so long after now and Resume after it has held for so long -> when it came to rest; None where
        the job had ended before."""
        await asyncio.sleep(after_s)
        controller = self.b.controller
        if not controller.packml.allows(Command.HOLD):
            return None
        await controller.command(Command.HOLD)
        if await self.b.rest(State.HELD, *ENDED) is not State.HELD:
            return None
        held_s = self.plant.now()
        await asyncio.sleep(for_s)
        await controller.command(Command.UNHOLD)
        return held_s


@cache
def _without_noise(seed: int) -> MachineTruth:
    """A machine with the errors of fidelity `real`, as they are drawn for this seed, that repeats itself exactly."""
    drawn = with_errors(MachineTruth(), Fidelity.REAL, np.random.default_rng(seed))
    x, y, theta, z = (replace(axis, settle_sigma=0.0) for axis in (drawn.x, drawn.y, drawn.theta, drawn.z))
    return replace(drawn, x=x, y=y, theta=theta, z=z, force_noise_n=0.0, gauge_noise_um=0.0, drift_um_per_h=0.0)


def _plant(run: Run) -> Plant:
    fidelity = Fidelity.REAL if run.is_noisy else Fidelity.IDEAL
    machine = world(*run.faults, seed=run.seed, fidelity=fidelity)
    return machine if run.is_noisy else Plant(replace(machine.scenario, machine=_without_noise(run.seed)))


async def _told(run: Run, folder: Path) -> Told:
    plant = _plant(run)
    run.prepare(plant)
    await plant.start()
    async with Stage(plant, folder, 100 * run.seed + 1) as stage:
        await run.work(stage)
        b = stage.b
        records = await b.records()
        events = await b.store.events.read(limit=100_000)
        told = Told(
            tuple(records),
            {(one["board"], one["site"]): one for one in b.placements()},
            tuple(e.data["number"] for e in events if e.kind in ("alarm.raised", "alarm.retried", "fault.raised")),
            b.controller.packml.state.title,
            events[-1].hash,
            tuple(kind for _, kind in plant.faults.struck),
            tuple(plant.events),
        )
    await plant.stop()
    return told
