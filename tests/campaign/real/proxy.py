"""A TCP proxy between service and machine whose cable can be bad: slow, cut, half open, noisy, one byte at a time."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum

from tests.scenarios.live import Line

READ_BYTES = 65_536
DRIP_S = 0.01
NOISE_BYTES = 40


class Bad(StrEnum):
    """How a cable can be bad."""

    SLOW = "slow"
    CUT = "cut"
    HALF_OPEN = "half open"
    NOISE = "noise"
    DRIP = "one byte at a time"


class Proxy:
    """One proxy for every device of a line, in a thread of its own; `ports_file` is the way through it."""

    def __init__(self, line: Line, seed: int) -> None:
        self.ports_file = line.folder / "proxy.json"
        self._chance = random.Random(seed)
        self._bad: dict[str, Bad] = {}
        self._open: dict[str, list[StreamWriter]] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        ports = dict(line.ports)
        del ports["control"]
        through = asyncio.run_coroutine_threadsafe(self._listen(ports), self._loop).result(10)
        self.ports_file.write_text(json.dumps(through))

    def make_bad(self, device: str, how: Bad) -> None:
        """From now on the cable of this device is bad, or it is cut once."""
        self._loop.call_soon_threadsafe(self._make_bad, device, how)

    def heal(self) -> None:
        """All cables are good; what a half-open one has swallowed is gone, so it is cut."""
        self._loop.call_soon_threadsafe(self._heal)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # -- inside the thread -----------------------------------------------------------------------------------------

    async def _listen(self, ports: dict[str, int]) -> dict[str, int]:
        """Open a port in front of each of these; returns them by name."""
        through = {}
        for name, port in ports.items():
            server = await asyncio.start_server(self._meeting(name, port), "127.0.0.1", 0)
            through[name] = int(server.sockets[0].getsockname()[1])
            self._servers.append(server)
        return through

    def _meeting(self, name: str, port: int) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
        async def meet(reader: StreamReader, writer: StreamWriter) -> None:
            try:
                to_device = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                writer.close()
                return
            self._open.setdefault(name, []).extend((writer, to_device[1]))
            for source, sink, is_reply in ((reader, to_device[1], False), (to_device[0], writer, True)):
                task = self._loop.create_task(self._carry(name, source, sink, is_reply))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        return meet

    async def _carry(self, name: str, source: StreamReader, sink: StreamWriter, is_reply: bool) -> None:
        with suppress(OSError):
            while data := await source.read(READ_BYTES):
                how = self._bad.get(name)
                if how is Bad.HALF_OPEN:
                    continue
                if how is Bad.SLOW:
                    await asyncio.sleep(self._chance.uniform(0.02, 0.12))
                if how is Bad.NOISE and is_reply:
                    sink.write(self._chance.randbytes(NOISE_BYTES))
                if how is Bad.DRIP:
                    for byte in data:
                        sink.write(bytes((byte,)))
                        await asyncio.sleep(DRIP_S)
                else:
                    sink.write(data)
                await sink.drain()
        sink.close()

    def _make_bad(self, device: str, how: Bad) -> None:
        if how is Bad.CUT:
            self._cut(device)
        else:
            self._bad[device] = how

    def _heal(self) -> None:
        for device in [name for name, how in self._bad.items() if how is Bad.HALF_OPEN]:
            self._cut(device)
        self._bad.clear()

    def _cut(self, device: str) -> None:
        for writer in self._open.pop(device, ()):
            writer.transport.abort()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for device in list(self._open):
            self._cut(device)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
