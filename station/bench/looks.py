"""The questions of the bench: each puts one or more picture files before vision and gives back one answer for programs,
for people and for the overlay.

Nothing is judged here that vision has not judged; where a picture may show dark balls, both polarities are put to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from vision.fiducials import locate_fiducial
from vision.frame import Frame
from vision.imprint import check_imprint, locate_print
from vision.inspection import inspect_dipped, inspect_package
from vision.maps import BallMap
from vision.marks import Shape
from vision.predicted import Shot
from vision.results import ArrayFix, DippedFinding, Pose
from vision.wetting_alone import inspect_wet_alone

PolarityWanted = Literal["auto", "bright", "dark"]

DONE = "Nothing to do."
LOOK = "Look at the named places; --overlay shows them."
TELL_TURN = "The balls alone do not tell the turn: give the package file its a1_mark, or a picture that shows it."
CHECK = "Check package, --um-per-px, focus and light; --overlay shows what was seen."
NAMES_TOLD = 12


@dataclass(frozen=True, slots=True)
class Spot:
    """A thing to draw: centre in pixels of the picture, radius, state, name."""

    x_px: float
    y_px: float
    radius_px: float
    state: str
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`data` for programs, finite numbers or None; `lines` for people; `spots` and `pose` for the overlay."""

    frame: Frame
    status: str
    data: dict[str, Any]
    lines: tuple[str, ...]
    spots: tuple[Spot, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    """pairs of spots that are joined"""
    pose: Pose | None = None
    reach_um: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)


def look_at_balls(
    frame: Frame, package: str, ball_map: BallMap, polarity: PolarityWanted, scale_tolerance: float
) -> Answer:
    """Where is the ball array, and how is every ball?"""
    fix = inspect_package(frame, ball_map, scale_tolerance=scale_tolerance, polarity=polarity)
    return array_answer(frame, fix, fix.polarity, package, ball_map, ball_spots(fix, ball_map, frame), _pose(fix))


def array_answer(
    frame: Frame, fix: ArrayFix, seen_as: str, package: str, ball_map: BallMap, spots: tuple[Spot, ...],
    pose: Pose | None,
) -> Answer:  # fmt: skip
    """An array as an answer.

    spots, pose   what to draw, in the frame of the picture given here
    """
    counts = _counted(ball.state for ball in fix.balls)
    faults = [_fault(ball.name, ball.state, ball.diameter_um) for ball in fix.balls if ball.state != "ok"]
    lines = [
        f"package   {package}: {fix.found_count} of {fix.expected_count} balls"
        + (f", {seen_as} balls" if fix.status != "refused" else ""),
        *_pose_lines(fix),
        *_reason_lines(fix.reasons),
        *(f"light     {note}" for note in fix.notes),
    ]
    if fix.status != "refused":
        lines.append(f"not ok    {_few(faults) or 'none'}")
    lines.append(f"next      {_next(fix.status, bool(faults))}")
    data = {
        "status": fix.status,
        "reasons": list(fix.reasons),
        "notes": list(fix.notes),
        "package": package,
        "polarity": seen_as,
        **_fix_data(fix),
        "balls": _ball_data(fix),
    }
    return Answer(frame, fix.status, finite(data), tuple(lines), spots, (), pose, ball_map.reach_um, counts)


def look_at_wetting(
    dry: Frame | None, wet: Frame, package: str, ball_map: BallMap, polarity: PolarityWanted, scale_tolerance: float
) -> Answer:
    """Which balls took material? Without a dry picture the answer is weaker and says so."""
    finding = _dipped(dry, wet, ball_map, polarity, scale_tolerance)
    fix = finding.fix
    reasons = tuple(dict.fromkeys((*finding.reasons, *fix.reasons)))
    states = {ball.name: ball.state for ball in finding.wetting}
    spots = tuple(replace(spot, state=states.get(spot.name, spot.state)) for spot in ball_spots(fix, ball_map, wet))
    counts = _counted(ball.state for ball in finding.wetting)
    order = ("dry", "excess", "partial")
    told = {name: state for wanted in order for name, state in states.items() if state == wanted}
    status = fix.status if finding.wetting else "refused"
    if status == "found" and finding.reasons:
        status = "ambiguous"
    lines = [f"package   {package}: {fix.found_count} of {fix.expected_count} balls in the wet picture"]
    if finding.wetting:
        lines += [
            f"material  {', '.join(f'{count} {state}' for state, count in counts.items())}",
            f"not good  {_few([f'{name} {state}' for name, state in told.items()]) or 'none'}",
            f"bridges   {_few([f'{a}-{b}' for a, b in finding.bridges]) or 'none'}",
            f"tilt      {finding.tilt_x:+.2f} full coats to the right edge, {finding.tilt_y:+.2f} to the upper edge",
            f"sure      lowest probability of material {finding.worst_probability:.4f}",
        ]
    lines += _reason_lines(reasons)
    if "unsure" in counts:
        next_step = "Take a picture before the dip of the next part: a pair tells every ball."
    else:
        next_step = _next(status, bool(told or finding.bridges))
    lines.append(f"next      {next_step}")
    data = {
        "status": status,
        "reasons": list(reasons),
        "package": package,
        **_fix_data(fix),
        "worst_probability": finding.worst_probability,
        "tilt": {"x_ratio": finding.tilt_x, "y_ratio": finding.tilt_y},
        "bridges": [list(pair) for pair in finding.bridges],
        "balls": [
            {
                "name": ball.name,
                "state": ball.state,
                "probability_wet": ball.probability_wet,
                "strength_ratio": ball.strength_ratio,
            }
            for ball in finding.wetting
        ],
    }
    return Answer(
        wet, status, finite(data), tuple(lines), spots, finding.bridges, _pose(fix), ball_map.reach_um, counts
    )


