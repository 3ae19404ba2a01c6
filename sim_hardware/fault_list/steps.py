"""The 24 steps of one board as the fault matrix counts them, and how a cell of the matrix is reached in the machine.

The names of steps are words of whoever runs the machine; commands are the machine's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim_hardware.faults import FaultSpec, Phase

PHASES = (Phase.BEFORE, Phase.COMMANDED, Phase.RUNNING)
"""The three phases of the matrix: before the command, between command and acknowledgement, between that and done."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the matrix.

    id        S01 to S24
    title     for people
    name      as it is announced
    port      the device whose command is the step; "" where the step commands nothing
    command   that command, "device.command"; "" where there is none
    reach     per phase what a fault waits for: (command, phase, after_s); a phase without an entry does not exist here
    why_not   why the phases that are missing do not exist
    """

    id: str
    title: str
    name: str
    port: str = ""
    command: str = ""
    reach: tuple[tuple[Phase, str, Phase, float], ...] = ()
    why_not: str = ""

    def trigger(self, phase: Phase) -> tuple[str, Phase, float] | None:
        """What a fault of this cell waits for, None where the phase does not exist."""
        for own, command, reached, after_s in self.reach:
            if own is phase:
                return command, reached, after_s
        return None


def _whole(number: int, title: str, name: str, command: str) -> Step:
    """A step that is one command of a device."""
    reach = (
        (Phase.BEFORE, "", Phase.BEFORE, 0.0),
        (Phase.COMMANDED, command, Phase.COMMANDED, 0.0),
        (Phase.RUNNING, command, Phase.RUNNING, 0.0),
    )
    return Step(f"S{number:02d}", title, name, command.split(".")[0], command, reach)


def _without_command(number: int, title: str, name: str, why_not: str) -> Step:
    return Step(f"S{number:02d}", title, name, reach=((Phase.BEFORE, "", Phase.BEFORE, 0.0),), why_not=why_not)


def _inside(number: int, title: str, name: str, command: str, *, begins: tuple[str, Phase, float]) -> Step:
    """A step that is not the first command of what is announced: before it is during the one before it."""
    whole = _whole(number, title, name, command)
    return replace(whole, reach=((Phase.BEFORE, *begins), *whole.reach[1:]))


def _contact(number: int, title: str, name: str) -> Step:
    return Step(
        f"S{number:02d}",
        title,
        name,
        "head",
        "head.press",
        ((Phase.RUNNING, "head.press", Phase.CONTACT, 0.02),),
        "the drive goes on by itself from contact to hold: there is no command of its own to come before",
    )


STEPS: tuple[Step, ...] = (
    _without_command(1, "boot and reconcile", "boot", "a start commands nothing: it connects and reads"),
    _whole(2, "home", "home", "plc.home"),
    _without_command(3, "recipe load", "recipe_load", "a recipe is read by the host: no device is commanded"),
    replace(
        _whole(4, "board id", "read_board", "board_reader.read"),
        reach=(
            (Phase.BEFORE, "", Phase.BEFORE, 0.0),
            (Phase.COMMANDED, "board_reader.read", Phase.COMMANDED, 0.0),
        ),
        why_not="the answer of the reader is acknowledgement and end in one",
    ),
    _whole(5, "clamp", "clamp_board", "plc.clamp"),
    _whole(6, "board fiducials", "locate_board", "plc.move"),
    _whole(7, "bottom-package look", "look_at_site", "plc.move"),
    _whole(8, "film level", "level_film", "dip_unit.level"),
    _whole(9, "film measure", "measure_film", "film_gauge.measure"),
    _whole(10, "pick approach", "go_to_tray", "plc.move"),
    _whole(11, "pick contact", "pick", "head.press"),
    _inside(12, "vacuum confirm", "pick", "head.vacuum_on", begins=("head.press", Phase.CONTACT, 0.0)),
    _whole(13, "travel to dip", "go_to_plate", "plc.move"),
    _whole(14, "dip down", "dip", "head.press"),
    _contact(15, "dwell", "dip"),
    _inside(16, "dip up and imprint", "dip", "head.lift", begins=("head.press", Phase.CONTACT, 0.15)),
    _whole(17, "travel to camera", "expose_wet", "plc.move"),
    _inside(18, "ball vision", "expose_wet", "up_camera.expose", begins=("plc.move", Phase.RUNNING, 0.0)),
    _whole(19, "travel to site", "align", "plc.move"),
    _whole(20, "place approach", "place", "head.press"),
    _contact(21, "contact and hold", "place"),
    _inside(22, "release and lift", "place", "head.vacuum_off", begins=("head.press", Phase.CONTACT, 0.05)),
    _whole(23, "verify and record", "look_at_placed", "plc.move"),
    _whole(24, "unclamp and report", "board_out", "plc.unclamp"),
)
BY_ID = {step.id: step for step in STEPS}
EVERYWHERE = tuple(BY_ID)
MOVES = tuple(step.id for step in STEPS if step.command == "plc.move")
HEAD = tuple(step.id for step in STEPS if step.port == "head")
MODBUS = tuple(step.id for step in STEPS if step.port in ("plc", "dip_unit"))
SERIAL = tuple(step.id for step in STEPS if step.port in ("head", "film_gauge", "board_reader"))
RIDES = ("S13", "S14", "S15", "S16", "S17", "S18", "S19", "S20")
"""a package hangs on the nozzle"""


def placed_in(spec: FaultSpec, step: Step, phase: Phase) -> FaultSpec:
    """The fault as it strikes in this cell: it waits for the step, then for its command, and names the step's port.

    raises   ValueError when the phase does not exist there
    """
    trigger = step.trigger(phase)
    if trigger is None:
        raise ValueError(f"{step.id} has no phase {phase}: {step.why_not}")
    command, reached, after_s = trigger
    target = spec.target.replace("PORT", step.port)
    return replace(spec, target=target, step=step.name, command=command, phase=reached, after_s=spec.after_s + after_s)
