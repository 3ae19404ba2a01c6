"""Who asks, and whether they may: every route declares the right that it demands, and nothing is let in without.

Stopping needs nobody: hold, stop and abort are taken from whoever sends them, also with a damaged file of people and a
full disk. Nothing here trusts an address; whoever is not known by a key or a login is nobody.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from fastapi import Depends, Request, WebSocket, WebSocketException
from starlette.requests import HTTPConnection
from starlette.types import Scope

from station.api import problems
from station.api.acts import Acts, target
from station.api.caller import NOBODY_YET, UNKNOWN, Caller
from station.api.guard import LOOPBACK_HOSTS, SAFE_METHODS
from station.api.logins import COOKIE, Logins
from station.api.models import STOPPING_WORDS
from station.api.roll import Roll
from station.people.register import Person
from station.people.roles import READING, RIGHTS, Right, roles_with
from station.store import Store

STILL_LET_IN = "station.still_let_in"
"""where a connection's scope holds the question whether it would be let in now as well"""
WRONG_KEY_S = 1.0
"""how long a key that nobody has is left without an answer"""
WRONG_KEYS_AT_ONCE = 20
POLICY_VIOLATION = 1008


class Access:
    """The people of this station, their logins, and what is noted of their acts.

    simulated, hosts   a station for a real machine, or one that can be called from other computers, is closed from the
                       start; a simulated one on this computer is open until somebody is added
    """

    def __init__(self, store: Store, *, simulated: bool, hosts: Iterable[str]) -> None:
        self.roll = Roll(store, simulated=simulated, is_local=set(hosts) <= set(LOOPBACK_HOSTS))
        self.logins = Logins()
        self.acts = Acts(store)
        self._waiting = 0

    def caller(self, conn: HTTPConnection) -> Caller:
        """By the key that came along, else by the login. Reads the people again where their file changed."""
        self.roll.look()
        if self.roll.is_open:
            return Caller(NOBODY_YET, rights=frozenset(Right))
        scheme, _, key = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.by_key(key.strip())
        token = conn.cookies.get(COOKIE)
        login = None if token is None else self.logins.find(token, _now_s())
        if login is None:
            ended = "" if token is None else "This login has ended."
            return Caller(UNKNOWN, why_not=self.roll.why_nobody or ended)
        person = self.roll.by_key_hash(login.key_hash)
        if person is None:
            return Caller(UNKNOWN, why_not=self.roll.why_nobody or "The key of this login is not known any more.")
        caller = self._by(person)
        if caller.is_known and login.is_idle(_now_s()):
            rights = caller.rights & READING
            return Caller(
                caller.name, caller.role, caller.key_id, rights, "Nothing was done for a while: log in again."
            )
        return caller

    def by_key(self, key: str) -> Caller:
        """Whoever has this key."""
        self.roll.look()
        person = self.roll.holder(key)
        if person is None:
            why = self.roll.why_nobody or "Nobody has this key."
            return Caller(UNKNOWN, why_not=why, is_wrong_key=True)
        return self._by(person)

    def _by(self, person: Person) -> Caller:
        why_not = self.roll.why_not(person)
        if why_not:
            return Caller(UNKNOWN, why_not=why_not)
        return Caller(person.name, person.role, person.key_id, RIGHTS[person.role])

    def touch(self, conn: HTTPConnection) -> None:
        """A hand was there: the login of this page is not idle."""
        self.logins.touch(conn.cookies.get(COOKIE, ""), _now_s())

    async def slow_down(self) -> None:
        """Whoever tries keys waits for each. Raises problems.Trouble where too many do."""
        if self._waiting >= WRONG_KEYS_AT_ONCE:
            raise problems.Trouble(429, "too-many-requests", "Too many wrong keys.", headers={"retry-after": "1"})
        self._waiting += 1
        try:
            await asyncio.sleep(WRONG_KEY_S)
        finally:
            self._waiting -= 1


class Needs:
    """The declaration of a route, and what enforces it.

    right         None: whoever asks is answered
    unless_stop   field of the body; what stops the machine there needs nobody
    """

    def __init__(self, right: Right | None, unless_stop: str = "") -> None:
        self.right, self.unless_stop = right, unless_stop

    async def __call__(self, conn: HTTPConnection) -> None:
        access: Access = conn.app.state.access
        body = await _body(conn)
        right = None if self.unless_stop and body.get(self.unless_stop) in STOPPING_WORDS else self.right
        caller = access.caller(conn)
        is_let_in = right is None or right in caller.rights
        conn.scope[STILL_LET_IN] = self._again(access, conn)
        is_act = not isinstance(conn, Request) or conn.method not in SAFE_METHODS
        if not is_act or self.right is None:  # what is open to everybody notes itself
            if is_let_in:
                return
        else:
            method = conn.method if isinstance(conn, Request) else "WS"
            what = f"{method} {conn.scope['route'].path}"
            said = target(conn.path_params, body)
            if is_let_in:
                access.touch(conn)
                access.acts.let_in(caller, what, said, right)
                return
            await access.acts.refused(caller, what, said, right)
        if caller.is_wrong_key:
            await access.slow_down()
        if isinstance(conn, WebSocket):
            raise WebSocketException(POLICY_VIOLATION)
        assert right is not None
        raise _refusal(caller, right)

    def _again(self, access: Access, conn: HTTPConnection) -> Callable[[bool], bool]:
        def still_let_in(is_act: bool) -> bool:
            if self.right is not None and self.right not in access.caller(conn).rights:
                return False
            if is_act:
                access.touch(conn)
            return True

        return still_let_in


def needs(right: Right | None, *, unless_stop: str = "") -> Any:
    """The line at a route: `dependencies=[needs(Right.SEE)]`."""
    return Depends(Needs(right, unless_stop))


def still_let_in(scope: Scope, *, is_act: bool = False) -> bool:
    """Whether a connection that lasts would be let in now as well: keys are revoked and expire while it is open.

    is_act   a hand did something
    """
    return bool(scope[STILL_LET_IN](is_act))


async def only_declared(conn: HTTPConnection) -> None:
    """Before every route: one that declares nothing answers nobody."""
    route: Any = conn.scope["route"]
    if not any(isinstance(one.dependency, Needs) for one in getattr(route, "dependencies", ())):
        if isinstance(conn, WebSocket):
            raise WebSocketException(POLICY_VIOLATION)
        raise problems.Trouble(403, "not-declared", "This address is not open to anybody: a mistake of ours.")


def _refusal(caller: Caller, right: Right) -> problems.Trouble:
    wanted = f"This needs the role {roles_with(right)}"
    if caller.is_known and not caller.why_not:
        assert caller.role is not None
        return problems.Trouble(403, "role-missing", f"{wanted}; {caller.name} has the role {caller.role.value}.")
    return problems.Trouble(
        401,
        "not-logged-in",
        f"{wanted}. {caller.why_not or 'Log in, or send a key.'}",
        headers={"www-authenticate": 'Bearer realm="station"'},
    )


async def _body(conn: HTTPConnection) -> dict[str, Any]:
    if not isinstance(conn, Request) or conn.method in SAFE_METHODS:
        return {}
    try:
        body = await conn.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _now_s() -> float:
    return asyncio.get_running_loop().time()
