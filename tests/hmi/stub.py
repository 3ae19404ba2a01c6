"""A stand-in for the station's HTTP side, for browser tests: static files, canned snapshots, recorded commands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from station.hmi import PAGE_HEADERS, STATIC_FOLDER
from tests.hmi import snapshots
from tests.hmi.pictures import ball_field, ball_picture
from tests.hmi.snapshots import BALL_STATES, Snapshot


@dataclass(frozen=True)
class Posted:
    """One command as it came over the wire."""

    path: str
    body: dict[str, Any]
    key: str


def recipe(name: str, state: str = "approved", *, is_named: bool = True, refusal: str | None = None) -> dict[str, Any]:
    """A revision of a recipe as the list has it, as far as the page looks at it."""
    return {"name": name, "state": state, "is_named": is_named, "refusal": refusal}


RIGHTS = ["maintain", "operate", "order", "recipes", "see", "trace"]
NOBODY_YET = {"is_open": True, "name": None, "role": None, "rights": RIGHTS, "why_not": ""}
"""as a station says where nobody was added"""


@dataclass
class Station:
    """What the stub shows and what it was told."""

    snapshot: Snapshot
    posted: list[Posted] = field(default_factory=list)
    refusal: dict[str, Any] | None = None
    jobs: list[dict[str, Any]] = field(default_factory=list)
    recipes: list[dict[str, Any]] = field(default_factory=lambda: [recipe("pop_12x12_168"), recipe("pop_14x14_216")])
    me: dict[str, Any] = field(default_factory=lambda: dict(NOBODY_YET))
    address: str = ""
    _loop: asyncio.AbstractEventLoop | None = None
    _listeners: list[asyncio.Queue[Snapshot | None]] = field(default_factory=list)

    def show(self, snapshot: Snapshot) -> None:
        """Send a new snapshot to every open page."""
        self.snapshot = snapshot
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._spread, snapshot)

    def _spread(self, snapshot: Snapshot | None) -> None:
        for listener in self._listeners:
            listener.put_nowait(snapshot)


def application(station: Station) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)
    wet = ball_picture(ball_field(), tuple(BALL_STATES.items()), is_wet=True)

    @app.middleware("http")
    async def headers(request: Request, call_next: Any) -> Response:
        reply: Response = await call_next(request)
        reply.headers.update(PAGE_HEADERS)
        return reply

    @app.get("/v1/station")
    async def state() -> Snapshot:
        return station.snapshot

    @app.get("/v1/login")
    async def login() -> dict[str, Any]:
        return station.me

    @app.get("/v1/jobs")
    async def jobs() -> dict[str, Any]:
        return {"items": station.jobs}

    @app.get("/v1/recipes")
    async def recipes() -> dict[str, Any]:
        return {"items": station.recipes}

    @app.get("/v1/blobs/{name}")
    async def blob(name: str) -> Response:
        return Response(wet, media_type="image/png")

    @app.get("/v1/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(_events(station), media_type="text/event-stream")

    @app.post("/v1/{path:path}")
    async def post(path: str, request: Request) -> Response:
        body = await request.json()
        station.posted.append(Posted(f"/v1/{path}", body, request.headers.get("Idempotency-Key", "")))
        if station.refusal is not None:
            return JSONResponse(station.refusal, status_code=409, media_type="application/problem+json")
        if path == "jobs":
            job = snapshots.running()["job"] | {"id": "job-8", "state": "queued", "boards_done": 0, **body}
            station.jobs.append(job)
            return JSONResponse(job, status_code=201)
        return JSONResponse({"accepted": True}, status_code=202)

    app.mount("/", StaticFiles(directory=STATIC_FOLDER, html=True))
    return app


async def _events(station: Station) -> AsyncIterator[str]:
    listener: asyncio.Queue[Snapshot | None] = asyncio.Queue()
    station._listeners.append(listener)
    snapshot: Snapshot | None = station.snapshot
    while snapshot is not None:
        yield f"event: snapshot\ndata: {json.dumps(snapshot)}\n\n"
        snapshot = await listener.get()


@contextlib.contextmanager
def serving(station: Station) -> Iterator[Station]:
    """Serve the stub on a free port of this host until the block ends."""
    config = uvicorn.Config(application(station), log_level="critical", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    # The socket listens before the server runs, so that nobody has to wait for it.
    listening = socket.create_server(("127.0.0.1", 0))
    station.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    started = threading.Event()

    async def run() -> None:
        station._loop = asyncio.get_running_loop()
        started.set()
        await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(20), "the stub did not start"
    try:
        yield station
    finally:
        assert station._loop is not None
        station._loop.call_soon_threadsafe(station._spread, None)
        server.should_exit = True
        thread.join(20)
        listening.close()
