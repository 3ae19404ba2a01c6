"""Register map of the dip unit (Modbus RTU, unit 2): blade, plate, reservoir."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from drivers.wire.common import CONTROL, IDENTITY, STATUS_ADDRESS, status_head, status_tail
from drivers.wire.encoding import Block, Kind, Quantity
from drivers.wire.handshake import CommandSpec, channel_quantities, command_block

UNIT = 2
DEVICE_KIND = 2
CHANNEL = "blade"
UM = 0.1  # um per count


class Reservoir(IntEnum):
    """Level of the material reservoir; the five states of a dispenser's host interface (SECS/GEM practice)."""

    FULL = 0
    LOW = 1
    EMPTY = 2
    NONE = 3
    """no reservoir in place"""
    ERROR = 4
    """empty seen without low: the sensor cannot be trusted"""


class Inputs(IntFlag):
    """Bits of `inputs`."""

    PLATE_LOCKED = 1
    COVER_OPEN = 2
    HOMED = 4


STATUS = Block(
    "status",
    STATUS_ADDRESS,
    (
        *status_head(),
        Quantity("inputs", "plate and cover, see Inputs", Kind.U16),
        Quantity("reservoir", "material level, see Reservoir", Kind.U16),
        Quantity("plate_id", "identity code of the plate in place", Kind.U16),
        Quantity("plate_temperature_degc", "temperature of the plate", Kind.I16, 0.1, unit="degC"),
        Quantity("humidity_ratio", "relative humidity at the plate", Kind.U16, 0.001),
        Quantity("gap_um", "measured gap between blade and plate", Kind.I32, UM, unit="um"),
        Quantity("film_generation", "+1 with every wipe that covered the whole plate", Kind.U32),
        *channel_quantities(CHANNEL),
        *status_tail(),
    ),
    "read",
    "everything the dip unit measures, in one reading",
)

BLADE_COMMAND = command_block(CHANNEL, 0x0140)

HOME_BLADE = CommandSpec("home_blade", 1, "reference the blade gap and park the blade")
LEVEL = CommandSpec(
    "level",
    2,
    "set the gap and wipe the whole plate; the film is then new everywhere",
    args=(
        Quantity("gap_um", "blade gap", Kind.I32, UM, 5, 600, "um"),
        Quantity("wipe_speed_um_per_s", "speed of the blade over the plate", Kind.I32, 1, 5_000, 150_000, "um/s"),
        Quantity("strokes", "how many strokes, each over the whole plate", Kind.I32, 1, 1, 5),
    ),
    evidence=(
        Quantity("gap_um", "gap measured during the last stroke", Kind.I32, UM, unit="um"),
        Quantity("film_generation", "generation of the film laid"),
        Quantity("stroke_time_s", "time of the last stroke", Kind.I32, 0.001, unit="s"),
    ),
)
COMMANDS: dict[str, tuple[CommandSpec, ...]] = {CHANNEL: (HOME_BLADE, LEVEL)}
COMMAND_BLOCKS = {CHANNEL: BLADE_COMMAND}

BLOCKS = (IDENTITY, STATUS, CONTROL, BLADE_COMMAND)
