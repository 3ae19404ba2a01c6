"""The serial cable to head, film gauge, lights and board reader: one numbered line out, one numbered line back.

It matches a reply to its request and throws away echo, garbage and late lines; it does not know what fields mean.
The only file that imports pyserial.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import serial

from drivers.errors import BadReply, LinkError, LinkLost, LinkRefused, ReplyTimeout
from drivers.links.capture import Capture
from drivers.wire.encoding import WireError
from drivers.wire.serial_frames import LINE_END, LINE_LIMIT_BYTES, REPLY_MARK, REQUEST_MARK, SerialFrame, decode

REPLY_TIMEOUT_S = 0.150
INTER_BYTE_TIMEOUT_S = 0.050  # bytes of one line follow one another within 1 ms; longer means that the rest is lost
CONNECT_TIMEOUT_S = 1.0
DEFAULT_BAUDRATE = 115_200

_NUMBER_LIMIT = 0x10000
_REPLY_START = REPLY_MARK.encode()


class _Port(Protocol):
    """What a line needs of its port."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class SerialLine:
    """One device on one line.

    where    "/dev/..." or "socket://host:port"
    on_lost  called once, at once, when an open line ends by itself
    raises   LinkRefused, LinkLost, ReplyTimeout, BadReply
    """

    def __init__(
        self,
        where: str,
        *,
        name: str,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
        baudrate: int = DEFAULT_BAUDRATE,
        capture: Capture | None = None,
    ) -> None:
        self.where = where
        self.name = name
        self.on_lost: Callable[[LinkLost], None] | None = None
        self._reply_timeout_s = reply_timeout_s
        self._baudrate = baudrate
        self._capture = capture
        self._port: _Port | None = None
        self._loop: asyncio.AbstractEventLoop
        self._turn = asyncio.Lock()
        self._number = 0
        self._verb = ""
        self._reply: asyncio.Future[SerialFrame] | None = None
        self._held = b""
        self._gap_timer: asyncio.TimerHandle | None = None

    @property
    def is_connected(self) -> bool:
        return self._port is not None

    async def connect(self) -> None:
        """Open the line; an open one is closed first."""
        await self.close()
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                self._port = await self._open()
        except (OSError, TimeoutError, ValueError) as error:
            raise LinkRefused(
                f"{self.name}: {self.where} cannot be opened: {error or 'no answer'}. Check cable, power and address.",
                device=self.name,
            ) from None
        self._note(f"connected to {self.where}")

    async def close(self) -> None:
        port, self._port = self._port, None
        self._forget_held()
        if port is not None:
            port.close()
            self._fail(LinkLost(f"{self.name}: line closed during a request.", device=self.name))

    async def request(
        self, verb: str, fields: Sequence[str] = (), *, reply_timeout_s: float | None = None
    ) -> tuple[str, ...]:
        """Send one request, return the fields of its reply."""
        async with self._turn:
            port = self._port
            if port is None:
                raise LinkLost(f"{self.name}: not connected to {self.where}. Connect first.", device=self.name)
            self._number = (self._number + 1) % _NUMBER_LIMIT
            self._verb = verb
            data = SerialFrame(REQUEST_MARK, self._number, verb, tuple(fields)).encode()
            if self._capture is not None:
                self._capture.sent(self.name, data)
            loop = self._loop
            reply: asyncio.Future[SerialFrame] = loop.create_future()
            self._reply = reply
            limit_s = self._reply_timeout_s if reply_timeout_s is None else reply_timeout_s
            timer = loop.call_later(limit_s, self._timed_out, reply, verb, limit_s)
            try:
                port.write(data)
                return (await reply).fields
            finally:
                timer.cancel()
                self._reply = None

    def _timed_out(self, reply: asyncio.Future[SerialFrame], verb: str, limit_s: float) -> None:
        if not reply.done():
            reply.set_exception(
                ReplyTimeout(
                    f"{self.name}: no reply to {verb} within {limit_s:g} s. "
                    "It may have been obeyed: read before writing again.",
                    device=self.name,
                )
            )

    # -- bytes in -----------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Bytes have arrived, in any portion."""
        if self._gap_timer is not None:
            self._gap_timer.cancel()
            self._gap_timer = None
        if self._capture is not None:
            self._capture.received(self.name, data)
        held = self._held + data if self._held else data
        *lines, self._held = held.split(LINE_END)
        for line in lines:
            self._line(line)
        if len(self._held) > LINE_LIMIT_BYTES:
            self.end(f"{len(self._held)} bytes without an end of line, allowed {LINE_LIMIT_BYTES}")
        elif self._held:
            self._gap_timer = self._loop.call_later(INTER_BYTE_TIMEOUT_S, self._gap)

    def _gap(self) -> None:
        cut = self._held
        self._forget_held()
        self._fail(self._bad(f"line cut off after {len(cut)} bytes: {cut[:40]!r}"))

    def _forget_held(self) -> None:
        self._held = b""
        if self._gap_timer is not None:
            self._gap_timer.cancel()
            self._gap_timer = None

    def _line(self, line: bytes) -> None:
        try:
            frame = _decode_after_noise(line)
        except WireError as error:
            self._fail(self._bad(str(error)))
            return
        if frame.mark == REQUEST_MARK:
            return  # our own request, echoed by the adapter
        reply = self._reply
        if reply is None or reply.done() or frame.number != self._number or frame.verb != self._verb:
            return  # late: the request it answers has been given up
        reply.set_result(frame)

    def _bad(self, what: str) -> BadReply:
        return BadReply(f"{self.name}: {what}. It was not used: read again.", device=self.name)

    def _fail(self, error: LinkError) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)

    # -- the port -----------------------------------------------------------------------------------------------

    def end(self, why: str) -> None:
        """The open line ended by itself, or is given up."""
        port, self._port = self._port, None
        if port is None:
            return
        self._forget_held()
        port.close()
        error = LinkLost(f"{self.name}: line {self.where} lost: {why}. Reconnect, then read.", device=self.name)
        self._note(str(error))
        self._fail(error)
        if self.on_lost is not None:
            self.on_lost(error)

    async def _open(self) -> _Port:
        if self.where.startswith("/"):
            return _DevicePort(self, self.where, self._baudrate)
        url = urlsplit(self.where)
        if url.scheme != "socket" or not url.hostname or not url.port:
            raise ValueError(f"{self.where!r} is no line. Use socket://host:port or /dev/...")
        _, port = await self._loop.create_connection(lambda: _SocketPort(self), url.hostname, url.port)
        if port.is_lost:
            raise ConnectionResetError("accepted and reset at once")
        return port

    def _note(self, text: str) -> None:
        if self._capture is not None:
            self._capture.note(self.name, text)


