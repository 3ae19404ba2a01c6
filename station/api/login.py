"""Who am I, log in, log out: for screens, where a key is given once and a cookie stands for it.

Programs send their key with every request and need none of this.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from station.api import problems
from station.api.access import Access, needs
from station.api.caller import Caller
from station.api.logins import ABSOLUTE_LIMIT_S, COOKIE
from station.api.models import Said, Taken
from station.api.problems import described
from station.people.register import key_hash

LOGIN, LOGOUT = "POST /v1/login", "DELETE /v1/login"
KEY_LIMIT = 200


class KeyOfPerson(Taken):
    """The key as `station people add` showed it."""

    key: str = Field(min_length=1, max_length=KEY_LIMIT)


class Me(Said):
    """Who asks, and what they may."""

    is_open: bool = Field(description="nobody was ever added: whoever is at this computer may do everything")
    name: str | None = Field(description="null: nobody known")
    role: str | None
    rights: list[str] = Field(description="what may be asked for: see, trace, order, operate, recipes, maintain")
    why_not: str = Field(description="why it is not more, where there is more to say than that nobody is logged in")


def router(access: Access) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1/login", tags=["login"])

    def told(caller: Caller) -> Me:
        return Me(
            is_open=access.roll.is_open,
            name=caller.name if caller.is_known else None,
            role=None if caller.role is None else caller.role.value,
            rights=sorted(caller.rights),
            why_not=caller.why_not,
        )

    @routes.get("", response_model=Me, responses=described(), dependencies=[needs(None)])
    async def me(
        request: Request,
        touched: Annotated[bool, Query(description="a hand was at the screen since the last time")] = False,
    ) -> Me:
        """Who asks, and what they may do now."""
        if touched:
            access.touch(request)
        return told(access.caller(request))

    @routes.post("", response_model=Me, responses=described(), dependencies=[needs(None)])
    async def log_in(request: Request, wish: KeyOfPerson, response: Response) -> Me:
        """Log in with a key. The answer sets a cookie; a login only reads after 15 minutes, and ends after 12 hours."""
        caller = access.by_key(wish.key)
        if not caller.is_known:
            await access.acts.refused(caller, LOGIN, {}, None)
            if caller.is_wrong_key:
                await access.slow_down()
            raise problems.Trouble(401, "wrong-key", caller.why_not, headers={"www-authenticate": "Bearer"})
        access.logins.end(request.cookies.get(COOKIE, ""))
        token = access.logins.begin(key_hash(wish.key), asyncio.get_running_loop().time())
        is_secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, token, int(ABSOLUTE_LIMIT_S), path="/v1", httponly=True, samesite="strict", secure=is_secure
        )
        access.acts.let_in(caller, LOGIN, {}, None)
        return told(caller)

    @routes.delete("", response_model=Me, responses=described(), dependencies=[needs(None)])
    async def log_out(request: Request, response: Response) -> Me:
        """Log out. Whoever is not logged in stays so."""
        caller = access.caller(request)
        if caller.is_known:
            access.acts.let_in(caller, LOGOUT, {}, None)
        access.logins.end(request.cookies.pop(COOKIE, ""))
        response.delete_cookie(COOKIE, path="/v1")
        return told(access.caller(request))

    return routes
