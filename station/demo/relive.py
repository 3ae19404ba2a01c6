"""Live through the lives of a journal again: real station, simulated machine, virtual time, and a person who does what
was done then, on the same occasions.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipes import Recipe
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import Fidelity
from station.alarms.active import AnswerRefused
from station.clock import Clock
from station.compose import addresses_on, build_controller
from station.demo.deeds import Deed, Occasions
from station.demo.field_journal import ANNOUNCED, Life, Told
from station.demo.only_this import OnlyThis
from station.demo.scenario import scenario_for
from station.profile import reference_profile
from station.run.controller import CommandRefused, Controller, Identity
from station.run.packml import Command
from station.store.errors import StoreFailed
from station.store.event_log import EventLog
from station.store.store import Store, open_store

WAITS_MAX_S = 300.0
"""a person who waited longer than this before doing something waits so long: film and package are too old by then"""
QUIET_S = 130.0
"""virtual seconds without any word after which nothing more is expected; no step may take longer than half of it"""
DEAD_FOR_S = 2.0
"""between the end of a life and the next"""
LOOKS_EVERY_S = 1.0
VOLATILE = ("position.trusted", "position.lost", "calibration.done", "mode.changed", "recipe.stored", "recipe.state")
"""events whose number differs between machines and that no act hangs on"""


@dataclass(slots=True)
class Lived:
    """What one life of the replay wrote.

    announced   how often each step was begun, `home` and `boot` among them
    killed_in   step that was begun last, which time, and how long before the kill; None where nobody killed it
    """

    told: list[Told] = field(default_factory=list)
    announced: Counter[str] = field(default_factory=Counter)
    killed_in: tuple[str, int, float] | None = None


async def relive(
    lives: Sequence[Life],
    deeds: Sequence[Sequence[Deed]],
    faults: Sequence[Sequence[FaultSpec]],
    killed_after_s: Sequence[float],
    folder: Path,
    *,
    recipe: Recipe,
    seed: int,
    fidelity: Fidelity,
) -> list[Lived]:
    """Every life on the same machine and store, one after the other."""
    plant = Plant(scenario_for(recipe, seed=seed, fidelity=fidelity, rendering=Rendering.OBSERVATION))
    await plant.start()
    lived = []
    for number, (life, done, spoilt, after_s) in enumerate(zip(lives, deeds, faults, killed_after_s, strict=True)):
        for fault in spoilt:
            plant.faults.inject(fault, plant.now())
        one = _Living(plant, life, done, after_s, recipe, session=seed % 0xFFFF_0000 + number + 1)
        lived.append(await one.live(folder))
        await asyncio.sleep(DEAD_FOR_S)
    await plant.stop()
    return lived


def durable_words(life: Life) -> int:
    """Events of a life that the replay writes as well, whatever machine it is."""
    return sum(told.kind not in VOLATILE for told in life.told)


class _Living:
    """One life of the service."""

    def __init__(
        self, plant: Plant, life: Life, deeds: Sequence[Deed], killed_after_s: float, recipe: Recipe, *, session: int
    ) -> None:
        self._plant, self._life, self._deeds, self._recipe, self._session = plant, life, deeds, recipe, session
        self._killed_after_s = killed_after_s
        self._lived = Lived()
        self._occasions, self._news = Occasions(), asyncio.Event()
        self._began_s = self._last_word_s = plant.now()
        self._is_dead = False
        self._killed = asyncio.Event()
        self._waits_for_time = False
        self._steps: list[tuple[str, int, float]] = [("boot", 1, self._began_s)]

    async def live(self, folder: Path) -> Lived:
        others = asyncio.all_tasks()
        clock = Clock()
        store = open_store(folder, clock, durability="normal")
        self._listen(store.events)
        if self._life.was_cut_off:
            self._watch_commits(store)
        ports = self._plant.cabling.ports
        assert ports is not None
        self._announce("boot")
        controller = build_controller(
            reference_profile(),
            addresses_on("127.0.0.1", ports),
            store,
            clock,
            session=self._session,
            identity=Identity(simulated=True),
            keep_images=False,
            recipes=OnlyThis(self._recipe),
        )
        await controller.start()
        person = asyncio.get_running_loop().create_task(self._person(controller), name="person")
        await self._until_over(person)
        person.cancel()
        await asyncio.gather(person, return_exceptions=True)
        if self._killed.is_set():
            await self._die(controller, others)
        else:
            await controller.close()
        store.close()
        return self._lived

    # -- what is heard ---------------------------------------------------------------------------------------------

    def _listen(self, log: EventLog) -> None:
        append = log.append

        def appended(kind: str, data: dict[str, Any] | None = None) -> int:
            if not self._is_dead:
                self._heard(kind, data or {})
            return append(kind, data)

        log.append = appended  # type: ignore[method-assign]

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        at_s = self._plant.now()
        step = str(data.get("step") or "")
        if kind == "step.started":
            self._announce(step)
        elif kind == "state.changed" and data["to"] in ANNOUNCED:
            step = ANNOUNCED[data["to"]]
            self._announce(step)
        self._lived.told.append(Told(at_s - self._began_s, kind, data, self._lived.announced[step] if step else 0))
        self._occasions.tell(kind, data, at_s)
        self._last_word_s = at_s
        self._news.set()

    def _announce(self, step: str) -> None:
        self._lived.announced[step] += 1
        self._steps.append((step, self._lived.announced[step], self._plant.now()))
        self._plant.faults.announce(step, self._plant.now())

    def _watch_commits(self, store: Store) -> None:
        """The journal ends with its last commit: so does this life, when it has written as much."""
        wanted, written = durable_words(self._life), 0

        def committed(rows: list[Any]) -> None:
            nonlocal written
            written += sum(row[4] not in VOLATILE for row in rows)
            if written >= wanted and not self._is_dead:
                asyncio.get_running_loop().call_later(self._killed_after_s, self._kill, store)

        store.writing.after_commit.append(committed)

    def _kill(self, store: Store) -> None:
        if self._is_dead:
            return
        self._is_dead = True
        store.writing.failure = StoreFailed("the process is gone")
        for cable in self._plant.cabling.cables.values():
            cable.cut(0.001)
        step, nth, begun_s = self._steps[-1]
        self._lived.killed_in = (step, nth, self._plant.now() - begun_s)
        self._killed.set()

    async def _die(self, controller: Controller, others: set[asyncio.Task[Any]]) -> None:
        """Every task of this life ends where it is; the machine has none."""
        mine = [task for task in asyncio.all_tasks() - others if task is not asyncio.current_task()]
        for task in sorted(mine, key=lambda task: task.get_name()):
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)
        await controller.cell.close()

    async def _until_over(self, person: asyncio.Task[None]) -> None:
        """Until the person has ended the service, it is killed, or nothing has been heard for long."""
        while not self._killed.is_set():
            if person.done() and self._has_closed():
                return
            if not self._waits_for_time and self._plant.now() - self._last_word_s > QUIET_S:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_EVERY_S):
                    await self._killed.wait()

    def _has_closed(self) -> bool:
        return bool(self._deeds) and self._deeds[-1].verb == "close"

    # -- what is done ----------------------------------------------------------------------------------------------

    async def _person(self, controller: Controller) -> None:
        for deed in self._deeds:
            at_s = await self._occasion(deed) + min(deed.delay_s, WAITS_MAX_S)
            self._waits_for_time = True
            await asyncio.sleep(max(0.0, at_s - self._plant.now()))
            self._waits_for_time = False
            self._last_word_s = self._plant.now()
            # What was possible then may be refused now: the replay has parted, and the comparison says where.
            with suppress(CommandRefused, AnswerRefused):
                await self._do(deed, controller)

    async def _occasion(self, deed: Deed) -> float:
        while True:
            times = self._occasions.seen.get(deed.occasion, [])
            if len(times) >= deed.nth:
                return times[deed.nth - 1]
            if deed.nth == 0:
                return self._began_s
            self._news.clear()
            await self._news.wait()

    async def _do(self, deed: Deed, controller: Controller) -> None:
        if deed.verb == "answer":
            for alarm in controller.alarms.standing:
                if alarm.definition.number == deed.about["alarm"]:
                    controller.answer(alarm.id, deed.about["answer"], alarm.state_token)
                    return
        elif deed.verb == "start":
            controller.start_job(controller.submit(deed.about["recipe"], deed.about["boards"]))
        elif deed.verb != "close":
            await controller.command(Command(deed.verb))
