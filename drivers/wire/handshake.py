"""The command handshake: how a command is executed once and only once, on Modbus and on serial lines alike.

The host numbers its commands; a device executes `last + 1`, re-reports a number it has seen and rejects all others.
Nothing here sends anything; the host side lives in `drivers.devices`, the device side in `sim_hardware`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from drivers.wire.encoding import Block, Kind, Number, Quantity, WireError, crc16

ARG_COUNT = 8
EVIDENCE_COUNT = 6
HEARTBEAT_PERIOD_S = 0.100
WATCHDOG_LIMIT_S = 0.500
JOG_FRAME_PERIOD_S = 0.050
"""a held jog button is told so often"""
JOG_SILENCE_LIMIT_S = 0.250
"""a device ends a jog by itself when no new frame came for so long"""


class Result(IntEnum):
    """How a command ended; the device writes it together with DONE_SEQ."""

    NONE = 0
    """no command has ended yet"""
    DONE = 1
    """the commanded end was reached and measured"""
    STOPPED = 2
    """ended by a stop request from the host"""
    WATCHDOG = 3
    """the device stopped itself: the host was silent too long, or its jog frames ended"""
    INTERLOCK = 4
    """e-stop, door, enable, air or a neighbour in the way"""
    NOT_HOMED = 5
    """the axis has no trusted position"""
    LIMIT = 6
    """target outside the soft limits of the device"""
    NO_CONTACT = 7
    """Z limit reached without touching anything"""
    EARLY_CONTACT = 8
    """touched before the allowed Z window"""
    FORCE_LIMIT = 9
    """force limit of the profile exceeded; the drive stopped itself"""
    AXIS_FAULT = 10
    """following error, stall or drive fault"""
    TIMED_OUT = 11
    """the device gave up: a sensor did not answer in time"""
    NOTHING_THERE = 12
    """no board, no tray, no part, no material where one was needed"""
    NO_SIGNAL = 13
    """a measurement without usable signal"""


class Reject(IntEnum):
    """Why a command block was not accepted; nothing was executed."""

    NONE = 0
    BAD_CRC = 1
    WRONG_SESSION = 2
    WRONG_SEQUENCE = 3
    """neither the last number nor the next"""
    UNKNOWN_CODE = 4
    BAD_ARGUMENT = 5
    BUSY = 6
    """the command before is still running"""


class Stop(IntEnum):
    """Level of the host's stop request, sent with every heartbeat."""

    RUN = 0
    CONTROLLED = 1
    """decelerate on the path, then stand"""
    QUICK = 2
    """decelerate as fast as the drive can, outputs to their safe level, vacuum stays"""


