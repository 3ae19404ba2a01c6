"""What people did at the station, read from one life of its journal: orders, answers, buttons, each with its occasion.

A journal notes answers by name; buttons are seen by the changes of state that the station would not have made itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from station.demo.field_journal import OFFLINE, Life
from station.run.packml import State

AT_ONCE_S = 0.25
"""a change of state so soon after an alarm or an answer is the station's own doing. Estimate"""


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did.

    verb      reset, start, answer, hold, unhold, stop, abort, clear; close: the service was ended orderly
    occasion  what it followed: ("state", name), ("step", name) or ("alarm", number)
    nth       which occurrence of that in this life
    delay_s   after it
    about     start: recipe and boards; answer: alarm and answer
    """

    verb: str
    occasion: tuple[str, str]
    nth: int
    delay_s: float
    about: dict[str, Any]


class Occasions:
    """Counts what deeds can follow, told event by event; the same for a journal and for a life that runs."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], list[float]] = {}
        self.newest: tuple[str, str] = ("state", State.STOPPED.title)

    def tell(self, kind: str, data: dict[str, Any], at_s: float) -> tuple[str, str] | None:
        if kind == "state.changed":
            found = ("state", str(data["to"]))
        elif kind == "step.started":
            found = ("step", str(data["step"]))
        elif kind == "fault.raised":
            found = ("alarm", str(data["number"]))
        elif kind == "station.online":
            found = ("online", "")
        else:
            return None
        self.seen.setdefault(found, []).append(at_s)
        if found[0] != "alarm":
            self.newest = found
        return found


_BUTTONS = {
    State.RESETTING.title: "reset",
    State.CLEARING.title: "clear",
    State.STARTING.title: "start",
    State.UNHOLDING.title: "unhold",
    State.HOLDING.title: "hold",
    State.STOPPING.title: "stop",
    State.ABORTING.title: "abort",
}
_OWN = ("unhold", "hold", "stop", "abort")
"""what the station does by itself as well, after an alarm or an answer"""


def deeds_of(life: Life) -> list[Deed]:
    """In the order in which they were done."""
    occasions, deeds = Occasions(), list[Deed]()
    asked: dict[str, tuple[tuple[str, str], int, float]] = {}
    order: dict[str, Any] = {}
    own_until_s = -1.0
    for told in life.told:
        verb, about, occasion = "", {}, occasions.newest
        if told.kind == "job.submitted":
            order = {
                "recipe": told.data["recipe"],
                "hash": told.data["recipe_hash"],
                "boards": told.data["boards_total"],
            }
        elif told.kind == "fault.raised":
            own_until_s = told.at_s + AT_ONCE_S
        elif told.kind == "operator.answer":
            own_until_s = told.at_s + AT_ONCE_S
            verb, about = "answer", {"alarm": told.data["alarm"], "answer": told.data["answer"]}
            asked_by = asked.get(told.data["id"])
            if asked_by is not None:
                deeds.append(Deed(verb, asked_by[0], asked_by[1], told.at_s - asked_by[2], about))
            verb = ""
        elif told.kind == OFFLINE:
            verb = "close"
        elif told.kind == "state.changed":
            verb = _BUTTONS.get(told.data["to"], "")
            if verb in _OWN and told.at_s <= own_until_s:
                verb = ""
            about = order if verb == "start" else {}
        if verb:
            since = occasions.seen.get(occasion, [0.0])
            deeds.append(Deed(verb, occasion, len(since), told.at_s - since[-1], about))
        found = occasions.tell(told.kind, told.data, told.at_s)
        if found is not None and told.kind == "fault.raised":
            asked[told.data["id"]] = (found, len(occasions.seen[found]), told.at_s)
    return _without_closing_stop(deeds)


def _without_closing_stop(deeds: list[Deed]) -> list[Deed]:
    """Whoever ends the service lets it stop first: that is one deed, not two."""
    if len(deeds) < 2 or deeds[-1].verb != "close" or deeds[-2].verb != "stop":
        return deeds
    stop, close = deeds[-2:]
    if close.occasion == ("state", State.STOPPED.title) and close.delay_s <= AT_ONCE_S:
        return [*deeds[:-2], Deed("close", stop.occasion, stop.nth, stop.delay_s, {})]
    return deeds
