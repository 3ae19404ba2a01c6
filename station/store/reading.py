"""Questions to the station's memory, asked of one connection: used by the running station and by the command line.

Nothing here writes. Every list is bounded and in the order of writing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, select

from station.store import chain, schema
from station.store.writing import EventRow

VERIFY_STEP = 5_000  # rows in memory at a time


@dataclass(frozen=True)
class ChainReport:
    """Result of walking the hash chains.

    first_broken   what the first misfit is, as a sentence; None when everything fits
    """

    event_count: int
    record_count: int
    head_hash: str
    first_broken: str | None

    @property
    def is_sound(self) -> bool:
        return self.first_broken is None

    @property
    def sentence(self) -> str:
        if self.first_broken is not None:
            return f"Hash chain broken: {self.first_broken}"
        return (
            f"Hash chain sound: {self.event_count} events and {self.record_count} records, head {self.head_hash[:16]}."
        )


@dataclass(frozen=True)
class RecordFilter:
    """Which records are asked for; None does not restrict."""

    board: str | None = None
    site: str | None = None
    result: str | None = None
    job: str | None = None


@dataclass(frozen=True)
class RecordPage:
    """Some records, oldest first, and where the next page begins (None: this was the last)."""

    items: list[dict[str, Any]]
    next_after: int | None


def events_after(connection: Connection, after: int, limit: int, kinds: tuple[str, ...] = ()) -> list[EventRow]:
    """Rows with a number above `after`, oldest first."""
    question = select(schema.events).where(schema.events.c.seq > after).order_by(schema.events.c.seq).limit(limit)
    if kinds:
        question = question.where(schema.events.c.kind.in_(kinds))
    return [_event_row(row) for row in connection.execute(question)]


def last_event(connection: Connection) -> EventRow | None:
    """The head of the log."""
    row = connection.execute(select(schema.events).order_by(schema.events.c.seq.desc()).limit(1)).first()
    return None if row is None else _event_row(row)


def last_record(connection: Connection) -> tuple[int, str] | None:
    """Position and hash of the newest record."""
    table = schema.records
    row = connection.execute(select(table.c.position, table.c.hash).order_by(table.c.position.desc()).limit(1)).first()
    return None if row is None else (row[0], row[1])


def record_page(connection: Connection, after: int, limit: int, wanted: RecordFilter) -> RecordPage:
    """Records that were written after position `after`."""
    table = schema.records
    question = select(table.c.position, table.c.body).where(table.c.position > after)
    for column, value in (
        (table.c.board_serial, wanted.board),
        (table.c.site, wanted.site),
        (table.c.result, wanted.result),
        (table.c.job_id, wanted.job),
    ):
        if value is not None:
            question = question.where(column == value)
    rows = connection.execute(question.order_by(table.c.position).limit(limit + 1)).all()
    next_after = rows[limit - 1][0] if len(rows) > limit else None
    return RecordPage([from_json(row[1]) for row in rows[:limit]], next_after)


def record(connection: Connection, record_id: str) -> dict[str, Any] | None:
    """One record by its id."""
    table = schema.records
    body = connection.execute(select(table.c.body).where(table.c.record_id == record_id)).scalar_one_or_none()
    return None if body is None else json.loads(body)


def verify(connection: Connection) -> ChainReport:
    """Walk all events and all records; stop at the first misfit."""
    events = verify_events(connection)
    if not events.is_sound:
        return events
    record_count, record_fault = _verify_records(connection)
    return ChainReport(events.event_count, record_count, events.head_hash, record_fault)


def untold(connection: Connection, told: Iterable[tuple[int, str]]) -> str | None:
    """The first (number, hash) told to the outside that this log does not hold; None when it holds all of them.

    The chain alone does not show a cut tail, a log written anew or an older copy: only what is kept elsewhere does.
    """
    head = last_event(connection)
    for seq, seal in told:
        rows = events_after(connection, seq - 1, 1)
        if not rows or rows[0][0] != seq:
            return f"event {seq} was told and is gone: the log ends at {0 if head is None else head[0]}."
        if rows[0][6] != seal:
            return f"event {seq} was told with hash {seal[:16]} and has {rows[0][6][:16]} now."
    return None


def verify_events(connection: Connection, *, from_seq: int = 1) -> ChainReport:
    """Walk the events from `from_seq` on."""
    count, head_hash, fault = _verify_events(connection, from_seq)
    return ChainReport(count, 0, head_hash, fault)


def _verify_events(connection: Connection, from_seq: int) -> tuple[int, str, str | None]:
    before = events_after(connection, from_seq - 2, 1) if from_seq > 1 else []
    seal = before[0][6] if before else chain.GENESIS_HASH
    seq, count = from_seq - 1, 0
    while True:
        rows = events_after(connection, seq, VERIFY_STEP)
        if not rows:
            return count, seal, None
        for row in rows:
            if row[0] != seq + 1:
                return count, seal, f"event {seq + 1} is missing."
            if chain.event_hash(seal, *row[:6]) != row[6]:
                return count, seal, f"event {row[0]} ({row[4]}) is not what was written, or the one before it is not."
            seq, seal, count = row[0], row[6], count + 1


def _verify_records(connection: Connection) -> tuple[int, str | None]:
    table = schema.records
    seal, position = chain.GENESIS_HASH, 0
    columns = select(table.c.position, table.c.record_id, table.c.body, table.c.hash, table.c.event_seq)
    while True:
        rows = connection.execute(
            columns.where(table.c.position > position).order_by(table.c.position).limit(VERIFY_STEP)
        ).all()
        if not rows:
            return position, _announced_but_missing(connection, position)
        for row in rows:
            body = json.loads(row[2])
            if row[0] != position + 1:
                return position, f"record number {position + 1} is missing."
            if body.get("previous_hash") != seal or chain.record_hash(body) != row[3] or body.get("hash") != row[3]:
                return position, f"record {row[1]} is not what was written, or the one before it is not."
            position, seal = row[0], row[3]


def _announced_but_missing(connection: Connection, count: int) -> str | None:
    """Each record is announced by an event of the other chain: a cut tail of records shows there."""
    newest = connection.execute(
        select(schema.events.c.data)
        .where(schema.events.c.kind == "placement.recorded")
        .order_by(schema.events.c.seq.desc())
        .limit(1)
    ).scalar_one_or_none()
    announced = 0 if newest is None else int(json.loads(newest)["position"])
    return None if announced == count else f"the log announces {announced} records, {count} are there."


def _event_row(row: Any) -> EventRow:
    return (row[0], row[1], row[2], row[3], row[4], row[5], row[6])
