"""What an outcome says in the event log: small, plain, and enough to tell the story later. Pictures go elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from station.coordinates import MachinePose
from station.process import outcomes as o
from station.process.dip import press_evidence


def _film(out: o.FilmMeasured) -> dict[str, Any]:
    return {
        "mean_um": out.mean_um,
        "range_um": out.range_um,
        "generation": out.generation,
        "gap_um": out.gap_um,
        "heights_um": list(out.heights_um),
    }


def _pose(pose: MachinePose) -> dict[str, float]:
    return {"x_um": pose.point.x_um, "y_um": pose.point.y_um, "theta_deg": pose.theta_deg}


_OF: dict[type[o.Outcome], Callable[[Any], dict[str, Any]]] = {
    o.BoardRead: lambda out: {"serial": out.serial},
    o.BoardLocated: lambda out: {
        "x_um": out.origin.x_um,
        "y_um": out.origin.y_um,
        "theta_deg": out.theta_deg,
        "residual_um": list(out.residual_um),
    },
    o.FilmLevelled: lambda out: {"gap_um": out.gap_um, "generation": out.generation},
    o.FilmMeasured: _film,
    o.Picked: lambda out: {"pocket": out.pocket, "tray": out.tray, "vacuum_kpa": out.vacuum_kpa},
    o.PackageInspected: lambda out: {
        "found": out.fix.found_count,
        "expected": out.fix.expected_count,
        **_pose(out.pose),
    },
    o.Dipped: lambda out: {
        "film_age_s": out.film_age_s,
        "generation": out.film.generation,
        "pull_force_n": out.lift.pull_force_n,
        **press_evidence(out.press),
    },
    o.ImprintChecked: lambda out: {"found": out.finding.found_count, "expected": out.finding.expected_count},
    o.DippedInspected: lambda out: {
        "found": out.finding.fix.found_count,
        "worst_probability": out.finding.worst_probability,
        "bridges": len(out.finding.bridges),
        **_pose(out.pose),
    },
    o.SiteLocated: lambda out: {"found": out.fix.found_count, "status": out.fix.status, **_pose(out.pose)},
    o.Placed: lambda out: {
        "x_um": out.actual.x_um,
        "y_um": out.actual.y_um,
        "theta_deg": out.actual_theta_deg,
        **press_evidence(out.press),
    },
    o.PlacedVerified: lambda out: {
        "status": out.fix.status,
        **(
            {
                "offset_x_um": out.offset_x_um,
                "offset_y_um": out.offset_y_um,
                "offset_theta_deg": out.offset_theta_deg,
            }
            if out.fix.status == "found"
            else {}
        ),
    },
    o.PartBinned: lambda out: {"code": out.code},
}


def evidence_of(outcome: o.Outcome) -> dict[str, Any]:
    """The plain facts of an outcome; with a verdict other than pass, its code and text as well."""
    facts = _OF.get(type(outcome), lambda _: {})(outcome)
    if outcome.verdict.fate is not o.Fate.PASS:
        facts = {**facts, "code": outcome.verdict.code, "text": outcome.verdict.text}
    # What could not be measured is not a number, and JSON has none of those: null.
    return {name: None if isinstance(fact, float) and not isfinite(fact) else fact for name, fact in facts.items()}
