"""The placement records: one per package and site, sealed by their own hash chain, never changed.

Nothing here judges a record. Each one is announced by an event of the log in the same transaction.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from station.store import chain, reading
from station.store.database import Database
from station.store.errors import NotStored
from station.store.event_log import Clock, EventLog
from station.store.reading import RecordFilter, RecordPage
from station.store.schema import INSERT_RECORD
from station.store.writing import Writing

RECORDED = "placement.recorded"
PAGE_LIMIT = 500


class Records:
    """Append now; the next commit of the log makes it durable."""

    def __init__(
        self, database: Database, writing: Writing, log: EventLog, clock: Clock, *, head: tuple[int, str] | None
    ) -> None:
        self._database = database
        self._writing = writing
        self._log = log
        self._clock = clock
        self._position, self._head_hash = head or (0, chain.GENESIS_HASH)

    @property
    def head_hash(self) -> str:
        """Seal of the newest record, durable or not."""
        return self._head_hash

    @property
    def count(self) -> int:
        """Records ever appended."""
        return self._position

    def append(self, record: dict[str, Any]) -> dict[str, Any]:
        """Seal the record and add it to the next commit, together with its event.

        record    as published; `record_id` is given when missing, `previous_hash` and `hash` always
        returns   the record as stored
        raises    ValueError for a NaN or infinite number, TypeError for a non-JSON type; nothing was added
        """
        position = self._position + 1
        sealed = {**record, "previous_hash": self._head_hash}
        if not sealed.get("record_id"):
            place = f"{self._head_hash}\n{position}\n{self._log.epoch}"
            sealed["record_id"] = chain.time_ordered_id(self._clock.utc(), sha256(place.encode("ascii")).hexdigest())
        seal = chain.record_hash(sealed)
        sealed["hash"] = seal
        board = sealed.get("board") or {}
        keys = {
            "record_id": sealed["record_id"],
            "position": position,
            "job_id": sealed.get("job_id"),
            "board_serial": board.get("serial"),
            "site": sealed.get("site"),
            "result": sealed.get("result"),
        }
        event_seq = self._log.append(RECORDED, {**keys, "reason": sealed.get("reason"), "hash": seal})
        self._writing.queue(
            INSERT_RECORD,
            (
                position,
                keys["record_id"],
                event_seq,
                keys["job_id"],
                keys["board_serial"],
                keys["site"],
                keys["result"],
                chain.canonical(sealed),
                seal,
            ),
        )
        self._position = position
        self._head_hash = seal
        return sealed

    async def page(
        self,
        after: int = 0,
        limit: int = 100,
        *,
        board: str | None = None,
        site: str | None = None,
        result: str | None = None,
        job: str | None = None,
    ) -> RecordPage:
        """Durable records written after position `after`, oldest first, at most PAGE_LIMIT."""
        wanted = RecordFilter(board, site, result, job)
        count = min(limit, PAGE_LIMIT)
        return await self._database.read(lambda connection: reading.record_page(connection, after, count, wanted))

    async def get(self, record_id: str) -> dict[str, Any]:
        """One durable record.

        raises   NotStored
        """
        found = await self._database.read(lambda connection: reading.record(connection, record_id))
        if found is None:
            raise NotStored(f"There is no record {record_id}. Look it up by board and site.")
        return found
