"""A page on the wire below the web service that asks, and takes nothing of the answer: its `send` never returns."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.types import Message, Scope

HOST = b"127.0.0.1:8000"
JOG = "/v1/jog"
"""the one address that is a WebSocket"""


class Unread:
    """Asks at once, from a task of its own.

    takes   so many pieces of the answer, and none after them
    """

    def __init__(self, app: FastAPI, address: str, *, takes: int = 0, name: str = "page that does not read") -> None:
        self.took: list[Message] = []
        self._left = takes
        self._is_socket = address == JOG
        self._has_asked = False
        self._task = asyncio.ensure_future(app(_scope(address), self._receive, self._send))
        self._task.set_name(name)

    @property
    def is_over(self) -> bool:
        """Whether the service has let it go, without an error."""
        return self._task.done() and not self._task.cancelled() and self._task.exception() is None

    async def gone(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _receive(self) -> Message:
        if not self._has_asked:
            self._has_asked = True
            return {"type": "websocket.connect"} if self._is_socket else _NO_BODY
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def _send(self, message: Message) -> None:
        if self._left <= 0:
            await asyncio.Event().wait()
        self._left -= 1
        self.took.append(message)


_NO_BODY: Message = {"type": "http.request", "body": b"", "more_body": False}


def _scope(address: str) -> Scope:
    parts = urlsplit(address)
    is_socket = parts.path == JOG
    return {
        "type": "websocket" if is_socket else "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "ws" if is_socket else "http",
        "subprotocols": [],
        "path": parts.path,
        "raw_path": parts.path.encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": [(b"host", HOST)],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
    }