def _decode_after_noise(line: bytes) -> SerialFrame:
    """Noise before a frame spoils only the bytes before its start character."""
    try:
        return decode(line)
    except WireError:
        start = line.rfind(_REPLY_START)
        if start <= 0:
            raise
    return decode(line[start:])


class _SocketPort(asyncio.Protocol):
    """A line behind a serial device server."""

    def __init__(self, line: SerialLine) -> None:
        self._line: SerialLine | None = line
        self._transport: asyncio.WriteTransport | None = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._line is not None:
            self._line.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        line, self._line = self._line, None
        if line is not None:
            line.end(str(exc or "closed by the other end"))

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        self._line = None
        if self._transport is not None:
            self._transport.abort()


class _DevicePort:
    """A line behind a serial port of this computer: non-blocking, read when the loop says that bytes are there."""

    def __init__(self, line: SerialLine, path: str, baudrate: int) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._serial = serial.Serial(path, baudrate, timeout=0, write_timeout=0, exclusive=True)
        self._serial.reset_input_buffer()
        self._fd = self._serial.fileno()
        self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            data = self._serial.read(LINE_LIMIT_BYTES)
        except OSError as error:
            self._line.end(str(error))
            return
        if data:
            self._line.feed(data)

    def write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except OSError as error:
            self._line.end(str(error))

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        with contextlib.suppress(OSError):
            self._serial.close()
