"""Faults from the command line: `film_thin=20`, `link_drop:plc`, `part_lost` become faults of the simulator."""

from __future__ import annotations

import re

from sim_hardware.faults import KINDS, FaultSpec

_FORM = re.compile(r"(?P<kind>[a-z_]+)(?::(?P<target>[a-z_]+))?(?:=(?P<value>-?[0-9.]+))?(?:@(?P<nth>[0-9]+))?")

DEFAULTS: dict[str, FaultSpec] = {
    "film_thin": FaultSpec("film_thin", value=20.0),
    "part_lost": FaultSpec("part_lost", nth=28),
    "link_drop": FaultSpec("link_drop", nth=45, target="plc", duration_s=5.0),
    "fiducial_missing": FaultSpec("fiducial_missing", nth=1, value=1.0),
    "force_over": FaultSpec("force_over", nth=19, value=50.0),
    "ball_missing": FaultSpec("ball_missing", nth=2, value=1.0),
    "ball_undipped": FaultSpec("ball_undipped", nth=2, value=3.0),
    "ball_half_dipped": FaultSpec("ball_half_dipped", nth=2, value=3.0),
    "bridge": FaultSpec("bridge", nth=2),
}
"""What a bare kind means: the nth occasion, so that calibration is over before it strikes."""


class FaultProblem(ValueError):
    """A fault that cannot be read; the message says how to write it."""


def parse_fault(text: str) -> FaultSpec:
    """`KIND[:TARGET][=VALUE][@NTH]` -> FaultSpec. Raises FaultProblem."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise FaultProblem(f"{text!r}: write KIND, KIND=VALUE, KIND:TARGET or KIND=VALUE@NTH")
    kind = match["kind"]
    if kind not in KINDS:
        raise FaultProblem(f"{kind!r} is no fault; known: {', '.join(sorted(KINDS))}")
    usual = DEFAULTS.get(kind, FaultSpec(kind))
    return FaultSpec(
        kind,
        at_s=usual.at_s,
        nth=int(match["nth"]) if match["nth"] else usual.nth,
        value=float(match["value"]) if match["value"] else usual.value,
        duration_s=usual.duration_s,
        target=match["target"] or usual.target,
    )
