"""Invariant 41: every act has somebody of the log, who at that instant existed and had a role that permits it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from station.store import Event
from tests.campaign.judged import Judged, invariant

WORKS = frozenset({"operator", "engineer", "maintenance", "admin"})
ANYBODY = WORKS | {"viewer", "mes"}
PERMITTED: dict[str, frozenset[str]] = {
    "POST /v1/station/commands": WORKS,
    "POST /v1/station/mode": frozenset({"maintenance", "admin"}),
    "WS /v1/jog": frozenset({"maintenance", "admin"}),
    "POST /v1/alarms/{alarm_id}/answer": WORKS,
    "POST /v1/jobs": WORKS | {"mes"},
    "POST /v1/jobs/{job_id}/actions": WORKS | {"mes"},
    "PUT /v1/recipes/{name}": frozenset({"engineer", "admin"}),
    "POST /v1/recipes/{name}/revisions/{content_hash}/actions": frozenset({"engineer", "admin"}),
    "POST /v1/login": ANYBODY,
    "DELETE /v1/login": ANYBODY,
}
"""Which roles may do what, written down from the manual and not read out of the station."""
STOPS = ("hold", "stop", "abort")
STOPPED_AT = ("POST /v1/station/commands", "POST /v1/jobs/{job_id}/actions")


@invariant(41, "every act is that of somebody known, whose key and role were in force at that instant and permit it")
def acts_have_somebody(run: Judged) -> Iterator[str]:
    yield from wrong_acts(run.log)


def wrong_acts(log: list[Event]) -> Iterator[str]:
    """One sentence for every act in the log that nobody was entitled to."""
    people: dict[str, dict[str, Any]] = {}
    is_open = was_anybody_added = is_damaged = False
    for event in log:
        data = event.data
        match event.kind:
            case "access.changed":
                is_open = data["is_open"] and data["simulated"] and data["is_local"] and not was_anybody_added
            case "person.added":
                people[data["name"]], was_anybody_added, is_open = data, True, False
            case "person.changed":
                people[data["name"]] = data
            case "person.revoked":
                people.pop(data["name"], None)
            case "people.damaged" | "people.repaired":
                is_damaged = event.kind == "people.damaged"
            case "act":
                why = _why_wrong(data, people if not is_damaged else {}, is_open, event.occurred_at)
                if why:
                    yield f"event {event.seq}, {data['what']} by {data['who']}: {why}"


def _why_wrong(act: dict[str, Any], people: dict[str, dict[str, Any]], is_open: bool, at: str) -> str:
    roles = PERMITTED.get(act["what"])
    if roles is None:
        return "nobody has said who may do it"
    word = act["target"].get("command", act["target"].get("action"))
    if is_open or (act["what"] in STOPPED_AT and word in STOPS):
        return ""
    person = people.get(act["who"])
    if person is None:
        return "there is nobody of this name"
    if person["key"] != act["key"]:
        return f"by key {act['key']}, and the key in force is {person['key']}"
    if person["role"] != act["role"]:
        return f"as {act['role']}, and the role in force is {person['role']}"
    if person["role"] not in roles:
        return f"the role {person['role']} does not permit it"
    if person["expires_at"] is not None and datetime.fromisoformat(at) >= datetime.fromisoformat(person["expires_at"]):
        return f"the key expired at {person['expires_at']}"
    return ""
