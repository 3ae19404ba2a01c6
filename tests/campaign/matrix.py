"""The matrix: every fault in every step and phase in which it can be, as data, over both cores, one seed one result."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from sim_hardware.fault_list import BY_ID, FAULTS, Means
from sim_hardware.fault_list.steps import BY_ID as STEP_BY_ID
from sim_hardware.faults import Phase
from sim_hardware.schedule import Schedule
from tests.campaign.expected import ERROR, verdict_of
from tests.campaign.run import run_each
from tests.campaign.schedule import of_cell

SEED = 11
INJECTABLE = (Means.MACHINE, Means.OPERATOR, Means.HOST)
BATCH = 40
"""cells on one machine that was homed and calibrated once"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault in one step and phase."""

    fault: str
    step: str
    phase: str

    def __str__(self) -> str:
        return f"{self.fault} {self.step} {self.phase}"


def schedule_of(words: str) -> Schedule:
    """A cell as `M02,S19,before` -> its schedule. Raises ValueError."""
    parts = words.split(",")
    if len(parts) != 3 or parts[0] not in BY_ID or parts[1] not in STEP_BY_ID or parts[2] not in list(Phase):
        raise ValueError(f"{words!r} is no cell: write FAULT,STEP,PHASE, for instance M02,S19,before")
    fault, step, phase = BY_ID[parts[0]], STEP_BY_ID[parts[1]], Phase(parts[2])
    why_not = fault.why_not(step, phase)
    if why_not:
        raise ValueError(f"{words}: {why_not}")
    return of_cell(fault.id, step, phase)


def cells(means: Sequence[Means] = INJECTABLE) -> list[Cell]:
    """All cells that can be run here, in the order of the list."""
    return [
        Cell(fault.id, step.id, phase.value)
        for fault in FAULTS
        if fault.means in means
        for step, phase in fault.cells()
    ]


def sliced(all_cells: Sequence[Cell], count: int) -> list[Cell]:
    """So many cells, spread over the whole list, every fault in at least one of them where the count allows."""
    firsts = list({cell.fault: cell for cell in reversed(all_cells)}.values())[::-1]
    others = [cell for cell in all_cells if cell not in set(firsts)]
    rest = max(0, count - len(firsts))
    step = len(others) / rest if rest else 0.0
    return sorted([*firsts[:count], *(others[int(i * step)] for i in range(rest))], key=all_cells.index)


def prove(cell: Cell, seed: int = SEED) -> dict[str, Any]:
    """Run one cell and judge it: the line of the matrix."""
    (line,) = prove_many((cell,), seed)
    return line


def prove_many(wanted: Sequence[Cell], seed: int = SEED) -> list[dict[str, Any]]:
    """Run cells that share a machine and judge them, in their order; each line is that of the cell alone."""
    told = run_each({cell: of_cell(cell.fault, STEP_BY_ID[cell.step], Phase(cell.phase)) for cell in wanted}, seed)
    return [
        judged({"fault": cell.fault, "step": cell.step, "phase": cell.phase, "seed": seed, **told[cell]})
        for cell in wanted
    ]


def judged(line: dict[str, Any]) -> dict[str, Any]:
    """The line with the verdict on what it measured."""
    if "error" in line:
        return {**line, "verdict": ERROR, "why": line["error"]}
    verdict, why = verdict_of(line)
    return {**line, "verdict": verdict, "why": why}


def prove_all(
    wanted: Sequence[Cell], seed: int = SEED, workers: int = 2, tell: Callable[[int, int], None] | None = None
) -> Iterator[dict[str, Any]]:
    """Prove many cells, in their order whatever the number of workers."""
    batches = [wanted[begin : begin + BATCH] for begin in range(0, len(wanted), BATCH)]
    if workers <= 1:
        yield from _told(map(partial(prove_many, seed=seed), batches), len(wanted), tell)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from _told(pool.imap(partial(prove_many, seed=seed), batches), len(wanted), tell)


def _told(
    batches: Iterable[list[dict[str, Any]]], count: int, tell: Callable[[int, int], None] | None
) -> Iterator[dict[str, Any]]:
    for done, line in enumerate(chain.from_iterable(batches), 1):
        if tell is not None:
            tell(done, count)
        yield line


def write(path: Path, lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write JSON lines as they come and return them."""
    kept = []
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, sort_keys=True) + "\n")
            file.flush()
            kept.append(line)
    return kept
