"""Which event goes to which MQTT topic, and which part of the picture is kept there as retained state: as data.

Nothing here connects to anything. Root of all topics: `dip/v1/<site>/<area>/<line>/<station>/`.
"""

from __future__ import annotations

from typing import Any

ROOT = "dip/v1"
STATUS = "status"
"""Retained: `online` or `offline`; the broker itself says `offline` when the station vanishes."""

EVENT_TOPICS: dict[str, str] = {
    "state": "event/state",
    "board": "event/board",
    "job": "event/job",
    "station": "event/state",
    "stage": "event/stage",
    "step": "event/stage",
    "film": "event/film",
    "component.picked": "event/pick",
    "component.rejected": "event/pick",
    "component.dipped": "event/dip",
    "alignment": "event/vision",
    "component.placed": "event/placement",
    "placement": "event/placement",
    "fault": "event/fault",
    "alarm": "event/fault",
    "recipe": "event/recipe",
    "material": "event/material",
    "nozzle": "event/maintenance",
    "calibration": "event/maintenance",
    "parameter": "event/audit",
    "operator": "event/audit",
    "gate": "event/audit",
}
"""Whole kind or first word of a kind; the whole kind wins. Other events, such as the journal's, stay inside."""

RETAINED_PARTS: dict[str, str] = {
    "state": "state",
    "job": "job",
    "faults": "alarms",
    "telemetry/film": "film",
}
"""Topic and the part of the station's picture that is kept there."""

COUNTERS = "telemetry/counters"
COUNTED = ("placed", "rejected", "unplaced", "boards_done", "boards_total", "cycle_s")
RECIPE = "recipe"


def event_topic(kind: str) -> str | None:
    """Topic below the root, None for an event that is not published."""
    return EVENT_TOPICS.get(kind) or EVENT_TOPICS.get(kind.partition(".")[0])


def retained_state(picture: dict[str, Any]) -> dict[str, Any]:
    """What each retained topic shows, by topic below the root; None where there is nothing to show."""
    job = picture.get("job") or {}
    state = {topic: picture.get(part) for topic, part in RETAINED_PARTS.items()}
    state[RECIPE] = {"name": job["recipe"], "hash": job.get("recipe_hash")} if job.get("recipe") else None
    state[COUNTERS] = {key: job[key] for key in COUNTED if key in job} or None
    return state
