"""Lands or moulded wells of a bottom package in one or several shots: where it lies, is it the right one, is it free.

It does not look for the top package's outline; an array displaced by a whole pitch is refused, not reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from vision.health import focus_reasons
from vision.light import field_reasons
from vision.maps import LandMap, quarter_turned
from vision.pose import apply_pose, as_matrix3, turn_matrix
from vision.predicted import PredictedSeen, Shot, check_shots, discs_at, see_predicted
from vision.results import NAN, UNKNOWN, Pose, SiteFix, SiteStatus
from vision.turn import disc_contrast

FOUND_LEAST_RATIO = 0.7
SIDE_LEAST_RATIO = 1.0 / 3.0
VISIBLE_LEAST_RATIO = 0.5
"""Share of the lands that the shots together must show."""

CONTRAST_LEAST = 20.0
"""Grey levels of the lands over the body."""

SEEN_LEAST_RATIO = 0.2
"""With fewer of the lands in view nothing stands there, or something covers them."""

WELL_RATIO = 1.35
"""Diameter of a moulded well over that of the solder in it (estimate)."""

MOULD_LEVEL_LEAST = 95.0
"""Typical level inside the pattern from which a top package covers it; an estimate
for nominal light, and wrong when the light is far from it."""

STRAY_LEAST_RATIO = 0.4
"""Share of the free places of one row beside the pattern that must show a land to call it displaced."""


def locate_site(
    shots: Sequence[Shot],
    lands: LandMap,
    *,
    expected: Pose | None = None,
    search_um: float = 150.0,
    theta_search_deg: float = 2.0,
) -> SiteFix:
    """Fit the land pattern jointly over all shots.

    shots       pictures with their centres in the common frame (image-aligned, origin at the expected site centre)
    expected    pose of the pattern in that frame, origin and 0 deg by default
    search_um   range about it per axis, less than half the pitch
    returns     found; empty (nothing stands there); occupied (a body covers the lands); ambiguous (turn undecided);
                refused with reasons, also where one side of the field lies in the dark (`notes` says so)
    raises      BadRequest
    """
    unhealthy = check_shots(shots, may_be_flat=True)
    if unhealthy:
        return _without_pose("refused", unhealthy, 0, lands.count)
    pose = expected or Pose(0.0, 0.0, 0.0)
    sites, seen, polarity = _lands_or_wells(shots, lands, pose, search_um, theta_search_deg)
    found, shown = int(seen.found.sum()), int(seen.visible.sum())
    if shown < VISIBLE_LEAST_RATIO * lands.count:
        text = f"the shots show {shown} of {lands.count} lands, at least {VISIBLE_LEAST_RATIO:.0%} wanted"
        return _without_pose("refused", (text,), found, lands.count)
    if seen.fit is None or found < SEEN_LEAST_RATIO * shown or _swing(seen) < CONTRAST_LEAST:
        return _without_lands(shots, lands, pose, seen)
    problems = _problems(shots, sites, seen, search_um, pose, polarity)
    # What lies in a well shines as it likes.
    unlit = _light_reasons(shots, seen) if polarity == "bright" else ()
    if unlit:
        return replace(_without_pose("refused", unlit, found, lands.count), notes=unlit)
    if problems:
        return _without_pose("refused", problems, found, lands.count)
    status, reasons = _turn(shots, lands, seen.fit.pose)
    if status == "refused":
        return _without_pose(status, reasons, found, lands.count)
    fit = seen.fit
    return SiteFix(status, reasons, fit.x_um, fit.y_um, fit.theta_deg, as_matrix3(fit.covariance), found, lands.count)


def _lands_or_wells(
    shots: Sequence[Shot], lands: LandMap, pose: Pose, search_um: float, theta_search_deg: float
) -> tuple[LandMap, PredictedSeen, Literal["bright", "dark"]]:
    """Bright lands or balls if they are there, else the dark wells about them: solder in a moulded well is as often
    duller than the mould as brighter, its well is always darker. What lies in a well is learned by the fit."""
    seen = see_predicted(shots, lands, pose, search_um=search_um, theta_search_deg=theta_search_deg, polarity="bright")
    shown = int(seen.visible.sum())
    if seen.fit is not None and int(seen.found.sum()) >= FOUND_LEAST_RATIO * shown and seen.contrast >= CONTRAST_LEAST:
        return lands, seen, "bright"
    wells = replace(lands, diameter_um=WELL_RATIO * lands.diameter_um)
    dark = see_predicted(shots, wells, pose, search_um=search_um, theta_search_deg=theta_search_deg, polarity="dark")
    if dark.fit is None or int(dark.found.sum()) < FOUND_LEAST_RATIO * shown or _swing(dark) < CONTRAST_LEAST:
        return lands, seen, "bright"
    return wells, dark, "dark"


def _swing(seen: PredictedSeen) -> float:
    """Grey levels between the brightest and the darkest ring of the typical land or well."""
    return float(np.mean([float(np.ptp(discs.profile)) for discs in seen.discs if discs.seen.any()] or [0.0]))


def _without_pose(status: SiteStatus, reasons: tuple[str, ...], found: int, expected: int) -> SiteFix:
    return SiteFix(status, reasons, NAN, NAN, NAN, UNKNOWN, found, expected)


def _without_lands(shots: Sequence[Shot], lands: LandMap, pose: Pose, seen: PredictedSeen) -> SiteFix:
    """No lands: a mould stands there, or nothing does; the level inside the pattern tells."""
    grid = np.linspace(-0.8, 0.8, 25)
    half = np.abs(lands.xy_um).max(axis=0)
    points = np.array([(x * half[0], y * half[1]) for x in grid for y in grid])
    levels = []
    for shot in shots:
        at_px = np.round(shot.to_px(apply_pose(pose, points)))
        at_px = at_px[shot.frame.holds(at_px, 0.0)].astype(int)
        levels.append(shot.frame.pixels[at_px[:, 1], at_px[:, 0]])
    typical = float(np.median(np.concatenate(levels)))
    found = int(seen.found.sum())
    if typical >= MOULD_LEVEL_LEAST:
        text = f"a body covers the lands: typical level {typical:.0f} where lands on a dark body were expected"
        return _without_pose("occupied", (text,), found, lands.count)
    soft = [reason for shot in shots for reason in focus_reasons(shot.frame)]
    if soft:  # what cannot be seen is not empty
        return _without_pose("refused", tuple(dict.fromkeys(soft)), found, lands.count)
    text = f"no lands seen ({found} of {int(seen.visible.sum())} in view), level {typical:.0f}"
    return _without_pose("empty", (text,), 0, lands.count)


def _problems(
    shots: Sequence[Shot],
    lands: LandMap,
    seen: PredictedSeen,
    search_um: float,
    expected: Pose,
    polarity: Literal["bright", "dark"],
) -> tuple[str, ...]:
    problems = []
    found, shown = int(seen.found.sum()), int(seen.visible.sum())
    if found < FOUND_LEAST_RATIO * shown:
        problems.append(f"only {found} of {shown} lands in view found, at least {FOUND_LEAST_RATIO:.0%} wanted")
    if abs(seen.pose.x_um - expected.x_um) > 1.2 * search_um or abs(seen.pose.y_um - expected.y_um) > 1.2 * search_um:
        problems.append(f"pattern found more than {search_um:.0f} um from the expected place")
    free_um = lands.free_sites_um
    stray = discs_at(shots, apply_pose(seen.pose, free_um), lands.radius_um, polarity)
    for axis in range(2):
        for sign in (-1.0, 1.0):
            side = _side_name(seen.pose, axis, sign)
            along = sign * lands.xy_um[:, axis]
            row = along > along.max() - 0.5 * lands.pitch_um
            row_shown, row_found = int((row & seen.visible).sum()), int((row & seen.found).sum())
            if row_shown >= 4 and row_found < SIDE_LEAST_RATIO * row_shown:
                problems.append(f"too few lands found on the {side} side: {row_found} of {row_shown} in view")
            beside = np.isfinite(stray) & (sign * free_um[:, axis] > along.max() + 0.5 * lands.pitch_um)
            strays, places = int((stray[beside] > 0.5).sum()), int(beside.sum())
            if places >= 4 and strays > STRAY_LEAST_RATIO * places:
                problems.append(f"lands one row outside the pattern on the {side} side ({strays} of {places} places): "
                                "displaced by a pitch or another part")  # fmt: skip
    return tuple(problems)


def _light_reasons(shots: Sequence[Shot], seen: PredictedSeen) -> tuple[str, ...]:
    """Level of every land about its centre against its place in the picture, all shots together."""
    level, place = [], []
    for shot, discs in zip(shots, seen.discs, strict=True):
        at_px = discs.centres_px[seen.found & discs.seen]
        column, row = np.rint(at_px).astype(int).T
        near = [shot.frame.pixels[row + dy, column + dx] for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))]
        level.append(np.mean(near, axis=0))
        place.append((at_px - shot.frame.centre_px) * (1.0, -1.0) / (0.5 * shot.frame.size_px[0]))
    levels = np.concatenate(level)
    return field_reasons(levels, np.concatenate(place), np.ones(len(levels), dtype=bool))


def _side_name(pose: Pose, axis: int, sign: float) -> str:
    normal = turn_matrix(pose.theta_deg)[:, axis] * sign
    if abs(normal[0]) > abs(normal[1]):
        return "right" if normal[0] > 0 else "left"
    return "upper" if normal[1] > 0 else "lower"


def _turn(shots: Sequence[Shot], lands: LandMap, pose: Pose) -> tuple[SiteStatus, tuple[str, ...]]:
    """The turn mark must stand where the drawing has it and at none of the other three turns."""
    rivals = [k for k in (1, 2, 3) if (lands.turned_onto[k] >= 0).mean() > 0.9]
    if not rivals:
        return "found", ()
    if lands.a1_x_um is None or lands.a1_y_um is None or lands.a1_diameter_um is None:
        return "ambiguous", ("turn undecided: the land pattern is symmetric and has no turn mark",)
    mark = np.array([[lands.a1_x_um, lands.a1_y_um]])
    contrasts = {}
    for k in (0, *rivals):
        at_um = apply_pose(pose, quarter_turned(mark, k))
        inside = [shot for shot in shots if shot.frame.holds(shot.to_px(at_um), 0.0).all()]
        found = [disc_contrast(shot.frame, shot.to_px(at_um)[0], 0.5 * lands.a1_diameter_um) for shot in inside]
        contrasts[k] = max(found, default=0.0)
    best = max(contrasts, key=lambda k: contrasts[k])
    others = max(contrasts[k] for k in contrasts if k != best)
    if contrasts[best] < CONTRAST_LEAST or others > 0.5 * contrasts[best]:
        text = f"turn undecided: turn mark not readable (contrast {contrasts[best]:.0f}, next {others:.0f})"
        return "ambiguous", (text,)
    if best != 0:
        return "refused", (f"turn mark seen at {90 * best} deg: the bottom package is turned",)
    return "found", ()
