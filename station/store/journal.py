"""The journal of acts on the world: the intent before, the observation when the world answered, the verdict after.

Nothing here decides what an open intent means after a crash; it only says which there are.
Source of the scheme: write-ahead logging, as in https://www.sqlite.org/wal.html, applied to a machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from station.store.event_log import EventLog
from station.store.schema import SET_FACT
from station.store.writing import EventRow, Writing

INTENT = "journal.intent"
OBSERVED = "journal.observed"
CLOSED = "journal.closed"
FLOOR = "journal_floor"
"""Name of the fact below which no intent is open: where the search begins after a restart."""

FLOOR_STEP = 2_000  # events between two writes of the floor; a restart reads about so many


@dataclass(frozen=True)
class OpenIntent:
    """An act that was begun and not closed.

    op_id      number of the intent, unique over the life of the log
    evidence   what the world answered, None when nothing is known
    """

    op_id: int
    epoch: int
    step: str
    args: dict[str, Any]
    occurred_at: str
    evidence: dict[str, Any] | None = None


class Journal:
    """Intents, observations and verdicts as events of the log; the caller commits the log before it acts."""

    def __init__(self, log: EventLog, writing: Writing, *, floor: int, history: Iterable[EventRow]) -> None:
        self._log = log
        self._writing = writing
        self._floor = floor
        self._open: dict[int, OpenIntent] = {}
        self._steps: dict[int, str] = {}
        for row in history:
            self._replay(row)

    def intent(self, step: str, args: dict[str, Any]) -> int:
        """Say what is about to be done. Nothing may move before the log is committed."""
        op_id = self._log.append(INTENT, {"step": step, "args": args})
        self._steps[op_id] = step
        return op_id

    def observed(self, op_id: int, evidence: dict[str, Any]) -> None:
        """Say what the world answered.

        raises   ValueError when no such intent is open
        """
        self._require_open(op_id)
        self._log.append(OBSERVED, {"op_id": op_id, "evidence": evidence})

    def closed(self, op_id: int, verdict: str, reason: str | None = None) -> None:
        """Say how it ended, e.g. `done`, `failed`, `ambiguous`.

        raises   ValueError when no such intent is open
        """
        self._require_open(op_id)
        self._log.append(CLOSED, {"op_id": op_id, "verdict": verdict, "reason": reason})
        self._open.pop(op_id, None)
        self._steps.pop(op_id, None)
        self._move_floor()

    def open_intents(self) -> tuple[OpenIntent, ...]:
        """Acts of earlier runs that were never closed, oldest first: what a restart has to resolve."""
        return tuple(self._open.values())

    @property
    def is_quiet(self) -> bool:
        """Nothing is under way and nothing of an earlier run is unresolved."""
        return not self._open and not self._steps

    def _require_open(self, op_id: int) -> None:
        if op_id not in self._steps and op_id not in self._open:
            raise ValueError(f"no intent {op_id} is open in the journal")

    def _move_floor(self) -> None:
        lowest = min(min(self._steps, default=self._log.head_seq), min(self._open, default=self._log.head_seq))
        if lowest - self._floor >= FLOOR_STEP:
            self._floor = lowest
            self._writing.queue(SET_FACT, (FLOOR, str(lowest - 1)))

    def _replay(self, row: EventRow) -> None:
        seq, epoch, _, occurred_at, kind, data_json, _ = row
        data = json.loads(data_json)
        if kind == INTENT:
            self._open[seq] = OpenIntent(seq, epoch, data["step"], data["args"], occurred_at)
        elif kind == OBSERVED and data["op_id"] in self._open:
            self._open[data["op_id"]] = replace(self._open[data["op_id"]], evidence=data["evidence"])
        elif kind == CLOSED:
            self._open.pop(data["op_id"], None)
