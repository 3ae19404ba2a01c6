"""The memory of answered requests: a request that is sent again gets the answer of the first, and nothing moves twice.

Nothing here knows HTTP. A claim is queued before the effect, so it becomes durable in the transaction of the effect's
first event; a crash between the two leaves a claim without an answer, and that is said, never resolved by a repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import Connection, select

from station.store import schema
from station.store.event_log import Clock
from station.store.writing import Writing

KEPT_FOR = timedelta(hours=48)
"""How long an answer is kept; clients may count on 24 hours."""

MEMORY_LIMIT = 20_000  # answers held; beyond it the oldest are forgotten early


@dataclass(frozen=True)
class Answer:
    """What is known about a key.

    status   HTTP status of the answer, None while the first request runs or when a crash hid its outcome
    is_of_this_run   the claim was made since the station started
    """

    request_hash: str
    status: int | None
    body: str | None
    stored_at: str
    is_of_this_run: bool


Finding = Literal["new", "replay", "other_request", "running", "unknown_outcome"]


class Answers:
    """Keys with their answers, held in memory and written with the commits of the log."""

    def __init__(self, writing: Writing, clock: Clock, *, stored: dict[str, Answer]) -> None:
        self._writing = writing
        self._clock = clock
        self._answers = stored

    def claim(self, key: str, request_hash: str) -> tuple[Finding, Answer | None]:
        """Look a key up, and take it when it is new.

        returns   `new`: go on, then call `keep` or `release`; every other finding: do nothing
        """
        known = self._answers.get(key)
        if known is not None:
            return _finding(known, request_hash), known
        now = self._clock.utc().isoformat(timespec="milliseconds")
        self._answers[key] = Answer(request_hash, None, None, now, True)
        self._writing.queue(schema.INSERT_ANSWER, (key, request_hash, None, None, now))
        self._forget_old()
        return "new", None

    def keep(self, key: str, status: int, body: str) -> None:
        """Store the answer of an accepted request; the caller commits the log before it sends the answer."""
        claim = self._answers[key]
        self._answers[key] = Answer(claim.request_hash, status, body, claim.stored_at, True)
        self._writing.queue(schema.UPDATE_ANSWER, (status, body, key))

    def release(self, key: str) -> None:
        """The request was refused and had no effect: the key is free again."""
        self._answers.pop(key, None)
        self._writing.queue(schema.DELETE_ANSWER, (key,))

    def _forget_old(self) -> None:
        limit = (self._clock.utc() - KEPT_FOR).isoformat(timespec="milliseconds")
        while self._answers:
            oldest = next(iter(self._answers))
            answer = self._answers[oldest]
            is_running = answer.is_of_this_run and answer.status is None
            if is_running or (answer.stored_at >= limit and len(self._answers) <= MEMORY_LIMIT):
                return
            self._answers.pop(oldest)
            self._writing.queue(schema.DELETE_ANSWER, (oldest,))


def _finding(known: Answer, request_hash: str) -> Finding:
    if known.request_hash != request_hash:
        return "other_request"
    if known.status is not None:
        return "replay"
    return "running" if known.is_of_this_run else "unknown_outcome"


def stored_answers(connection: Connection) -> dict[str, Answer]:
    """Every key on the disk, oldest first."""
    table = schema.answers
    rows = connection.execute(select(table).order_by(table.c.stored_at, table.c.key))
    return {row.key: Answer(row.request_hash, row.status, row.body, row.stored_at, False) for row in rows}
