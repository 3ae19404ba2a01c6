"""The station's memory as one thing: opened, checked and closed together.

Nothing here is kept in memory only: there is always a real file, also in a demonstration.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from station.store import reading, schema
from station.store.blobs import BlobStore
from station.store.cursors import Cursors, stored_cursors
from station.store.database import Database, Durability
from station.store.errors import ChainBroken
from station.store.event_log import Clock, EventLog
from station.store.idempotency import Answers, stored_answers
from station.store.journal import FLOOR, Journal
from station.store.reading import ChainReport
from station.store.recipe_store import RecipeStore, stored_recipes
from station.store.records import Records
from station.store.writing import Writing

TAIL_CHECKED = 5_000  # events whose chain is walked at every opening; `verify` walks all
JOURNAL_READ_LIMIT = 1_000_000


@dataclass(frozen=True)
class Store:
    """Everything the station remembers.

    events     the log, source of truth; `await events.commit()` makes everything below durable too
    journal    intents, observations, verdicts
    records    placement records
    blobs      images and curves (durable by themselves, before a record cites them)
    recipes    recipe revisions
    answers    answers to requests that must not be carried out twice
    cursors    how far the outlets have come
    clock      gives every time in it
    """

    data_dir: Path
    events: EventLog
    journal: Journal
    records: Records
    blobs: BlobStore
    recipes: RecipeStore
    answers: Answers
    cursors: Cursors
    clock: Clock
    database: Database
    writing: Writing
    facts: dict[str, str]

    def remember(self, name: str, value: str) -> None:
        """Keep a single value under a name, from the next commit on; the one before is gone."""
        self.facts[name] = value
        self.writing.queue(schema.SET_FACT, (name, value))

    def remembered(self, name: str) -> str:
        """The value last kept under this name, empty where none was."""
        return self.facts.get(name, "")

    async def commit(self) -> None:
        """As `events.commit()`."""
        await self.writing.commit()

    async def verify(self) -> ChainReport:
        """Walk both hash chains whole."""
        return await self.events.verify()

    @property
    def failure(self) -> str | None:
        """Why nothing is written any more; None while the store works."""
        return None if self.writing.failure is None else str(self.writing.failure)

    @property
    def last_commit_s(self) -> float:
        """How long the last commit took."""
        return self.writing.last_commit_s

    def free_bytes(self) -> int:
        """Space this user may still fill on the disk of the data directory."""
        disk = os.statvfs(self.data_dir)
        return disk.f_bavail * disk.f_frsize

    def close(self) -> None:
        """Write what is left, close the file and free the directory. May be called twice."""
        self.events.close_subscriptions()
        try:
            self.writing.commit_now()
        finally:
            self.database.close()


def open_store(data_dir: Path, clock: Clock, *, durability: Durability = "full") -> Store:
    """Open the station's memory in `data_dir`, which is made when missing.

    durability   `normal` saves a disk flush per commit: for simulated shifts, not for a machine
    raises       CannotOpen subclasses and StoreFailed subclasses with what, where and what to do; ChainBroken when
                 the newest events are not what was written
    """
    database = Database(data_dir, durability=durability)
    try:
        return _assemble(data_dir, clock, database, durability)
    except BaseException:
        database.close()
        raise


def _assemble(data_dir: Path, clock: Clock, database: Database, durability: Durability) -> Store:
    head = database.read_now(reading.last_event)
    report = database.read_now(
        lambda connection: reading.verify_events(connection, from_seq=max(1, (head[0] if head else 0) - TAIL_CHECKED))
    )
    if not report.is_sound:
        raise ChainBroken(
            f"{report.sentence} ({database.path}). The memory was changed from outside: keep a copy, "
            "restore the last backup, then start again."
        )
    facts = database.read_now(
        lambda connection: {row.name: row.value for row in connection.execute(select(schema.facts))}
    )
    kinds = ("journal.intent", "journal.observed", "journal.closed")
    floor_seq = int(facts.get(FLOOR, 0))
    history = database.read_now(
        lambda connection: reading.events_after(connection, floor_seq, JOURNAL_READ_LIMIT, kinds)
    )
    writing = Writing(database)
    events = EventLog(database, writing, clock, head=head)
    return Store(
        data_dir=data_dir,
        events=events,
        journal=Journal(events, writing, floor=floor_seq, history=history),
        records=Records(database, writing, events, clock, head=database.read_now(reading.last_record)),
        blobs=BlobStore(data_dir, durability=durability),
        recipes=RecipeStore(writing, events, clock, stored=database.read_now(stored_recipes)),
        answers=Answers(writing, clock, stored=database.read_now(stored_answers)),
        cursors=Cursors(writing, stored=database.read_now(stored_cursors)),
        clock=clock,
        database=database,
        writing=writing,
        facts=facts,
    )
