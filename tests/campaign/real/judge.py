"""What must be true of a real line after everything that happened to it: world against records, told against kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.campaign.real.told import Told, all_events, open_acts
from tests.scenarios.live import Line

ONCE = ("picked", "dipped", "placed")
"""what may happen to one package once in its life"""
QUESTIONS = (901, 903)
"""alarms that ask about an act whose end nobody knows"""
SETTLED = 904
"""a warning that tells of an act that was cut off and that the sensors settled: Aborted, with nothing to ask"""
WAITS = ("Stopped", "Aborted")


def plant_events(line: Line) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = line.ask(do="events")["events"]
    return found


def records_of(line: Line) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path: str | None = "/v1/records?limit=500"
    while path is not None:
        page = line.get(path)
        found += page["items"]
        path = page["next"]
    return found


def at_start(line: Line, told: Told) -> list[str]:
    """A service that has just started: nothing that was told is gone, and it asks about exactly what is open."""
    wrong = told.untold(line)
    state, events = line.state(), all_events(line)
    alarms = line.get("/v1/alarms")["items"]
    asked = [alarm["objects"].get("op_id") for alarm in alarms if alarm["number"] in QUESTIONS]
    left_open = open_acts(events)
    if sorted(asked) != sorted(left_open):
        wrong.append(f"open acts are {left_open}, asked is about {asked}")
    # Any other warning, such as a slow disk, belongs to no state.
    is_halted = any(alarm["severity"] not in ("I", "W") or alarm["number"] == SETTLED for alarm in alarms)
    if (state == "Aborted") != is_halted or state not in WAITS:
        wrong.append(f"it starts in {state} with alarms {[alarm['number'] for alarm in alarms]}")
    if line.ask(do="still")["is_moving"]:
        wrong.append("something moves although nobody has pressed anything")
    return wrong


def at_end(line: Line, told: Told) -> list[str]:
    """A line at rest: every placement has its one record, nothing happened twice, the chain holds."""
    wrong = told.untold(line)
    chain = line.get("/v1/records/chain")
    if not chain["is_sound"]:
        wrong.append(f"the chain: {chain['sentence']}")
    wrong += _placements(line.ask(do="truth")["placements"], records_of(line))
    for kind in ONCE:
        often = Counter(
            event.get("serial") for event in plant_events(line) if event["kind"] == kind and not _is_holder(event)
        )
        twice = sorted(str(serial) for serial, count in often.items() if count > 1)
        if twice:
            wrong.append(f"{kind} more than once: {', '.join(twice)}")
    seqs = [event["seq"] for event in all_events(line)]
    if seqs != list(range(1, len(seqs) + 1)):
        wrong.append("the log has a gap")
    return wrong


def _is_holder(event: dict[str, Any]) -> bool:
    """The glass part of the calibration comes and goes as often as it likes."""
    return str(event.get("serial", "")).startswith("GLASS")


def _placements(truth: Sequence[dict[str, Any]], records: Sequence[dict[str, Any]]) -> list[str]:
    lies = Counter((placed["board"], placed["site"]) for placed in truth)
    told = Counter(
        (record["board"]["serial"], record["site"])
        for record in records
        if record["result"] in ("placed", "placed_unverified")
    )
    wrong = [f"{count} packages lie at {board} {site}" for (board, site), count in lies.items() if count > 1]
    wrong += [
        f"{board} {site}: {lies[board, site]} placed, {told[board, site]} recorded"
        for board, site in lies | told
        if lies[board, site] != told[board, site]
    ]
    return wrong
