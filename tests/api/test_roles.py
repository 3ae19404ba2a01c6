"""Who gets in where: every door there is, for every role and for nobody, against a table written by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from station.people.roles import Role
from tests.api.support import Bench, bearer, bench
from tests.api.test_requests import assert_problem
from tests.api.test_routes import doors
from tests.support import virtual

ALL = {"viewer", "operator", "engineer", "maintenance", "admin", "mes"}
SEES = ALL - {"mes"}
WORKS = SEES - {"viewer"}
WHO: dict[str, set[str]] = {
    "DELETE /v1/login": ALL | {"nobody"},
    "GET /v1/alarms": SEES,
    "GET /v1/blobs/{digest}": SEES,
    "GET /v1/docs": SEES,
    "GET /v1/docs/start.js": SEES,
    "GET /v1/events": ALL,
    "GET /v1/events/stream": ALL,
    "GET /v1/health": ALL | {"nobody"},
    "GET /v1/jobs": ALL,
    "GET /v1/jobs/{job_id}": ALL,
    "GET /v1/login": ALL | {"nobody"},
    "GET /v1/openapi.json": SEES,
    "GET /v1/recipes": SEES,
    "GET /v1/recipes/{name}": SEES,
    "GET /v1/recipes/{name}/revisions/{content_hash}": SEES,
    "GET /v1/records": ALL,
    "GET /v1/records/chain": ALL,
    "GET /v1/records/{record_id}": ALL,
    "GET /v1/station": SEES,
    "GET /v1/stream": SEES,
    "POST /v1/alarms/{alarm_id}/answer": WORKS,
    "POST /v1/jobs": WORKS | {"mes"},
    "POST /v1/jobs/{job_id}/actions": WORKS | {"mes"},
    "POST /v1/login": ALL | {"nobody"},
    "POST /v1/recipes/{name}/revisions/{content_hash}/actions": {"engineer", "admin"},
    "POST /v1/station/commands": WORKS,
    "POST /v1/station/mode": {"maintenance", "admin"},
    "PUT /v1/recipes/{name}": {"engineer", "admin"},
    "WS /v1/jog": {"maintenance", "admin"},
}
"""The page's own files, `FILES ...`, are anybody's. Stop commands too, which the body tells; see test_access.py."""
STOPS = {"/v1/station/commands": "command", "/v1/jobs/job-1/actions": "action"}


async def wire(app: FastAPI, path: str, headers: dict[str, str]) -> str:
    """The first word of the station to somebody who opens a WebSocket and goes away."""
    said: list[str] = []
    heard = iter([{"type": "websocket.connect"}])

    async def receive() -> Any:
        return next(heard, {"type": "websocket.disconnect", "code": 1000})

    async def send(message: Any) -> None:
        said.append(message["type"])

    named = {"host": "127.0.0.1", **headers}
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "ws",
        "subprotocols": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "headers": [(name.lower().encode(), value.encode()) for name, value in named.items()],
    }
    await app(scope, receive, send)
    return said[0]


async def is_let_in(b: Bench, door: str, headers: dict[str, str]) -> bool:
    method, path = door.split()
    path = re.sub(r"\{content_hash\}", "sha256:" + "0" * 64, re.sub(r"\{digest\}", "0" * 64, path))
    path = re.sub(r"\{\w+\}", "it", path)
    if method == "WS":
        return await wire(b.app, path, headers) == "websocket.accept"
    # An empty body says nothing: who is let in gets no further than that.
    body = {"json": {}} if method in ("POST", "PUT") else {}
    answer = await b.client.request(method, path, headers={**headers, "Idempotency-Key": "k"}, **body)  # type: ignore[arg-type]
    if answer.status_code in (401, 403):
        code = "not-logged-in" if answer.status_code == 401 else "role-missing"
        assert "needs the role" in assert_problem(answer, answer.status_code, code)["detail"]
        assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
        return False
    return True


@virtual
async def test_every_door_lets_in_whom_the_table_names_and_nobody_else(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        # Streams that end at once: an answer is all that is asked for here.
        b.app.state.streams.close()
        keys = {role.value: b.register.add(f"p-{role.value}", role, b.utc()) for role in Role}
        assert {door for door in doors(b.app.routes) if not door.startswith("FILES")} == set(WHO)
        for door, who in WHO.items():
            found = {role for role, key in keys.items() if await is_let_in(b, door, bearer(key))}
            found |= {"nobody"} if await is_let_in(b, door, {}) else set()
            assert found == who, door
        assert b.controller.told.count("jog pad given back") == 2, "the pad was in the hands of two"


@virtual
async def test_a_door_that_declares_nothing_answers_nobody_wherever_it_is_hung(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key = b.register.add("anna", Role.ADMIN, b.utc())
        reached: list[str] = []
        inner = APIRouter(prefix="/inner")
        inner.add_api_route("/word", lambda: reached.append("http"), methods=["POST", "GET"])

        async def socket() -> None:
            reached.append("socket")

        inner.add_api_websocket_route("/wire", socket)
        outer = APIRouter(prefix="/outer")
        outer.include_router(inner)
        b.app.router.include_router(outer)
        b.app.router.routes.insert(0, b.app.router.routes.pop())
        b.app.add_api_route("/v1/more", lambda: reached.append("http"), methods=["POST"])
        b.app.router.routes.insert(0, b.app.router.routes.pop())
        for method, path in (("POST", "/outer/inner/word"), ("GET", "/outer/inner/word"), ("POST", "/v1/more")):
            assert_problem(await b.client.request(method, path, headers=bearer(key)), 403, "not-declared")
        assert await wire(b.app, "/outer/inner/wire", bearer(key)) == "websocket.close"
        assert reached == []


@pytest.mark.parametrize("field", STOPS.values(), ids=STOPS)
@pytest.mark.parametrize("word", ["hold", "stop", "abort", "start", "resume"])
def test_what_stops_needs_nobody_and_what_starts_does(tmp_path: Path, field: str, word: str) -> None:
    path = next(path for path, name in STOPS.items() if name == field)

    @virtual
    async def story() -> None:
        async with bench(tmp_path, simulated=False) as b:
            b.controller._jobs["job-1"] = {"id": "job-1", "recipe": "a", "state": "running"}
            answer = await b.post(path, {field: word}, "key-1")
            is_stop = word in ("hold", "stop", "abort")
            assert answer.status_code == (202 if is_stop else 401), answer.text
            assert len(b.controller.told) == int(is_stop)
            twice_said = {field: ["stop"], "other": "stop"}
            assert (await b.post(path, twice_said, "key-2")).status_code == 401

    story()
