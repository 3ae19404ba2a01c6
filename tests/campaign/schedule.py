"""Which schedule is which cell of the matrix, and whether what a stranger's schedule waits for can ever come."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.wire import dip_unit, film_gauge, head, motion_plc
from sim_hardware.cabling import PORT_NAMES
from sim_hardware.fault_kinds import KINDS
from sim_hardware.fault_list import BY_ID, Means, Step
from sim_hardware.fault_list.steps import placed_in
from sim_hardware.faults import FaultSpec, Phase
from sim_hardware.schedule import Act, Entry, Schedule
from sim_hardware.world.places import SafetyInputs
from station.process.sheet import ALL_STEPS
from tests.campaign import house, jogging

ACT_OF = {
    "B03": "second_board",
    "B08": "swap",
    **house.ACT_OF,
    **jogging.ACT_OF,
    "O03": "hand",
    "O04": "start_twice",
    "O08": "stop",
    "O09": "wrong_answers",
    "O12": "press_on",
    "O13": "power_cut",
    "D09": "hold_long",
    "D10": "hold_long",
}
"""which act is which fault of the list"""

STANDING = {
    "S04": FaultSpec("code_unreadable"),
    "S06": FaultSpec("frame_lost"),
    "S07": FaultSpec("frame_lost"),
    "S08": FaultSpec("film_uneven", value=30.0),
    "S09": FaultSpec("plate_temperature", value=15.0),
    "S14": FaultSpec("plate_temperature", value=15.0),
    "S18": FaultSpec("frame_lost"),
    "S23": FaultSpec("frame_lost"),
}
"""what a person presses on against: in each step a fault that its gate asks about, and that does not pass by itself"""
STEPS = ("boot", "home", "recipe_load", *(step.id for step in ALL_STEPS))
"""what is announced: the steps of the process, and what comes before them"""
COMMANDS = (
    *(
        f"{name}.{spec.name}"
        for name, wire in (("plc", motion_plc), ("head", head), ("dip_unit", dip_unit), ("film_gauge", film_gauge))
        for specs in wire.COMMANDS.values()
        for spec in specs
    ),
    "up_camera.expose",
    "board_reader.read",
)
PORTS = tuple(name for name in PORT_NAMES if name != "control")
INPUTS = tuple(SafetyInputs.__slots__)


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
    if fault_id == "O12":
        made.append(placed_in(STANDING[step.id], step, phase))
    if fault_id == "B03":
        made.append(FaultSpec("board_again", nth=1))
    return tuple(made)


def check_names(schedule: Sequence[Entry]) -> None:
    """A fault that waits for what never comes would look like one that was survived.

    raises    ValueError that names the entry, and what is known
    """
    for number, entry in enumerate(schedule, 1):
        known: list[tuple[str, str, Sequence[str]]] = []
        if entry.step:
            known.append(("step", entry.step, STEPS))
        if entry.command:
            known.append(("command", entry.command, COMMANDS))
        if isinstance(entry, FaultSpec) and (entry.target or entry.kind in _NEED_A_TARGET):
            known.append(("target", entry.target, INPUTS if "input" in KINDS[entry.kind] else PORTS))
        for key, value, allowed in known:
            if value not in allowed:
                raise ValueError(f"entry {number}.{key} = {value!r}: unknown {key}; known: {', '.join(allowed)}")


_NEED_A_TARGET = ("link_cut", "endless_stream", "device_restarts", "second_master", "input_false", "input_true")
"""events: they happen to something, where a state without a target holds for everything"""
