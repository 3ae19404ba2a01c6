"""Swarm: random schedules by seed. Each run leaves out a random half of the faults, because faults hide one another.

Source: Groce, Zhang, Eide, Chen, Regehr, Swarm Testing, 2012.

A batch of seeds shares one machine, homed and calibrated once; the process is split for each schedule. A schedule with
a fault that can strike before the station is ready gets a run of its own, on the machine of the same batch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from sim_hardware.fault_list import Means
from sim_hardware.fault_list.steps import BY_ID as STEP_BY_ID
from sim_hardware.faults import FaultSpec, Phase
from sim_hardware.schedule import Act, Entry, Schedule, dump
from station.alarms.catalogue import Answer, all_definitions
from station.process.sheet import ALL_STEPS
from tests.campaign.matrix import Cell, cells
from tests.campaign.run import Outcome, run, run_alone, run_each
from tests.campaign.schedule import of_cell

FAULTS_MAX = 4
BATCH = 50
"""seeds on one machine"""
STOPS = 0.1
"""share of the seeds in which somebody holds the station and then stops it"""
OWN_MIND = 0.5
"""share of the seeds with a person who answers otherwise than usual"""
TESTIMONY = (Answer.WAS_PLACED, Answer.WAS_NOT_PLACED)
"""what somebody says who has looked: said at random it would be false, and the record with it"""
NOT_TOGETHER = ("O13", "O09", "O12")
"""acts that need the station for themselves, as what happens to its host does, which is left out as a whole"""


def schedule_of(seed: int) -> Schedule:
    """The schedule of this seed: 1 to 4 cells of the matrix, out of a random half of the faults, and how the person
    answers who is there."""
    chance, by_fault = random.Random(seed), _by_fault()
    allowed = chance.sample(sorted(by_fault), len(by_fault) // 2)
    entries: list[Entry] = []
    for fault in chance.sample(allowed, chance.randint(1, FAULTS_MAX)):
        cell = chance.choice(by_fault[fault])
        entries += of_cell(fault, STEP_BY_ID[cell.step], Phase(cell.phase))
    if chance.random() < STOPS:
        entries.append(Act("hold_stop", chance.choice(ALL_STEPS).id))
    if chance.random() < OWN_MIND:
        entries += _answers(chance)
    return tuple(entries)


def _answers(chance: random.Random) -> Iterator[Act]:
    """Of a person who does not always choose what is usual: half of the questions get any answer that they permit."""
    for row in all_definitions():
        free = [answer for answer in row.answers if answer not in TESTIMONY]
        if len(free) > 1 and chance.random() < 0.5:
            yield Act("answer", alarm=row.number, answer=chance.choice(free).value)


@cache
def _by_fault() -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells((Means.MACHINE, Means.OPERATOR)):
        if cell.fault not in NOT_TOGETHER:
            found.setdefault(cell.fault, []).append(cell)
    return found


def machine_of(seed: int) -> int:
    """Seed of the machine on which this seed of the swarm runs."""
    return seed // BATCH


def swarm(seed: int) -> tuple[Schedule, Outcome]:
    """One seed alone; the same outcome as in its batch."""
    schedule = schedule_of(seed)
    return schedule, run(schedule, machine_of(seed))


def batch(seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """The lines of seeds that share a machine, in their order."""
    schedules = {seed: schedule_of(seed) for seed in seeds}
    told = run_each(schedules, machine_of(seeds[0]))
    return [{"seed": seed, "schedule": dump(schedules[seed]), **told[seed]} for seed in seeds]


def live(job: tuple[int, int]) -> dict[str, Any]:
    """Liveness, (seed, machine): nobody repairs; the faults cease between 20 and 90 s, and a board must come of it."""
    seed, machine = job
    schedule = tuple(entry for entry in schedule_of(seed) if isinstance(entry, FaultSpec))
    at_s = round(random.Random(seed).uniform(20.0, 90.0), 3)
    told = run_alone(schedule, machine, heals_at_s=at_s)
    return {"seed": seed, "schedule": dump(schedule), "healed_at_s": at_s, **told}


def batches(first: int, count: int) -> Iterator[tuple[int, ...]]:
    """Seeds `first` to `first + count - 1`, split where the machine changes."""
    here: list[int] = []
    for seed in range(first, first + count):
        if here and machine_of(seed) != machine_of(here[0]):
            yield tuple(here)
            here = []
        here.append(seed)
    if here:
        yield tuple(here)
