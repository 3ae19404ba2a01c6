"""The clock and the cables of a simulated shift: an event loop whose time jumps, with an in-memory network.

Nothing here knows the machine. Code written for asyncio (streams, servers, pymodbus) runs on it unchanged:
`create_server` and `create_connection` meet inside the loop, and no thread, socket or wall clock is involved.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heapify, heappop, heappush
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

EPHEMERAL_PORT_FIRST = 49152  # start of the dynamic range, RFC 6335
GARBAGE_AFTER = 50_000
"""objects more than at the last collection that start the next one, during a run"""
TIMERS_TIDY = 256
"""so many timers may wait before the cancelled ones among them are thrown out"""


class Stalled(RuntimeError):
    """Every task waits and no timer is set: on a real machine this would hang for ever."""


class _NoFiles(selectors.BaseSelector):
    """Stands where the operating system's selector stands: there are no files and nobody ever waits here."""

    def __init__(self) -> None:
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
        return []


def _nothing() -> None:
    """What is left of a cancelled callback."""


class _Callback(asyncio.Handle):
    """A callback that waits for its turn, with what the loop looks at and no more."""

    __slots__ = ()

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: contextvars.Context | None
    ) -> None:
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._context = contextvars.copy_context() if context is None else context

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._callback!r}>"

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = _nothing
        self._args = ()


class _Timer(_Callback):
    """A callback with the time at which it becomes due."""

    __slots__ = ("when_s",)
    when_s: float

    def when(self) -> float:
        return self.when_s


