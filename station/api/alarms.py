"""Alarms: what is active, and answering one as it was shown.

Nothing here decides which answers an alarm permits.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from station.api.access import needs
from station.api.models import AlarmAnswered, AnswerToAlarm
from station.api.once import Key, once
from station.api.port import ControllerPort
from station.api.problems import described
from station.api.snapshot_model import Alarm
from station.people.roles import Right
from station.store import Store


class AlarmList(BaseModel):
    """Active alarms, first out first."""

    items: list[Alarm]


def router(port: ControllerPort, store: Store) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1/alarms", tags=["alarms"])

    @routes.get("", response_model=AlarmList, responses=described(), dependencies=[needs(Right.SEE)])
    async def alarms() -> dict[str, Any]:
        """Active alarms, first out first."""
        return {"items": port.snapshot()["alarms"]}

    @routes.post(
        "/{alarm_id}/answer",
        status_code=202,
        response_model=AlarmAnswered,
        responses=described(409),
        dependencies=[needs(Right.OPERATE)],
    )
    async def answer(
        request: Request,
        alarm_id: Annotated[str, Path(min_length=1, max_length=100)],
        wish: AnswerToAlarm,
        idempotency_key: Key = None,
    ) -> Any:
        """Answer an alarm. Refused when the alarm is no longer as it was when its `state_token` was read."""

        async def effect() -> dict[str, Any]:
            return await port.answer(alarm_id, wish.answer, wish.state_token)

        return await once(request, store, idempotency_key, wish.model_dump(), effect, status=202)

    return routes
