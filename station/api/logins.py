"""Who is logged in at a screen: kept here and nowhere else, so that a start of the service ends every login.

A login opens no more than the key that it was made with, at the instant of the act. Nothing here knows people.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256

COOKIE = "station_login"
IDLE_LIMIT_S = 15 * 60.0
"""without an act or a touch of the screen a login only reads; an estimate"""
ABSOLUTE_LIMIT_S = 12 * 3600.0
"""and then it ends: a shift and a bit; an estimate"""
LOGINS_PER_KEY = 8
"""screens on which one key may be logged in; the oldest login ends for a new one"""


@dataclass
class Login:
    """One screen. Times are those of the loop."""

    key_hash: str
    began_s: float
    touched_s: float

    def is_idle(self, now_s: float) -> bool:
        return now_s - self.touched_s >= IDLE_LIMIT_S


class Logins:
    """By the hash of the token that the browser holds: what is in memory opens nothing."""

    def __init__(self) -> None:
        self._logins: dict[str, Login] = {}

    def begin(self, key_hash: str, now_s: float) -> str:
        """Log in -> the token, new for every login."""
        self._logins = {name: one for name, one in self._logins.items() if now_s - one.began_s < ABSOLUTE_LIMIT_S}
        same = [name for name, one in self._logins.items() if one.key_hash == key_hash]
        for name in same[: max(0, len(same) + 1 - LOGINS_PER_KEY)]:
            del self._logins[name]
        token = secrets.token_urlsafe(32)
        self._logins[_name(token)] = Login(key_hash, now_s, now_s)
        return token

    def find(self, token: str, now_s: float) -> Login | None:
        """The login of this token, None where it has ended."""
        login = self._logins.get(_name(token))
        if login is None or now_s - login.began_s >= ABSOLUTE_LIMIT_S:
            return None
        return login

    def touch(self, token: str, now_s: float) -> None:
        """A hand was there. A login that was idle already stays so."""
        login = self.find(token, now_s)
        if login is not None and not login.is_idle(now_s):
            login.touched_s = now_s

    def end(self, token: str) -> None:
        self._logins.pop(_name(token), None)


def _name(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
