"""Register map of the motion PLC (Modbus TCP, unit 1): gantry, board transport, tray feeder, safety inputs."""

from __future__ import annotations

from enum import IntFlag

from drivers.wire.common import CONTROL, IDENTITY, STATUS_ADDRESS, status_head, status_tail
from drivers.wire.encoding import Block, Kind, Quantity
from drivers.wire.handshake import (
    JOG_FRAME_ARG,
    CommandSpec,
    channel_quantities,
    command_block,
    jog_frame_quantities,
)

UNIT = 1
DEVICE_KIND = 1
CHANNELS = ("gantry", "transport", "feeder")

UM = 0.1  # um per count
DEG = 0.0001  # deg per count


class Inputs(IntFlag):
    """Bits of `inputs`. All read-only: the service shows them, the hard-wired chain acts on them."""

    ESTOP_OK = 1
    """emergency stop chain closed"""
    DOOR_CLOSED = 2
    DRIVES_ENABLED = 4
    AIR_OK = 8
    VACUUM_SUPPLY_OK = 16
    KEY_MANUAL = 32
    """key switch stands on manual"""
    BOARD_AT_STOP = 64
    """a board touches the stop pins"""
    CLAMPED = 128
    TRAY_IN_PLACE = 256
    BIN_IN_PLACE = 512
    BIN_FULL = 1024
    ON_BATTERY = 2048
    """mains lost: the uninterruptible supply carries host and machine for some minutes"""


class AxisFlags(IntFlag):
    """Bits of `axis_flags`."""

    X_HOMED = 1
    Y_HOMED = 2
    THETA_HOMED = 4
    IN_POSITION = 8
    """all gantry axes stand inside their window around the last target"""
    FAULT = 16


HOMED_ALL = AxisFlags.X_HOMED | AxisFlags.Y_HOMED | AxisFlags.THETA_HOMED

STATUS = Block(
    "status",
    STATUS_ADDRESS,
    (
        *status_head(),
        Quantity("inputs", "safety and presence inputs, see Inputs", Kind.U16),
        Quantity("axis_flags", "homed, in position, fault, see AxisFlags", Kind.U16),
        Quantity("x_um", "measured position of axis X", Kind.I32, UM, unit="um"),
        Quantity("y_um", "measured position of axis Y", Kind.I32, UM, unit="um"),
        Quantity("theta_deg", "measured angle of axis theta", Kind.I32, DEG, unit="deg"),
        Quantity("tray_count", "trays changed since the device started", Kind.U16),
        *(quantity for name in CHANNELS for quantity in channel_quantities(name)),
        *status_tail(),
    ),
    "read",
    "everything the PLC measures, in one reading",
)

GANTRY_COMMAND = command_block("gantry", 0x0140)
TRANSPORT_COMMAND = command_block("transport", 0x0160)
FEEDER_COMMAND = command_block("feeder", 0x0180)
COMMAND_BLOCKS = {"gantry": GANTRY_COMMAND, "transport": TRANSPORT_COMMAND, "feeder": FEEDER_COMMAND}

_POSITION = (
    Quantity("x_um", "position reached on X", Kind.I32, UM, unit="um"),
    Quantity("y_um", "position reached on Y", Kind.I32, UM, unit="um"),
    Quantity("theta_deg", "angle reached on theta", Kind.I32, DEG, unit="deg"),
)

HOME = CommandSpec("home", 1, "reference X, Y and theta at their switches; Z must be at the top", evidence=_POSITION)
MOVE = CommandSpec(
    "move",
    2,
    "move X, Y and theta together to absolute targets, wait until settled",
    args=(
        Quantity("x_um", "target on X", Kind.I32, UM, 0, 500_000, "um"),
        Quantity("y_um", "target on Y", Kind.I32, UM, 0, 400_000, "um"),
        Quantity("theta_deg", "target on theta", Kind.I32, DEG, -190, 190, "deg"),
        Quantity("speed_um_per_s", "largest speed on the path", Kind.I32, 1, 1_000, 1_500_000, "um/s"),
        Quantity("accel_um_per_s2", "largest acceleration", Kind.I32, 100, 100_000, 20_000_000, "um/s2"),
    ),
    evidence=_POSITION,
)


def _jog(name: str, code: int, axis: str, target: Quantity, speed: Quantity) -> CommandSpec:
    meaning = f"move {axis} alone towards an absolute target while jog frames come"
    return CommandSpec(name, code, meaning, args=(target, speed, JOG_FRAME_ARG), evidence=_POSITION, is_jog=True)


_JOG_SPEED = Quantity("speed_um_per_s", "speed", Kind.I32, 1, 100, 50_000, "um/s")
_JOG_TURN_SPEED = Quantity("speed_deg_per_s", "speed", Kind.I32, DEG, 0.1, 45, "deg/s")
JOG_X = _jog("jog_x", 3, "X", MOVE.args[0], _JOG_SPEED)
JOG_Y = _jog("jog_y", 4, "Y", MOVE.args[1], _JOG_SPEED)
JOG_THETA = _jog("jog_theta", 5, "theta", MOVE.args[2], _JOG_TURN_SPEED)
LOAD_BOARD = CommandSpec("load_board", 1, "run the conveyor until a board touches the stop pins")
CLAMP = CommandSpec("clamp", 2, "clamp the board at the stop pins")
UNCLAMP = CommandSpec("unclamp", 3, "open the clamp")
EJECT_BOARD = CommandSpec("eject_board", 4, "lower the pins and run the board out")
CHANGE_TRAY = CommandSpec("change_tray", 1, "take the tray away and bring a full one")

COMMANDS: dict[str, tuple[CommandSpec, ...]] = {
    "gantry": (HOME, MOVE, JOG_X, JOG_Y, JOG_THETA),
    "transport": (LOAD_BOARD, CLAMP, UNCLAMP, EJECT_BOARD),
    "feeder": (CHANGE_TRAY,),
}

JOG_FRAME = Block(
    "jog_frame",
    0x01A0,
    jog_frame_quantities(),
    "write",
    "each 50 ms while a jog button is held, once more when it is let go; written whole with function code 16",
)

BLOCKS = (IDENTITY, STATUS, CONTROL, GANTRY_COMMAND, TRANSPORT_COMMAND, FEEDER_COMMAND, JOG_FRAME)
