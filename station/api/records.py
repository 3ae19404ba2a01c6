"""Placement records for those who trace: pages, one record, and the state of the hash chain.

Nothing here changes a record; nothing anywhere does.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query

from station.api.access import needs
from station.api.models import ChainState, RecordPage
from station.api.problems import described
from station.people.roles import Right
from station.store import Store

Result = Literal["placed", "rejected", "unplaced", "placed_unverified", "ambiguous"]
Word = Annotated[str | None, Query(min_length=1, max_length=200)]


def router(store: Store) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1/records", tags=["records"])

    @routes.get("", response_model=RecordPage, responses=described(), dependencies=[needs(Right.TRACE)])
    async def records(
        after: Annotated[int, Query(ge=0, le=2**53, description="take it from `next`")] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        board: Word = None,
        site: Word = None,
        result: Annotated[Result | None, Query()] = None,
        job: Word = None,
    ) -> dict[str, Any]:
        """Records in the order of writing, restricted by board serial, site, result and job."""
        page = await store.records.page(after, limit, board=board, site=site, result=result, job=job)
        wanted = {"board": board, "site": site, "result": result, "job": job}
        query = {key: value for key, value in wanted.items() if value is not None}
        following = None
        if page.next_after is not None:
            following = "/v1/records?" + urlencode({"after": page.next_after, "limit": limit, **query})
        return {"items": page.items, "next": following}

    @routes.get("/chain", response_model=ChainState, responses=described(), dependencies=[needs(Right.TRACE)])
    async def chain() -> ChainState:
        """Walk both hash chains from their first link; takes seconds after months of work."""
        report = await store.verify()
        return ChainState(
            is_sound=report.is_sound,
            event_count=report.event_count,
            record_count=report.record_count,
            head_hash=report.head_hash,
            sentence=report.sentence,
        )

    @routes.get("/{record_id}", responses=described(), dependencies=[needs(Right.TRACE)])
    async def record(record_id: Annotated[str, Path(min_length=1, max_length=100)]) -> dict[str, Any]:
        """One record."""
        return await store.records.get(record_id)

    return routes
