"""Frames of the placement head: Z axis, force, contact stop, vacuum, force-Z curve (serial, device kind 3).

The fast loop lives here, in the drive: the head takes a whole profile, stops itself on contact, force or Z limit, and
keeps the force-Z curve. The host starts, supervises and reads evidence.
"""

from __future__ import annotations

import struct
from enum import IntFlag

from drivers.wire.encoding import Kind, Quantity
from drivers.wire.handshake import JOG_FRAME_ARG, CommandSpec, channel_quantities, jog_frame_quantities
from drivers.wire.serial_frames import Fields, status_head

DEVICE_KIND = 3
CHANNEL = "head"
UM = 0.1  # um per count
NEWTON = 0.001  # N per count
KPA = 0.1  # kPa per count
SECOND = 0.001  # s per count

CURVE_SAMPLE_RATE_HZ = 2000
CURVE_CAPACITY = 4096
CURVE_POINTS_PER_FRAME = 64

Z_LIMIT_UM = 40_000


class Flags(IntFlag):
    """Bits of `flags`."""

    HOMED = 1
    CONTACT_STOP_ARMED = 2
    """the drive will stop itself on contact; read back before every move towards a surface"""
    VACUUM_ON = 4
    IN_CONTACT = 8
    FAULT = 16
    TARED = 32


STATUS = Fields(
    "status",
    (
        *status_head(),
        Quantity("flags", "see Flags", Kind.U16),
        Quantity("z_um", "measured Z, 0 = top, down is positive", Kind.I32, UM, unit="um"),
        Quantity("force_n", "measured force, pressing is positive, pulling negative", Kind.I32, NEWTON, unit="N"),
        Quantity("vacuum_kpa", "measured gauge pressure in the nozzle, below 0 is vacuum", Kind.I16, KPA, unit="kPa"),
        Quantity("nozzle_id", "identity code of the nozzle in place", Kind.U16),
        Quantity("curve_count", "samples in the force-Z buffer", Kind.U16),
        *channel_quantities(CHANNEL),
    ),
    "answer to BEA and CMD",
)

_SPEED = Quantity("speed_um_per_s", "speed of the fast part", Kind.I32, 1, 500, 800_000, "um/s")
_VACUUM = Quantity("vacuum_kpa", "gauge pressure at the end", Kind.I16, KPA, unit="kPa")
_Z_END = Quantity("z_um", "Z at the end", Kind.I32, UM, unit="um")

