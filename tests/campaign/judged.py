"""What an invariant is, and what it gets to see of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from recipes import Recipe
from sim_hardware.plant import Plant
from station.store import Event
from tests.campaign.watcher import COMMAND, OPERATOR, PLANT, STATION, Entry

FAULTS_CEASE = "all faults cease"
"""kind of the plant's entry where nothing is wrong any more though nobody repaired it"""


@dataclass(slots=True)
class Judged:
    """One run that has ended.

    entries    everything in order, of all lives of the station
    executed   how often each command number was begun
    records    all placement records, events all durable events: (kind, data), log the same with their times
    is_sound   the hash chain of the log verifies
    restarts   times at which the station was killed
    written_blindly  command blocks that came again before anything was read: (time, channel, number)
    told       head after head as the outside was told: number of an event -> its hash
    kept       the same of what is on the disk in the end
    delivered  messages of events that a MES got, in their order; None where none listened
    shown      alarms on the list in the end, by id
    """

    plant: Plant
    recipe: Recipe
    entries: list[Entry]
    executed: dict[tuple[str, int, int], int]
    records: list[dict[str, Any]]
    events: list[tuple[str, dict[str, Any]]]
    is_sound: bool
    is_finished: bool
    hang: str
    restarts: list[float]
    written_blindly: list[tuple[float, str, int]] = field(default_factory=list)
    told: dict[int, str] = field(default_factory=dict)
    kept: dict[int, str] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    log: list[Event] = field(default_factory=list)
    delivered: list[dict[str, Any]] | None = None

    def of(self, source: str, *kinds: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.source == source and (not kinds or entry.kind in kinds))

    def plant_events(self, *kinds: str) -> Iterator[Entry]:
        return self.of(PLANT, *kinds)

    def commands(self, *kinds: str) -> Iterator[Entry]:
        return self.of(COMMAND, *kinds)

    def station(self, *kinds: str) -> Iterator[Entry]:
        return self.of(STATION, *kinds)

    def operator(self) -> Iterator[Entry]:
        return self.of(OPERATOR)

    def struck(self, *kinds: str) -> bool:
        """Whether one of these faults struck."""
        return any(kind in kinds for _, kind in self.plant.faults.struck)


Invariant = Callable[[Judged], Iterator[str]]
"""Yields one sentence for every violation."""


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    sentence: str
    check: Invariant


ROWS: dict[int, Row] = {}


def invariant(number: int, sentence: str) -> Callable[[Invariant], Invariant]:
    """Declare a check. Raises ValueError when a number is used twice."""

    def declared(check: Invariant) -> Invariant:
        if number in ROWS:
            raise ValueError(f"invariant {number} is declared twice")
        ROWS[number] = Row(number, sentence, check)
        return check

    return declared


def violations(run: Judged) -> list[tuple[int, str]]:
    """The first violation of every invariant that is broken, with how many there were."""
    found = []
    for row in sorted(ROWS.values(), key=lambda row: row.number):
        texts = list(row.check(run))
        if texts:
            found.append((row.number, texts[0] + (f" (and {len(texts) - 1} more)" if len(texts) > 1 else "")))
    return found
