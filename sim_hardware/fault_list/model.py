"""What one fault of the list is: its meaning, how it is brought about, and in which cells of the matrix it can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from sim_hardware.fault_list.steps import EVERYWHERE, PHASES, STEPS, Step, placed_in
from sim_hardware.faults import FaultSpec, Phase


class Means(StrEnum):
    """Who can bring a fault about."""

    MACHINE = "simulated machine"
    OPERATOR = "operator"
    """what a person does at the station; the harness plays the person"""
    HOST = "seam of the host"
    """host, disk, clock, orders; the harness brings it about where the service meets them"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the list.

    inject      what the simulator is given; "PORT" as target is the port of the step
    where       steps in which it can be at all; `elsewhere` says why not in the others
    phases      phases that make a difference; `other_phases` says why the others do not
    made_at     step with which it is given where that is not the step in which it shows
    note        what the injection leaves out
    """

    id: str
    name: str
    meaning: str
    means: Means
    inject: tuple[FaultSpec, ...] = ()
    where: tuple[str, ...] = EVERYWHERE
    phases: tuple[Phase, ...] = PHASES
    elsewhere: str = ""
    other_phases: str = ""
    made_at: str = ""
    note: str = ""

    @property
    def section(self) -> str:
        return SECTIONS[self.id[0]][0]

    def why_not(self, step: Step, phase: Phase) -> str:
        """Why this fault cannot be in this cell; empty where it can."""
        if step.id not in self.where:
            return self.elsewhere
        if phase not in self.phases:
            return self.other_phases
        return "" if step.trigger(phase) is not None else step.why_not

    def cells(self) -> Iterator[tuple[Step, Phase]]:
        """Where it can be."""
        for step in STEPS:
            for phase in PHASES:
                if not self.why_not(step, phase):
                    yield step, phase

    def specs(self, step: Step, phase: Phase) -> tuple[FaultSpec, ...]:
        """What the simulator is given for this cell."""
        if not self.made_at:
            return tuple(placed_in(spec, step, phase) for spec in self.inject)
        return tuple(replace(spec, step=self.made_at) for spec in self.inject)


SECTIONS: dict[str, tuple[str, int]] = {
    "M": ("Modbus", 22),
    "L": ("Serial lines", 9),
    "A": ("Axes", 14),
    "V": ("Vacuum and handling", 12),
    "D": ("Dip and film", 16),
    "C": ("Vision", 17),
    "P": ("Placement", 12),
    "B": ("Board", 10),
    "H": ("Host", 14),
    "N": ("Network and MES", 11),
    "O": ("Operator and power", 16),
}
"""Letter -> section and how many faults it has; the numbers are stable, a retired one is never used again."""

ONE_PHASE = (Phase.BEFORE,)
AS_IT_IS = "it is as it is before the step begins: the phases of the command make no difference"
FOR_EVER = "it lasts from the moment it is given: one phase stands for all"


def machine(
    id: str,
    name: str,
    meaning: str,
    *inject: FaultSpec,
    where: tuple[str, ...] = EVERYWHERE,
    phases: tuple[Phase, ...] = PHASES,
    elsewhere: str = "",
    other_phases: str = "",
    made_at: str = "",
    note: str = "",
) -> Fault:
    """A fault that the simulated machine can have."""
    return Fault(id, name, meaning, Means.MACHINE, inject, where, phases, elsewhere, other_phases, made_at, note)


def host(
    id: str,
    name: str,
    meaning: str,
    *,
    where: tuple[str, ...] = EVERYWHERE,
    phases: tuple[Phase, ...] = ONE_PHASE,
    elsewhere: str = "",
    other_phases: str = "the phases of a command make no difference to it",
    note: str = "",
) -> Fault:
    """What happens to the host of the service, or is asked of it."""
    return Fault(id, name, meaning, Means.HOST, (), where, phases, elsewhere, other_phases, note=note)


def operator(
    id: str,
    name: str,
    meaning: str,
    *,
    where: tuple[str, ...] = EVERYWHERE,
    phases: tuple[Phase, ...] = PHASES,
    elsewhere: str = "",
    other_phases: str = "",
    note: str = "",
) -> Fault:
    """What a person does."""
    return Fault(id, name, meaning, Means.OPERATOR, (), where, phases, elsewhere, other_phases, note=note)
