"""What can go wrong in the simulated cell, named and triggered by time or by the nth occasion.

A fault here is only a fact with a name; what it does to the world stands where that part of the world is simulated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

KINDS: dict[str, str] = {
    "film_thin": "every wipe lays a film thinner by `value` um",
    "film_uneven": "a wipe lays a film that rises by `value` um over 10 000 um",
    "part_lost": "the vacuum opens at a gantry move with a part on the nozzle",
    "link_drop": "at a gantry move the port named `target` is reset and refuses connections for `duration_s`",
    "fiducial_missing": "the first `value` fiducials of a board are not there",
    "contact_stop_off": "the head's contact stop is not armed",
    "force_over": "contact is stiffer by the factor `value`",
    "ball_missing": "`value` balls of a new package are not there",
    "ball_undipped": "`value` balls of a new package are shorter than the film is high",
    "ball_half_dipped": "`value` balls of a new package are so short that they hardly reach into the film",
    "bridge": "material joins two neighbouring balls after a dip",
    "pick_fail": "the nozzle does not grip at a pick",
    "reservoir_low": "the reservoir reports LOW",
    "wrong_part": "a new package lies turned by `value` deg in its pocket",
    "bottom_missing": "a site of a new board has no bottom package",
    "code_unreadable": "a barcode cannot be read",
    "watchdog_off": "the device named `target` reports its dead-man as switched off",
    "device_failure": "the Modbus device on port `target` answers exception 4",
    "reply_lost": "the port named `target` executes a request and sends no reply",
    "reply_cut": "the port named `target` resets the connection in the middle of a reply",
    "reply_late": "every reply of the port named `target` comes `value` s later",
    "axis_fault": "the gantry drive trips during a move",
    "frame_lost": "a camera takes a picture and sends nothing",
    "status_frozen": "the device named `target` repeats an old status",
}
"""Every kind and what it means; an unknown kind is refused."""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault to come.

    at_s        when it can first act, simulated s; None = from the moment it is given
    nth         1 = at the first occasion after that, 2 = at the second ...; 0 = at every occasion
    value       how much, in the unit that the kind names
    duration_s  how long it lasts from `at_s`; None = for ever (or once, where `nth` is given)
    target      port or device, where the kind names one
    """

    kind: str
    at_s: float | None = None
    nth: int = 0
    value: float = 0.0
    duration_s: float | None = None
    target: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")
        if self.nth < 0:
            raise ValueError(f"fault {self.kind}: nth = {self.nth}, allowed 0 (every occasion) or more")


class _Armed:
    """A fault that was given, with the occasions it has seen."""

    __slots__ = ("occasions", "since_s", "spec")

    def __init__(self, spec: FaultSpec, given_s: float) -> None:
        self.spec = spec
        self.since_s = given_s if spec.at_s is None else spec.at_s
        self.occasions = 0

    def lasts(self, now_s: float) -> bool:
        if now_s < self.since_s:
            return False
        # link_drop uses its duration for how long the port refuses, not for how long it waits for its occasion.
        if self.spec.duration_s is None or self.spec.kind == "link_drop":
            return True
        return now_s < self.since_s + self.spec.duration_s

    def fits(self, target: str) -> bool:
        return not self.spec.target or not target or self.spec.target == target


class Faults:
    """All faults of one run. Physics asks `active` for states and `strikes` for occasions."""

    def __init__(self, specs: Iterable[FaultSpec] = ()) -> None:
        self._armed: dict[str, list[_Armed]] = {}
        self.struck: list[tuple[float, str]] = []
        """every occasion that was hit: (time, kind)"""
        for spec in specs:
            self.inject(spec, 0.0)

    @property
    def are_none(self) -> bool:
        """Nothing was ever given: the quick way past all questions."""
        return not self._armed

    def inject(self, spec: FaultSpec, now_s: float) -> None:
        self._armed.setdefault(spec.kind, []).append(_Armed(spec, now_s))

    def heal(self, kind: str | None = None) -> None:
        """Forget all faults, or those of one kind."""
        if kind is None:
            self._armed.clear()
        else:
            self._armed.pop(kind, None)

    def active(self, kind: str, now_s: float, target: str = "") -> FaultSpec | None:
        """A state: the fault of this kind that holds now, the first given first. Does not count occasions."""
        for armed in self._armed.get(kind, ()):
            if armed.lasts(now_s) and armed.fits(target):
                return armed.spec
        return None

    def value(self, kind: str, now_s: float, default: float = 0.0, target: str = "") -> float:
        """The value of `active`, or `default` where all is well."""
        spec = self.active(kind, now_s, target)
        return default if spec is None else spec.value

    def strikes(self, kind: str, now_s: float, target: str = "") -> FaultSpec | None:
        """An occasion (a pick, a move, a new package): count it and say which fault hits it, if any."""
        hit: FaultSpec | None = None
        for armed in self._armed.get(kind, ()):
            if not (armed.lasts(now_s) and armed.fits(target)):
                continue
            armed.occasions += 1
            if hit is None and armed.spec.nth in (0, armed.occasions):
                hit = armed.spec
        if hit is not None:
            self.struck.append((now_s, kind))
        return hit
