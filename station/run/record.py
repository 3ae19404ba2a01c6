"""The placement record: everything that is known about one package at one site, made from the findings.

It invents nothing: what was not found is absent. Stored append-only by `station.store`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from station.process import outcomes as o
from station.process.step import Work
from station.run.steps import Span
from vision.results import ArrayFix, BallFinding


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same for all records of a job."""

    station: str
    job_id: str
    software_version: str
    vision_hash: str
    calibration_hash: str
    part_lot: str
    material_lot: str
    pot_life_left_s: float | None
    floor_life_left_s: float | None


def placement_record(
    frame: Frame,
    work: Work,
    *,
    board_index: int,
    is_pick_begun: bool,
    dipped: o.Dipped | None,
    result: str,
    reason: o.Verdict | None,
    spans: Sequence[Span],
    curves: dict[str, str],
    balls: dict[str, str],
    started_at: str,
    ended_at: str,
    operator: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """is_pick_begun: False where no pocket was touched, so that the record names none. dipped: the dip of this package;
    the findings keep that of the one before. result: placed, rejected, unplaced, placed_unverified, ambiguous.
    `curves`: dip and place, `balls`: every ball of the dry and the wet picture; both by content reference."""
    found, recipe, site = work.findings, work.recipe, work.the_site
    board = found.find(o.BoardRead)
    return {
        "record_id": "",
        "station": frame.station,
        "job_id": frame.job_id,
        "recipe": {"name": recipe.name, "revision": recipe.revision, "hash": recipe.content_hash},
        "software_version": frame.software_version,
        "vision_hash": frame.vision_hash,
        "calibration_hash": frame.calibration_hash,
        "board": {"serial": board.serial if board else None, "index": board_index},
        "site": site.name,
        "level": site.level,
        "below": {"name": recipe.bottom.name, "serial": None},
        "package": {
            "name": recipe.package.name,
            "tray": work.tray if is_pick_begun else None,
            "pocket": work.pocket if is_pick_begun else None,
        },
        "lots": {"part": frame.part_lot, "material": frame.material_lot},
        "floor_life_left_s": frame.floor_life_left_s,
        "pot_life_left_s": frame.pot_life_left_s,
        "result": result,
        "reason": {"code": reason.code, "text": reason.text} if reason and reason.code else None,
        "film": _film(work, dipped),
        "dip": _dip(work, dipped, curves.get("dip")),
        "vision": _vision(work, balls),
        "place": _place(work, found.find(o.Placed), curves.get("place"), found.find(o.PlaceCurve)),
        "verify": _verify(found.find(o.PlacedVerified)),
        "spans": [
            {"lane": s.lane, "title": s.title, "start_s": round(s.start_s, 4), "end_s": round(s.end_s, 4)}
            for s in spans
        ],
        "started_at": started_at,
        "ended_at": ended_at,
        "operator": list(operator),
    }


INTERRUPTED = "interrupted_act"
"""reason of a record: the run ended before anybody had looked at what it did"""


def interrupted_record(
    station: str,
    args: dict[str, Any],
    result: str,
    text: str,
    operator: Sequence[dict[str, Any]],
    started_at: str,
    ended_at: str,
) -> dict[str, Any]:
    """The record of a placement whose end nobody saw, by a person's answer or by what sensors and cameras show.

    args   those of its intent
    """
    return {
        "record_id": "",
        "station": station,
        "job_id": args.get("job_id"),
        "recipe": args.get("recipe"),
        "software_version": args.get("software_version"),
        "vision_hash": args.get("vision_hash"),
        "calibration_hash": args.get("calibration_hash"),
        "board": {"serial": args.get("board"), "index": None},
        "site": args.get("site"),
        "level": args.get("level"),
        "below": None,
        "package": {"name": args.get("package"), "tray": args.get("tray"), "pocket": args.get("pocket")},
        "lots": None,
        "floor_life_left_s": None,
        "pot_life_left_s": None,
        "result": result,
        "reason": {"code": INTERRUPTED, "text": text},
        "film": None,
        "dip": None,
        "vision": {"dry": None, "wet": None, "site": None, "imprint": None},
        "place": None,
        "verify": None,
        "spans": [],
        "started_at": started_at,
        "ended_at": ended_at,
        "operator": list(operator),
    }


def _film(work: Work, dipped: o.Dipped | None) -> dict[str, Any] | None:
    if dipped is None:
        return None
    film, recipe = dipped.film, work.recipe.film
    return {
        "target_um": recipe.target_um,
        "tolerance_um": recipe.tolerance_um,
        "points_um": [list(point) for point in film.points_um],
        "measured_um": list(film.heights_um),
        "mean_um": film.mean_um,
        "range_um": film.range_um,
        "sigma_um": film.sigma_um,
        "age_at_dip_s": dipped.film_age_s,
        "generation": film.generation,
        "levels": film.levels,
    }


def _dip(work: Work, dipped: o.Dipped | None, curve: str | None) -> dict[str, Any] | None:
    if dipped is None:
        return None
    return {
        "mode": work.recipe.dip.mode,
        "contact_z_um": dipped.press.contact_z_um,
        "depth_um": dipped.depth_um,
        "dwell_s": dipped.press.hold_s,
        "peak_force_n": dipped.press.peak_force_n,
        "hold_force_n": dipped.press.hold_force_n,
        "pull_force_n": dipped.lift.pull_force_n,
        "vacuum_after_kpa": dipped.lift.vacuum_kpa,
        "curve": curve,
    }


def _array(fix: ArrayFix, image: str) -> dict[str, Any]:
    (xx, _, _), (_, yy, _), (_, _, tt) = fix.covariance
    return {
        "status": fix.status,
        "x_um": _number(fix.x_um),
        "y_um": _number(fix.y_um),
        "theta_deg": _number(fix.theta_deg),
        "sigma_x_um": _number(xx**0.5),
        "sigma_y_um": _number(yy**0.5),
        "sigma_theta_deg": _number(tt**0.5),
        "found": fix.found_count,
        "expected": fix.expected_count,
        "not_ok": [{"name": ball.name, "state": ball.state} for ball in fix.balls if ball.state != "ok"],
        "image": image,
    }


def _vision(work: Work, balls: dict[str, str]) -> dict[str, Any]:
    found = work.findings
    vision: dict[str, Any] = {"dry": None, "wet": None, "site": None, "imprint": None}
    if dry := found.find(o.PackageInspected):
        vision["dry"] = {**_array(dry.fix, dry.image), "balls": balls.get("dry")}
    if wet := found.find(o.DippedInspected):
        states = [ball.state for ball in wet.finding.wetting]
        vision["wet"] = {
            **_array(wet.finding.fix, wet.image),
            "balls": balls.get("wet"),
            "wetting_counts": {state: states.count(state) for state in sorted(set(states))},
            "worst_probability": _number(wet.finding.worst_probability),
            "not_wet": [
                {"name": ball.name, "state": ball.state, "probability_wet": _number(ball.probability_wet)}
                for ball in wet.finding.wetting
                if ball.state != "wet"
            ],
            "bridges": [list(pair) for pair in wet.finding.bridges],
        }
    if site := found.find(o.SiteLocated):
        vision["site"] = {
            "status": site.fix.status,
            "x_um": _number(site.pose.point.x_um),
            "y_um": _number(site.pose.point.y_um),
            "theta_deg": _number(site.pose.theta_deg),
            "sigma_um": _number(site.sigma_um),
            "found": site.fix.found_count,
            "expected": site.fix.expected_count,
        }
    if imprint := found.find(o.ImprintChecked):
        vision["imprint"] = {
            "found": imprint.finding.found_count,
            "expected": imprint.finding.expected_count,
            "missing": list(imprint.finding.missing),
            "unseen": list(imprint.finding.unseen),
        }
    return vision


def _place(
    work: Work, placed: o.Placed | None, curve: str | None, points: o.PlaceCurve | None
) -> dict[str, Any] | None:
    if placed is None:
        return None
    contact_z_um = placed.press.contact_z_um
    return {
        "target": {"x_um": placed.target.x_um, "y_um": placed.target.y_um, "theta_deg": placed.target_theta_deg},
        "actual": {"x_um": placed.actual.x_um, "y_um": placed.actual.y_um, "theta_deg": placed.actual_theta_deg},
        "contact_z_um": contact_z_um,
        "expected_contact_z_um": placed.expected_contact_z_um,
        "seated_z_um": placed.seated_z_um,
        "peak_force_n": placed.press.peak_force_n,
        "set_force_n": work.recipe.place.hold_force_n,
        "hold_force_n": placed.press.hold_force_n,
        "hold_s": placed.press.hold_s,
        "curve": curve,
        # A buffer too short for a long hold has forgotten its beginning.
        "curve_shows_contact": bool(points and points.points and points.points[0][0] <= contact_z_um),
    }


def _verify(verified: o.PlacedVerified | None) -> dict[str, Any] | None:
    if verified is None:
        return None
    return {
        "status": verified.fix.status,
        "offset_x_um": _number(verified.offset_x_um),
        "offset_y_um": _number(verified.offset_y_um),
        "offset_theta_deg": _number(verified.offset_theta_deg),
        "sigma_x_um": _number(verified.sigma_x_um),
        "sigma_y_um": _number(verified.sigma_y_um),
        "sigma_theta_deg": _number(verified.sigma_theta_deg),
        "image": verified.image,
    }


def _number(value: float) -> float | None:
    """JSON has no NaN: what could not be measured is null."""
    return value if value == value and abs(value) != float("inf") else None


def ball_states(dry: o.PackageInspected | None, wet: o.DippedInspected | None) -> dict[str, list[list[Any]]]:
    """Every ball of a picture as [name, x_px, y_px, diameter_um, state]; after the dip the wetting is the state."""
    states: dict[str, list[list[Any]]] = {}
    if dry is not None:
        states["dry"] = [_ball(ball, ball.state) for ball in dry.fix.balls]
    if wet is not None:
        wetting = {ball.name: ball.state for ball in wet.finding.wetting}
        states["wet"] = [
            _ball(ball, wetting.get(ball.name, ball.state) if ball.state == "ok" else ball.state)
            for ball in wet.finding.fix.balls
        ]
    return states


def _ball(ball: BallFinding, state: str) -> list[Any]:
    return [ball.name, _number(ball.x_px), _number(ball.y_px), _number(ball.diameter_um), state]
