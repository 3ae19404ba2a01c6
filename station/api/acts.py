"""What is noted of every act: who, as what, what, of what, and whether it was let in.

An event stands in the log before any event of its effect, so no effect is on the disk without it; nobody waits for the
disk here but whoever is refused. Nothing here decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from station.api.caller import Caller
from station.people.roles import Right
from station.store import Store
from station.store.errors import StoreError

LET_IN, REFUSED = "act", "act.refused"
NOTED_AT_ONCE, NOTED_PER_S = 30.0, 0.5
"""of what nobody limits otherwise, refused requests and stops, so many are noted; the others are counted"""
WORDS = ("command", "action", "answer", "mode", "recipe", "revision", "boards")
"""of the body; never a key, never a document"""
WORD_LIMIT = 100


def target(path: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Of what, and which: the names in the address and the words of the body."""
    named = {**path, **{word: body[word] for word in WORDS if isinstance(body.get(word), str | int)}}
    return {name: value[:WORD_LIMIT] if isinstance(value, str) else value for name, value in named.items()}


class _Budget:
    def __init__(self) -> None:
        self._left, self._at_s = NOTED_AT_ONCE, 0.0
        self.passed_over = 0

    def has_room(self, now_s: float) -> bool:
        self._left = min(NOTED_AT_ONCE, self._left + (now_s - self._at_s) * NOTED_PER_S)
        self._at_s = now_s
        if self._left < 1.0:
            self.passed_over += 1
            return False
        self._left -= 1.0
        return True


class Acts:
    """Notes acts in the log of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._budgets: dict[tuple[str, bool], _Budget] = {}

    def let_in(self, caller: Caller, what: str, said: dict[str, Any], right: Right | None) -> None:
        """Durable with the next commit, and with the first event of the effect at the latest."""
        if right is not None:
            self._note(LET_IN, caller, what, said, right, 0)
        else:
            self._note_bounded(LET_IN, caller, what, said, right)

    async def refused(self, caller: Caller, what: str, said: dict[str, Any], right: Right | None) -> None:
        """Durable when this returns, unless the disk is full: no effect will ever carry it there."""
        if self._note_bounded(REFUSED, caller, what, said, right):
            with suppress(StoreError):
                await self._store.commit()

    def _note_bounded(self, kind: str, caller: Caller, what: str, said: dict[str, Any], right: Right | None) -> bool:
        # Apart, so that a flood of strangers hides no act of somebody known.
        budget = self._budgets.setdefault((kind, caller.is_known), _Budget())
        if not budget.has_room(asyncio.get_running_loop().time()):
            return False
        self._note(kind, caller, what, said, right, budget.passed_over)
        budget.passed_over = 0
        return True

    def _note(
        self, kind: str, caller: Caller, what: str, said: dict[str, Any], right: Right | None, passed_over: int
    ) -> None:
        noted: dict[str, Any] = {
            "who": caller.name,
            "role": None if caller.role is None else caller.role.value,
            "key": caller.key_id,
            "what": what,
            "target": said,
            "needs": None if right is None else right.value,
        }
        if passed_over:
            noted["not_noted_before"] = passed_over
        self._store.events.append(kind, noted)
