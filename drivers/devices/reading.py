"""One status reading of a device: bytes as they came, numbers when somebody asks.

Heartbeats bring a whole status ten times a second and mostly nobody looks at it, so it is decoded only when read.
Nothing here asks a device or judges a value.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Protocol

from drivers.wire.common import status_head
from drivers.wire.encoding import Block, Number, WireError
from drivers.wire.handshake import EVIDENCE_COUNT, ChannelState, Reject, Result, channel_quantities
from drivers.wire.serial_frames import Fields

_CHANNEL = struct.Struct(">" + "".join(quantity.kind.value for quantity in channel_quantities("any")))
_HEAD = struct.Struct(">" + "".join(quantity.kind.value for quantity in status_head()))
_WORD = struct.Struct(">H")
# Plain look-ups: every poll of a running command reads one of each.
_RESULTS: dict[int, Result] = {int(result): result for result in Result}
_REJECTS: dict[int, Reject] = {int(reason): reason for reason in Reject}


class Reading(Protocol):
    """What every status reading offers.

    life           counts up while the device runs; unchanged means that nobody is at home
    is_untorn      all numbers were taken in the same scan
    """

    received_at_s: float
    boot_id: int
    life: int
    host_heartbeat_echo: int
    is_untorn: bool

    @property
    def values(self) -> Mapping[str, Number]: ...

    def channel(self, name: str) -> ChannelState: ...


class ModbusReading:
    """A status block of registers, two bytes each."""

    __slots__ = ("_block", "_data", "_values", "boot_id", "host_heartbeat_echo", "is_untorn", "life", "received_at_s")

    def __init__(self, data: bytes, block: Block, received_at_s: float) -> None:
        self._data = data
        self._block = block
        self._values: dict[str, Number] | None = None
        self.received_at_s = received_at_s
        sequence, self.boot_id, self.life, self.host_heartbeat_echo = _HEAD.unpack_from(data)
        self.is_untorn = sequence == _WORD.unpack_from(data, len(data) - 2)[0]

    @property
    def values(self) -> Mapping[str, Number]:
        if self._values is None:
            self._values = self._block.unpack_bytes(self._data)
        return self._values

    def word(self, address: int) -> int:
        """One register, without reading the others."""
        found: int = _WORD.unpack_from(self._data, 2 * (address - self._block.address))[0]
        return found

    def channel(self, name: str) -> ChannelState:
        """Raises WireError when the device names a result that does not exist."""
        offset = 2 * (self._block.address_of(f"{name}_ack_session") - self._block.address)
        return _channel_state(_CHANNEL.unpack_from(self._data, offset))


class SerialReading:
    """The fields of a status line."""

    __slots__ = (
        "_declared",
        "_fields",
        "_values",
        "boot_id",
        "host_heartbeat_echo",
        "is_untorn",
        "life",
        "received_at_s",
    )

    def __init__(self, fields: tuple[str, ...], declared: Fields, received_at_s: float) -> None:
        if len(fields) != len(declared.quantities):
            raise WireError(f"{declared.name}: {len(fields)} fields, expected {len(declared.quantities)}")
        self._fields = fields
        self._declared = declared
        self._values: dict[str, Number] | None = None
        self.received_at_s = received_at_s
        self.is_untorn = True  # a line is built in one go and guarded by its CRC
        self.boot_id, self.life, self.host_heartbeat_echo = int(fields[0]), int(fields[1]), int(fields[2])

    @property
    def values(self) -> Mapping[str, Number]:
        if self._values is None:
            self._values = self._declared.unpack(self._fields)
        return self._values

    def channel(self, name: str) -> ChannelState:
        """Raises WireError when the device names a result that does not exist; the channel stands last on the line."""
        return _channel_state(tuple(map(int, self._fields[-(7 + EVIDENCE_COUNT) :])))


def _channel_state(counts: Sequence[int]) -> ChannelState:
    ack_session, ack_seq, busy, done_seq, result, *evidence, reject_seq, reject_reason = counts
    try:
        return ChannelState(
            ack_session,
            ack_seq,
            busy != 0,
            done_seq,
            _RESULTS[result],
            tuple(evidence),
            reject_seq,
            _REJECTS[reject_reason],
        )
    except KeyError as unknown:
        raise WireError(f"{unknown} is no known result or reason") from None
