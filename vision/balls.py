"""The verdict on every ball: there or not, its size and shape, joined to its neighbour, or where none belongs.

It starts from a pose good to a pixel; which quarter turn the part has is decided elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vision.arithmetic import least_squares, median, quantiles
from vision.best_place import best_places, drawn_profile
from vision.compiled import is_compiled, kernels
from vision.crushed import rounded
from vision.discs import BIN_PX, DiscFit, fit_discs, placed_beside_ground
from vision.errors import TooFewPoints
from vision.frame import ByteArray, FloatArray, Frame
from vision.lattice import CoarsePose
from vision.maps import BallMap, nearest_within
from vision.one_sided import edge_width_px
from vision.pose import RigidFit, apply_pose, fit_rigid, turn_matrix

BALL_REACH_RATIO = 0.85
"""Window of the fit over the ball radius; farther out the substrate leaks in and costs a factor of four."""

FLAT_REACH_RATIO = 1.3
"""Balls whose face shows nothing (evenly lit, or dark before a bright ground) are located by their rim."""

SOFT_RATIO = 0.27
SOFT_REACH_RATIO = 0.95
"""Edges wider than this share of the radius mix ball and ground anyway: then the window reaches nearly to the rim and
the ground is solved for, which brings the defocused pose from 2.3 to 1.6 times the noise bound."""

WIDE_REACH_RATIO, WIDE_LEAST_RATIO = 1.3, 1.25
PITCH_CLEAR_RATIO = 0.9
"""Whole balls of such pictures are placed once more within a window beyond their rims, ground and all, where their
neighbours leave room for it: 1.5 times the bound become 1.4."""

MATCH_LEAST = 0.70
"""Correlation with the learned profile below which there is no ball; on synthetic
pictures 135 pads reached 0.60 and 1,473 balls stayed above 0.93."""

AMPLITUDE_LEAST = 0.4
"""Brightness against a ball in the light of that place below which it is a reflection or a pad."""

WEAK_AMPLITUDE = 0.6
WEAK_MATCH_LEAST = 0.80
WEAK_LIKE_RATIO = 0.96
"""What is weaker than the first in the light of its place must match better, and as well as the typical ball but for
this: where few pixels show a ball, bare lands reach an amplitude of 0.54 and, in soft pictures, 0.95 of its match (12
to 20 um/px, measured). Sound balls in fields that lose 30 to 80 % stay above 0.72 (7,198, measured)."""

LIGHT_TOLD_BY_LEAST = 12
"""Fewer balls tell nothing of the light across the picture."""

PLACES_MOST = 16
"""Places that only other turns would fill are looked at twice where they are so few that a turn may hang on one."""

BARE_MATCH = 0.45
"""Likeness to a ball at the likest place about a dim site below which the site is bare: bare ones reach 0.2 to 0.41,
on a heavy substrate 0.48, balls that the first look lost 0.96 and more (23 pictures)."""

WRECK_AMPLITUDE = 0.5
WRECK_MATCH = 0.50
"""Balls pressed to 60 to 80 % of their width reach 0.5 to 0.9."""

UNCLEAR_MATCH = 0.60
UNCLEAR_AMPLITUDE = 0.2
"""Above both but no ball: something stands there that may be one, dirty or deformed."""

UNLIKE_RATIO = 0.85
"""Against the match of the typical ball: dirt on a bare site reached 0.71, the worst 2 balls of 100 stay over 0.96."""

PLAIN_RATIO = 0.25
"""Change of level up to 0.55 radii over that of the whole face: 0.35 on a matt ball, more on a shiny one (computed)."""

STRAY_RATIO = 0.35
"""Share of the pitch beyond which a ball does not belong to its site."""

SCALE_SPREAD = 0.06
"""Width of the range in which the size of a part may lie before it is measured, ratio (estimate)."""

GAPS_WITHOUT_BRIDGE = 0.98
"""Share of the gaps that are taken as free of bridges; where more are bridged they must be brighter to be named."""

NECK_OVER_GROUND = 0.35
"""And share of the level between the balls: beside weak balls copper would pass for a bridge (estimate)."""

WAY_STEPS = 7
"""Points looked at on the way from one ball to its neighbour."""

CLEAR_RATIO = 1.18
"""Ball radii from a centre: clear of the dark limb and its blur."""

NECK_RATIO = 0.18
"""Share of the balls' contrast that the darkest point between two balls must rise for a bridge (estimate)."""