def look_at_fiducial(frame: Frame, size_um: float, shape: Shape) -> Answer:
    """Where is the mark? It is looked for in the whole picture."""
    search_um = 0.5 * max(frame.size_px) * frame.um_per_px
    fix = locate_fiducial(frame, size_um, shape=shape, search_um=search_um)
    sigma_px = fix.sigma_um / frame.um_per_px
    x_px, y_px = frame.to_px(np.array([[fix.x_um, fix.y_um]]))[0].tolist()
    lines: list[str] = []
    spots: tuple[Spot, ...] = ()
    if fix.status != "refused":
        lines = [
            f"place     column {x_px:.3f}, row {y_px:.3f} px, sigma {sigma_px:.4f} px",
            f"          x {fix.x_um:+.3f} um, y {fix.y_um:+.3f} um from the image centre",
            f"size      {shape} of {fix.diameter_um:.1f} um, {fix.polarity}",
        ]
        spots = (Spot(x_px, y_px, 0.5 * fix.diameter_um / frame.um_per_px, fix.status, shape),)
    lines += _reason_lines(fix.reasons)
    next_step = DONE if fix.status == "found" else "Check size, --um-per-px, focus and light."
    data = {
        "status": fix.status,
        "reasons": list(fix.reasons),
        "shape": shape,
        "x_px": x_px,
        "y_px": y_px,
        "sigma_px": sigma_px,
        "polarity": fix.polarity,
        "x_um": fix.x_um,
        "y_um": fix.y_um,
        "size_um": fix.diameter_um,
    }
    pose = Pose(fix.x_um, fix.y_um, 0.0) if fix.status == "found" else None
    return Answer(frame, fix.status, finite(data), (*lines, f"next      {next_step}"), spots, (), pose, size_um)


def look_at_imprint(frame: Frame, package: str, ball_map: BallMap) -> Answer:
    """Which balls left a mark in the film, seen from above?"""
    in_film = ball_map.mirrored()
    expected = locate_print(frame, in_film)
    search_um = min(150.0, 0.45 * in_film.pitch_um)
    finding = check_imprint([Shot(frame, 0.0, 0.0)], in_film, expected=expected, search_um=search_um)
    radius_px = ball_map.radius_um / frame.um_per_px
    marks, spots = [], []
    for mark in finding.marks:
        x_px, y_px = frame.to_px(np.array([[mark.x_um, mark.y_um]]))[0].tolist()
        wide_px = mark.diameter_um / 2 / frame.um_per_px if math.isfinite(mark.diameter_um) else radius_px
        spots.append(Spot(x_px, y_px, wide_px, mark.state, mark.name))
        marks.append(
            {
                "name": mark.name,
                "state": mark.state,
                "x_px": x_px,
                "y_px": y_px,
                "diameter_um": mark.diameter_um,
                "offset_um": mark.offset_um,
            }
        )
    pose = Pose(finding.x_um, finding.y_um, finding.theta_deg) if finding.status == "found" else None
    lines = [f"package   {package}: {finding.found_count} of {finding.expected_count} marks, seen from above"]
    if pose is not None:
        sizes = np.array([mark.diameter_um for mark in finding.marks if mark.state == "present"])
        lines += [
            f"pose      x {pose.x_um:+.2f} um, y {pose.y_um:+.2f} um, turn {pose.theta_deg:+.4f} deg",
            f"width     {np.median(sizes):.0f} um in the middle, {sizes.min():.0f} to {sizes.max():.0f} um",
            f"no mark   {_few(list(finding.missing)) or 'none'}",
            *(f"not told  {text}" for text in finding.cannot_tell),
        ]
    lines += _reason_lines(finding.reasons)
    lines.append(f"next      {_next(finding.status, bool(finding.missing))}")
    data = {
        "status": finding.status,
        "reasons": list(finding.reasons),
        "package": package,
        "pose": _pose_data(pose),
        "covariance": _matrix(finding.covariance) if pose else None,
        "found_count": finding.found_count,
        "expected_count": finding.expected_count,
        "marks": marks,
        "missing": list(finding.missing),
        "unseen": list(finding.unseen),
        "cannot_tell": list(finding.cannot_tell),
    }
    counts = _counted(mark.state for mark in finding.marks)
    return Answer(frame, finding.status, finite(data), tuple(lines), tuple(spots), (), pose, ball_map.reach_um, counts)


