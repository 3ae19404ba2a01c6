"""Make a failing schedule small: delta debugging over its entries, then over the fields of each.

Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sim_hardware.faults import FaultSpec, Phase
from sim_hardware.schedule import Entry, Schedule

Fails = Callable[[Schedule], bool]
"""Whether a schedule still shows the failure."""


def shrink(schedule: Sequence[Entry], fails: Fails) -> Schedule:
    """The smallest schedule found that still fails. Raises ValueError when the given one does not."""
    whole = tuple(schedule)
    if not fails(whole):
        raise ValueError("this schedule does not fail: there is nothing to shrink")
    smaller = _fewer(whole, fails)
    return _simpler(smaller, fails)


def _fewer(schedule: Schedule, fails: Fails) -> Schedule:
    parts = 2
    while len(schedule) > 1:
        size = max(1, len(schedule) // parts)
        for begin in range(0, len(schedule), size):
            rest = schedule[:begin] + schedule[begin + size :]
            if rest and fails(rest):
                schedule, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                return schedule
            parts = min(len(schedule), 2 * parts)
    return () if fails(()) else schedule


def _simpler(schedule: Schedule, fails: Fails) -> Schedule:
    for index in range(len(schedule)):
        tried = _once_simpler(schedule, index, fails)
        while tried is not None:
            schedule = tried
            tried = _once_simpler(schedule, index, fails)
    return schedule


def _once_simpler(schedule: Schedule, index: int, fails: Fails) -> Schedule | None:
    for simpler in _simplifications(schedule[index]):
        tried = (*schedule[:index], simpler, *schedule[index + 1 :])
        if fails(tried):
            return tried
    return None


def _simplifications(entry: Entry) -> list[Entry]:
    found: list[Entry] = []
    if entry.command:
        found.append(replace(entry, command="", phase=Phase.BEFORE, after_s=0.0))
    if entry.after_s:
        found.append(replace(entry, after_s=0.0))
    if isinstance(entry, FaultSpec):
        if entry.probability < 1.0:
            found.append(replace(entry, probability=1.0))
        if entry.duration_s is not None:
            found.append(replace(entry, duration_s=None))
        if entry.nth > 1:
            found.append(replace(entry, nth=1))
    return found