@dataclass(frozen=True, eq=False)
class ArraySeen:
    """The array as seen, under one naming of its sites.

    all_turns   refined discs at every place of `BallMap.all_turns_um`: the sites, then what other turns would fill
    present     (site_count,)
    fit         rigid fit over the present balls
    blobs_um    (n, 2) bright things of ball size anywhere in the picture
    """

    all_turns: DiscFit
    present: NDArray[np.bool_]
    fit: RigidFit
    blobs_um: FloatArray

    @cached_property
    def discs(self) -> DiscFit:
        """One row per site."""
        return self.all_turns.picked(slice(len(self.present)))


def see_array(
    frame: Frame,
    ball_map: BallMap,
    coarse: CoarsePose,
    blobs_um: FloatArray,
    known_profile: FloatArray | None = None,
    *,
    may_be_flat: bool = False,
) -> ArraySeen | None:
    """Refine every site of the map from a pose good to a pixel; None when fewer than four balls are there.

    blobs_um        (n, 2) bright things of ball size anywhere; those away from all sites are judged as extra balls
    known_profile   another look that a ball of this part may have: a dry ball among wet ones
    may_be_flat     balls may be plain discs of their full size; bright ones are bare lands, not balls
    """
    radius_px = coarse.scale_ratio * ball_map.radius_um / frame.um_per_px
    expected_um = apply_pose(coarse.pose, coarse.scale_ratio * ball_map.all_turns_um)
    nearest = nearest_within(expected_um, blobs_um, STRAY_RATIO * ball_map.pitch_um)
    start_px = frame.to_px(np.where(nearest[:, None] >= 0, blobs_um[nearest], expected_um))
    stray_px = STRAY_RATIO * ball_map.pitch_um / frame.um_per_px
    discs = fit_discs(frame.pixels, start_px, radius_px, reach_ratio=BALL_REACH_RATIO)
    if may_be_flat and looks_like_ball(discs)[: ball_map.count].mean() < 0.5:
        reach_ratio = min(FLAT_REACH_RATIO, ball_map.pitch_um / ball_map.radius_um - 1.05)
        flat = fit_discs(frame.pixels, start_px, radius_px, reach_ratio=max(reach_ratio, 1.05))
        if looks_like_ball(flat).sum() > looks_like_ball(discs).sum():
            discs = flat
    if discs.reach_ratio < 1 and edge_width_px(discs.profile) > SOFT_RATIO * radius_px:
        again_px, reach_ratio = discs.centres_px, SOFT_REACH_RATIO
        discs = fit_discs(frame.pixels, again_px, radius_px, reach_ratio=reach_ratio, rounds=2, ground_shows=True)
    doubtful = discs.seen & ~(looks_like_ball(discs) & (discs.match > 0.85))
    if len(doubtful) - ball_map.count > PLACES_MOST:
        doubtful[ball_map.count :] = False
    if doubtful.any() and not doubtful.all():
        sites_px = frame.to_px(expected_um)  # from the blob beside a ball the ball itself may be out of reach
        discs = _looked_again(frame.pixels, sites_px, discs, doubtful, discs.profile, radius_px, stray_px)
        doubtful &= ~looks_like_ball(discs)
        if known_profile is not None and doubtful.any():
            discs = _looked_again(frame.pixels, sites_px, discs, doubtful, known_profile, radius_px, stray_px)
    if discs.reach_ratio < 1:
        on_sites = np.arange(len(discs.seen)) < ball_map.count
        discs = rounded(frame.pixels, discs, on_sites & (looks_like_ball(discs) | is_wreck(discs)), radius_px)
    if discs.reach_ratio == SOFT_REACH_RATIO:
        whole = looks_like_ball(discs) & (discs.match > 0.85)
        wide_px = min(WIDE_REACH_RATIO * radius_px, PITCH_CLEAR_RATIO * ball_map.pitch_um / frame.um_per_px - radius_px)
        if wide_px > WIDE_LEAST_RATIO * radius_px:
            discs = placed_beside_ground(frame.pixels, discs, whole, radius_px, wide_px)
    return named(frame, ball_map, discs, blobs_um)


