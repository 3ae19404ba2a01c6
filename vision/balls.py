"""The verdict on every ball: there or not, its size and shape, joined to its neighbour, or where none belongs.

It starts from a pose good to a pixel; which quarter turn the part has is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.discs import BIN_PX, DiscFit, fit_discs
from vision.errors import TooFewPoints
from vision.frame import ByteArray, FloatArray, Frame
from vision.maps import BallMap, nearest_within
from vision.pose import RigidFit, apply_pose, fit_rigid
from vision.results import BallFinding, BallState, Pose

BALL_REACH_RATIO = 0.85
"""Window of the fit over the ball radius; farther out the substrate leaks in and costs a factor of four."""

MATCH_LEAST = 0.70
"""Correlation with the learned profile below which there is no ball; on synthetic
pictures 135 pads reached 0.60 and 1,473 balls stayed above 0.93."""

AMPLITUDE_LEAST = 0.3
"""Brightness against the typical ball below which it is a reflection or a pad."""

SIZE_TOLERANCE = 0.20
OVAL_TOLERANCE = 0.22
"""Beyond these against the typical ball of the same picture a ball is deformed (estimates)."""

NECK_RATIO = 0.18
"""Share of the balls' contrast that the darkest point between two balls must rise for a bridge (estimate)."""


@dataclass(frozen=True, eq=False)
class ArraySeen:
    """All sites of the map as seen: refined discs, presence, rigid fit over the present balls, extra balls."""

    discs: DiscFit
    present: NDArray[np.bool_]
    fit: RigidFit
    extras: DiscFit

    @property
    def extra_count(self) -> int:
        return len(self.extras.centres_px)


def see_array(
    frame: Frame, ball_map: BallMap, coarse: Pose, blobs_um: FloatArray, known_profile: FloatArray | None = None
) -> ArraySeen | None:
    """Refine every site of the map from a pose good to a pixel; None when fewer than four balls are there.

    blobs_um        (n, 2) bright things of ball size anywhere; those away from all sites are judged as extra balls
    known_profile   another look that a ball of this part may have: a dry ball among wet ones
    """
    radius_px = ball_map.radius_um / frame.um_per_px
    start_px = frame.to_px(apply_pose(coarse, ball_map.xy_um))
    discs = fit_discs(frame.pixels, start_px, radius_px, reach_ratio=BALL_REACH_RATIO)
    stray_px = 0.35 * ball_map.pitch_um / frame.um_per_px
    doubtful = discs.seen & ~(_looks_like_ball(discs) & (discs.match > 0.85))
    if doubtful.any() and not doubtful.all():
        discs = _looked_again(frame.pixels, start_px, discs, doubtful, discs.profile, radius_px, stray_px)
        doubtful &= ~_looks_like_ball(discs)
        if known_profile is not None and doubtful.any():
            discs = _looked_again(frame.pixels, start_px, discs, doubtful, known_profile, radius_px, stray_px)
    present = _looks_like_ball(discs)
    if int(present.sum()) < 4:
        return None
    seen_um = frame.to_um(discs.centres_px)
    try:
        fit = fit_rigid(ball_map.xy_um[present], seen_um[present], sigma_um=discs.sigmas_px[present] * frame.um_per_px)
    except TooFewPoints:
        return None
    strayed = np.hypot(*(seen_um - fit.apply(ball_map.xy_um)).T) > 0.35 * ball_map.pitch_um
    if (strayed & present).any():
        present &= ~strayed
        if int(present.sum()) < 4:
            return None
        fit = fit_rigid(ball_map.xy_um[present], seen_um[present], sigma_um=discs.sigmas_px[present] * frame.um_per_px)
    return ArraySeen(discs, present, fit, _extra_balls(frame, ball_map, fit.pose, discs, blobs_um, radius_px))


def edge_width_px(seen: ArraySeen) -> float:
    """Width of the steepest edge of the typical ball: how sharp the picture is."""
    steepest = float(np.abs(np.diff(seen.discs.profile)).max()) / BIN_PX
    return float(np.ptp(seen.discs.profile)) / max(steepest, 1e-6)


