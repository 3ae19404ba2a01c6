"""In which order the cells of the matrix are hunted through where there is no time for all of them.

Nothing is run here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sim_hardware.fault_list.steps import BY_ID
from station.process.sheet import ALL_STEPS
from tests.campaign.matrix import Cell

FEW = 6
"""cells of a fault that can be in few places only"""
_NOT_READY = ("boot", "home")
_NOT_UNDONE = {step.id for step in ALL_STEPS if step.irreversible}


def sort_of(cell: Cell) -> str:
    """Steps that are one question: each act of the machine that cannot be undone, a press or a release apart; the start
    of a station that is not ready yet; all that can simply be done again, which is empty."""
    step = BY_ID[cell.step]
    if step.name in _NOT_READY:
        return "start"
    return f"{step.name} {step.command}" if step.name in _NOT_UNDONE else ""


def rounds(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """First every fault once; then whatever is left of faults that can be in few places, each of which is another
    question; then one cell of every fault that has one left, round after round, until each cell was in one.

    A fault goes through the sorts of steps in turn: there it takes what its section, whose faults are alike, has had
    least of, then what the fewest faults were in.
    """
    left: dict[str, list[Cell]] = {}
    for cell in cells:
        left.setdefault(cell.fault, []).append(cell)
    of_fault: Counter[tuple[str, str]] = Counter()
    of_section: Counter[tuple[str, str, str]] = Counter()
    of_all: Counter[tuple[str, str]] = Counter()

    def rank(cell: Cell) -> tuple[int, int, bool, int]:
        return (
            of_fault[cell.fault, sort_of(cell)],
            of_section[cell.fault[0], cell.step, cell.phase],
            not sort_of(cell),
            of_all[cell.step, cell.phase],
        )

    def taken(fault: str) -> Cell:
        cell = min(left[fault], key=rank)
        left[fault].remove(cell)
        of_fault[fault, sort_of(cell)] += 1
        of_section[fault[0], cell.step, cell.phase] += 1
        of_all[cell.step, cell.phase] += 1
        return cell

    yield [taken(fault) for fault in left]
    yield [taken(fault) for fault, here in left.items() if len(here) < FEW for _ in range(len(here))]
    while any(left.values()):
        yield [taken(fault) for fault, here in left.items() if here]
