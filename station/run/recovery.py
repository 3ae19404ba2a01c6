"""What to do about an alarm: a pure function of the alarm, how often it came, and the recipe's limits.

Nothing here acts, waits or remembers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from station.alarms.catalogue import AlarmDefinition, Answer, Reaction


class Move(StrEnum):
    """What the runner does next."""

    RETRY = "retry"
    """the same step, or the step that the alarm names, once more"""
    REJECT_PART = "reject_part"
    NOT_PLACED = "not_placed"
    """the part does not lie on its site, whatever was measured: rejected"""
    SKIP_SITE = "skip_site"
    ASK = "ask"
    STOP = "stop"
    ABORT = "abort"
    AMBIGUOUS = "ambiguous"
    """the placement may or may not have happened: recorded so, never repeated"""
    PLACED_UNVERIFIED = "placed_unverified"
    WAIT = "wait"
    """for something from outside, with the station Suspended; then the step once more"""


@dataclass(frozen=True, slots=True)
class Decision:
    move: Move
    redo_from: str = ""
    """step id at which a retry starts; empty: the step that failed"""


_BY_REACTION = {
    Reaction.TELL: Move.ASK,  # what a step raises cannot just be told: the step has no outcome
    Reaction.REJECT: Move.REJECT_PART,
    Reaction.SKIP: Move.SKIP_SITE,
    Reaction.WAIT: Move.WAIT,
    Reaction.ASK: Move.ASK,
    Reaction.FINISH: Move.STOP,  # of a step that has failed nothing is left to be ended
    Reaction.STOP: Move.STOP,
    Reaction.ABORT: Move.ABORT,
}

_BY_ANSWER = {
    Answer.NEW_PART: Move.REJECT_PART,
    Answer.SKIP_SITE: Move.SKIP_SITE,
    Answer.STOP: Move.STOP,
    Answer.ACKNOWLEDGE: Move.STOP,
    Answer.WAS_PLACED: Move.PLACED_UNVERIFIED,
    Answer.WAS_NOT_PLACED: Move.NOT_PLACED,
    Answer.UNKNOWN: Move.AMBIGUOUS,
    Answer.CHANGE_TRAY: Move.RETRY,
    Answer.LOOK: Move.STOP,  # the look is Reset's, and a Reset follows a stop
}


def decide(alarm: AlarmDefinition, times_before: int, retry_limit: int | None = None) -> Decision:
    """What the station does by itself.

    times_before   how often this alarm was retried at this site already
    retry_limit    the recipe's own limit for this cause; it can lower the catalogue's, never raise it
    """
    retries = alarm.retries if retry_limit is None else min(alarm.retries, retry_limit)
    if times_before < retries:
        return Decision(Move.RETRY, alarm.retry_from)
    return Decision(_BY_REACTION[alarm.reaction])


def follow(alarm: AlarmDefinition, answer: Answer) -> Decision:
    """What a person's answer means. Raises ValueError for an answer that this alarm does not permit."""
    if answer not in alarm.answers:
        allowed = ", ".join(alarm.answers)
        raise ValueError(f"{answer} is no answer to alarm {alarm.number}; permitted: {allowed}")
    if answer is Answer.RETRY:
        return Decision(Move.RETRY, alarm.retry_from)
    return Decision(_BY_ANSWER[answer])
