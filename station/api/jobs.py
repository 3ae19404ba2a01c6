"""Jobs as resources: submitted, listed, acted upon.

Nothing here runs a job.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from station.api.access import needs
from station.api.models import STOPPING_WORDS, ActionOnJob, Job, JobList, NewJob
from station.api.once import Key, once
from station.api.port import ControllerPort
from station.api.problems import described
from station.people.roles import Right
from station.store import Store

JobId = Annotated[str, Path(min_length=1, max_length=100)]


def router(port: ControllerPort, store: Store) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @routes.get("", response_model=JobList, responses=described(), dependencies=[needs(Right.TRACE)])
    async def jobs() -> dict[str, Any]:
        """All jobs of this run, oldest first."""
        return {"items": port.jobs()}

    @routes.post("", status_code=201, response_model=Job, responses=described(409), dependencies=[needs(Right.ORDER)])
    async def submit(request: Request, wish: NewJob, idempotency_key: Key = None) -> Any:
        """Submit a job; what it builds is fixed now, see `recipe_hash`. It starts by its action `start`."""

        async def effect() -> dict[str, Any]:
            return await port.submit_job(wish.recipe, wish.boards, wish.revision or "")

        return await once(
            request,
            store,
            idempotency_key,
            wish.model_dump(exclude_none=True),
            effect,
            status=201,
            location=lambda job: f"/v1/jobs/{job['id']}",
        )

    @routes.get("/{job_id}", response_model=Job, responses=described(), dependencies=[needs(Right.TRACE)])
    async def job(job_id: JobId) -> dict[str, Any]:
        """One job."""
        return port.job(job_id)

    @routes.post(
        "/{job_id}/actions",
        status_code=202,
        response_model=Job,
        responses=described(409),
        dependencies=[needs(Right.ORDER, unless_stop="action")],
    )
    async def act(request: Request, job_id: JobId, wish: ActionOnJob, idempotency_key: Key = None) -> Any:
        """Act on a job. hold, stop and abort need no key and are taken even when nothing can be stored."""

        async def effect() -> dict[str, Any]:
            return await port.job_action(job_id, wish.action)

        if wish.action in STOPPING_WORDS:
            return await effect()
        return await once(request, store, idempotency_key, wish.model_dump(), effect, status=202)

    return routes
