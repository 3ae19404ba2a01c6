"""The cable behind one port and what can happen to it: late, lost or cut replies, resets, a port that refuses.

It carries bytes and knows no protocol.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from sim_hardware.faults import Faults
from sim_hardware.virtual_time import MemoryTransport

CUT_AFTER_S = 0.001
"""half a reply is on the wire before the reset comes: together they could reach a stream reader in one step"""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


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
        self.port = 0
        self._open: dict[asyncio.Transport, None] = {}
        self._last_leaves_s = 0.0

    def plug_in(self, transport: asyncio.BaseTransport) -> asyncio.Transport | None:
        """A host connects. None: refused, the connection is already reset."""
        line = cast("asyncio.Transport", transport)
        if self.loop.time() < self.refuses_until_s:
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
        delay_s = self.latency_s
        if not self.faults.are_none:
            now = self.loop.time()
            if self.faults.strikes("reply_lost", now, self.name) is not None:
                return
            if self.faults.strikes("reply_cut", now, self.name) is not None:
                transport.write(data[: len(data) // 2])
                self.loop.call_later(CUT_AFTER_S, reset, transport)
                return
            delay_s += self.faults.value("reply_late", now, 0.0, self.name)
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


def reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the other end sees a reset, not an orderly end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
