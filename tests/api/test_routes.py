"""All doors of the service, by hand: a route that is not listed here makes this fail until somebody has thought of it.

What moves, ends, answers or keeps something is a POST, a PUT or the jog socket; everything else only reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIRouter, APIWebSocketRoute
from starlette.routing import BaseRoute, Host, Mount, Route

from station.api.app import create_app
from station.store import open_store
from tests.api.support import ObedientController, shelf_of
from tests.store.support import HandClock

READS = {
    "FILES /": "the operator page",
    "FILES /v1/docs/files": "script and style of the reading page",
    "GET /v1/alarms": "alarms that stand",
    "GET /v1/blobs/{digest}": "a picture or curve by its content",
    "GET /v1/docs": "the reading page of this API",
    "GET /v1/docs/start.js": "what starts the reading page",
    "GET /v1/events": "events by number",
    "GET /v1/events/stream": "events as they come",
    "GET /v1/health": "whether the service works",
    "GET /v1/jobs": "orders",
    "GET /v1/jobs/{job_id}": "one order",
    "GET /v1/login": "who asks, and what they may",
    "GET /v1/openapi.json": "this API for programs",
    "GET /v1/recipes": "what can be built",
    "GET /v1/recipes/{name}": "one recipe",
    "GET /v1/recipes/{name}/revisions/{content_hash}": "one revision of it",
    "GET /v1/records": "records of placements",
    "GET /v1/records/chain": "whether their chain is whole",
    "GET /v1/records/{record_id}": "one record",
    "GET /v1/station": "the present picture",
    "GET /v1/stream": "the present picture as it changes",
}
ACTS = {
    "DELETE /v1/login": "logs out",
    "POST /v1/alarms/{alarm_id}/answer": "answers a question, once, with the token of the question",
    "POST /v1/jobs": "orders boards, once for each key",
    "POST /v1/jobs/{job_id}/actions": "starts or stops an order",
    "POST /v1/login": "logs in",
    "POST /v1/recipes/{name}/revisions/{content_hash}/actions": "approves or withdraws a revision",
    "POST /v1/station/commands": "PackML commands",
    "POST /v1/station/mode": "PackML mode",
    "PUT /v1/recipes/{name}": "keeps a draft of a recipe",
    "WS /v1/jog": "moves one axis while a button is held",
}


def doors(routes: Sequence[BaseRoute]) -> set[str]:
    """Method and path of every route, those of a mounted folder under its own path."""
    found = set()
    for route in routes:
        if isinstance(route, Route | APIRoute):
            found |= {f"{method} {route.path}" for method in (route.methods or {"ANY"}) - {"HEAD"}}
        elif isinstance(route, APIWebSocketRoute):
            found.add(f"WS {route.path}")
        elif isinstance(route, Mount):
            found.add(f"FILES {route.path or '/'}")
        elif isinstance(inner := getattr(route, "original_router", None), APIRouter):
            prefix = getattr(getattr(route, "include_context", None), "prefix", "")
            found |= {f"{method} {prefix}{path}" for method, path in (door.split(" ") for door in doors(inner.routes))}
        else:
            found.add(f"{type(route).__name__} {getattr(route, 'path', '?')}")
    return found


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    store = open_store(tmp_path, HandClock(), durability="normal")
    yield create_app(ObedientController(store), store, shelf_of(store), simulated=True)
    store.close()


def test_there_is_no_door_that_is_not_listed(app: FastAPI) -> None:
    assert doors(app.routes) == set(READS) | set(ACTS)


def test_a_new_door_is_found_wherever_it_is_hung(app: FastAPI) -> None:
    known = doors(app.routes)
    inner = APIRouter(prefix="/inner")
    inner.add_api_route("/word", lambda: "", methods=["DELETE"])
    inner.add_api_websocket_route("/wire", lambda: None)
    outer = APIRouter(prefix="/outer")
    outer.include_router(inner)
    app.include_router(outer)
    app.router.routes.append(Host("other.example", app=FastAPI()))
    assert doors(app.routes) - known == {"DELETE /outer/inner/word", "WS /outer/inner/wire", "Host ?"}


def test_what_only_reads_takes_no_other_method() -> None:
    assert {door.split()[0] for door in READS} == {"GET", "FILES"}
    assert {door.split()[0] for door in ACTS} == {"DELETE", "POST", "PUT", "WS"}