class MemoryTransport(asyncio.Transport):
    """One end of a cable inside the loop. Bytes arrive in order, `latency_s` after they were written.

    Without latency the listening end receives while the calling end writes; whoever called receives a turn later, as
    on a socket, so that a reply never comes before `write` has returned.
    """

    def __init__(self, loop: VirtualTimeLoop, port: int, latency_s: float, *, is_caller: bool) -> None:
        super().__init__(extra={"peername": ("127.0.0.1", port), "sockname": ("127.0.0.1", port)})
        self._loop = loop
        self._latency_s = latency_s
        self._writes_through = is_caller and latency_s <= 0
        self._protocol: Any = None
        self._peer: MemoryTransport | None = None
        self._closing = False
        self._paused = False
        self._held: list[bytes] = []

    def join(self, protocol: asyncio.BaseProtocol, peer: MemoryTransport) -> None:
        self.set_protocol(protocol)
        self._peer = peer

    def _later(self, callback: Callable[..., None], *args: Any) -> None:
        if self._latency_s > 0:
            self._loop.call_later(self._latency_s, callback, *args)
        else:
            self._loop.call_soon(callback, *args)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        peer = self._peer
        if self._closing or peer is None or not data:
            return
        if self._writes_through:
            peer.deliver(bytes(data))
        else:
            self._later(peer.deliver, bytes(data))

    def write_at(self, when_s: float, data: bytes) -> None:
        """Have the other end receive `data` at this time, unless this end is closed before."""
        self._loop.call_at(when_s, self._hand_over, data)

    def _hand_over(self, data: bytes) -> None:
        if not self._closing and self._peer is not None:
            self._peer.deliver(data)

    def deliver(self, data: bytes) -> None:
        if self._closing:
            return
        if self._paused or self._held:
            self._held.append(data)
        else:
            self._protocol.data_received(data)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        if self._held:
            self._loop.call_soon(self._deliver_held)

    def _deliver_held(self) -> None:
        """What came during the pause, in its order; the protocol may pause again in between."""
        while self._held and not self._paused and not self._closing:
            self._protocol.data_received(self._held.pop(0))

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
        if isinstance(protocol, asyncio.BufferedProtocol):
            raise NotImplementedError("buffered protocols are not used on this network")
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
    """An asyncio loop in which an idle hour costs nothing and the same program gives the same run.

    Callbacks run in the order in which they were given, timers by time and then in the order in which they were set.
    """

    _ready: deque[Any]
    _closed: bool
    _stopping: bool

    def __init__(self, *, latency_s: float = 0.0) -> None:
        super().__init__(_NoFiles())
        self.latency_s = latency_s
        self.listeners: dict[int, MemoryServer] = {}
        self._next_port = EPHEMERAL_PORT_FIRST
        self._now_s = 0.0
        # Pairs compare in C down to the running number, which is never the same twice.
        self._timers: list[tuple[float, int, _Timer]] = []
        self._timers_set = 0
        self._tidy_at = TIMERS_TIDY

    def time(self) -> float:
        return self._now_s

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        handle = _Callback(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        timer = _Timer(callback, args, context)
        timer.when_s = when
        self._timers_set += 1
        heappush(self._timers, (when, self._timers_set, timer))
        if len(self._timers) > self._tidy_at:
            self._forget_cancelled_timers()
        return timer  # type: ignore[return-value]

    def _forget_cancelled_timers(self) -> None:
        """Most time-outs are set and cancelled; far ones would otherwise stay until their time."""
        self._timers = [entry for entry in self._timers if not entry[2]._cancelled]
        heapify(self._timers)
        self._tidy_at = max(TIMERS_TIDY, 2 * len(self._timers))

    def _run_once(self) -> None:
        """One instant: when nothing is ready let the time jump to the next timer, then run what is ready and due.

        What becomes ready meanwhile runs in the same go; timers set for this very instant come after it.
        """
        ready, timers = self._ready, self._timers
        while timers and timers[0][2]._cancelled:
            heappop(timers)
        if not ready and not self._stopping:
            if not timers:
                raise Stalled(f"all tasks wait for ever at {self._now_s:.3f} s: {self.waiting_tasks()}")
            self._now_s = max(timers[0][0], self._now_s)
        now_s = self._now_s
        while timers and timers[0][0] <= now_s:
            ready.append(heappop(timers)[2])
        while ready and not self._stopping:
            handle = ready.popleft()
            if handle._cancelled:
                continue
            try:
                handle._context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.call_exception_handler(
                    {"message": f"Exception in callback {handle!r}", "exception": error, "handle": handle}
                )

    def waiting_tasks(self) -> str:
        names = sorted(task.get_name() for task in asyncio.all_tasks(self))
        return ", ".join(names) or "no task at all"

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Run the job now: the clock stands still while it works and its result comes in a fixed order. An executor
        with an attribute `takes_s` is slow: the job runs, and ends, so much later."""
        future: asyncio.Future[T] = self.create_future()
        if (takes_s := getattr(executor, "takes_s", 0.0)) > 0.0:
            self.call_later(takes_s, self._run_job, future, func, args)
        else:
            self._run_job(future, func, args)
        return future

    def _run_job(self, future: asyncio.Future[T], func: Callable[..., T], args: tuple[Any, ...]) -> None:
        if future.cancelled():
            return
        try:
            future.set_result(contextvars.copy_context().run(func, *args))
        except Exception as error:
            future.set_exception(error)

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
        near = MemoryTransport(self, port, self.latency_s, is_caller=True)
        far = MemoryTransport(self, port, self.latency_s, is_caller=False)
        near_protocol, far_protocol = protocol_factory(), server.factory()
        near.join(near_protocol, far)
        far.join(far_protocol, near)
        far_protocol.connection_made(far)
        near_protocol.connection_made(near)
        return near, near_protocol


def run(main: Coroutine[Any, Any, T], *, latency_s: float = 0.0, loop_type: type[VirtualTimeLoop] | None = None) -> T:
    """Run `main` to its end in virtual time and close everything it left open.

    raises   Stalled when all tasks wait for one another
    """
    loop = (loop_type or VirtualTimeLoop)(latency_s=latency_s)
    asyncio.set_event_loop(loop)
    thresholds = gc.get_threshold()
    # Hours pass in seconds: what stands at the start stays, and what comes is mostly freed without the collector.
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, *thresholds[1:])
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
            gc.set_threshold(*thresholds)
            gc.unfreeze()
