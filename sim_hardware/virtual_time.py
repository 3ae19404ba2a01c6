"""The clock and the cables of a simulated shift: an event loop whose time jumps, with an in-memory network.

Nothing here knows the machine. Code written for asyncio (streams, servers, pymodbus) runs on it unchanged:
`create_server` and `create_connection` meet inside the loop, and no thread, socket or wall clock is involved.
"""

from __future__ import annotations

import asyncio
import contextvars
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

EPHEMERAL_PORT_FIRST = 49152  # start of the dynamic range, RFC 6335


class Stalled(RuntimeError):
    """Every task waits and no timer is set: on a real machine this would hang for ever."""


class _JumpingClock(selectors.BaseSelector):
    """Stands where the operating system's selector stands; waiting moves the clock instead of sleeping."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.loop: VirtualTimeLoop | None = None
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, fileobj if isinstance(fileobj, int) else fileobj.fileno(), events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            assert self.loop is not None
            raise Stalled(f"all tasks wait for ever at {self.now_s:.3f} s: {self.loop.waiting_tasks()}")
        if timeout > 0:
            assert self.loop is not None
            self.now_s = self.loop.next_timer_s()
        return []


class MemoryTransport(asyncio.Transport):
    """One end of a cable inside the loop. Bytes arrive in order, `latency_s` after they were written."""

    def __init__(self, loop: VirtualTimeLoop, port: int, latency_s: float) -> None:
        super().__init__(extra={"peername": ("127.0.0.1", port), "sockname": ("127.0.0.1", port)})
        self._loop = loop
        self._latency_s = latency_s
        self._protocol: Any = None
        self._peer: MemoryTransport | None = None
        self._closing = False
        self._paused = False
        self._held: list[bytes] = []

    def join(self, protocol: asyncio.BaseProtocol, peer: MemoryTransport) -> None:
        self._protocol, self._peer = protocol, peer

    def _later(self, callback: Callable[..., None], *args: Any) -> None:
        if self._latency_s > 0:
            self._loop.call_later(self._latency_s, callback, *args)
        else:
            self._loop.call_soon(callback, *args)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and self._peer is not None and data:
            self._later(self._peer.deliver, bytes(data))

    def deliver(self, data: bytes) -> None:
        if self._closing:
            return
        if self._paused:
            self._held.append(data)
        elif isinstance(self._protocol, asyncio.BufferedProtocol):
            raise NotImplementedError("buffered protocols are not used on this network")
        else:
            self._protocol.data_received(data)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        held, self._held = self._held, []
        for data in held:
            self._loop.call_soon(self.deliver, data)

    def is_reading(self) -> bool:
        return not self._paused

    def is_closing(self) -> bool:
        return self._closing

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing to limit: a write is delivered whole."""

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(ConnectionResetError("connection reset by peer"))

    def _end(self, reason: Exception | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._loop.call_soon(self._protocol.connection_lost, None)
        if self._peer is not None:
            self._later(self._peer.hang_up, reason)

    def hang_up(self, reason: Exception | None) -> None:
        if self._closing:
            return
        self._closing = True
        if reason is None:
            self._protocol.eof_received()
        self._protocol.connection_lost(reason)


class MemoryServer(asyncio.AbstractServer):
    """A listening port inside the loop. `sockets` looks enough like the real thing to read the port back."""

    def __init__(self, loop: VirtualTimeLoop, port: int, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self._loop = loop
        self.port = port
        self.factory = factory
        self.sockets = [_NamedPort(port)]

    def close(self) -> None:
        self._loop.listeners.pop(self.port, None)

    async def wait_closed(self) -> None:
        return None

    async def start_serving(self) -> None:
        return None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self.port in self._loop.listeners

    async def serve_forever(self) -> NoReturn:
        await self._loop.create_future()
        raise AssertionError("unreachable")


class _NamedPort:
    def __init__(self, port: int) -> None:
        self._port = port

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", self._port)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in which an idle hour costs nothing and the same program gives the same run."""

    def __init__(self, *, latency_s: float = 0.0) -> None:
        self._clock = _JumpingClock()
        super().__init__(self._clock)
        self._clock.loop = self
        self.latency_s = latency_s
        self.listeners: dict[int, MemoryServer] = {}
        self._next_port = EPHEMERAL_PORT_FIRST

    def time(self) -> float:
        return self._clock.now_s

    def next_timer_s(self) -> float:
        when: float = self._scheduled[0].when()  # type: ignore[attr-defined]
        return float(max(when, self._clock.now_s))

    def waiting_tasks(self) -> str:
        names = sorted(task.get_name() for task in asyncio.all_tasks(self))
        return ", ".join(names) or "no task at all"

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Run the job now: the clock stands still while it works and its result comes in a fixed order."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(contextvars.copy_context().run(func, *args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: Any = None, port: Any = None, **_: Any
    ) -> MemoryServer:
        if not port:
            port, self._next_port = self._next_port, self._next_port + 1
        if port in self.listeners:
            raise OSError(98, f"port {port} is already in use")
        server = MemoryServer(self, port, protocol_factory)
        self.listeners[port] = server
        return server

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: Any = None, port: Any = None, **_: Any
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        await asyncio.sleep(self.latency_s)
        server = self.listeners.get(port)
        if server is None:
            raise ConnectionRefusedError(111, f"nothing listens on port {port}")
        near = MemoryTransport(self, port, self.latency_s)
        far = MemoryTransport(self, port, self.latency_s)
        near_protocol, far_protocol = protocol_factory(), server.factory()
        near.join(near_protocol, far)
        far.join(far_protocol, near)
        far_protocol.connection_made(far)
        near_protocol.connection_made(near)
        return near, near_protocol


def run(main: Coroutine[Any, Any, T], *, latency_s: float = 0.0) -> T:
    """Run `main` to its end in virtual time and close everything it left open.

    raises   Stalled when all tasks wait for one another
    """
    loop = VirtualTimeLoop(latency_s=latency_s)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        try:
            left = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
