"""Whether a position is to be trusted, as a fact with a history: when it was lost, why, and when it was regained.

A drive that says "referenced" is believed only after a homing that this station saw from its beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from station.guard.facts import Facts

TITLES = {"z": "Z", "gantry": "X, Y and theta", "blade": "Blade"}
FACT_OF = {"z": "z_referenced", "gantry": "axes_referenced", "blade": "blade_referenced"}


@dataclass(slots=True)
class _Axes:
    is_trusted: bool
    since: str
    why: str


class PositionTrust:
    """One entry for each group of axes that is homed together. `append` writes an event."""

    def __init__(self, append: Callable[[str, dict[str, Any]], object], utc: Callable[[], str]) -> None:
        self._append, self._utc = append, utc
        self._groups = {key: _Axes(False, utc(), "not homed since the service started") for key in TITLES}

    def homing(self, key: str) -> None:
        """A homing of this group begins: until it has ended nothing is to be trusted."""
        self._lose(key, "homing")

    def homed(self, key: str) -> None:
        """A homing that this station began has ended well."""
        self._groups[key] = _Axes(True, self._utc(), "")
        self._append("position.trusted", {"axes": TITLES[key]})

    def look(self, said: Facts) -> Facts:
        """What the drives claim, less what is not to be trusted; a reference that is gone is a loss, and noted."""
        distrusted: dict[str, Any] = {}
        for key, axes in self._groups.items():
            claims = getattr(said, FACT_OF[key])
            if claims is False and axes.is_trusted:
                self._lose(key, _why(said))
            elif claims and not axes.is_trusted:
                distrusted[FACT_OF[key]] = False
        return replace(said, **distrusted) if distrusted else said

    def view(self) -> list[dict[str, Any]]:
        """As people see it."""
        return [
            {"axes": TITLES[key], "trusted": axes.is_trusted, "since": axes.since, "why": axes.why or None}
            for key, axes in self._groups.items()
        ]

    def _lose(self, key: str, why: str) -> None:
        if self._groups[key].is_trusted:
            self._append("position.lost", {"axes": TITLES[key], "why": why})
        self._groups[key] = _Axes(False, self._utc(), why)


def _why(facts: Facts) -> str:
    """The likeliest cause, from what the same instant shows."""
    if facts.estop_ok is False:
        return "emergency stop"
    if facts.drives_enabled is False:
        return "drive power lost"
    if facts.axes_fault or facts.z_fault:
        return "axis fault"
    return "the drive has no reference any more"
