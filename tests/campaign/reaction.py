"""What the station did about a fault, in the letters of the fault list's reactions.

R tries again, J rejects the part, S gives up the site, P holds and asks a person, C stops, I stops for safety, W warns,
and "." goes on as if nothing had been.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.campaign.judged import Judged
from tests.campaign.watcher import OPERATOR, STATION

CUT_OFF = 205
"""what a step says that a person stopped: no reaction of the station"""
LETTERS = {"retry": "R", "reject_part": "J", "skip_site": "S", "ask": "P", "stop": "C", "abort": "I"}


@dataclass(frozen=True, slots=True)
class Reaction:
    """letters in the order in which they came, each once; alarms likewise; results of the records."""

    letters: str
    alarms: tuple[int, ...]
    results: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"reaction": self.letters, "alarms": list(self.alarms), "results": list(self.results)}


def reaction_of(run: Judged) -> Reaction:
    """Read it from what the station itself wrote down."""
    letters: list[str] = []
    alarms: list[int] = []
    by_person = has_chosen_stop = False
    for entry in run.entries:
        if entry.source == OPERATOR and entry.kind.startswith("presses"):
            by_person = entry.kind.split()[1] in ("stop", "abort", "hold")
            has_chosen_stop = has_chosen_stop and entry.kind.split()[1] != "reset"
        elif entry.source == OPERATOR and entry.kind.startswith("answers") and entry.kind.endswith("stop"):
            has_chosen_stop = True
        elif entry.source == OPERATOR and entry.kind in ("was refused", "was not refused"):
            letters.append("refused" if entry.kind == "was refused" else "!")
        if entry.source != STATION:
            continue
        data = entry.data
        if by_person and data.get("number") == CUT_OFF:
            continue
        if entry.kind in ("alarm.retried", "alarm.raised"):
            letters.append(LETTERS[data["does"]])
            alarms.append(data["number"])
        elif entry.kind == "fault.raised":
            alarms.append(data["number"])
            if data["severity"] in ("W", "I"):
                letters.append("W")
        elif (
            entry.kind == "state.changed"
            and data["to"] in ("Stopping", "Aborting")
            and not (by_person or has_chosen_stop)
        ):
            letters.append("C" if data["to"] == "Stopping" else "I")
        elif entry.kind == "state.changed" and data["to"] == "Held" and not by_person:
            letters.append("P")
    results = [record["result"] for record in run.records]
    if "rejected" in results:
        letters.append("J")
    if "unplaced" in results:
        letters.append("S")
    if any(record["result"] == "placed" and record.get("reason") for record in run.records):
        letters.append("Q")
    return Reaction(" ".join(dict.fromkeys(letters)) or ".", tuple(dict.fromkeys(alarms)), tuple(results))
