"""The gate in front of every route: who may ask from where, how much, how deep, how often.

Nothing here knows the routes, but for the one that must always be open: commands that stop the machine.
Sources: OWASP cheat sheets on cross-site request forgery and on REST security, https://cheatsheetseries.owasp.org
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from station.api import problems

BODY_LIMIT_BYTES = 1_000_000
JSON_DEPTH_LIMIT = 20
BODY_LIMIT_S = 10.0  # a client that sends slower than this is let go
REQUESTS_PER_S = 100.0
"""ten pages and an MES ask for less; the machine is stopped by the same loop that answers"""
REQUEST_BURST = 300.0
REFUSED_AFTER_S = 0.1
"""a refusal is no cheaper than an answer: whoever asks too often waits for it, and so asks less"""
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
ALWAYS_OPEN = "/v1/station/commands"
"""Not counted by the limiter: a flood elsewhere must never keep a stop command out."""

TOO_MANY = 429
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SECURITY_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; connect-src 'self'; img-src 'self' blob: data:; object-src 'none'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Guard:
    """Middleware around the whole application.

    hosts        names under which the station may be called; anything else is a rebinding attack or a mistake
    trace_root   start of every trace id, different in every run
    """

    def __init__(self, app: ASGIApp, *, trace_root: str, hosts: Iterable[str] = LOOPBACK_HOSTS) -> None:
        self._app = app
        self._hosts = tuple(hosts)
        self._trace_root = trace_root
        self._count = 0
        self._tokens = REQUEST_BURST
        self._counted_at_s = 0.0
        self._turns = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket" and not self._lets_in(scope):
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        self._count += 1
        trace_id = scope["trace_id"] = f"{self._trace_root}-{self._count}"
        try:
            self._check_headers(scope)
            if scope["method"] not in SAFE_METHODS:
                receive = await _collected(scope, receive)
        except problems.Trouble as trouble:
            if trouble.status == TOO_MANY:
                await asyncio.sleep(REFUSED_AFTER_S)
            await self._turn(scope)
            await _refuse(trouble, trace_id, send)
            return
        await self._turn(scope)
        await self._app(scope, receive, _with_security_headers(send))

    async def _turn(self, scope: Scope) -> None:
        """Wait until the loop has gone round once since the answer before this one.

        What is asked at one instant would be answered in one turn, and a heartbeat would wait for all of it.
        """
        if scope["path"] == ALWAYS_OPEN:
            return
        async with self._turns:
            await asyncio.sleep(0)

    def _lets_in(self, scope: Scope) -> bool:
        """A WebSocket may command, so it is asked as an unsafe method is. A refused one gets a bare 403."""
        try:
            self._check_headers({**scope, "method": "WEBSOCKET"})
        except problems.Trouble:
            return False
        return True

    def _check_headers(self, scope: Scope) -> None:
        host = _header(scope, b"host")
        if _host_name(f"//{host}") not in self._hosts:
            raise problems.Trouble(421, "unknown-host", f"This station is not called {host[:80]!r}.")
        if scope["method"] not in SAFE_METHODS:
            origin = _header(scope, b"origin")
            if origin and urlsplit(origin).netloc.lower() != host.lower():
                raise problems.Trouble(403, "foreign-origin", "Only the station's own pages may send commands.")
            if _header(scope, b"sec-fetch-site") in ("cross-site", "same-site"):
                raise problems.Trouble(403, "foreign-origin", "Only the station's own pages may send commands.")
        if scope["path"] != ALWAYS_OPEN and not self._takes_token():
            raise problems.Trouble(
                TOO_MANY, "too-many-requests", "Too many requests; wait a second.", headers={"retry-after": "1"}
            )

    def _takes_token(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        self._tokens = min(REQUEST_BURST, self._tokens + (now_s - self._counted_at_s) * REQUESTS_PER_S)
        self._counted_at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


async def _collected(scope: Scope, receive: Receive) -> Receive:
    """Read the whole body within its limits and hand it on in one piece."""
    announced = _header(scope, b"content-length")
    if announced.isdigit() and int(announced) > BODY_LIMIT_BYTES:
        raise _too_large()
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_LIMIT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                content += message.get("body", b"")
                if len(content) > BODY_LIMIT_BYTES:
                    raise _too_large()
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise problems.Trouble(408, "too-slow", f"The body did not arrive within {BODY_LIMIT_S:g} s.") from None
    if content and _header(scope, b"content-type").split(";")[0].strip().lower() != "application/json":
        raise problems.Trouble(415, "not-json", "Send the body as application/json.")
    if _depth(bytes(content)) > JSON_DEPTH_LIMIT:
        raise problems.Trouble(422, "too-deep", f"The JSON is nested deeper than {JSON_DEPTH_LIMIT} levels.")
    whole: Message | None = {"type": "http.request", "body": bytes(content), "more_body": False}

    async def replay() -> Message:
        nonlocal whole
        if whole is not None:
            message, whole = whole, None
            return message
        return await receive()

    return replay


def _depth(content: bytes) -> int:
    depth = deepest = 0
    for byte in _STRINGS.sub(b"", content).translate(None, _NOT_BRACKETS):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _too_large() -> problems.Trouble:
    return problems.Trouble(413, "too-large", f"A body may have {BODY_LIMIT_BYTES} bytes at most.")


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


def _host_name(netloc: str) -> str:
    try:
        return (urlsplit(netloc).hostname or "").lower()
    except ValueError:
        return ""


def _with_security_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            present = {name for name, _ in headers}
            headers += [pair for pair in SECURITY_HEADERS if pair[0] not in present]
            message = {**message, "headers": headers}
        await send(message)

    return sending


async def _refuse(trouble: problems.Trouble, trace_id: str, send: Send) -> None:
    document = problems.body(trouble.status, trouble.code, trouble.detail, trace_id=trace_id)
    content = json.dumps(document).encode("utf-8")
    headers = [
        (b"content-type", problems.MEDIA_TYPE.encode("ascii")),
        (b"content-length", str(len(content)).encode("ascii")),
        # The rest of a refused body is not read: the connection cannot be used again.
        (b"connection", b"close"),
        *((name.encode("ascii"), value.encode("ascii")) for name, value in trouble.headers.items()),
        *SECURITY_HEADERS,
    ]
    await send({"type": "http.response.start", "status": trouble.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
