"""One line of text on a serial wire: framing, numbering and CRC shared by head, film gauge, lights and board reader.

    request   #0007 CMD 305419896 12 3 400000 ...*9C1F<CR><LF>
    reply     @0007 CMD 1 17 17 ...*03A2<CR><LF>

A request carries a number; the reply repeats number and verb, so a late reply is never taken for the present one.
The start character differs by direction, so a local echo is recognised. Fields are decimal integers unless declared
as text. The CRC covers everything between the start character and the star
(docs/decisions/0011-checksum-of-serial-lines.md).
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.wire.encoding import Kind, Number, Quantity, WireError

REQUEST_MARK = "#"
REPLY_MARK = "@"
LINE_END = b"\r\n"
LINE_LIMIT_BYTES = 1024

_FRAME = re.compile(rb"([#@])([0-9A-F]{4}) ([A-Z]{3})(?: ([ -)+-~]*))?\*([0-9A-F]{4})")
"""fields: any printable ASCII but the star"""

PATTERN_UM = -12345.6


def line_crc(body: bytes) -> int:
    """CRC-16/IBM-3740, also called CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected, no final xor."""
    return crc_hqx(body, 0xFFFF)


class SerialFrame(NamedTuple):
    """A decoded line: direction mark, number 0 to 65535, verb, fields."""

    mark: str
    number: int
    verb: str
    fields: tuple[str, ...]

    def encode(self) -> bytes:
        mark, number, verb, fields = self
        body = (f"{number:04X} {verb} {' '.join(fields)}" if fields else f"{number:04X} {verb}").encode("ascii")
        return b"%b%b*%04X\r\n" % (mark.encode("ascii"), body, line_crc(body))


def decode(line: bytes) -> SerialFrame:
    """One line without or with its end -> frame. Raises WireError saying what is wrong with the bytes."""
    line = line.rstrip(b"\r\n")
    match = _FRAME.fullmatch(line)
    if match is None:
        raise WireError(f"not a frame: {line[:40]!r}")
    mark, number, verb, payload, crc = match.groups()
    if line_crc(line[1:-5]) != int(crc, 16):
        raise WireError(f"checksum wrong in {line[:40]!r}")
    fields = tuple(payload.decode("ascii").split(" ")) if payload else ()
    return SerialFrame(mark.decode("ascii"), int(number, 16), verb.decode("ascii"), fields)


@dataclass(frozen=True)
class Fields:
    """The numbers of one request or reply in order; the serial counterpart of a register block."""

    name: str
    quantities: tuple[Quantity, ...]
    meaning: str
    _decode: tuple[tuple[str, int, int, float], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        decode = tuple((q.name, *q.kind.limits, q.scale) for q in self.quantities)
        object.__setattr__(self, "_decode", decode)

    def pack(self, values: Mapping[str, Number]) -> tuple[str, ...]:
        try:
            return tuple(str(quantity.to_count(values[quantity.name])) for quantity in self.quantities)
        except KeyError as missing:
            raise WireError(f"{self.name}: no value for {missing}") from None

    def unpack(self, fields: Sequence[str]) -> dict[str, Number]:
        if len(fields) != len(self.quantities):
            raise WireError(f"{self.name}: {len(fields)} fields, expected {len(self.quantities)}")
        values: dict[str, Number] = {}
        for (name, low, high, scale), text in zip(self._decode, fields, strict=True):
            try:
                count = int(text)
            except ValueError:
                raise WireError(f"{self.name}: {name} = {text!r} is not a whole number") from None
            if not low <= count <= high:
                raise WireError(f"{self.name}: {name} = {count}, allowed {low} to {high}")
            values[name] = count if scale == 1 else count * scale
        return values


IDENTITY = Fields(
    "identity",
    (
        Quantity("pattern_um", "always -12345.6 um: proves sign and scale", Kind.I32, 0.1, unit="um"),
        Quantity("map_version", "version of these frames", Kind.U16),
        Quantity("device_kind", "3 head, 4 film gauge, 5 lights, 6 board reader", Kind.U16),
        Quantity("serial_number", "serial number of the device", Kind.U32),
        Quantity("boot_id", "changes at every start of the device", Kind.U32),
        Quantity("watchdog_limit_s", "silence of the host after which the device stops", Kind.U16, 0.001, unit="s"),
        Quantity("watchdog_action", "0 off, 1 continue, 2 stop", Kind.U16),
        Quantity("watchdog_runs", "1 while the watchdog is running", Kind.U16),
    ),
    "answer to IDN: who is on this line, and is its dead-man armed",
)

BEAT = Fields(
    "beat",
    (
        Quantity("session", "random number of this host start", Kind.U32),
        Quantity("host_heartbeat", "+1 with every request: each 100 ms while a command runs, else 250", Kind.U16),
        Quantity("stop_request", "0 run, 1 controlled stop, 2 quick stop; a level", Kind.U16),
    ),
    "request BEA: the host is alive; answered with the status of the device",
)

COMMAND = Fields(
    "command",
    (
        Quantity("session", "random number of this host start", Kind.U32),
        Quantity("cmd_seq", "number of the command, +1 for each new one", Kind.U32),
        Quantity("cmd_code", "what to do", Kind.U16),
        *(Quantity(f"arg_{i}", "argument of the command, absolute targets only") for i in range(8)),
    ),
    "request CMD: the command handshake on a line; the frame's CRC is the command's CRC; answered with the status",
)


def status_head() -> tuple[Quantity, ...]:
    return (
        Quantity("boot_id", "changes at every start of the device", Kind.U32),
        Quantity("device_heartbeat", "+1 with every reply", Kind.U16),
        Quantity("host_heartbeat_echo", "last heartbeat received from the host", Kind.U16),
    )
