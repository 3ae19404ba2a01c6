"""What a station wrote down, read from a copy of its database: lives of the service, events, what people did.

The station's own files are opened by nobody: a journal cut off by SIGKILL still has events in its write-ahead log, and
whoever opens it there folds them in. Nothing here runs anything.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from station.store import reading
from station.store.database import DATABASE_NAME, connect_read_only
from station.store.errors import CannotOpen, ChainBroken
from station.store.event_log import Event
from station.store.recipe_store import StoredRecipe, stored_recipes

PAGE = 10_000
ANNOUNCED = {"Resetting": "home", "Starting": "recipe_load"}
"""states that are steps to a schedule of faults: the station has no event of a step for them"""
ONLINE, OFFLINE = "station.online", "station.offline"


@dataclass(frozen=True, slots=True)
class Told:
    """One event of one life.

    at_s   seconds after the life began
    visit  how often its step had been started by then, in this life; 0 where no step is named
    """

    at_s: float
    kind: str
    data: dict[str, Any]
    visit: int


@dataclass(slots=True)
class Life:
    """From one start of the service to its end."""

    told: list[Told] = field(default_factory=list)

    @property
    def was_cut_off(self) -> bool:
        """It ended without a word: killed, or still running when the copy was made."""
        return not self.told or self.told[-1].kind != OFFLINE


@dataclass(frozen=True, slots=True)
class FieldJournal:
    """All lives, oldest first, and the recipes that were kept beside them."""

    lives: list[Life]
    recipes: list[StoredRecipe]


def read_journal(path: Path) -> FieldJournal:
    """The journal in a data directory, or its database file. Nothing at `path` is changed.

    raises   StoreError: missing, foreign, damaged, of another version, or a hash chain that does not verify
    """
    source = path / DATABASE_NAME if path.is_dir() else path
    if not source.is_file():
        raise CannotOpen(f"There is no station database at {source}. Name the data directory of a station or its file.")
    with tempfile.TemporaryDirectory(prefix="journal-") as folder:
        copy = _copied(source, Path(folder))
        connection = connect_read_only(copy)
        try:
            report = reading.verify(connection)
            if not report.is_sound:
                raise ChainBroken(
                    f"{report.sentence} ({source}). If a station writes there now, stop it or try again; "
                    "else the journal was changed from outside and proves nothing."
                )
            return FieldJournal(lives_of(_events(connection)), stored_recipes(connection))
        finally:
            connection.close()


def _copied(source: Path, folder: Path) -> Path:
    """A copy with what its write-ahead log still holds; -shm is an index of that log and is made anew."""
    copy = folder / DATABASE_NAME
    shutil.copyfile(source, copy)
    log = source.with_name(source.name + "-wal")
    if log.exists():
        shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
        try:
            with sqlite3.connect(copy) as opened:
                opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            opened.close()
        except sqlite3.DatabaseError as error:
            raise CannotOpen(f"{source} with its write-ahead log cannot be read ({error}). Copy both anew.") from error
    return copy


def _events(connection: Connection) -> Iterator[Event]:
    after = 0
    while rows := reading.events_after(connection, after, PAGE):
        yield from (Event(*row) for row in rows)
        after = rows[-1][0]


def lives_of(events: Iterator[Event]) -> list[Life]:
    """Events in the order of writing -> lives. Each opening of the log is an epoch of its own."""
    lives: list[Life] = []
    visits: Counter[str] = Counter()
    epoch, began_s = None, 0.0
    for event in events:
        if event.epoch != epoch or not lives:
            epoch, began_s = event.epoch, event.at_s
            visits.clear()
            lives.append(Life())
        data = event.data
        step = str(data.get("step") or "")
        if event.kind == "step.started":
            visits[step] += 1
        elif event.kind == "state.changed" and data["to"] in ANNOUNCED:
            step = ANNOUNCED[data["to"]]
            visits[step] += 1
        lives[-1].told.append(Told(event.at_s - began_s, event.kind, data, visits[step] if step else 0))
    return lives
