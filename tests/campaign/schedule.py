"""A fault schedule as data: a JSON list of faults of the machine and acts of a person, each with its trigger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim_hardware.fault_list import BY_ID, Means, Step
from sim_hardware.faults import FaultSpec, Phase
from sim_hardware.scenario import ScenarioError, from_plain, plain


@dataclass(frozen=True, slots=True)
class Act:
    """What a person does, when the step has been announced and its command has come so far.

    act   stop, hold_long, hand, start_twice, wrong_answers, power_cut, second_board
    """

    act: str
    step: str
    command: str = ""
    phase: Phase = Phase.BEFORE
    after_s: float = 0.0

    def __post_init__(self) -> None:
        if self.act not in ACTS:
            raise ValueError(f"unknown act {self.act!r}; known: {', '.join(ACTS)}")


ACTS = ("stop", "hold_long", "hand", "start_twice", "wrong_answers", "power_cut", "second_board")
ACT_OF = {
    "B03": "second_board",
    "O03": "hand",
    "O04": "start_twice",
    "O08": "stop",
    "O09": "wrong_answers",
    "O13": "power_cut",
    "D09": "hold_long",
    "D10": "hold_long",
}
"""which act is which fault of the list"""

Entry = FaultSpec | Act
Schedule = tuple[Entry, ...]


def of_cell(fault_id: str, step: Step, phase: Phase) -> Schedule:
    """The schedule of one cell of the matrix."""
    fault = BY_ID[fault_id]
    if fault.means is Means.MACHINE:
        return fault.specs(step, phase)
    trigger = step.trigger(phase)
    assert trigger is not None
    command, reached, after_s = trigger
    made: list[Entry] = [Act(ACT_OF[fault_id], step.name, command, reached, after_s)]
    if fault_id == "O09":
        made.append(FaultSpec("fiducial_missing", nth=1, value=1.0, step="load_board"))
    if fault_id == "B03":
        made.append(FaultSpec("board_again", nth=1))
    return tuple(made)


def load(text: str) -> Schedule:
    """JSON list -> schedule. Raises ValueError that names entry and key."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the schedule is no JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"the schedule is a {type(entries).__name__}, expected a list of faults")
    return tuple(_entry(entry, f"entry {number}") for number, entry in enumerate(entries, 1))


def _entry(entry: Any, where: str) -> Entry:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: expected an object, found {type(entry).__name__}")
    try:
        return from_plain(Act if "act" in entry else FaultSpec, entry, where)
    except ScenarioError as error:
        raise ValueError(str(error)) from error


def dump(schedule: Sequence[Entry]) -> list[dict[str, Any]]:
    """The schedule as JSON objects, without what is as usual; `load(json.dumps(dump(s))) == s`."""
    return [_short(entry) for entry in schedule]


def _short(entry: Entry) -> dict[str, Any]:
    usual = plain(FaultSpec("pick_fail") if isinstance(entry, FaultSpec) else Act("stop", ""))
    return {name: value for name, value in plain(entry).items() if name in ("kind", "act") or value != usual[name]}
