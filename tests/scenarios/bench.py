"""The bench of the fault stories: real station and simulated machine on one virtual clock, and an operator's hand.

It asserts nothing. What is true comes from `truth()`, what the station believes from `records()` and its alarms.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import recipes
from sim_hardware.control import truth
from sim_hardware.faults import FaultSpec
from sim_hardware.mishaps import take_part_away
from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import Fidelity
from station.alarms.active import ActiveAlarm
from station.clock import Clock
from station.compose import addresses_on, build_controller
from station.demo.scenario import scenario_for
from station.profile import reference_profile
from station.run.controller import Controller, Identity
from station.run.job import Job
from station.run.packml import Command, State
from station.run.snapshot import Snapshots
from station.shelf import Shelf
from station.store import Store, open_store
from station.store.errors import StoreFailed
from vision.fingerprint import fingerprint

RECIPE = "pop_12x12_168"
PATIENCE_S = 600.0
"""virtual seconds within which a station that lives must have come to rest"""

WAITING = (State.STOPPED, State.IDLE, State.HELD, State.COMPLETE, State.ABORTED)


@cache
def recipe() -> recipes.Recipe:
    """The library's recipe, for boards and material whose codes begin as those of the simulated machine do."""
    data = recipes.load(RECIPE).as_data()
    board, material = {**data["board"], "code_prefix": "B"}, {**data["material"], "lot_prefix": "FLUX"}
    return recipes.from_data({**data, "board": board, "material": material})


def world(
    *faults: FaultSpec,
    seed: int = 11,
    fidelity: Fidelity = Fidelity.IDEAL,
    boards: int = 0,
    drawn: recipes.Recipe | None = None,
    rendering: Rendering = Rendering.OBSERVATION,
) -> Plant:
    """A machine with these faults to come, observed rather than drawn unless told otherwise."""
    return Plant(
        scenario_for(
            drawn or recipe(),
            seed=seed,
            fidelity=fidelity,
            rendering=rendering,
            faults=faults,
            boards=boards,
        )
    )


class Bench:
    """One station on one machine.

    drawn   the recipe that its orders name
    named   what came with the software under that name just now
    """

    def __init__(self, plant: Plant, store: Store, controller: Controller, shelf: Shelf, drawn: recipes.Recipe) -> None:
        self.plant, self.store, self.controller, self.shelf, self.drawn = plant, store, controller, shelf, drawn
        self.named: Callable[[], recipes.Recipe] = lambda: drawn
        self.snapshots = Snapshots(controller)
        self.is_dead = False
        self._begins: dict[str, asyncio.Future[None]] = {}
        self._watch_steps()

    # -- the operator's hand ---------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Home, calibrate: from Stopped to Idle. What hangs on the nozzle goes to the bin or its holder."""
        await self.controller.command(Command.RESET)
        await self.until(lambda: self.controller.packml.state in WAITING or self.controller.alarms.standing != [])
        if self.controller.packml.state is State.RESETTING:
            alarm = self.controller.alarms.standing[0]
            if alarm.definition.number == 309:
                take_part_away(self.plant)
                await asyncio.sleep(1.0)
                self.answer(alarm, "retry")
            else:
                assert alarm.definition.number == 303, self.alarm_text()
                self.answer(alarm, "new_part")
        state = await self.rest()
        assert state is State.IDLE, f"{state.title}: {self.alarm_text()}"

    def order(self, boards: int = 1) -> Job:
        job = self.controller.submit(self.drawn.name, boards)
        self.controller.start_job(job)
        return job

    async def rest(self, *states: State) -> State:
        """Until the station waits, and every task that leads there has had its turn."""
        await asyncio.sleep(0.001)
        async with asyncio.timeout(PATIENCE_S):
            return await self.controller.wait_for(*(states or WAITING))

    async def alarm(self) -> ActiveAlarm:
        """The first alarm that somebody must answer."""
        async with asyncio.timeout(PATIENCE_S):
            await self.until(lambda: self.controller.alarms.standing != [])
        return self.controller.alarms.standing[0]

    def answer(self, alarm: ActiveAlarm, answer: str) -> None:
        self.controller.answer(alarm.id, answer, alarm.state_token)

    async def answer_next(self, number: int, answer: str) -> ActiveAlarm:
        """Wait for the alarm `number` in Held and answer it."""
        await self.rest(State.HELD)
        alarm = self.controller.alarms.standing[0]
        assert alarm.definition.number == number, self.alarm_text()
        self.answer(alarm, answer)
        return alarm

    async def until(self, condition: Callable[[], bool], step_s: float = 0.02) -> None:
        """Until the condition holds, looked at every `step_s`."""
        async with asyncio.timeout(PATIENCE_S):
            # The world has no event for every condition.
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(step_s)

    async def step(self, step_id: str) -> None:
        """Until this step begins, from now on."""
        begins = self._begins.setdefault(step_id, asyncio.get_running_loop().create_future())
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.shield(begins)

    def _watch_steps(self) -> None:
        append = self.store.events.append

        def watched(kind: str, data: dict[str, Any] | None = None) -> int:
            if kind == "step.started" and data is not None:
                begins = self._begins.pop(data["step"], None)
                if begins is not None and not begins.done():
                    begins.set_result(None)
            return append(kind, data)

        self.store.events.append = watched  # type: ignore[method-assign]

    async def die(self) -> None:
        """kill -9: every task ends where it is, what was not written is lost, nothing is said to anybody."""
        self.store.writing.failure = StoreFailed("the process is gone")
        self.is_dead = True
        for task in (self.controller._task, *self.controller._background):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self.controller.cell.close()

    # -- what is known ---------------------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        return truth(self.plant)

    def placements(self) -> list[dict[str, Any]]:
        """What truly lies on the boards."""
        found: list[dict[str, Any]] = self.truth()["placements"]
        return found

    async def records(self) -> list[dict[str, Any]]:
        await self.store.commit()
        return (await self.store.records.page(limit=500)).items

    async def events(self, *kinds: str) -> list[dict[str, Any]]:
        await self.store.commit()
        return [event.data for event in await self.store.events.read(limit=100_000, kinds=kinds)]

    def happened(self, kind: str) -> list[tuple[float, dict[str, Any]]]:
        """The world's own history of one kind."""
        return [(at_s, data) for at_s, name, data in self.plant.events if name == kind]

    def alarm_text(self) -> str:
        return "; ".join(f"{a.definition.number} {a.text}" for a in self.controller.alarms.standing) or "no alarm"

    def is_moving(self) -> bool:
        now_s = self.plant.now()
        z_before_um = self.plant.head.z_um_at(now_s - 1e-4)
        return self.plant.gantry.is_moving(now_s) or abs(self.plant.head.z_um_at(now_s) - z_before_um) > 0.01


