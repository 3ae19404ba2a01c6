"""The cable behind one port and what can happen to it: late, lost or cut replies, resets, a port that refuses.

It carries bytes and knows no protocol.
"""

from __future__ import annotations

import asyncio
from typing import cast

from sim_hardware.faults import Faults
from sim_hardware.servers.damage import pieces, reset
from sim_hardware.virtual_time import MemoryTransport


class Cable:
    """State shared by all connections of one port.

    latency_s   how much later every reply leaves
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, faults: Faults, latency_s: float) -> None:
        self.name = name
        self.loop = loop
        self.faults = faults
        self.latency_s = latency_s
        self.refuses_until_s = 0.0
        self.kept: tuple[bytes, bool] | None = None
        """a reply that a fault holds back, and whether it leaves before the next one"""
        self.port = 0
        self._open: dict[asyncio.Transport, None] = {}
        self._last_leaves_s = 0.0

    def plug_in(self, transport: asyncio.BaseTransport) -> asyncio.Transport | None:
        """A host connects. None: refused, the connection is already reset."""
        line = cast("asyncio.Transport", transport)
        now_s = self.loop.time()
        if now_s < self.refuses_until_s or self.faults.active("link_refused", now_s, self.name) is not None:
            reset(line)
            return None
        self._open[line] = None
        return line

    def unplug(self, transport: asyncio.Transport | None) -> None:
        if transport is not None:
            self._open.pop(transport, None)

    @property
    def connection_count(self) -> int:
        return len(self._open)

    def cut(self, refuse_s: float = 0.0) -> None:
        """Reset every connection now and refuse new ones for a while."""
        self.refuses_until_s = self.loop.time() + refuse_s
        for transport in list(self._open):
            reset(transport)
        self._open.clear()

    def close(self) -> None:
        """The end of the run: close every connection."""
        for transport in list(self._open):
            transport.close()
        self._open.clear()

    def send(self, transport: asyncio.Transport, data: bytes) -> None:
        """Let a reply go, unless a fault has other plans for it."""
        if self.faults.are_none:
            self._leave(transport, data, self.latency_s)
            return
        delay_s = self.latency_s + self.faults.value("reply_late", self.loop.time(), 0.0, self.name)
        for piece in pieces(self, transport, data):
            self._leave(transport, piece, delay_s)

    def arrived(self, transport: asyncio.Transport | None, data: bytes) -> bytes:
        """A request comes in: what the device gets of it."""
        if self.faults.are_none:
            return data
        faults, now_s = self.faults, self.loop.time()
        if faults.active("link_silent", now_s, self.name) or faults.strikes("request_lost", now_s, self.name):
            return b""
        if transport is not None and faults.active("line_echo", now_s, self.name) is not None:
            transport.write(data)
        return data

    def babble(self, count: int) -> None:
        """Send bytes without an end of line on every connection."""
        for transport in list(self._open):
            transport.write(b"7" * count)

    def _leave(self, transport: asyncio.Transport, data: bytes, delay_s: float) -> None:
        if delay_s <= 0.0:
            transport.write(data)
            return
        leaves_s = max(self.loop.time() + delay_s, self._last_leaves_s)
        self._last_leaves_s = leaves_s
        if isinstance(transport, MemoryTransport):
            transport.write_at(leaves_s, data)
        else:
            self.loop.call_at(leaves_s, transport.write, data)


class Plug(asyncio.Protocol):
    """One host on a cable. `_transport` is None before it plugs in, when it was refused and when it is gone."""

    def __init__(self, cable: Cable) -> None:
        self._cable = cable
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._cable.plug_in(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cable.unplug(self._transport)
        self._transport = None
