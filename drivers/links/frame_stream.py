"""The cable to a camera: a trigger goes out, a header with its pixels comes back.

It cuts the stream into header and payload; whether a picture is the wanted one is judged elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from drivers.errors import BadReply, DriverError, LinkLost, LinkRefused, ReplyTimeout
from drivers.links.capture import Capture
from drivers.wire.camera_frame import HEADER_BYTES, PAYLOAD_LIMIT_BYTES, FrameHeader
from drivers.wire.encoding import WireError

CONNECT_TIMEOUT_S = 1.0


class FrameStream:
    """One camera on one connection.

    where    "socket://host:port"
    on_lost  called once when an open connection ends by itself
    raises   LinkRefused, LinkLost, ReplyTimeout, BadReply; a stream that stands in the middle of a frame is closed,
             because the next header cannot be found
    """

    def __init__(self, where: str, *, name: str, capture: Capture | None = None) -> None:
        self.where = where
        self.name = name
        self.on_lost: Callable[[LinkLost], None] | None = None
        self._capture = capture
        self._pipe: _Pipe | None = None

    @property
    def is_connected(self) -> bool:
        return self._pipe is not None

    async def connect(self) -> None:
        await self.close()
        url = urlsplit(self.where)
        if url.scheme != "socket" or not url.hostname or not url.port:
            raise LinkRefused(f"{self.name}: {self.where!r} is no camera address. Use socket://host:port.")
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, pipe = await asyncio.get_running_loop().create_connection(
                    lambda: _Pipe(self._ended), url.hostname, url.port
                )
            if pipe.lost is not None:
                raise ConnectionResetError("accepted and reset at once")
        except (OSError, TimeoutError) as error:
            raise LinkRefused(
                f"{self.name}: no connection to {self.where}: {error or 'no answer'}. Check cable, power and address.",
                device=self.name,
            ) from None
        self._pipe = pipe

    async def close(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()

    def send(self, data: bytes) -> None:
        """Write one trigger."""
        pipe = self._open_pipe()
        if self._capture is not None:
            self._capture.sent(self.name, data)
        pipe.write(data)

    async def receive(self, within_s: float) -> tuple[FrameHeader, bytes]:
        """The next header and its payload, in the order in which they arrive."""
        pipe = self._open_pipe()
        head = b""
        try:
            async with asyncio.timeout(within_s):
                head = await pipe.take(HEADER_BYTES)
                header = FrameHeader.decode(head)
                payload = await pipe.take(header.payload_bytes)
        except TimeoutError:
            came = len(head) + pipe.held_bytes
            if came:
                await self.close()
            raise ReplyTimeout(
                f"{self.name}: no whole frame within {within_s:.3f} s, {came} bytes of it came. "
                f"{'Reconnect and expose' if came else 'Expose'} again.",
                device=self.name,
            ) from None
        except (WireError, ValueError) as error:
            await self.close()
            raise BadReply(f"{self.name}: {error}. Reconnect and expose again.", device=self.name) from None
        if self._capture is not None:
            self._capture.received(self.name, head + payload[:64])
        return header, payload

    def _open_pipe(self) -> _Pipe:
        if self._pipe is None:
            raise LinkLost(f"{self.name}: not connected to {self.where}. Connect first.", device=self.name)
        return self._pipe

    def _ended(self, why: str) -> DriverError:
        error = LinkLost(f"{self.name}: connection to {self.where} lost: {why}. Reconnect.", device=self.name)
        if self._pipe is not None:
            self._pipe = None
            if self.on_lost is not None:
                self.on_lost(error)
        return error


class _Pipe(asyncio.Protocol):
    """Bytes as they came, handed out in the portions that are asked for."""

    def __init__(self, ended: Callable[[str], DriverError]) -> None:
        self._ended = ended
        self._transport: asyncio.WriteTransport | None = None
        self._chunks: list[bytes] = []
        self.held_bytes = 0
        self._wanted_bytes = 0
        self._ready: asyncio.Future[None] | None = None
        self.lost: DriverError | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self.held_bytes += len(data)
        if self.held_bytes > HEADER_BYTES + PAYLOAD_LIMIT_BYTES:
            self._chunks.clear()
            self.close()
            self.connection_lost(ConnectionError(f"{self.held_bytes} bytes that nobody asked for"))
            return
        if self._ready is not None and not self._ready.done() and self.held_bytes >= self._wanted_bytes:
            self._ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.lost is not None:
            return
        self.lost = self._ended(str(exc or "closed by the other end"))
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(self.lost)

    async def take(self, count: int) -> bytes:
        if self.held_bytes < count:
            if self.lost is not None:
                raise self.lost
            self._wanted_bytes = count
            self._ready = asyncio.get_running_loop().create_future()
            try:
                await self._ready
            finally:
                self._ready = None
        whole = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        rest = whole[count:]
        self._chunks = [rest] if rest else []
        self.held_bytes = len(rest)
        return whole[:count]

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