def turned_sites(
    seen: ArraySeen, ball_map: BallMap, quarter_turns: int, um_per_px: float, seen_um: FloatArray
) -> ArraySeen:
    """The same balls under names turned by quarter turns, for a map that falls onto itself under that turn."""
    order = ball_map.turned_onto[quarter_turns]
    discs = seen.discs.picked(order)
    present = seen.present[order]
    sigma_um = discs.sigmas_px[present] * um_per_px
    fit = fit_rigid(ball_map.xy_um[present], seen_um[order][present], sigma_um=sigma_um)
    return ArraySeen(discs, present, fit, seen.extras)


def _looks_like_ball(discs: DiscFit) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.asarray(discs.seen & (discs.match > MATCH_LEAST) & (discs.amplitude > AMPLITUDE_LEAST))


def _looked_again(
    pixels: ByteArray, start_px: FloatArray, discs: DiscFit, doubtful: NDArray[np.bool_], profile: FloatArray,
    radius_px: float, reach_px: float,
) -> DiscFit:  # fmt: skip
    """Second look at sites that do not match: a ball with this profile is searched in the whole neighbourhood."""
    template = drawn_profile(profile, radius_px * BALL_REACH_RATIO)
    sites = np.flatnonzero(doubtful)
    starts = np.array([_best_place(pixels, start_px[site], template, reach_px) for site in sites])
    again = fit_discs(pixels, starts, radius_px, reach_ratio=BALL_REACH_RATIO, profile=profile, rounds=4)
    with np.errstate(invalid="ignore"):
        better = again.seen & (again.match > discs.match[sites])
    return discs.replaced(sites, again, better)


def dry_profile(frame: Frame, centres_px: FloatArray, ball_map: BallMap) -> FloatArray:
    """Mean profile of balls at known places, for `see_array(known_profile=...)`."""
    radius_px = ball_map.radius_um / frame.um_per_px
    return fit_discs(frame.pixels, centres_px, radius_px, reach_ratio=BALL_REACH_RATIO, rounds=1).profile


def drawn_profile(profile: FloatArray, reach_px: float) -> NDArray[np.float32]:
    """The radial profile as a square picture, for correlation."""
    half = int(reach_px)
    row, col = np.mgrid[-half : half + 1, -half : half + 1]
    radius = np.minimum(np.hypot(row, col), reach_px)
    return np.asarray(np.interp(radius / BIN_PX, np.arange(len(profile)), profile), dtype=np.float32)


def _best_place(pixels: ByteArray, at_px: FloatArray, template: NDArray[np.float32], reach_px: float) -> FloatArray:
    half, reach = template.shape[0] // 2, max(1, round(reach_px))
    col, row = round(float(at_px[0])), round(float(at_px[1]))
    top, left = row - half - reach, col - half - reach
    size = 2 * (half + reach) + 1
    if top < 0 or left < 0 or top + size > pixels.shape[0] or left + size > pixels.shape[1]:
        return at_px
    window = pixels[top : top + size, left : left + size].astype(np.float32)
    match = cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED)
    best_row, best_col = np.unravel_index(int(np.argmax(match)), match.shape)
    return np.array([col - reach + best_col, row - reach + best_row], dtype=np.float64)


def _extra_balls(
    frame: Frame, ball_map: BallMap, pose: Pose, discs: DiscFit, blobs_um: FloatArray, radius_px: float
) -> DiscFit:
    """Things away from all sites that look like the balls of this array."""
    sites_um = apply_pose(pose, ball_map.xy_um)
    away = nearest_within(blobs_um, sites_um, 0.5 * ball_map.pitch_um) < 0
    near = np.hypot(*(blobs_um - (pose.x_um, pose.y_um)).T) < ball_map.reach_um + 2 * ball_map.pitch_um
    start_px = frame.to_px(blobs_um[away & near])
    found = fit_discs(frame.pixels, start_px, radius_px, reach_ratio=BALL_REACH_RATIO, profile=discs.profile, rounds=3)
    return found.picked(_looks_like_ball(found))


