"""The device end of a serial line carried over a stream: lines in, lines out.

It knows lines, numbers and checksums; what a verb does is the device's business.
"""

from __future__ import annotations

from typing import Protocol

from drivers.wire.encoding import WireError
from drivers.wire.serial_frames import LINE_LIMIT_BYTES, REPLY_MARK, REQUEST_MARK, SerialFrame, decode
from sim_hardware.servers.cable import Cable, Plug

_REQUEST_START = REQUEST_MARK.encode()


class LineAnswering(Protocol):
    """What a line server needs of a device."""

    def answer(self, verb: str, fields: tuple[str, ...]) -> tuple[str, ...] | None:
        """Fields of the reply, None for silence."""


class SerialLine(Plug):
    """One host on the line. Noise, foreign marks and bad checksums are ignored in silence, as a device does."""

    def __init__(self, device: LineAnswering, cable: Cable) -> None:
        super().__init__(cable)
        self._device = device
        self._overflowed = False

    def data_received(self, data: bytes) -> None:
        *lines, rest = (self._buffer + self._cable.arrived(self._transport, data)).split(b"\n")
        for line in lines:
            if self._overflowed:
                self._overflowed = False
            elif len(line) < LINE_LIMIT_BYTES:
                self._line(line)
        if len(rest) >= LINE_LIMIT_BYTES:
            # The start of this line is lost; whatever follows up to its end belongs to it.
            self._overflowed, rest = True, b""
        self._buffer = rest

    def _line(self, line: bytes) -> None:
        start = line.rfind(_REQUEST_START)
        if start < 0:
            return
        try:
            frame = decode(line[start:])
        except WireError:
            return
        fields = self._device.answer(frame.verb, frame.fields)
        if fields is not None and self._transport is not None:
            reply = SerialFrame(REPLY_MARK, frame.number, frame.verb, fields).encode()
            self._cable.send(self._transport, reply)
