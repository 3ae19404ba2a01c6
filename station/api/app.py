"""The station's web service put together: guard, one router per noun, the reading page and the screens.

Nothing here answers a request by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from station.api import alarms, blobs, docs_page, events, jobs, jog, login, problems, recipes, records, station
from station.api.access import Access, only_declared
from station.api.guard import LOOPBACK_HOSTS, Guard
from station.api.port import ControllerPort
from station.api.streams import Streams
from station.shelf import Shelf
from station.store import Store

SCREENS = Path(__file__).resolve().parents[1] / "hmi" / "static"
API_VERSION = "1.0"
DESCRIPTION = """
Control and data of one dip-and-place station. Every quantity carries its unit in its name. Errors are problem+json.
Whoever must not miss anything reads `/v1/events?after=<seq>` until `next` is null and then follows
`/v1/events/stream`; events are known again by (station, epoch, seq).
"""


class ScreenFiles(StaticFiles):
    """Files of the screens; a browser asks each time whether they changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def create_app(
    port: ControllerPort,
    store: Store,
    shelf: Shelf,
    *,
    simulated: bool,
    hosts: Iterable[str] = LOOPBACK_HOSTS,
    screens: Path = SCREENS,
    lines_dropped: Callable[[], int] = lambda: 0,
) -> FastAPI:
    """The web service in front of one controller, one store and the recipes of both.

    simulated       said on every screen and at /v1/health
    hosts           names under which the station may be called; beyond loopback, as for a real machine, nobody is let
                    in before somebody was added
    screens         folder of the screens; without it only /v1 answers
    lines_dropped   how many lines the service's own log has dropped
    """
    app = FastAPI(
        title="Dip-and-place station" + (" (simulated)" if simulated else ""),
        version=API_VERSION,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(only_declared)],
    )
    hosts = tuple(hosts)
    access = app.state.access = Access(store, simulated=simulated, hosts=hosts)
    streams = Streams(port, store)
    app.state.streams = streams
    for router in (
        station.router(
            port, store, streams, simulated=simulated, vision_hash=shelf.vision, lines_dropped=lines_dropped
        ),
        jobs.router(port, store),
        alarms.router(port, store),
        recipes.router(store, shelf),
        records.router(store),
        blobs.router(store),
        events.router(store, streams),
        jog.router(port, streams),
        login.router(access),
    ):
        app.include_router(router)
    problems.install(app)
    docs_page.install(app)
    _publish_problem_schema(app)
    if screens.is_dir():
        app.mount("/", ScreenFiles(directory=screens, html=True), name="screens")
    app.add_middleware(Guard, trace_root=str(store.events.epoch), hosts=hosts)
    return app


def _publish_problem_schema(app: FastAPI) -> None:
    describe = app.openapi

    def with_problem() -> dict[str, Any]:
        document = describe()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault("Problem", problems.Problem.model_json_schema())
        return document

    app.openapi = with_problem  # type: ignore[method-assign]
