"""The alarm catalogue: number, cause, remedy, what the station does by itself, and what a person may answer.

Numbers are stable: code, records and the MES refer to them, and a retired number is never used again.
The rows live in the modules beside this one, grouped as the machine is; nothing here raises anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Answer(StrEnum):
    """What a person may answer to an alarm."""

    RETRY = "retry"
    NEW_PART = "new_part"
    SKIP_SITE = "skip_site"
    STOP = "stop"
    ACKNOWLEDGE = "acknowledge"
    WAS_PLACED = "was_placed"
    WAS_NOT_PLACED = "was_not_placed"
    UNKNOWN = "unknown"
    LOOK = "look"
    CHANGE_TRAY = "change_tray"


ANSWER_TEXT: dict[Answer, tuple[str, str]] = {
    Answer.RETRY: ("Retry", "does the step again"),
    Answer.NEW_PART: ("Reject part, take a new one", "uses 1 part"),
    Answer.SKIP_SITE: ("Skip this site", "the site stays empty; the board leaves incomplete"),
    Answer.STOP: ("Stop the job", "finishes nothing; the board stays clamped"),
    Answer.ACKNOWLEDGE: ("Acknowledge", "the message leaves the list"),
    Answer.WAS_PLACED: ("It was placed", "recorded as placed, unverified; the board goes to quarantine"),
    Answer.WAS_NOT_PLACED: ("It was not placed", "recorded as not placed; the part on the nozzle is rejected"),
    Answer.UNKNOWN: ("Cannot tell", "recorded as ambiguous; the site is never placed again automatically"),
    Answer.CHANGE_TRAY: (
        "Exchange the tray",
        "the rest of this tray is not used; the next one begins at its first pocket",
    ),
    Answer.LOOK: (
        "Let the station look",
        "Reset looks at nozzle and site before anything is built; asks where it cannot tell",
    ),
}


class Reaction(StrEnum):
    """What the station does by itself when retries are used up."""

    TELL = "goes on and says so"
    REJECT = "reject the part"
    SKIP = "skip the site"
    WAIT = "waits until it is there (Suspended), then goes on by itself"
    ASK = "hold and ask"
    FINISH = "ends the running steps, else lifts the head; then controlled stop"
    STOP = "controlled stop"
    ABORT = "immediate stop"


class Severity(StrEnum):
    INFO = "I"
    WARN = "W"
    STOP = "S"
    ABORT = "A"


@dataclass(frozen=True, slots=True)
class AlarmDefinition:
    """One row of the catalogue. `message` is a format string over the alarm's details."""

    number: int
    key: str
    title: str
    message: str
    cause: str
    remedy: tuple[str, ...]
    reaction: Reaction
    retries: int = 0
    retry_from: str = ""
    """step id from which a retry starts again; empty: the step itself"""
    answers: tuple[Answer, ...] = (Answer.RETRY, Answer.STOP)
    unattended: Answer = Answer.STOP
    """what the station answers itself where nobody is there: never more than to leave a site out, or to stop"""
    severity: Severity = Severity.STOP

    @property
    def is_placement_in_doubt(self) -> bool:
        """Whether the package may lie at its site all the same: only somebody who looks can tell."""
        return Answer.WAS_PLACED in self.answers


class ProcessAlarm(Exception):
    """Something of the catalogue happened. Raised by steps and guards; handled by the runner only.

    redoes       titles of the steps that a retry would do again; set by the runner, who knows
    answered_by  person, or policy where nobody was there to be asked
    nth          how often a person is asked for this cause at this place, this time included; set by who asks,
                 0 where nobody is asked
    withheld     answers that are not to be had just now; set by who asks
    """

    def __init__(self, key: str, **details: Any) -> None:
        self.definition = definition(key)
        self.details = details
        self.redoes: tuple[str, ...] = ()
        self.answered_by = "person"
        self.nth = 0
        self.withheld: tuple[Answer, ...] = ()
        super().__init__(self.text)

    @property
    def text(self) -> str:
        return self.definition.message.format(**self.details)


_ROWS: dict[str, AlarmDefinition] = {}


def register(rows: Iterable[AlarmDefinition]) -> None:
    """Add rows. Raises ValueError when a number or key is used twice."""
    for row in rows:
        if row.key in _ROWS or any(row.number == other.number for other in _ROWS.values()):
            raise ValueError(f"alarm {row.number} {row.key}: number or key is used twice")
        _ROWS[row.key] = row


def definition(key: str) -> AlarmDefinition:
    return _ROWS[key]


def all_definitions() -> list[AlarmDefinition]:
    return sorted(_ROWS.values(), key=lambda row: row.number)