HOME_Z = CommandSpec("home_z", 1, "drive Z to its top switch and reference it", evidence=(_Z_END,))
MOVE_Z = CommandSpec(
    "move_z",
    2,
    "move Z to an absolute target in free air; any contact stops it",
    args=(Quantity("z_um", "target", Kind.I32, UM, 0, Z_LIMIT_UM, "um"), _SPEED),
    evidence=(_Z_END, Quantity("force_n", "force at the end", Kind.I32, NEWTON, unit="N")),
)
PRESS = CommandSpec(
    "press",
    3,
    "fast to z_fast, slowly on until contact, press to a force or go to a depth, hold; leaves the nozzle pressing",
    args=(
        Quantity("z_fast_um", "end of the fast move, clear of the surface", Kind.I32, UM, 0, Z_LIMIT_UM, "um"),
        Quantity("z_early_um", "contact above this Z is early and stops", Kind.I32, UM, 0, Z_LIMIT_UM, "um"),
        Quantity("z_limit_um", "deepest Z allowed", Kind.I32, UM, 0, Z_LIMIT_UM, "um"),
        Quantity("approach_um_per_s", "speed of the slow part", Kind.I32, 1, 500, 10_000, "um/s"),
        Quantity(
            "contact_force_n", "force that counts as contact; 0: go to z_limit and hold", Kind.I32, NEWTON, 0, 5, "N"
        ),
        Quantity("hold_force_n", "force to hold after contact", Kind.I32, NEWTON, 0, 30, "N"),
        Quantity("hold_s", "time to hold", Kind.I32, SECOND, 0, 10, "s"),
        Quantity("force_limit_n", "the drive stops itself above this", Kind.I32, NEWTON, 0.1, 30, "N"),
    ),
    evidence=(
        Quantity("contact_z_um", "Z at contact; equals end_z_um where none was asked for", Kind.I32, UM, unit="um"),
        Quantity("end_z_um", "Z at the end of the hold", Kind.I32, UM, unit="um"),
        Quantity("peak_force_n", "largest force seen", Kind.I32, NEWTON, unit="N"),
        Quantity("hold_force_n", "mean force over the hold", Kind.I32, NEWTON, unit="N"),
        Quantity("hold_s", "time held", Kind.I32, SECOND, unit="s"),
    ),
)
LIFT = CommandSpec(
    "lift",
    4,
    "leave the surface slowly to z_slow, then fast to z_end",
    args=(
        Quantity("z_slow_um", "end of the slow part", Kind.I32, UM, 0, Z_LIMIT_UM, "um"),
        Quantity("slow_um_per_s", "speed of the slow part", Kind.I32, 1, 100, 50_000, "um/s"),
        Quantity("z_end_um", "end of the fast part", Kind.I32, UM, 0, Z_LIMIT_UM, "um"),
        _SPEED,
    ),
    evidence=(
        _Z_END,
        Quantity("pull_force_n", "largest pull against the lift, positive", Kind.I32, NEWTON, unit="N"),
        _VACUUM,
    ),
)
VACUUM_ON = CommandSpec(
    "vacuum_on",
    5,
    "open the vacuum valve and wait until the level is reached or the time is over; DONE either way, read the level",
    args=(
        Quantity("level_kpa", "gauge pressure to reach, below 0", Kind.I32, KPA, -100, 0, "kPa"),
        Quantity("within_s", "how long to wait", Kind.I32, SECOND, 0, 2, "s"),
    ),
    evidence=(_VACUUM, Quantity("time_s", "time needed", Kind.I32, SECOND, unit="s")),
)
VACUUM_OFF = CommandSpec(
    "vacuum_off",
    6,
    "close the valve, blow off, wait until the nozzle is at ambient pressure",
    args=(
        Quantity("blow_off_s", "length of the puff", Kind.I32, SECOND, 0, 0.5, "s"),
        Quantity("within_s", "how long to wait for ambient pressure", Kind.I32, SECOND, 0, 2, "s"),
    ),
    evidence=(_VACUUM, Quantity("time_s", "time needed", Kind.I32, SECOND, unit="s")),
)
TARE = CommandSpec(
    "tare",
    7,
    "zero the force in free air and measure its noise; a dead sensor shows none",
    evidence=(
        Quantity("offset_n", "offset removed", Kind.I32, NEWTON, unit="N"),
        Quantity("noise_n", "standard deviation over 20 ms", Kind.I32, 0.0001, unit="N"),
    ),
)
JOG_Z = CommandSpec(
    "jog_z",
    8,
    "move Z in free air towards an absolute target while jog frames come; any contact stops it",
    args=(
        Quantity("z_um", "target, reached only where the button is held so long", Kind.I32, UM, 0, Z_LIMIT_UM, "um"),
        Quantity("speed_um_per_s", "speed", Kind.I32, 1, 100, 10_000, "um/s"),
        JOG_FRAME_ARG,
    ),
    evidence=MOVE_Z.evidence,
    is_jog=True,
)
COMMANDS = {CHANNEL: (HOME_Z, MOVE_Z, PRESS, LIFT, VACUUM_ON, VACUUM_OFF, TARE, JOG_Z)}

JOG_FRAME = Fields(
    "jog_frame",
    jog_frame_quantities(),
    "request JOG: each 50 ms while a jog button is held, once more when it is let go; the reply repeats the fields",
)

CURVE_REQUEST = Fields(
    "curve_request",
    (
        Quantity("first", "index of the first sample", Kind.U16),
        Quantity("step", "every n-th sample", Kind.U16, lower=1),
        Quantity("count", "how many, at most 64", Kind.U16, lower=1, upper=CURVE_POINTS_PER_FRAME),
    ),
    "request CRV: samples of the force-Z curve: the slow part, press and hold of the last PRESS, then the slow part of "
    "the LIFT that follows",
)
"""The reply holds one field: 12 hex digits a sample, index (3), Z in counts (5), force in counts + 0x8000 (4)."""

_SAMPLE = struct.Struct(">3H")
_FORCE_ZERO = 0x8000


def encode_curve(samples: list[tuple[int, float, float]]) -> str:
    """(index, z_um, force_n) -> hex text."""
    words: list[int] = []
    for index, z_um, force_n in samples:
        z = max(0, round(z_um / UM)) & 0xFFFFF
        words += ((index & 0xFFF) << 4 | z >> 16, z & 0xFFFF, (round(force_n / NEWTON) + _FORCE_ZERO) & 0xFFFF)
    return struct.pack(f">{len(words)}H", *words).hex().upper()


def decode_curve(text: str) -> list[tuple[int, float, float]]:
    """Hex text -> (index, z_um, force_n). Raises ValueError for a text that holds no whole samples."""
    data = bytes.fromhex(text)
    if len(data) % _SAMPLE.size:
        raise ValueError(f"{len(data)} bytes, {_SAMPLE.size} are a sample")
    return [
        (high >> 4, ((high & 0xF) << 16 | low) * UM, (force - _FORCE_ZERO) * NEWTON)
        for high, low, force in _SAMPLE.iter_unpack(data)
    ]
