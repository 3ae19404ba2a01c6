"""Swarm: random schedules by seed. Each run leaves out a random half of the faults, because faults hide one another.

Source: Groce, Zhang, Eide, Chen, Regehr, Swarm Testing, 2012.
"""

from __future__ import annotations

import random
from typing import Any

from sim_hardware.fault_list.steps import BY_ID as STEP_BY_ID
from sim_hardware.faults import Phase
from sim_hardware.schedule import Entry, Schedule, dump
from tests.campaign.matrix import Cell, cells
from tests.campaign.run import Outcome, run
from tests.campaign.schedule import of_cell

FAULTS_MAX = 4
NOT_TOGETHER = ("O13", "O09")
"""acts that need the station for themselves"""


def schedule_of(seed: int) -> Schedule:
    """The schedule of this seed: 1 to 4 cells of the matrix, out of a random half of the faults."""
    chance = random.Random(seed)
    by_fault: dict[str, list[Cell]] = {}
    for cell in cells():
        if cell.fault not in NOT_TOGETHER:
            by_fault.setdefault(cell.fault, []).append(cell)
    allowed = chance.sample(sorted(by_fault), len(by_fault) // 2)
    entries: list[Entry] = []
    for fault in chance.sample(allowed, chance.randint(1, FAULTS_MAX)):
        cell = chance.choice(by_fault[fault])
        entries += of_cell(fault, STEP_BY_ID[cell.step], Phase(cell.phase))
    return tuple(entries)


def swarm(seed: int) -> tuple[Schedule, Outcome]:
    schedule = schedule_of(seed)
    return schedule, run(schedule, seed)


def line(seed: int) -> dict[str, Any]:
    """One run of the swarm as data."""
    try:
        schedule, outcome = swarm(seed)
    except Exception as error:
        return {"seed": seed, "schedule": dump(schedule_of(seed)), "error": f"{type(error).__name__}: {error}"[:300]}
    return {"seed": seed, "schedule": dump(schedule), **outcome.as_dict()}
