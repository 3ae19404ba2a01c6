"""The interlocks: one row for each action, with the conditions that must hold before it. Read this first.

A command without a row is refused. Which command is which action may depend on where the nozzle stands, never on what
the process believes to be doing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from drivers.wire import dip_unit, film_gauge, head, motion_plc
from drivers.wire.encoding import Number
from station.guard import conditions as c
from station.guard.conditions import Condition
from station.guard.facts import Place


class Action(StrEnum):
    """Everything that the station can set in motion, in a person's words."""

    HOME_Z = "Home Z"
    HOME_AXES = "Home X, Y and theta"
    HOME_BLADE = "Home the blade"
    TRAVEL = "Travel"
    MOVE_Z_UP = "Move Z at travel height"
    LOWER_TO_BIN = "Lower over the reject bin"
    LOWER_ELSEWHERE = "Lower the head"
    PICK = "Press into the tray"
    DIP = "Press on the dip plate"
    PLACE = "Press on the board"
    PRESS_GLASS = "Press in the glass holder"
    PRESS_ELSEWHERE = "Press on nothing known"
    LIFT = "Lift"
    ZERO_FORCE = "Zero the force"
    GRIP = "Vacuum on"
    RELEASE_ON_BOARD = "Let go on the board"
    RELEASE_IN_HOLDER = "Let go in the glass holder"
    RELEASE_IN_TRAY = "Let go in the tray"
    RELEASE_IN_BIN = "Let go over the reject bin"
    RELEASE_ELSEWHERE = "Let go"
    LEVEL_FILM = "Level the film"
    MEASURE_FILM = "Measure the film"
    REFERENCE_GAUGE = "Look at the gauge's reference step"
    LOAD_BOARD = "Bring a board"
    CLAMP = "Clamp the board"
    UNCLAMP = "Open the clamp"
    BOARD_OUT = "Run the board out"
    CHANGE_TRAY = "Change the tray"
    JOG_X = "Jog X"
    JOG_Y = "Jog Y"
    JOG_TURN = "Jog the turn of the nozzle"
    JOG_Z = "Jog Z up, or down to travel height"
    JOG_Z_LOW = "Jog Z below travel height"


CHAIN = (c.STATE_MOVES, c.ESTOP, c.DOOR, c.DRIVES)
"""Also for what ends a motion well: a lift, a release where the part lies."""
BEGIN = (*CHAIN, c.KEY)
"""For what begins something new."""
FEED = (c.STATE_FEEDS, c.ESTOP, c.DOOR, c.DRIVES, c.KEY, c.AIR)
"""For what brings boards and trays: the one thing that moves in Suspended."""
JOG = (c.JOG_HELD, c.ESTOP, c.DOOR, c.DRIVES, c.KEY_MANUAL)
"""For what moves only under a hand."""
JOG_TRAVEL = (*JOG, c.AIR, c.AXES_REFERENCED, c.AXES_SOUND, c.Z_REFERENCED, c.Z_UP, c.FREE_AIR)
DOWN = (*BEGIN, c.AIR, c.AXES_REFERENCED, c.AXES_STAND, c.Z_REFERENCED, c.Z_SOUND)