def named(frame: Frame, ball_map: BallMap, all_turns: DiscFit, blobs_um: FloatArray) -> ArraySeen | None:
    """The fit over the balls that stand on the sites, the places of `all_turns` being those of the map in its order."""
    discs = all_turns.picked(slice(ball_map.count))
    present = looks_like_ball(discs)
    seen_um = frame.to_um(discs.centres_px)
    sigma_um = discs.sigmas_px * frame.um_per_px
    for is_last in (False, True):
        if int(present.sum()) < 4:
            return None
        try:
            fit = _frame_of(ball_map.xy_um[present], seen_um[present], sigma_um[present])
        except TooFewPoints:
            return None
        strayed = np.hypot(*(seen_um - fit.apply(ball_map.xy_um)).T) > STRAY_RATIO * ball_map.pitch_um
        if is_last or not (strayed & present).any():
            break
        present = present & ~strayed
    common_um = all_turns.common_sigma_px * frame.um_per_px
    fit = replace(fit, covariance=fit.covariance + np.diag([*common_um**2, 0.0]))
    return ArraySeen(all_turns, present, fit, blobs_um)


def _frame_of(model_um: FloatArray, seen_um: FloatArray, sigma_um: FloatArray) -> RigidFit:
    """Rigid frame of the balls. Their size is the drawing's unless another is likelier, as far as the balls scatter;
    what stays open of it moves the origin of a map that lies beside the middle of its balls."""
    fit = fit_rigid(model_um, seen_um, sigma_um=sigma_um)
    middle_um = model_um[fit.used].mean(axis=0)
    spread2_um2 = float(((model_um[fit.used] - middle_um) ** 2).sum())
    off = fit.scale_ratio - 1.0
    scatter_um = math.sqrt(max(fit.rms_um**2 - off**2 * spread2_um2 / (2 * int(fit.used.sum())), 0.0))
    sigma = max(scatter_um, 1e-6) / math.sqrt(spread2_um2)
    likelihood = math.exp(-0.5 * min((off / sigma) ** 2, 1e3)) / (math.sqrt(2 * math.pi) * sigma)
    drawn = likelihood / (likelihood + 1.0 / SCALE_SPREAD)  # probability that the size is the drawing's
    if drawn < 0.5:
        fit = fit_rigid(model_um, seen_um, sigma_um=sigma_um, held_scale=fit.scale_ratio)
    variance = (1.0 - drawn) * sigma**2 + (drawn if drawn < 0.5 else 1.0 - drawn) * off**2
    lever_um = turn_matrix(fit.theta_deg) @ middle_um
    covariance = fit.covariance.copy()
    covariance[:2, :2] += variance * np.outer(lever_um, lever_um)
    return replace(fit, covariance=covariance)


