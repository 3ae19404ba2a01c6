"""What an unforeseen fault is: what goes wrong, what is wanted, what is forbidden, and how it is played here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import recipes
from recipes import Recipe
from sim_hardware.faults import FaultSpec, Phase
from sim_hardware.scenario import Rendering
from sim_hardware.schedule import Schedule
from tests.campaign import unforeseen_truth as truth
from tests.scenarios.bench import recipe

PARTS, BOARD = "recipe_load", "load_board"
EDITS: dict[str, Mapping[str, Mapping[str, Any]]] = {
    "long hold": {"place": {"hold_s": 2.2}},
    "z controlled": {"dip": {"mode": "z_controlled", "depth_um": 100.0}},
    "two fiducials": {
        "board": {
            "fiducials": [
                {"name": "FID1", "x_um": 5_000, "y_um": 5_000, "diameter_um": 1_000},
                {"name": "FID2", "x_um": 115_000, "y_um": 75_000, "diameter_um": 1_000},
            ]
        }
    },
}
_SITE = {"level": 1, "theta_deg": 0.0}
EDITS["two fiducials, sites apart"] = {
    "board": {
        **EDITS["two fiducials"]["board"],
        "sites": [
            {"name": "1.U1", "x_um": 32_000, "y_um": 42_000, "board_index": 1, **_SITE},
            {"name": "2.U1", "x_um": 70_000, "y_um": 30_000, "board_index": 2, **_SITE},
        ],
    }
}
"""what differs from the usual recipe, by name"""


@dataclass(frozen=True, slots=True)
class Play:
    """One way to bring a fault about. `edit`: name in EDITS; `drawn`: pictures are drawn and seen, no observations."""

    schedule: Schedule
    edit: str = ""
    drawn: bool = False
    boards: int = 1

    def recipe(self) -> Recipe:
        data = recipe().as_data()
        edit = EDITS.get(self.edit, {})
        return recipes.from_data({**data, **{table: {**data[table], **edit[table]} for table in edit}})

    @property
    def rendering(self) -> Rendering:
        return Rendering.FULL if self.drawn else Rendering.OBSERVATION


@dataclass(frozen=True, slots=True)
class Unforeseen:
    """One fault of the stranger.

    happens   what goes wrong, in our words
    wants     letters of `reaction`, any of which is what the author asks for; Q is a site given up after its placement
    words     what he asks for, in our words
    never     what must not happen, in our words; `judge` looks for it
    plays     all are played, the worst counts; empty where `cannot` says what is missing here
    left      what of his wish is not there, whatever the verdict
    inherent  invariants that the fault itself breaks: no station could keep them
    """

    id: str
    happens: str
    wants: str
    words: str
    never: str
    plays: tuple[Play, ...] = ()
    judge: truth.Never = field(default=truth.bad_product_passed)
    cannot: str = ""
    left: str = ""
    inherent: tuple[int, ...] = ()


def once(kind: str, step: str, command: str = "", value: float = 1.0, **more: Any) -> FaultSpec:
    """Once, at this step, or where its command was accepted."""
    phase = Phase.COMMANDED if command else Phase.BEFORE
    return FaultSpec(kind, **{"nth": 1, "value": value, "step": step, "command": command, "phase": phase, **more})


def for_ever(kind: str, step: str, value: float = 1.0, **more: Any) -> FaultSpec:
    return FaultSpec(kind, value=value, step=step, **more)


def event(kind: str, step: str, command: str = "", value: float = 0.0, after_s: float = 0.0, **more: Any) -> FaultSpec:
    phase = Phase.RUNNING if command else Phase.BEFORE
    return FaultSpec(kind, value=value, step=step, command=command, phase=phase, after_s=after_s, **more)
