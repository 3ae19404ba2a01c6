"""The station's event log: what happened, in order, sealed by a hash chain; the one source of truth.

Nothing here decides what is worth an event, and no listener is ever called before its event is durable.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from pydantic_core import from_json

from station.store import chain, reading
from station.store.database import Database
from station.store.writing import EventRow, Writing

SUBSCRIPTION_LIMIT = 1_000
"""Events a subscriber may lie behind before it is dropped: about 5 minutes of normal running. Estimate."""


class Clock(Protocol):
    """What the store needs to know about time."""

    def mono_s(self) -> float:
        """Seconds of the monotonic clock of this run."""

    def utc(self) -> datetime:
        """Aware UTC time."""


@dataclass(frozen=True, slots=True)
class Event:
    """One durable entry of the log.

    seq           gap-free over the life of the log, from 1
    epoch         which opening of the log wrote it; `at_s` may be compared inside one epoch only
    at_s          monotonic seconds
    occurred_at   UTC, ISO 8601
    data_json     what there is to say, canonical; `data` reads it when somebody asks
    hash          seal over this event and the hash before
    """

    seq: int
    epoch: int
    at_s: float
    occurred_at: str
    kind: str
    data_json: str
    hash: str

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = from_json(self.data_json)
        return found

    @property
    def id(self) -> str:
        """The same time-ordered identifier wherever and whenever it is computed."""
        return chain.time_ordered_id(datetime.fromisoformat(self.occurred_at), self.hash)


@dataclass(eq=False)
class Subscription:
    """Events as they become durable. Iteration ends when the subscription is closed or was dropped for being slow."""

    limit: int
    note: str | None = None
    """Why the log dropped this subscriber; None while it is served or was closed by itself."""
    _waiting: deque[Event] = field(default_factory=deque)
    _is_closed: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, event: Event) -> bool:
        """Hand over one event; False when the subscriber has fallen too far behind."""
        if len(self._waiting) >= self.limit:
            self.note = f"dropped before event {event.seq}: {self.limit} events behind; read on from the last one seen"
            self.close()
            return False
        self._waiting.append(event)
        self._news.set()
        return True

    def close(self) -> None:
        self._is_closed = True
        self._news.set()

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._is_closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()


class EventLog:
    """Append now, commit before acting.

    clock   gives the monotonic time and the UTC time of every event
    """

    def __init__(self, database: Database, writing: Writing, clock: Clock, *, head: EventRow | None) -> None:
        self._database = database
        self._writing = writing
        self._clock = clock
        self._seq = head[0] if head else 0
        self._head_hash = head[6] if head else chain.GENESIS_HASH
        # Never the same twice, also when a backup of the database is restored: at least the UTC second of this opening.
        self.epoch = max((head[1] if head else 0) + 1, int(clock.utc().timestamp()))
        self._kinds: dict[str, None] = {}
        self._subscriptions: list[Subscription] = []
        self._durable_seq = self._seq
        writing.after_commit.append(self._committed)

    @property
    def head_seq(self) -> int:
        """Number of the newest event, durable or not."""
        return self._seq

    @property
    def head_hash(self) -> str:
        """Seal of the newest event, durable or not."""
        return self._head_hash

    @property
    def durable_seq(self) -> int:
        """Number of the newest event that is on the disk."""
        return self._durable_seq

    def append(self, kind: str, data: dict[str, Any] | None = None) -> int:
        """Add an event to the next commit and return its number.

        kind     lower-case words joined by dots, e.g. `state.changed`
        raises   ValueError for a NaN or infinite number or a malformed kind, TypeError for a non-JSON type;
                 the log is then as before
        """
        if kind not in self._kinds:
            self._learn(kind)
        data_json = chain.canonical(data) if data else "{}"
        seq = self._seq + 1
        at_s = round(self._clock.mono_s(), 6)
        occurred_at = self._clock.utc().isoformat(timespec="milliseconds")
        # As chain.event_hash, written out: this line runs 300,000 times in a shift.
        text = f'{self._head_hash}\n[{seq},{self.epoch},{at_s!r},"{occurred_at}","{kind}",{data_json}]'
        seal = sha256(text.encode("ascii")).hexdigest()
        writing = self._writing
        if writing.failure is None:
            writing.events.append((seq, self.epoch, at_s, occurred_at, kind, data_json, seal))
        self._seq = seq
        self._head_hash = seal
        return seq

    async def commit(self) -> None:
        """Make every event, record and other row appended so far durable in one transaction.

        raises   StoreFailed; never tried again
        """
        await self._writing.commit()

    def subscribe(self, limit: int = SUBSCRIPTION_LIMIT) -> Subscription:
        """Be told of every event that becomes durable from now on; close the subscription when done."""
        self._subscriptions = [one for one in self._subscriptions if not one.is_closed]
        subscription = Subscription(limit)
        self._subscriptions.append(subscription)
        return subscription

    async def read(self, after: int = 0, limit: int = 100, kinds: tuple[str, ...] = ()) -> list[Event]:
        """Durable events with a number above `after`, oldest first."""
        rows = await self._database.read(lambda connection: reading.events_after(connection, after, limit, kinds))
        return [Event(*row) for row in rows]

    async def verify(self) -> reading.ChainReport:
        """Walk both hash chains from their first link to the last durable one."""
        return await self._database.read(reading.verify)

    def close_subscriptions(self) -> None:
        """End every subscription, so that no stream outlives the server."""
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions = []

    def _learn(self, kind: str) -> None:
        if not kind or not kind.isascii() or not all(word.replace("_", "a").isalnum() for word in kind.split(".")):
            raise ValueError(f"event kind {kind!r} is not made of words joined by dots")
        self._kinds[kind] = None

    def _committed(self, rows: list[EventRow]) -> None:
        if rows:
            self._durable_seq = rows[-1][0]
        if not self._subscriptions:
            return
        for row in rows:
            event = Event(*row)
            for subscription in self._subscriptions:
                if not subscription.is_closed:
                    subscription.offer(event)
        self._subscriptions = [one for one in self._subscriptions if not one.is_closed]
