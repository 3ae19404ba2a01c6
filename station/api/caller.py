"""Who asks, as far as a key or a login tells."""

from __future__ import annotations

from dataclasses import dataclass

from station.people.register import NOBODY
from station.people.roles import Right, Role

NOBODY_YET, UNKNOWN = NOBODY
"""names of whoever asks a station to which nobody was added, and of whoever cannot show who they are"""


@dataclass(frozen=True)
class Caller:
    """Whoever asks, at this instant.

    rights    what they may
    why_not   why it is not more, in words; empty where there is nothing more to say
    """

    name: str
    role: Role | None = None
    key_id: str | None = None
    rights: frozenset[Right] = frozenset()
    why_not: str = ""
    is_wrong_key: bool = False

    @property
    def is_known(self) -> bool:
        return self.role is not None