def _dipped(
    dry: Frame | None, wet: Frame, ball_map: BallMap, polarity: PolarityWanted, scale_tolerance: float
) -> DippedFinding:
    first = dry or wet
    fix = inspect_package(first, ball_map, scale_tolerance=scale_tolerance, polarity=polarity)
    lit = as_bright(wet, fix.polarity)
    if dry is None:
        return inspect_wet_alone(lit, ball_map, scale_tolerance=scale_tolerance)
    return inspect_dipped(as_bright(dry, fix.polarity), fix, lit, ball_map, scale_tolerance=scale_tolerance)


def as_bright(frame: Frame, polarity: Literal["bright", "dark"]) -> Frame:
    """Dark balls become bright ones; places do not change."""
    return frame if polarity == "bright" else replace(frame, pixels=np.invert(frame.pixels))


def ball_spots(fix: ArrayFix, ball_map: BallMap, frame: Frame) -> tuple[Spot, ...]:
    usual_px = ball_map.radius_um / frame.um_per_px
    return tuple(
        Spot(
            ball.x_px,
            ball.y_px,
            ball.diameter_um / 2 / frame.um_per_px if math.isfinite(ball.diameter_um) else usual_px,
            ball.state,
            ball.name,
        )
        for ball in fix.balls
        if math.isfinite(ball.x_px) and math.isfinite(ball.y_px)
    )


def finite(value: Any) -> Any:
    """The same without NaN and infinity, which JSON does not know: they become None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _fix_data(fix: ArrayFix) -> dict[str, Any]:
    pose = _pose(fix)
    return {
        "pose": None if pose is None else {**(_pose_data(pose) or {}), "scale_ratio": fix.scale_ratio},
        "covariance": _matrix(fix.covariance) if pose else None,
        "scale_ratio": fix.scale_ratio,
        "turn_margin": fix.turn_margin,
        "found_count": fix.found_count,
        "expected_count": fix.expected_count,
    }


def _ball_data(fix: ArrayFix) -> list[dict[str, Any]]:
    return [
        {
            "name": ball.name,
            "state": ball.state,
            "x_px": ball.x_px,
            "y_px": ball.y_px,
            "diameter_um": ball.diameter_um,
            "offset_um": ball.offset_um,
            "roundness_ratio": ball.roundness_ratio,
            "shot": ball.shot,
        }
        for ball in fix.balls
    ]


def _pose(fix: ArrayFix) -> Pose | None:
    return None if fix.status == "refused" else Pose(fix.x_um, fix.y_um, fix.theta_deg)


def _pose_data(pose: Pose | None) -> dict[str, float] | None:
    return None if pose is None else {"x_um": pose.x_um, "y_um": pose.y_um, "theta_deg": pose.theta_deg}


def _matrix(covariance: tuple[tuple[float, ...], ...]) -> list[list[float]]:
    return [list(row) for row in covariance]


def _pose_lines(fix: ArrayFix) -> list[str]:
    if fix.status == "refused":
        return []
    sigma = [math.sqrt(max(fix.covariance[i][i], 0.0)) for i in range(3)]
    margin = "sure" if math.isinf(fix.turn_margin) else f"ahead of the next by {fix.turn_margin:.1f} balls"
    return [
        f"pose      x {fix.x_um:+.3f} um, y {fix.y_um:+.3f} um, turn {fix.theta_deg:+.4f} deg",
        f"sigma     {sigma[0]:.4f} um, {sigma[1]:.4f} um, {sigma[2] * 1e3:.3f} mdeg",
        f"size      {fix.scale_ratio:.5f} of the drawing; quarter turn {margin}",
    ]


def _reason_lines(reasons: Iterable[str]) -> list[str]:
    return [f"because   {reason}" for reason in reasons]


def _next(status: str, has_faults: bool) -> str:
    if status == "found":
        return LOOK if has_faults else DONE
    return TELL_TURN if status == "ambiguous" else CHECK


def _fault(name: str, state: str, diameter_um: float) -> str:
    return f"{name} {state}" + (f" ({diameter_um:.0f} um)" if state == "deformed" else "")


def _counted(states: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for state in states:
        counts[state] = counts.get(state, 0) + 1
    return counts


def _few(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return ", ".join(names[:NAMES_TOLD]) + more
