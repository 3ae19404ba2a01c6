"""Runs the real station against the simulated machine in virtual time, to the end of a job, and keeps what is needed
to measure it: the station's own records beside the simulator's truth.

An operator model answers alarms, as a person would; nothing else is different from a real run.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import recipes
from sim_hardware import virtual_time
from sim_hardware.control import truth
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import Fidelity
from station.alarms.active import ActiveAlarm
from station.alarms.catalogue import Answer
from station.clock import Clock
from station.compose import addresses_on, build_controller
from station.demo.only_this import OnlyThis
from station.demo.scenario import scenario_for
from station.profile import reference_profile
from station.run.controller import Controller, Identity
from station.run.job import Job
from station.run.packml import Command, State
from station.store.database import Durability
from station.store.store import Store, open_store

PREFERRED_ANSWERS = (
    Answer.RETRY,
    Answer.NEW_PART,
    Answer.SKIP_SITE,
    Answer.UNKNOWN,
    Answer.STOP,
    Answer.ACKNOWLEDGE,
)
ANSWER_AFTER_S = 5.0
"""the operator model reads the alarm for so long"""
RETRIES_BY_OPERATOR = 2

Progress = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Order:
    """What to run. seconds: stop ordering boards after this simulated time (0: build `boards` and end).

    durability "normal" saves a disk flush per commit: hours of simulated machine time lose nothing that counts.
    """

    recipe: str
    boards: int
    seed: int = 7
    fidelity: Fidelity = Fidelity.REAL
    rendering: Rendering = Rendering.FULL
    faults: tuple[FaultSpec, ...] = ()
    seconds: float = 0.0
    keep_images: bool = True
    durability: Durability = "full"


@dataclass
class Ran:
    """What came out of one run."""

    order: Order
    recipe: recipes.Recipe
    state: str
    job: dict[str, Any]
    records: list[dict[str, Any]]
    truth: dict[str, Any]
    events_head: str
    event_count: int
    simulated_s: float
    wall_s: float
    calibration: dict[str, Any]
    alarms: list[dict[str, Any]] = field(default_factory=list)
    standing: list[dict[str, Any]] = field(default_factory=list)
    """alarms on the list at the end"""
    store_dir: Path = Path()


def run(order: Order, store_dir: Path, on_event: Progress | None = None) -> Ran:
    """Run one order in virtual time and return what happened. Raises RecipeProblems, StoreError."""
    started = time.perf_counter()
    ran = virtual_time.run(_run(order, store_dir, on_event))
    ran.wall_s = time.perf_counter() - started
    return ran


async def _run(order: Order, store_dir: Path, on_event: Progress | None) -> Ran:
    recipe = recipes.load(order.recipe)
    clock = Clock()
    plant = Plant(
        scenario_for(recipe, seed=order.seed, fidelity=order.fidelity, rendering=order.rendering, faults=order.faults)
    )
    ports = await plant.start()
    store = open_store(store_dir, clock, durability=order.durability)
    controller = build_controller(
        reference_profile(),
        addresses_on("127.0.0.1", ports),
        store,
        clock,
        session=order.seed % 0xFFFF_FFFE + 1,
        identity=Identity(simulated=True),
        keep_images=order.keep_images,
        recipes=OnlyThis(recipe),
    )
    alarms: list[dict[str, Any]] = []
    listener = asyncio.create_task(_listen(store, on_event, alarms), name="progress")
    operator = asyncio.create_task(_operator(controller), name="operator")
    try:
        await controller.start()
        await controller.command(Command.RESET)
        state = await controller.wait_for(State.IDLE, State.STOPPED, State.ABORTED)
        job = controller.submit(order.recipe, order.boards)
        if state is State.IDLE:
            controller.start_job(job)
            if order.seconds:
                await _until(controller, job, order.seconds)
            state = await controller.wait_for(State.COMPLETE, State.STOPPED, State.ABORTED)
        calibration = controller.cell.calibration
        records = await _all_records(store)
        await store.commit()
        return Ran(
            order=order,
            recipe=recipe,
            state=state.title,
            job=job.view(),
            records=records,
            truth=truth(plant),
            events_head=store.events.head_hash,
            event_count=store.events.head_seq,
            simulated_s=asyncio.get_running_loop().time(),
            wall_s=0.0,
            calibration={} if calibration is None else {**_residuals(calibration), "hash": calibration.hash},
            alarms=alarms,
            standing=[alarm.view() for alarm in controller.alarms.standing],
            store_dir=store_dir,
        )
    finally:
        operator.cancel()
        await controller.close()
        listener.cancel()
        await asyncio.gather(operator, listener, return_exceptions=True)
        store.close()
        await plant.stop()


async def _until(controller: Controller, job: Job, seconds: float) -> None:
    """The end of the shift: stop after the board that is under way."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + seconds
    while controller.packml.state not in (State.COMPLETE, State.STOPPED, State.ABORTED):
        left_s = end_s - loop.time()
        if left_s <= 0:
            job.boards_total = job.boards_done + 1
            return
        try:
            async with asyncio.timeout(left_s):
                await controller.wait_for(State.COMPLETE, State.STOPPED, State.ABORTED)
        except TimeoutError:
            continue


async def _all_records(store: Store) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = await store.records.page(after=after, limit=500)
        found += page.items
        after = page.next_after
    return found


async def _listen(store: Store, on_event: Progress | None, alarms: list[dict[str, Any]]) -> None:
    async for event in store.events.subscribe():
        if event.kind in ("alarm.raised", "fault.raised"):
            alarms.append(event.data)
        if on_event is not None:
            on_event(event.kind, {**event.data, "at_s": event.at_s})


async def _operator(controller: Controller) -> None:
    """Answers what is asked: a few retries, then the next sensible thing."""
    retries: dict[int, int] = {}
    while True:
        await controller.wait_for_question()
        await asyncio.sleep(ANSWER_AFTER_S)
        for alarm in [a for a in controller.alarms.standing if a.answer is not None]:
            controller.answer(alarm.id, _sensible(alarm, retries), alarm.state_token)


def _sensible(alarm: ActiveAlarm, retries: dict[int, int]) -> str:
    number = alarm.definition.number
    retries[number] = retries.get(number, 0) + 1
    for answer in PREFERRED_ANSWERS:
        if answer in alarm.definition.answers and not (
            answer is Answer.RETRY and retries[number] > RETRIES_BY_OPERATOR
        ):
            return answer.value
    return alarm.definition.answers[-1].value


def _residuals(calibration: Any) -> dict[str, float]:
    return {
        "up_residual_um": calibration.up_residual_um,
        "down_residual_um": calibration.down_residual_um,
        "axis_residual_um": calibration.axis_residual_um,
        "offset_sigma_um": calibration.offset_sigma_um,
        "theta_offset_deg": calibration.theta_offset_deg,
        "runout_um": calibration.tip.runout_um,
        "runout_sigma_um": calibration.tip.runout_sigma_um,
    }


def trace_hash(runs: list[Ran]) -> str:
    """One hash over the event logs of all runs: every event, value and time."""
    text = "\n".join(f"{ran.order.recipe} {ran.event_count} {ran.events_head}" for ran in runs)
    return hashlib.sha256(text.encode()).hexdigest()