INTERLOCKS: dict[Action, tuple[Condition, ...]] = {
    Action.HOME_Z: BEGIN,
    Action.HOME_AXES: (*BEGIN, c.Z_REFERENCED, c.Z_UP),
    Action.HOME_BLADE: (*BEGIN, c.HEAD_OFF_PLATE, c.PLATE_LOCKED, c.COVER_CLOSED),
    Action.TRAVEL: (*BEGIN, c.AIR, c.AXES_REFERENCED, c.AXES_SOUND, c.Z_REFERENCED, c.Z_UP, c.FREE_AIR),
    Action.MOVE_Z_UP: (*CHAIN, c.Z_REFERENCED, c.Z_SOUND),
    Action.LOWER_TO_BIN: (*DOWN, c.BIN_THERE, c.BIN_ROOM, c.OVER_BIN),
    Action.LOWER_ELSEWHERE: (*DOWN, c.OVER_BIN),
    Action.PICK: (*DOWN, c.CONTACT_STOP, c.OVER_TRAY, c.TRAY_THERE, c.VACUUM),
    Action.DIP: (*DOWN, c.CONTACT_STOP, c.OVER_PLATE, c.PLATE_LOCKED, c.COVER_CLOSED, c.BLADE_RESTS),
    Action.PLACE: (*DOWN, c.CONTACT_STOP, c.OVER_BOARD, c.BOARD_THERE, c.CLAMPED),
    Action.PRESS_GLASS: (*DOWN, c.CONTACT_STOP, c.OVER_HOLDER),
    Action.PRESS_ELSEWHERE: (*DOWN, c.CONTACT_STOP, c.OVER_SURFACE),
    Action.LIFT: (*CHAIN, c.Z_REFERENCED, c.Z_SOUND),
    Action.ZERO_FORCE: (c.STATE_MOVES, c.FREE_AIR),
    Action.GRIP: (c.STATE_MOVES, c.VACUUM),
    Action.RELEASE_ON_BOARD: (c.STATE_MOVES, c.OVER_BOARD, c.PRESSING, c.CLAMPED),
    Action.RELEASE_IN_HOLDER: (c.STATE_MOVES, c.OVER_HOLDER, c.PRESSING),
    Action.RELEASE_IN_TRAY: (c.STATE_MOVES, c.OVER_TRAY, c.LIES_OR_NOTHING_HELD),
    Action.RELEASE_IN_BIN: (c.STATE_MOVES, c.AXES_STAND, c.OVER_BIN, c.BIN_THERE, c.BIN_ROOM),
    Action.RELEASE_ELSEWHERE: (c.STATE_MOVES, c.NOTHING_HELD),
    Action.LEVEL_FILM: (*BEGIN, c.AIR, c.HEAD_OFF_PLATE, c.PLATE_LOCKED, c.COVER_CLOSED, c.BLADE_REFERENCED),
    Action.MEASURE_FILM: (*BEGIN, c.HEAD_OFF_PLATE, c.PLATE_LOCKED, c.COVER_CLOSED, c.BLADE_RESTS),
    Action.REFERENCE_GAUGE: BEGIN,  # the step stands beside the plate, out of the blade's way
    Action.LOAD_BOARD: (*FEED, c.MAINS, c.UNCLAMPED, c.Z_UP),
    Action.CLAMP: (*BEGIN, c.AIR, c.BOARD_THERE, c.Z_UP),
    Action.UNCLAMP: (*BEGIN, c.AIR, c.Z_UP),
    Action.BOARD_OUT: (*BEGIN, c.AIR, c.UNCLAMPED, c.Z_UP),
    Action.CHANGE_TRAY: (*FEED, c.Z_UP),
    Action.JOG_X: JOG_TRAVEL,
    Action.JOG_Y: JOG_TRAVEL,
    Action.JOG_TURN: JOG_TRAVEL,
    Action.JOG_Z: (*JOG, c.Z_REFERENCED, c.Z_SOUND),  # also out of a surface
    Action.JOG_Z_LOW: (
        *JOG,
        c.AIR,
        c.AXES_REFERENCED,
        c.AXES_STAND,
        c.Z_REFERENCED,
        c.Z_SOUND,
        c.CONTACT_STOP,
        c.BIN_THERE,
        c.JOG_DOWN_HERE,
    ),
}

BEFORE_STEP: dict[str, Action] = {
    "pick": Action.PICK,
    "dip": Action.DIP,
    "place": Action.PLACE,
    "bin_part": Action.TRAVEL,
    "board_out": Action.UNCLAMP,
}
"""What an irreversible step begins with: asked before its intent is written, so that no act is begun in vain."""

