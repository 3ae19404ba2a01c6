"""The station as a whole: its present picture, its stream and its commands.

Nothing here decides whether a command is allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from station.api.access import needs
from station.api.models import (
    STOPPING_WORDS,
    CommandResult,
    CommandToStation,
    Health,
    LoopLag,
    ModeOfStation,
    ModeResult,
)
from station.api.once import Key, once
from station.api.port import ControllerPort
from station.api.problems import described
from station.api.snapshot_model import Snapshot
from station.api.streams import EventStream, Streams, finite
from station.people.roles import Right
from station.store import Store
from station.version import SOFTWARE_VERSION

STREAM_CONTENT: dict[str, Any] = {"text/event-stream": {"schema": {"type": "string"}}}


def router(
    port: ControllerPort,
    store: Store,
    streams: Streams,
    *,
    simulated: bool,
    vision_hash: str,
    lines_dropped: Callable[[], int],
) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1", tags=["station"])

    @routes.get("/station", response_model=Snapshot, responses=described(), dependencies=[needs(Right.SEE)])
    async def station() -> dict[str, Any]:
        """The whole present picture."""
        picture: dict[str, Any] = finite(port.snapshot())
        return picture

    @routes.get(
        "/stream",
        response_class=Response,
        dependencies=[needs(Right.SEE)],
        responses={**described(), 200: {"description": "event `snapshot`", "content": STREAM_CONTENT}},
    )
    async def stream() -> Response:
        """The picture as server-sent events named `snapshot`, whenever it changed, ten times a second at most."""
        streams.require_room()
        return EventStream(streams.snapshots(), streams)

    @routes.post(
        "/station/commands",
        status_code=202,
        response_model=CommandResult,
        responses=described(409),
        dependencies=[needs(Right.OPERATE, unless_stop="command")],
    )
    async def command(request: Request, wish: CommandToStation, idempotency_key: Key = None) -> Any:
        """Give the station a command. hold, stop and abort need no key and work even when nothing can be stored."""

        async def effect() -> dict[str, Any]:
            return await port.command(wish.command)

        if wish.command in STOPPING_WORDS:
            return await effect()
        content = wish.model_dump()
        return await once(
            request, store, idempotency_key, content, effect, status=202, location=lambda _: "/v1/station"
        )

    @routes.post(
        "/station/mode",
        status_code=202,
        response_model=ModeResult,
        responses=described(409),
        dependencies=[needs(Right.MAINTAIN)],
    )
    async def mode(request: Request, wish: ModeOfStation, idempotency_key: Key = None) -> Any:
        """Change the PackML mode, in a wait state only. In Maintenance the station homes and calibrates, and builds
        nothing."""

        async def effect() -> dict[str, Any]:
            return await port.change_mode(wish.mode)

        return await once(
            request,
            store,
            idempotency_key,
            wish.model_dump(),
            effect,
            status=202,
            location=lambda _: "/v1/station",
        )

    @routes.get("/health", response_model=Health, responses=described(), dependencies=[needs(None)])
    async def health() -> Health:
        """Whether the service itself works."""
        loop_lag = port.loop_lag()
        return Health(
            ok=store.failure is None,
            simulated=simulated,
            software_version=SOFTWARE_VERSION,
            vision_hash=vision_hash,
            store_failure=store.failure,
            event_seq=store.events.durable_seq,
            epoch=store.events.epoch,
            free_bytes=store.free_bytes(),
            loop_lag=None if loop_lag is None else LoopLag(**loop_lag),
            commit_recent_max_s=store.writing.slowest_commit_s(asyncio.get_running_loop().time()),
            log_lines_dropped=lines_dropped(),
        )

    return routes
