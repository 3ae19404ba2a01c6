"""The other end of a cable, as raw as it gets: bytes in, whatever bytes the story wants back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Answer = Callable[["RawPeer", bytes], None]


class RawPeer(asyncio.Protocol):
    """Listens on 127.0.0.1; every portion of bytes that comes in is kept and handed to `answer`."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._server: asyncio.AbstractServer | None = None
        self.received: list[bytes] = []
        self.connections = 0
        self.transport: asyncio.Transport | None = None
        self.port = 0

    async def __aenter__(self) -> RawPeer:
        self._server = await asyncio.get_running_loop().create_server(lambda: self, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        if self.transport is not None:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connections += 1

    def data_received(self, data: bytes) -> None:
        self.received.append(data)
        self._answer(self, data)

    def send(self, data: bytes, after_s: float = 0.0) -> None:
        assert self.transport is not None
        if after_s > 0:
            asyncio.get_running_loop().call_later(after_s, self.transport.write, data)
        else:
            self.transport.write(data)

    def reset(self) -> None:
        assert self.transport is not None
        self.transport.abort()


def silent(_: RawPeer, __: bytes) -> None:
    """Swallows everything."""