def edge_width_um(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> float:
    """Width of the steepest edge on the typical ball: how sharp the picture is."""
    reach_ratio = seen.all_turns.reach_ratio if seen.all_turns.reach_ratio > 1 else BALL_REACH_RATIO
    knots = round(reach_ratio * ball_map.radius_um / frame.um_per_px / BIN_PX) + 1
    return edge_width_px(seen.all_turns.profile[:knots]) * frame.um_per_px


def shows_plain_discs(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> bool:
    """Whether the typical thing of the array is an even disc smaller than a ball, as a bare land is: level to more than
    half a ball's radius, all of its fall at its rim."""
    face = seen.all_turns.profile[: round(BALL_REACH_RATIO * ball_map.radius_um / frame.um_per_px / BIN_PX) + 1]
    middle = face[: round(len(face) * 0.55 / BALL_REACH_RATIO)]
    return float(np.ptp(middle)) < PLAIN_RATIO * float(np.ptp(face))


def turned_array(frame: Frame, ball_map: BallMap, seen: ArraySeen, quarter_turns: int) -> ArraySeen | None:
    """The same balls under the names that they have after so many quarter turns."""
    if quarter_turns % 4 == 0:
        return seen
    return named(frame, ball_map, seen.all_turns.picked(ball_map.turned_rows[quarter_turns % 4]), seen.blobs_um)


def looks_like_ball(discs: DiscFit, others: DiscFit | None = None) -> NDArray[np.bool_]:
    """others: balls to compare with, where they are not among `discs`"""
    known = discs if others is None else others
    with np.errstate(invalid="ignore"):
        strong = known.seen & (known.match > MATCH_LEAST) & (known.amplitude > WEAK_AMPLITUDE)
        typical = median(known.match[strong]) if strong.any() else 0.0
        weak_least = max(WEAK_MATCH_LEAST, WEAK_LIKE_RATIO * typical)
        ball = discs.seen & (discs.match > weak_least) & (discs.amplitude > WEAK_AMPLITUDE)
        doubtful = np.flatnonzero(discs.seen & (discs.match > MATCH_LEAST) & ~ball)
    if len(doubtful):
        amplitude, match = discs.amplitude[doubtful], discs.match[doubtful]
        if (
            np.count_nonzero(strong) >= LIGHT_TOLD_BY_LEAST
        ):  # a bare land in full light is as bright as a ball in the dim
            light = _field(known.centres_px[strong], known.amplitude[strong], discs.centres_px[doubtful])
            amplitude = amplitude / np.maximum(light, AMPLITUDE_LEAST)
        match_least = np.where(amplitude > WEAK_AMPLITUDE, MATCH_LEAST, weak_least)
        ball[doubtful] = (match > match_least) & (amplitude > AMPLITUDE_LEAST)
    return ball


def unlike_others(discs: DiscFit, ball: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Balls far less like the profile than the typical one of their picture: crushed, dirty, or dirt in their place."""
    if not ball.any():
        return ball
    with np.errstate(invalid="ignore"):
        return np.asarray(ball & (discs.match < UNLIKE_RATIO * median(discs.match[ball])))


def is_wreck(discs: DiscFit) -> NDArray[np.bool_]:
    """As bright as a ball and half like one: crushed out of shape, or dirt on its site; never a bare land."""
    with np.errstate(invalid="ignore"):
        return np.asarray(discs.seen & (discs.match > WRECK_MATCH) & (discs.amplitude > WRECK_AMPLITUDE))


def may_be_ball(discs: DiscFit) -> NDArray[np.bool_]:
    """Balls, and things that cannot be told from a dirty or deformed one."""
    with np.errstate(invalid="ignore"):
        return np.asarray(discs.seen & (discs.match > UNCLEAR_MATCH) & (discs.amplitude > UNCLEAR_AMPLITUDE))


def _looked_again(
    pixels: ByteArray, start_px: FloatArray, discs: DiscFit, doubtful: NDArray[np.bool_], profile: FloatArray,
    radius_px: float, reach_px: float,
) -> DiscFit:  # fmt: skip
    """Second look at sites that do not match: a ball with this profile is searched in the whole neighbourhood."""
    template = drawn_profile(profile, discs.reach_ratio * radius_px)
    sites = np.flatnonzero(doubtful)
    starts, likeness = best_places(pixels, start_px[sites], template, reach_px)
    with np.errstate(invalid="ignore"):
        is_worth_it = (likeness > BARE_MATCH) | (discs.amplitude[sites] > WRECK_AMPLITUDE)
    sites, starts = sites[is_worth_it], starts[is_worth_it]
    if len(sites) == 0:  # bare sites: nowhere about them is anything like a ball
        return discs
    again = fit_discs(
        pixels, starts, radius_px, reach_ratio=discs.reach_ratio, profile=profile, rounds=4,
        ground_shows=discs.reach_ratio == SOFT_REACH_RATIO,
    )  # fmt: skip
    with np.errstate(invalid="ignore"):
        better = again.seen & (again.match > discs.match[sites])
    return discs.replaced(sites, again, better)


def dry_profile(frame: Frame, centres_px: FloatArray, ball_map: BallMap) -> FloatArray:
    """Mean profile of balls at known places, for `see_array(known_profile=...)`."""
    radius_px = ball_map.radius_um / frame.um_per_px
    return fit_discs(frame.pixels, centres_px, radius_px, reach_ratio=BALL_REACH_RATIO, rounds=1).profile


def gap_levels(frame: Frame, centres_px: FloatArray, ball_map: BallMap) -> FloatArray:
    """Darkest level on the straight way between the rims of every pair of neighbours, (pair_count,)."""
    pairs = ball_map.neighbours
    radius_px = ball_map.radius_um / frame.um_per_px
    if is_compiled():
        darkest = np.empty(len(pairs))
        kernels.gap_levels(frame.pixels, centres_px, pairs, CLEAR_RATIO * radius_px, WAY_STEPS, darkest)
        return darkest
    first, second = centres_px[pairs[:, 0]], centres_px[pairs[:, 1]]
    span = np.hypot(*(second - first).T)
    along = (second - first) / np.maximum(span, 1e-6)[:, None]
    across = np.column_stack([-along[:, 1], along[:, 0]])
    low = np.minimum(CLEAR_RATIO * radius_px, 0.42 * span)
    way = low[:, None] + (span - 2.0 * low)[:, None] * np.linspace(0.0, 1.0, WAY_STEPS)
    points = first[:, None, None, :] + way[:, :, None, None] * along[:, None, None, :]
    points = points + np.array([-1.5, 0.0, 1.5])[:, None] * across[:, None, None, :]  # (pairs, steps, 3, 2)
    cols, rows = frame.size_px
    cell = np.rint(points).astype(np.int64)
    np.clip(cell, 0, (cols - 1, rows - 1), out=cell)
    levels = frame.pixels[cell[..., 1], cell[..., 0]]
    return np.asarray(levels.sum(axis=2, dtype=np.int64).min(axis=1) / 3.0)


def bridged_pairs(frame: Frame, seen: ArraySeen, ball_map: BallMap) -> list[tuple[int, int]]:
    """Pairs of neighbours joined by something bright."""
    centres_px, (first, second) = seen.discs.centres_px, ball_map.neighbours.T
    levels = gap_levels(frame, centres_px, ball_map)
    both = seen.present[first] & seen.present[second]
    if int(both.sum()) < 4:
        return []
    ground = quantiles(levels[both], (0.5,))[0]
    least = max(NECK_RATIO * float(np.ptp(seen.all_turns.profile)), NECK_OVER_GROUND * ground)
    middles_px = 0.5 * (centres_px[first] + centres_px[second])
    above = levels - _field(middles_px[both], levels[both], middles_px)
    # Copper of the substrate passes between balls as well: a bridge stands out from the brightest few gaps.
    typical, usual, brightest = quantiles(above[both], (0.5, 0.84, GAPS_WITHOUT_BRIDGE))
    spread = float(usual - typical)
    clear = max(least, 1.5 * spread)
    bridged = both & (above > min(brightest + clear, typical + max(3.0 * clear, 6.0 * spread)))
    return [(a, b) for a, b in ball_map.neighbours[bridged].tolist()]


def _field(at_px: FloatArray, levels: FloatArray, asked_px: FloatArray) -> FloatArray:
    """Level that the light alone would make at the places asked for, as a plane through the levels elsewhere; (n,)."""
    middle_px = at_px.mean(axis=0)
    plane = least_squares(np.column_stack([at_px - middle_px, np.ones(len(at_px))]), levels)
    return np.asarray((asked_px - middle_px) @ plane[:2] + plane[2])
