"""The dots of the glass calibration part, in the view of either camera; its missing corner dot tells the turn.

It locates dots; what they say about a camera is worked out in `vision.calibration`.
"""

from __future__ import annotations

import math

import numpy as np

from vision.blobs import bright_blobs
from vision.errors import BadRequest
from vision.frame import Frame
from vision.health import focus_reasons, health_reasons
from vision.lattice import placed_on_lattice
from vision.maps import DotMap, quarter_turned
from vision.pose import apply_pose, as_matrix3, wrapped_deg
from vision.predicted import DISC_MATCH_LEAST, Shot, discs_at, see_predicted
from vision.results import NAN, UNKNOWN, ArrayFix, BallFinding, BallState, Pose

SEARCH_RATIO = 0.45
"""Share of the pitch within which the expected pose must be right."""

FOUND_LEAST_RATIO = 0.7
VISIBLE_LEAST_RATIO = 0.3
CONTRAST_LEAST = 25.0
SCALE_TOLERANCE = 0.05
"""Cameras are not calibrated yet when they look at the glass."""


def locate_dots(frame: Frame, dots: DotMap, *, expected: Pose | None = None, mirrored: bool = False) -> ArrayFix:
    """Locate the dot grid of the glass part.

    dots       as drawn, seen from below; with the dots that are there only
    expected   None: the whole grid must be in view and its turn is told by the missing dot; given: right to 0.45
               pitches and 3 deg, and dots outside the picture are allowed (they are "missing" in the answer)
    mirrored   the picture shows the part from above
    returns    `balls` holds every dot that was seen with its column and row
    raises     BadRequest
    """
    sites = dots.mirrored() if mirrored else dots
    if expected is not None and not np.isfinite([expected.x_um, expected.y_um, expected.theta_deg]).all():
        raise BadRequest("the expected pose is not finite")
    unhealthy = health_reasons(frame)
    if unhealthy:
        return _refused(sites, unhealthy)
    margin = math.inf
    if expected is None:
        first = _whole_grid(frame, sites)
        if isinstance(first, str):
            return _refused(sites, (*focus_reasons(frame), first))
        expected, margin = first
    shot = Shot(frame, 0.0, 0.0)
    seen = see_predicted(
        [shot], sites, expected, search_um=SEARCH_RATIO * sites.pitch_um, theta_search_deg=3.0, polarity="bright"
    )
    shown, found = int(seen.visible.sum()), int(seen.found.sum())
    if seen.fit is None or shown < VISIBLE_LEAST_RATIO * sites.count:
        return _refused(sites, (f"{found} dots found, {shown} of {sites.count} should be in view",))
    if found < FOUND_LEAST_RATIO * shown or seen.contrast < CONTRAST_LEAST:
        return _refused(sites, (f"only {found} of {shown} dots in view found",))
    if abs(seen.fit.scale_ratio - 1.0) > SCALE_TOLERANCE:
        return _refused(sites, (f"grid measures {seen.fit.scale_ratio:.3f} of its drawing: another scale or part",))
    fit, discs = seen.fit, seen.discs[0]
    offset_um = np.hypot(*(frame.to_um(discs.centres_px) - fit.apply(sites.xy_um)).T)
    findings = []
    for site, name in enumerate(sites.names):
        is_seen = bool(seen.found[site] and discs.match[site] > DISC_MATCH_LEAST)
        state: BallState = "ok" if is_seen else "missing"
        col_px, row_px = discs.centres_px[site]
        diameter_um = float(discs.size_ratio[site] * sites.diameter_um[site]) if is_seen else NAN
        off_um = float(offset_um[site]) if is_seen else NAN
        findings.append(BallFinding(name, state, float(col_px), float(row_px), diameter_um, off_um))
    return ArrayFix(
        "found", (), fit.x_um, fit.y_um, wrapped_deg(fit.theta_deg), fit.scale_ratio, as_matrix3(fit.covariance),
        tuple(findings), margin, found, sites.count,
    )  # fmt: skip


def _whole_grid(frame: Frame, sites: DotMap) -> tuple[Pose, float] | str:
    """Pose of the grid to a pixel, its turn by where no dot is; or why it cannot be told."""
    coarse = placed_on_lattice(bright_blobs(frame, sites), sites, SCALE_TOLERANCE) if sites.is_lattice else None
    if coarse is None:
        return f"no grid of {sites.count} dots seen"
    shot = Shot(frame, 0.0, 0.0)
    free = np.concatenate([quarter_turned(sites.xy_um[sites.turned_onto[k] < 0], k) for k in range(4)])
    if len(free) == 0:
        return "turn undecided: the grid is symmetric"
    scores = np.zeros(4)
    for k in range(4):
        turned = Pose(coarse.pose.x_um, coarse.pose.y_um, coarse.pose.theta_deg + 90.0 * k)
        there = discs_at([shot], apply_pose(turned, sites.xy_um), sites.radius_um, "bright")
        none_there = discs_at([shot], apply_pose(turned, free), sites.radius_um, "bright")
        scores[k] = float((there > 0.5).sum()) - float((none_there > 0.5).sum())
    order = np.argsort(-scores, kind="stable")
    margin = 0.5 * float(scores[order[0]] - scores[order[1]])
    if margin < 1.0:
        return "turn undecided: the missing dot of the grid is not seen"
    best = int(order[0])
    return Pose(coarse.pose.x_um, coarse.pose.y_um, wrapped_deg(coarse.pose.theta_deg + 90.0 * best)), margin


def _refused(sites: DotMap, reasons: tuple[str, ...]) -> ArrayFix:
    return ArrayFix("refused", reasons, NAN, NAN, NAN, NAN, UNKNOWN, (), 0.0, 0, sites.count)