ON_ITS_WAY = (c.AXES_STAND, c.OVER_TRAY, c.OVER_PLATE, c.OVER_BOARD)
"""Not asked so early: the step may bring the nozzle there itself."""

Args = Mapping[str, Number]
_PRESS = {Place.TRAY: Action.PICK, Place.PLATE: Action.DIP, Place.BOARD: Action.PLACE, Place.HOLDER: Action.PRESS_GLASS}
_RELEASE = {
    Place.BOARD: Action.RELEASE_ON_BOARD,
    Place.HOLDER: Action.RELEASE_IN_HOLDER,
    Place.TRAY: Action.RELEASE_IN_TRAY,
    Place.BIN: Action.RELEASE_IN_BIN,
}


def _move_z(args: Args, place: Place, safe_z_um: float) -> Action:
    if args["z_um"] <= safe_z_um:
        return Action.MOVE_Z_UP
    return Action.LOWER_TO_BIN if place is Place.BIN else Action.LOWER_ELSEWHERE


def _jog_z(args: Args, _: Place, safe_z_um: float) -> Action:
    return Action.JOG_Z if args["z_um"] <= safe_z_um else Action.JOG_Z_LOW


def _press(_: Args, place: Place, __: float) -> Action:
    return _PRESS.get(place, Action.PRESS_ELSEWHERE)


def _release(_: Args, place: Place, __: float) -> Action:
    return _RELEASE.get(place, Action.RELEASE_ELSEWHERE)


ACTIONS: dict[tuple[str, str], Action | Callable[[Args, Place, float], Action]] = {
    ("gantry", motion_plc.HOME.name): Action.HOME_AXES,
    ("gantry", motion_plc.MOVE.name): Action.TRAVEL,
    ("gantry", motion_plc.JOG_X.name): Action.JOG_X,
    ("gantry", motion_plc.JOG_Y.name): Action.JOG_Y,
    ("gantry", motion_plc.JOG_THETA.name): Action.JOG_TURN,
    ("transport", motion_plc.LOAD_BOARD.name): Action.LOAD_BOARD,
    ("transport", motion_plc.CLAMP.name): Action.CLAMP,
    ("transport", motion_plc.UNCLAMP.name): Action.UNCLAMP,
    ("transport", motion_plc.EJECT_BOARD.name): Action.BOARD_OUT,
    ("feeder", motion_plc.CHANGE_TRAY.name): Action.CHANGE_TRAY,
    (head.CHANNEL, head.HOME_Z.name): Action.HOME_Z,
    (head.CHANNEL, head.MOVE_Z.name): _move_z,
    (head.CHANNEL, head.JOG_Z.name): _jog_z,
    (head.CHANNEL, head.PRESS.name): _press,
    (head.CHANNEL, head.LIFT.name): Action.LIFT,
    (head.CHANNEL, head.VACUUM_ON.name): Action.GRIP,
    (head.CHANNEL, head.VACUUM_OFF.name): _release,
    (head.CHANNEL, head.TARE.name): Action.ZERO_FORCE,
    (dip_unit.CHANNEL, dip_unit.HOME_BLADE.name): Action.HOME_BLADE,
    (dip_unit.CHANNEL, dip_unit.LEVEL.name): Action.LEVEL_FILM,
    (film_gauge.CHANNEL, film_gauge.MEASURE.name): Action.MEASURE_FILM,
    (film_gauge.CHANNEL, film_gauge.REFERENCE.name): Action.REFERENCE_GAUGE,
}
"""Channel and command of a device -> the action it is."""

HOMES: dict[tuple[str, str], str] = {
    ("gantry", motion_plc.HOME.name): "gantry",
    (head.CHANNEL, head.HOME_Z.name): "z",
    (dip_unit.CHANNEL, dip_unit.HOME_BLADE.name): "blade",
}
"""Commands after which a reference is a new one."""