@asynccontextmanager
async def bench(
    folder: Path,
    *faults: FaultSpec,
    plant: Plant | None = None,
    seed: int = 11,
    fidelity: Fidelity = Fidelity.IDEAL,
    is_ready: bool = True,
    attended: bool = True,
    drawn: recipes.Recipe | None = None,
    clock: Clock | None = None,
    before_start: Callable[[Bench], None] | None = None,
) -> AsyncIterator[Bench]:
    """A station, homed and calibrated where `is_ready`; everything is closed at the end.

    plant          a machine that stood there before; it is left running
    drawn          what every order builds, the usual recipe where nothing is given
    before_start   told of the station when it has opened its memory and done nothing else
    """
    own = plant is None
    machine = world(*faults, seed=seed, fidelity=fidelity) if plant is None else plant
    ports = await machine.start() if own else machine.cabling.ports
    assert ports is not None
    clock = clock or Clock()
    store = open_store(folder, clock, durability="normal")
    shelf = Shelf(store.recipes, fingerprint(), library=lambda: (made.named(),))
    controller = build_controller(
        reference_profile(),
        addresses_on("127.0.0.1", ports),
        store,
        clock,
        session=seed,
        identity=Identity(simulated=True),
        keep_images=False,
        attended=attended,
        recipes=shelf,
    )
    made = Bench(machine, store, controller, shelf, drawn or recipe())
    if before_start is not None:
        before_start(made)
    try:
        await controller.start()
        if is_ready:
            await made.ready()
        yield made
    finally:
        if not made.is_dead:
            await controller.close()
        store.close()
        if own:
            await machine.stop()


async def killed_in(folder: Path, step: str, after_s: float = 0.0, seed: int = 11) -> Bench:
    """A station that was killed so long after this step of its first board began. Its machine stands there, powered:
    it is the caller's to stop."""
    plant = world(seed=seed)
    await plant.start()
    async with bench(folder, plant=plant, seed=seed) as b:
        b.order()
        await b.step(step)
        if after_s:
            await asyncio.sleep(after_s)
        await b.die()
    return b


def numbers(alarms: Sequence[ActiveAlarm]) -> list[int]:
    return [alarm.definition.number for alarm in alarms]
