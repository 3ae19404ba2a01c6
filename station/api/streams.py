"""Server-sent events: an endless answer that ends cleanly when the client leaves, lags or the server stops.

Nothing here knows what is sent. Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from station.api import problems
from station.api.access import still_let_in
from station.api.port import ControllerPort
from station.store import Event, Store

HEARTBEAT_S = 10.0  # silence after which a comment shows that the stream lives
SEND_LIMIT_S = 30.0  # a client that takes nothing for so long is let go
STREAM_LIMIT = 64
REPLAY_STEP = 500
SNAPSHOT_PERIOD_S = 0.1
SNAPSHOT_SILENCE_S = 1.0  # an unchanged picture is sent again after so long: the screen shows its age
RETRY_FRAME = "retry: 1000\n\n"  # milliseconds a browser waits before it comes back

Frames = AsyncGenerator[str, None]


class EventStream(Response):
    """A response whose frames come from a generator; the generator is always closed, in this task's reach."""

    media_type = "text/event-stream"

    def __init__(self, frames: Frames, streams: Streams) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._frames = frames
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.counted():
            async with asyncio.TaskGroup() as group:
                pumping = group.create_task(self._pump(scope, send), name="event stream")
                watching = group.create_task(_until_gone(receive), name="event stream client")
                pumping.add_done_callback(lambda _: watching.cancel())
                watching.add_done_callback(lambda _: pumping.cancel())

    async def _pump(self, scope: Scope, send: Send) -> None:
        async with aclosing(self._frames) as frames:
            takes = await _taken(send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while takes and (frame := await anext(frames, None)) is not None and still_let_in(scope):
                takes = await _taken(
                    send, {"type": "http.response.body", "body": frame.encode("utf-8"), "more_body": True}
                )
        if takes:
            await _taken(send, {"type": "http.response.body", "body": b"", "more_body": False})


async def _taken(send: Send, message: Message) -> bool:
    """Whether the client took it within the limit; else it is let go."""
    try:
        async with asyncio.timeout(SEND_LIMIT_S):
            await send(message)
    except (TimeoutError, OSError):
        return False
    return True


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Streams:
    """The open streams of one server: bounded in number, ended together."""

    def __init__(self, port: ControllerPort, store: Store) -> None:
        self._port = port
        self._store = store
        self._open = 0
        self._snapshot = ""
        self._snapshot_at_s = -SNAPSHOT_PERIOD_S
        self.is_closing = False

    def counted(self) -> _Counted:
        return _Counted(self)

    def require_room(self) -> None:
        """Raises problems.Trouble when too many streams are open."""
        if self._open >= STREAM_LIMIT or self.is_closing:
            raise problems.Trouble(
                503, "too-many-streams", f"{self._open} streams are open. Close one.", headers={"retry-after": "5"}
            )

    def close(self) -> None:
        """End every stream within one snapshot period."""
        self.is_closing = True
        self._store.events.close_subscriptions()

    async def snapshots(self) -> Frames:
        """The whole picture whenever it changed, ten times a second at most."""
        loop = asyncio.get_running_loop()
        sent, sent_at_s = "", 0.0
        yield RETRY_FRAME
        while not self.is_closing:
            text = self._encoded(loop.time())
            if text != sent or loop.time() - sent_at_s >= SNAPSHOT_SILENCE_S:
                yield f"event: snapshot\ndata: {text}\n\n"
                sent, sent_at_s = text, loop.time()
            await asyncio.sleep(SNAPSHOT_PERIOD_S)

    def _encoded(self, now_s: float) -> str:
        # Encoded once for all who look.
        if now_s - self._snapshot_at_s >= SNAPSHOT_PERIOD_S / 2:
            self._snapshot = json.dumps(finite(self._port.snapshot()), separators=(",", ":"), allow_nan=False)
            self._snapshot_at_s = now_s
        return self._snapshot

    async def events(self, after: int) -> Frames:
        """Every event after a number: first what is stored, then what becomes durable, without gap or repeat."""
        subscription = self._store.events.subscribe()
        seq = after
        try:
            yield RETRY_FRAME
            is_replaying = True
            while is_replaying:
                batch = await self._store.events.read(seq, REPLAY_STEP)
                for event in batch:
                    seq = event.seq
                    yield event_frame(event)
                is_replaying = len(batch) == REPLAY_STEP
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        event = await anext(subscription)
                except TimeoutError:
                    yield ": alive\n\n"
                    continue
                except StopAsyncIteration:
                    break
                if event.seq > seq:
                    seq = event.seq
                    yield event_frame(event)
            # The client comes back by itself with the last number it saw.
            yield f": {subscription.note or 'the station ends this stream'}\n\n"
        finally:
            subscription.close()


class _Counted:
    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def __enter__(self) -> None:
        self._streams._open += 1

    def __exit__(self, *_: object) -> None:
        self._streams._open -= 1


def finite(value: Any) -> Any:
    """The same with null where a number is none: a picture with one unknown value must still reach the screen."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def event_document(event: Event) -> dict[str, Any]:
    """An event as it leaves the station."""
    return {
        "seq": event.seq,
        "epoch": event.epoch,
        "at_s": event.at_s,
        "occurred_at": event.occurred_at,
        "id": event.id,
        "kind": event.kind,
        "data": event.data,
        "hash": event.hash,
    }


def event_frame(event: Event) -> str:
    """The event as a frame whose id resumes the stream."""
    text = json.dumps(event_document(event), separators=(",", ":"))
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {text}\n\n"