def gap_levels(frame: Frame, centres_px: FloatArray, ball_map: BallMap) -> FloatArray:
    """Darkest level on the straight way between the rims of every pair of neighbours, (pair_count,)."""
    pairs = ball_map.neighbours
    radius_px = ball_map.radius_um / frame.um_per_px
    first, second = centres_px[pairs[:, 0]], centres_px[pairs[:, 1]]
    span = np.hypot(*(second - first).T)
    along = (second - first) / np.maximum(span, 1e-6)[:, None]
    across = np.column_stack([-along[:, 1], along[:, 0]])
    share = np.linspace(0.0, 1.0, 13)
    low = np.minimum(1.18 * radius_px, 0.42 * span)  # clear of the dark limb and its blur
    high = span - low
    way = low[:, None] + (high - low)[:, None] * share  # (pairs, steps)
    points = first[:, None, :] + way[..., None] * along[:, None, :]
    side_px = np.array([-1.5, 0.0, 1.5])
    points = points[:, :, None, :] + side_px[None, None, :, None] * across[:, None, None, :]
    col = np.clip(np.round(points[..., 0]).astype(int), 0, frame.size_px[0] - 1)
    row = np.clip(np.round(points[..., 1]).astype(int), 0, frame.size_px[1] - 1)
    return np.asarray(frame.pixels[row, col].astype(np.float64).mean(axis=2).min(axis=1))


def bridged_pairs(
    frame: Frame, seen: ArraySeen, ball_map: BallMap, before: FloatArray | None = None
) -> list[tuple[int, int]]:
    """Pairs of neighbours joined by something bright.

    before   gap levels of the same pairs in an earlier picture of the same part; what was there before is no bridge
    """
    levels = gap_levels(frame, seen.discs.centres_px, ball_map)
    both = seen.present[ball_map.neighbours].all(axis=1)
    if int(both.sum()) < 4:
        return []
    least = NECK_RATIO * float(np.ptp(seen.discs.profile))
    typical = float(np.median(levels[both]))
    spread = 1.4826 * float(np.median(np.abs(levels[both] - typical)))
    bridged = both & (levels > typical + max(least, 6.0 * spread))
    if before is not None:
        rise = levels - before
        bridged &= rise > float(np.median(rise[both])) + 0.5 * least
    return [(int(a), int(b)) for a, b in ball_map.neighbours[bridged]]


def ball_findings(
    frame: Frame, seen: ArraySeen, ball_map: BallMap, pairs: list[tuple[int, int]]
) -> tuple[BallFinding, ...]:
    """One finding per site of the map, in its order, then the extra balls."""
    bridged = {site for pair in pairs for site in pair}
    offset_um = np.hypot(*(frame.to_um(seen.discs.centres_px) - seen.fit.apply(ball_map.xy_um)).T)
    expected_px = frame.to_px(seen.fit.apply(ball_map.xy_um))
    typical_um = float(np.median(ball_map.diameter_um))
    findings = []
    for site, name in enumerate(ball_map.names):
        if not seen.present[site]:
            col_px, row_px = expected_px[site]
            findings.append(BallFinding(name, "missing", float(col_px), float(row_px), float("nan"), float("nan")))
            continue
        size, oval = float(seen.discs.size_ratio[site]), float(seen.discs.oval_ratio[site])
        state: BallState = "ok"
        if site in bridged:
            state = "bridged"
        elif abs(size - 1.0) > SIZE_TOLERANCE or oval > OVAL_TOLERANCE:
            state = "deformed"
        col_px, row_px = seen.discs.centres_px[site]
        diameter_um = size * typical_um
        findings.append(BallFinding(name, state, float(col_px), float(row_px), diameter_um, float(offset_um[site])))
    for number in range(seen.extra_count):
        col_px, row_px = seen.extras.centres_px[number]
        diameter_um = float(seen.extras.size_ratio[number]) * typical_um
        findings.append(
            BallFinding(f"extra {number + 1}", "extra", float(col_px), float(row_px), diameter_um, float("nan"))
        )
    return tuple(findings)
