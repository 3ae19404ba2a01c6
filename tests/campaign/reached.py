"""Sometimes-assertions: what a campaign must have reached at least once, or it proved less than it says.

Every kind of fault that the machine can have, every reaction, every alarm that a cell of the matrix raises, every
answer of a person, every legal change of state. What none of our runs can reach stands here with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sim_hardware.fault_list import FAULTS, Means
from station.alarms.catalogue import Answer
from station.alarms.raised_by import CELLS
from station.run.packml import State
from tests.campaign.invariants_records import LEGAL
from tests.campaign.judged import Judged
from tests.campaign.reaction import Reaction
from tests.campaign.watcher import OPERATOR, STATION

ANSWERS_ELSEWHERE: dict[str, str] = {
    Answer.CHANGE_TRAY.value: "asked after four failed picks of ten: tests/scenarios/test_tray_and_site.py",
    Answer.UNKNOWN.value: "the person of the campaign sees the machine and always can tell",
}
AT_ONCE = (State.CLEARING, State.UNHOLDING, State.UNSUSPENDING, State.COMPLETING)
"""left in the instant in which they are entered, or within one commit: nobody can press anything there"""
NO_STEP = (State.IDLE, State.COMPLETE, State.STOPPED, State.STOPPING, State.HOLDING)
"""what strikes is bound to steps, and none begins there: see tests/station, tests/scenarios/test_stopping.py"""
NO_SUPPLY = (State.SUSPENDING, State.SUSPENDED, State.UNSUSPENDING)
"""entered when boards or packages are missing, which this machine never lacks: tests/scenarios/test_supply.py"""


def reached(run: Judged, reaction: Reaction) -> list[str]:
    """What one run came by, each thing once."""
    found = [f"fault {kind}" for _, kind in run.plant.faults.struck]
    found += [f"reaction {letter}" for letter in reaction.letters.split()]
    for entry in run.entries:
        if entry.source == STATION and entry.kind in ("alarm.raised", "alarm.retried", "fault.raised"):
            found.append(f"alarm {entry.data['number']}")
        elif entry.source == STATION and entry.kind == "operator.answer":
            found.append(f"answer {entry.data['answer']}")
        elif entry.source == STATION and entry.kind == "state.changed":
            found.append(f"change {entry.data['from']} to {entry.data['to']}")
        elif entry.source == OPERATOR and entry.kind.startswith("does "):
            found.append(f"act {entry.kind.removeprefix('does ')}")
    return list(dict.fromkeys(found))


def wanted() -> list[str]:
    """Everything that has to be there, in the order of the lists."""
    kinds = dict.fromkeys(spec.kind for fault in FAULTS if fault.means is Means.MACHINE for spec in fault.inject)
    listed = [f"fault {kind}" for kind in kinds]
    listed += [f"reaction {letter}" for letter in "RJSPCIQ."]
    listed += [f"alarm {number}" for number in CELLS]
    listed += [f"answer {answer.value}" for answer in Answer if answer.value not in ANSWERS_ELSEWHERE]
    for new, olds in LEGAL.items():
        listed += [f"change {old.title} to {new.title}" for old in State if old in olds and _can_be(old, new)]
    return listed


def _can_be(old: State, new: State) -> bool:
    if old in NO_SUPPLY or new in NO_SUPPLY:
        return False
    return not (old in (*AT_ONCE, *NO_STEP) and new in (State.STOPPING, State.ABORTING))


def counted(lines: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """In how many runs each thing was reached."""
    return Counter(thing for line in lines for thing in line.get("reached", ()))


def document(counts: Counter[str], at_least: int = 1) -> tuple[list[str], list[str]]:
    """(all counts as lines, what was reached less often than that)."""
    told = [f"{counts[thing]:7d}  {thing}" for thing in wanted()]
    told += [
        f"{count:7d}  {thing} (beside the list)"
        for thing, count in sorted(counts.items())
        if thing not in set(wanted())
    ]
    return told, [thing for thing in wanted() if counts[thing] < at_least]
