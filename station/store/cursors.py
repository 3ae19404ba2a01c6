"""How far each outlet has delivered the event log: one durable number per outlet.

Nothing here delivers anything. The log is the outbox: an outlet that was away reads on from its cursor.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from station.store import schema
from station.store.writing import Writing


class Cursors:
    """Positions in the log by outlet name; they only move forward."""

    def __init__(self, writing: Writing, *, stored: dict[str, int]) -> None:
        self._writing = writing
        self._stored = stored

    def position(self, name: str) -> int:
        """Number of the last event the outlet has delivered, 0 for an outlet that never did."""
        return self._stored.get(name, 0)

    def advance(self, name: str, seq: int) -> None:
        """Move forward with the next commit. A lower number changes nothing."""
        if seq > self.position(name):
            self._stored[name] = seq
            self._writing.queue(schema.SET_CURSOR, (name, seq))

    def positions(self) -> dict[str, int]:
        """All outlets that ever delivered."""
        return dict(self._stored)


def stored_cursors(connection: Connection) -> dict[str, int]:
    """Every cursor on the disk."""
    return {row.name: row.seq for row in connection.execute(select(schema.cursors).order_by(schema.cursors.c.name))}
