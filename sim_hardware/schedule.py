"""A schedule as data: a JSON list of faults of the machine and acts of a person, each with its trigger, or a plan.

A plan is such a list with what it is to be run on. Nothing here runs anything; whose words the steps are is not known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim_hardware.faults import FaultSpec, Phase
from sim_hardware.scenario import ScenarioError, from_plain, plain

HOUSE_ACTS = (
    "disk_full",
    "io_error",
    "database_held",
    "slow_commit",
    "database_damaged",
    "other_version",
    "process_paused",
    "loop_blocked",
    "clock_jumps",
    "task_dies",
    "second_service",
    "order_twice",
    "other_order_under_the_key",
    "flood",
    "bombs",
    "wrong_recipe",
    "recipe_edited",
    "absurd_recipe",
    "approved_under_another_vision",
    "log_flood",
    "broker_away",
    "acknowledgements_lost",
    "answer_lost",
    "mes_down",
    "pages_do_not_read",
    "commands_by_mqtt",
    "certificate_expired",
)
"""what happens to the host of the service and around it, or is asked of it: no person, and no machine"""
ACTS = (
    "stop",
    "abort",
    "hold",
    "hold_long",
    "hold_stop",
    "hand",
    "swap",
    "start_twice",
    "wrong_answers",
    "press_on",
    "jog_page_closes",
    "jog_into",
    "second_board",
    "power_cut",
    "kill",
    "answer",
    *HOUSE_ACTS,
)
"""`press_on` answers Retry whatever stands there, until the key switch is asked for; then turns it and puts it right;
`second_board` orders another job after this one; `hold` ends when the person has nothing else to do, `hold_long`
after film and dipped package have grown too old, `hold_stop` by Stop"""


@dataclass(frozen=True, slots=True)
class Act:
    """What a person does, when the step has been announced and its command has come so far.

    act       one of ACTS; `kill` ends the service as SIGKILL does, `power_cut` everything at once
    step      step that is waited for; `answer` waits for the question instead
    step_nth  1 = its first announcement, 2 = its second ...
    alarm     for `answer`: number of the question
    answer    for `answer`: what is answered to it
    """

    act: str
    step: str = ""
    command: str = ""
    phase: Phase = Phase.BEFORE
    after_s: float = 0.0
    step_nth: int = 1
    alarm: int = 0
    answer: str = ""

    def __post_init__(self) -> None:
        if self.act not in ACTS:
            raise ValueError(f"unknown act {self.act!r}; known: {', '.join(ACTS)}")
        if self.act == "answer" and not (self.alarm and self.answer):
            raise ValueError("act answer: needs alarm (its number) and answer, for instance 501 and retry")
        if self.act != "answer" and not self.step:
            raise ValueError(f"act {self.act}: needs the step at which it is done")
        if self.step_nth < 1:
            raise ValueError(f"act {self.act}: step_nth = {self.step_nth}, allowed 1 or more")
        if self.after_s < 0.0:
            raise ValueError(f"act {self.act}: after_s = {self.after_s}, allowed 0 or more")


Entry = FaultSpec | Act
Schedule = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule and what it is run on; `seed` None and `recipe` "" leave the choice to whoever runs it."""

    schedule: Schedule
    seed: int | None = None
    recipe: str = ""
    boards: int = 1


def load(text: str) -> Schedule:
    """JSON -> the entries of the list or plan. Raises ValueError that names entry and key."""
    return load_plan(text).schedule


def load_plan(text: str) -> Plan:
    """JSON list of entries, or object with `schedule` and perhaps `seed`, `recipe`, `boards`. Raises ValueError."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the schedule is no JSON: {error}") from error
    if isinstance(told, list):
        return Plan(_entries(told))
    if not isinstance(told, dict) or "schedule" not in told:
        raise ValueError(f"the schedule is a {type(told).__name__}, expected a list of faults, or an object with one")
    allowed: dict[str, type] = {"schedule": list, "seed": int, "recipe": str, "boards": int}
    for key, value in told.items():
        if key not in allowed:
            raise ValueError(f"{key}: unknown key; known: {', '.join(allowed)}")
        if type(value) is not allowed[key] and not (key == "seed" and value is None):
            raise ValueError(f"{key} = {value!r}: expected {allowed[key].__name__}")
    if told.get("boards", 1) < 1:
        raise ValueError(f"boards = {told['boards']}: allowed 1 or more")
    return Plan(_entries(told["schedule"]), told.get("seed"), told.get("recipe", ""), told.get("boards", 1))


def _entries(entries: Sequence[Any]) -> Schedule:
    return tuple(_entry(entry, f"entry {number}") for number, entry in enumerate(entries, 1))


def _entry(entry: Any, where: str) -> Entry:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: expected an object, found {type(entry).__name__}")
    try:
        return from_plain(Act, entry, where) if "act" in entry else from_plain(FaultSpec, entry, where)
    except ScenarioError as error:
        raise ValueError(str(error)) from error


def dump(schedule: Sequence[Entry]) -> list[dict[str, Any]]:
    """The schedule as JSON objects, without what is as usual; `load(json.dumps(dump(s))) == s`."""
    return [_short(entry) for entry in schedule]


def dump_plan(plan: Plan) -> dict[str, Any]:
    """The plan as a JSON object; `load_plan(json.dumps(dump_plan(p))) == p`."""
    about = {"seed": plan.seed, "recipe": plan.recipe, "boards": plan.boards}
    usual = {"seed": None, "recipe": "", "boards": 1}
    return {**{key: value for key, value in about.items() if value != usual[key]}, "schedule": dump(plan.schedule)}


def _short(entry: Entry) -> dict[str, Any]:
    usual = plain(FaultSpec("pick_fail") if isinstance(entry, FaultSpec) else Act("stop", "-"))
    told = plain(entry)
    return {name: value for name, value in told.items() if name in ("kind", "act") or value != usual[name]}
