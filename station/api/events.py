"""The event log for those who follow: replay by number, and a stream that resumes where it broke.

Nothing here filters what is durable: whoever reads to the head has everything.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from station.api import problems
from station.api.access import needs
from station.api.models import EventPage
from station.api.problems import described
from station.api.station import STREAM_CONTENT
from station.api.streams import EventStream, Streams, event_document
from station.people.roles import Right
from station.store import Store

Seq = Annotated[int, Query(ge=0, le=2**53, description="number of the last event already known")]


def router(store: Store, streams: Streams) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1/events", tags=["events"])

    @routes.get("", response_model=EventPage, responses=described(), dependencies=[needs(Right.TRACE)])
    async def events(
        after: Seq = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        kind: Annotated[list[Annotated[str, Query(max_length=100)]], Query(max_length=20)] = [],  # noqa: B006
    ) -> dict[str, Any]:
        """Durable events after a number, oldest first; `kind` may be given several times."""
        found = await store.events.read(after, limit, tuple(kind))
        following = None
        if len(found) == limit:
            query: list[tuple[str, Any]] = [
                ("after", found[-1].seq),
                ("limit", limit),
                *(("kind", one) for one in kind),
            ]
            following = "/v1/events?" + urlencode(query)
        return {
            "items": [event_document(event) for event in found],
            "next": following,
            "head_seq": store.events.durable_seq,
        }

    @routes.get(
        "/stream",
        response_class=Response,
        dependencies=[needs(Right.TRACE)],
        responses={**described(409), 200: {"description": "one frame per event", "content": STREAM_CONTENT}},
    )
    async def stream(
        after: Annotated[int | None, Query(ge=0, le=2**53, description="default: only what comes from now on")] = None,
        last_event_id: Annotated[
            int | None, Header(ge=0, le=2**53, description="sent by browsers when they come back; wins over `after`")
        ] = None,
    ) -> Response:
        """Events as server-sent events, id = seq: first what was missed, then what becomes durable."""
        head = store.events.durable_seq
        start = last_event_id if last_event_id is not None else after if after is not None else head
        if start > head:
            raise problems.Trouble(
                409, "log-is-shorter",
                f"The log ends at event {head}, event {start} is unknown: the station's memory was restored from a "
                "backup. Read the log again from its beginning.",
            )  # fmt: skip
        streams.require_room()
        return EventStream(streams.events(start), streams)

    return routes