class WatchdogAction(IntEnum):
    """What a device does when the host falls silent; only STOP is acceptable, the others exist in the field."""

    OFF = 0
    CONTINUE = 1
    STOP = 2


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One command of a device: its code, its arguments, and what the device measured when it ended."""

    name: str
    code: int
    meaning: str
    args: tuple[Quantity, ...] = ()
    evidence: tuple[Quantity, ...] = ()
    is_jog: bool = False
    """runs only while jog frames keep coming; its argument `frame` is the first of them"""

    def pack_args(self, values: Mapping[str, Number]) -> list[int]:
        """Engineering values -> ARG_COUNT counts, unused ones 0. Raises WireError on unknown, missing or bad values."""
        unknown = sorted(set(values) - {quantity.name for quantity in self.args})
        if unknown:
            raise WireError(f"{self.name} has no argument {', '.join(unknown)}")
        try:
            counts = [quantity.to_count(values[quantity.name]) for quantity in self.args]
        except KeyError as missing:
            raise WireError(f"{self.name}: no value for argument {missing}") from None
        return counts + [0] * (ARG_COUNT - len(counts))

    def unpack_args(self, counts: Sequence[int]) -> dict[str, Number]:
        """Device side. Raises WireError when a count is outside the declared limits."""
        values = {q.name: q.from_count(c) for q, c in zip(self.args, counts, strict=False)}
        for quantity in self.args:
            quantity.to_count(values[quantity.name])
        return values

    def pack_evidence(self, values: Mapping[str, Number]) -> list[int]:
        counts = [quantity.to_count(values[quantity.name]) for quantity in self.evidence]
        return counts + [0] * (EVIDENCE_COUNT - len(counts))

    def unpack_evidence(self, counts: Sequence[int]) -> dict[str, Number]:
        return {q.name: q.from_count(c) for q, c in zip(self.evidence, counts, strict=False)}


def command_crc(session: int, sequence: int, code: int, args: Sequence[int]) -> int:
    """CRC over SESSION, CMD_SEQ, CMD_CODE and all ARGS in wire order."""
    return crc16(struct.pack(f">IIH{ARG_COUNT}i", session, sequence, code, *args))


def command_block(name: str, address: int) -> Block:
    """The registers a host writes, in one request, to give a command to channel `name`."""
    return Block(
        f"{name}_command",
        address,
        (
            Quantity("session", "random number of this host start", Kind.U32),
            Quantity("cmd_seq", "number of the command, +1 for each new one", Kind.U32),
            Quantity("cmd_code", "what to do", Kind.U16),
            *(Quantity(f"arg_{i}", "argument of the command, absolute targets only") for i in range(ARG_COUNT)),
            Quantity("cmd_crc", "CRC-16 over all of the above", Kind.U16),
        ),
        "write",
        f"command to the {name} channel, written whole with function code 16",
    )


def channel_quantities(name: str) -> tuple[Quantity, ...]:
    """What a device answers about channel `name`; part of its status block."""
    return (
        Quantity(f"{name}_ack_session", "session of the last accepted command", Kind.U32),
        Quantity(f"{name}_ack_seq", "number of the last accepted command", Kind.U32),
        Quantity(f"{name}_busy", "1 while a command runs", Kind.U16),
        Quantity(f"{name}_done_seq", "number of the last ended command", Kind.U32),
        Quantity(f"{name}_result", "how it ended, see Result", Kind.U16),
        *(Quantity(f"{name}_evidence_{i}", "measured at the end of the command") for i in range(EVIDENCE_COUNT)),
        Quantity(f"{name}_reject_seq", "number of the last rejected command", Kind.U32),
        Quantity(f"{name}_reject_reason", "why, see Reject", Kind.U16),
    )


JOG_FRAME_ARG = Quantity("frame", "number of the jog frame with which the hold begins", lower=1, upper=2**31 - 1)


def jog_frame_quantities() -> tuple[Quantity, ...]:
    """What a host sends while a jog button is held, on registers and on serial lines alike."""
    return (
        Quantity("session", "random number of this host start", Kind.U32),
        Quantity("frame", "number of the frame, higher than the one before; any other is ignored", Kind.U32),
        Quantity("held", "1 the button is held, 0 it was let go", Kind.U16, upper=1),
    )


class ChannelState(NamedTuple):
    """What a device says about one command channel, decoded."""

    ack_session: int
    ack_seq: int
    busy: bool
    done_seq: int
    result: Result
    evidence: tuple[int, ...]
    reject_seq: int
    reject_reason: Reject

    @classmethod
    def from_status(cls, name: str, status: Mapping[str, Number]) -> ChannelState:
        return cls(
            ack_session=int(status[f"{name}_ack_session"]),
            ack_seq=int(status[f"{name}_ack_seq"]),
            busy=bool(status[f"{name}_busy"]),
            done_seq=int(status[f"{name}_done_seq"]),
            result=Result(int(status[f"{name}_result"])),
            evidence=tuple(int(status[f"{name}_evidence_{i}"]) for i in range(EVIDENCE_COUNT)),
            reject_seq=int(status[f"{name}_reject_seq"]),
            reject_reason=Reject(int(status[f"{name}_reject_reason"])),
        )
