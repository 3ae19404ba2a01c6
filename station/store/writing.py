"""What waits to be written, and the only road to the disk: everything collected goes into one transaction.

Nothing here knows what the rows mean. Commits of several tasks meet in one transaction (group commit).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from station.lateness import Worst
from station.store.database import Database, Group
from station.store.errors import StoreFailed
from station.store.schema import INSERT_EVENT
from station.to_its_end import to_its_end

EventRow = tuple[int, int, float, str, str, str, str]
"""seq, epoch, at_s, occurred_at, kind, data as JSON, hash: the columns of the table of events."""


class Writing:
    """Collects rows and commits them. A failed commit stops all writing for the life of this object."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._groups: list[Group] = []
        self._lock = asyncio.Lock()
        self.events: list[EventRow] = []
        self.failure: StoreFailed | None = None
        self.last_commit_s = 0.0
        self.commits = Worst()
        self._began_s: float | None = None
        self.after_commit: list[Callable[[list[EventRow]], None]] = []

    def queue(self, statement: str, row: tuple[Any, ...]) -> None:
        """Add one row to the next commit. Rows keep their order between statements; events stand apart."""
        if self._groups and self._groups[-1][0] is statement:
            self._groups[-1][1].append(row)
        else:
            self._groups.append((statement, [row]))

    async def commit(self) -> None:
        """Make everything appended so far durable.

        raises   StoreFailed when this commit or an earlier one failed; it is never tried again
        """
        async with self._lock:
            # Whoever waited here may find that the commit before took its rows along.
            if self.failure is not None:
                raise StoreFailed(str(self.failure)) from self.failure
            if not self.events and not self._groups:
                return
            events, self.events = self.events, []
            groups, self._groups = self._groups, []
            if events:
                groups.append((INSERT_EVENT, events))
            loop = asyncio.get_running_loop()
            started_s = self._began_s = loop.time()
            work = loop.run_in_executor(self._database.writer, self._database.write, groups)
            cancellation = await to_its_end(work)
            self._began_s = None
            self.last_commit_s = loop.time() - started_s
            self.commits.note(self.last_commit_s, loop.time())
            error = work.exception()
            if error is None:
                for listener in self.after_commit:
                    listener(events)
            elif isinstance(error, StoreFailed):
                self.failure = error
            if cancellation is not None:
                raise cancellation
            if error is not None:
                raise error

    def slowest_commit_s(self, now_s: float) -> float:
        """The longest commit of the last ten seconds, also one that is under way."""
        under_way_s = 0.0 if self._began_s is None else now_s - self._began_s
        return max(self.commits.lately(now_s), under_way_s)

    def commit_now(self) -> None:
        """Commit in the calling thread; only before the loop runs and when the store closes."""
        if self.failure is not None or not (self.events or self._groups):
            return
        events, self.events = self.events, []
        groups, self._groups = self._groups, []
        if events:
            groups.append((INSERT_EVENT, events))
        try:
            self._database.write(groups)
        except StoreFailed as error:
            self.failure = error
            raise
