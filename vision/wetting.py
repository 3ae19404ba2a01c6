"""Did each ball take material? The picture before the dip is compared with the picture after it, ball by ball.

The ring that a ring light makes on a ball is a mirror image, and what lies on the mirror moves it inwards. That move is
read as a common stretch of the ball's own dry profile, beside brightness, ground and focus of that ball, which are left
free: lamp, exposure, focus and a turned highlight can therefore not pass for material. Rings count by their photon
noise and by what the fit leaves over in this very pair of pictures. Nothing was trained on wet balls; only the scale of
the strength, and with it partial and excess, rests on the assumed optical effect (no dipped ball has been measured).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vision.frame import FloatArray, Frame
from vision.maps import BallMap
from vision.pose import fit_rigid
from vision.profiles import ring_profiles
from vision.results import BallWetting, WettingState
from vision.ring_move import fit_moves

REACH_RATIO = 1.25
"""Profiles are taken out to this many radii: the ground beside the ball tells how bright the picture is."""

MOVE_PER_STRENGTH = 0.25
"""Assumed: move of the ring, share of its radius, per unit of film strength."""

FULL_STRENGTH = 0.7
"""Strength of a fully coated ball: the strongest film of the optical study (estimate; a taught value is better)."""

DRY_ODDS_SHARE = 0.5
"""Share of dry balls that the probability takes for granted before it looks; the station's own rate is far lower."""

OUTLIER_SHARE = 0.002
OUTLIER_SIGMAS = 4.0
"""One dry ball in so many scatters so many times wider: dust, a scratch, a clipped highlight (estimate)."""

RING_GONE_RATIO = 0.35
"""Below this share of its former peak the place of the ring means nothing and its loss is read instead."""

WEAKER_PER_STRENGTH = 0.45
"""Assumed: fall of the logarithm of the ring's peak per unit of strength, for balls whose ring is nearly gone."""

CHANGE_LEAST = 0.09
"""Root mean square of what the fit leaves over, share of the peak, from which a ball has changed in a way that neither
light nor a full coat explains."""

RIM_LEAST_RATIO = 0.05
"""Rise of the rim of the material over the dry profile, share of the peak, from which its place is believed."""

PARTIAL_RIM_RATIO = 0.84
"""Rim nearer to the centre than this: the ball went in by less than 23 % of its diameter."""

PARTIAL_SHARE = 0.45
"""Strength against the typical wet ball of the same picture below which a ball is partial."""

PARTIAL_FULL_RATIO = 0.4
"""Strength against a full coat below which a ball is partial although no rim is seen: a dip too shallow for all."""

EXCESS_SHARE = 1.15
EXCESS_FULL_RATIO = 0.9
EXCESS_STRENGTH = 0.05
"""A ball carries too much above both ratios, to the typical ball and to a full coat, and by this much more than the
typical ball (limits of partial and excess: set with the simulator's own optics in view)."""

EXCESS_HALO_RATIO = 0.12
"""Rise outside the ball, share of the ring's peak, from which material stands beside it."""


SAME_PART_UM = 3.0
"""Balls of one part stand within this of each other in two pictures laid over each other, in the middle (0.1 um on
drawn pictures, 14 um for two parts whose balls scatter by 8 um; an estimate for uneven coats on real highlights)."""

SWAPPED_SIGMAS = 6.0
SWAPPED_SHARE = 0.3
"""So many balls whose ring stands so much farther out after the dip: no material does that."""


@dataclass(frozen=True, eq=False)
class WetReading:
    """Raw readings per ball, (n,); NaN where a ball was not seen in both pictures.

    move            inward move of the ring, share of its radius
    move_sigma      one standard deviation of the move of a dry ball
    strength        the move in units of the assumed effect, or the loss of the ring where it is nearly gone
    rim_ratio       rim of the material over the radius (NaN = not seen)
    halo_ratio      level rise outside the ball, share of the dry peak
    change_ratio    what the fit leaves over, root mean square, share of the dry peak
    """

    move: FloatArray
    move_sigma: FloatArray
    strength: FloatArray
    rim_ratio: FloatArray
    halo_ratio: FloatArray
    change_ratio: FloatArray


@dataclass(frozen=True, eq=False)
class WetJudgement:
    wetting: tuple[BallWetting, ...]
    tilt_x: float
    tilt_y: float
    worst_probability: float
    reasons: tuple[str, ...]
    """what makes the pair doubtful"""


def other_part(dry: Frame, dry_px: FloatArray, wet: Frame, wet_px: FloatArray) -> tuple[str, ...]:
    """Why the two pictures cannot show the same part: no two parts have their balls in the same places; empty when they
    may. A pair of two parts would read the difference of their balls as material."""
    both = np.isfinite(dry_px).all(axis=1) & np.isfinite(wet_px).all(axis=1)
    if int(both.sum()) < 4:
        return ("fewer than four balls were seen in both pictures",)
    fit = fit_rigid(dry.to_um(dry_px[both]), wet.to_um(wet_px[both]))
    apart_um = float(np.median(np.hypot(*fit.residual_um.T)))
    if apart_um <= SAME_PART_UM:
        return ()
    return (f"two pictures of different parts: their balls stand {apart_um:.1f} um apart, allowed {SAME_PART_UM:g} um",)


def read_pair(
    dry: Frame, dry_px: FloatArray, wet: Frame, wet_px: FloatArray, radius_um: float, *, scale_ratio: float = 1.0
) -> WetReading:
    """Compare the radial profiles of the same balls in two pictures.

    dry_px, wet_px   (n, 2) refined centres, same order; NaN where a ball was not seen
    scale_ratio      size of the array in the wet picture over that in the dry one: no move of a ring
    """
    radius_px = radius_um / dry.um_per_px
    before = ring_profiles(dry, dry_px, radius_px * REACH_RATIO)
    after = ring_profiles(wet, wet_px, radius_px * REACH_RATIO)
    seen = before.seen & after.seen
    fit = fit_moves(before, after, radius_px)
    radius = before.radius_px / radius_px
    outside = radius > 1.15
    with np.errstate(invalid="ignore", divide="ignore"):
        gains = after.level[:, outside].mean(axis=1) / np.maximum(before.level[:, outside].mean(axis=1), 1.0)
        gain = float(np.median(gains[seen])) if seen.any() else 1.0
        level = after.level / (gain if gain > 0.2 else 1.0)
        peak, wet_peak = _peak(before.level, radius), _peak(level, radius)
        move = fit.move + (scale_ratio - 1.0)
        lost = -np.log(wet_peak / peak) / WEAKER_PER_STRENGTH
        strength = np.where(
            wet_peak / peak < RING_GONE_RATIO, np.maximum(move / MOVE_PER_STRENGTH, lost), move / MOVE_PER_STRENGTH
        )
        rise = (level - before.level) / peak[:, None]
    readings = (move, fit.sigma, strength, _rim(rise, radius), rise[:, outside].mean(axis=1), fit.left_over / peak)
    return WetReading(*(np.where(seen, values, np.nan) for values in readings))


def _peak(level: FloatArray, radius: FloatArray) -> FloatArray:
    """Level of the bright ring."""
    zone = (radius > 0.10) & (radius < 0.9)
    return np.asarray(np.maximum(np.sort(level[:, zone], axis=1)[:, -2:].mean(axis=1), 1.0))


def _rim(rise: FloatArray, radius: FloatArray) -> FloatArray:
    """Place of the bright rim on the dark limb, over the radius; NaN where none stands out."""
    zone = np.flatnonzero((radius > 0.66) & (radius < 1.12))
    part = rise[:, zone]
    at = np.argmax(part, axis=1)
    rows = np.arange(len(part))
    inner = (at > 0) & (at < len(zone) - 1)
    peak = part[rows, at]
    before, after = part[rows, np.maximum(at - 1, 0)], part[rows, np.minimum(at + 1, len(zone) - 1)]
    vertex = np.clip(0.5 * (after - before) / np.maximum(2 * peak - before - after, 1e-6), -0.5, 0.5)
    place = radius[zone][at] + np.where(inner, vertex, 0.0) * (radius[1] - radius[0])
    return np.where((peak > RIM_LEAST_RATIO) & (at > 0), place, np.nan)


def judge_wetting(reading: WetReading, ball_map: BallMap, full_strength: float = FULL_STRENGTH) -> WetJudgement:
    """Verdict per ball from its own reading; the typical wet ball of the picture only tells partial from excess.

    A ball that was not seen in both pictures counts as dry: nothing shows that it took material.
    """
    seen = np.isfinite(reading.strength)
    strength = np.where(seen, reading.strength, 0.0)
    probability = wet_probability(reading.move, reading.move_sigma, MOVE_PER_STRENGTH * full_strength)
    with np.errstate(invalid="ignore"):
        # Gone or changed past what light does, but not moved: something is there, material or dirt.
        lost = seen & (strength > 2 * reading.move / MOVE_PER_STRENGTH) & (strength > PARTIAL_FULL_RATIO)
        changed = seen & ((reading.change_ratio > CHANGE_LEAST) | lost)
    probability = np.where(changed, np.maximum(probability, 0.5), probability)
    touched = probability >= 0.5
    typical = float(np.quantile(strength[touched], 0.6)) if touched.any() else full_strength
    wetting = []
    for site, name in enumerate(ball_map.names):
        ratio = float(max(strength[site], 0.0) / full_strength)
        most = max(EXCESS_SHARE * typical, EXCESS_FULL_RATIO * full_strength, typical + EXCESS_STRENGTH)
        state: WettingState = "dry"
        if touched[site]:
            state = _state(ratio, typical / full_strength, most / full_strength, reading, site)
        wetting.append(BallWetting(name, state, float(probability[site]), ratio))
    tilt_x, tilt_y = strength_tilt(np.where(seen, strength / full_strength, np.nan), ball_map)
    with np.errstate(invalid="ignore"):
        outward = int((reading.move < -SWAPPED_SIGMAS * reading.move_sigma).sum())
    reasons: tuple[str, ...] = ()
    if outward > SWAPPED_SHARE * ball_map.count:
        reasons = (f"the rings of {outward} balls moved outwards: are the pictures before and after swapped?",)
    return WetJudgement(tuple(wetting), tilt_x, tilt_y, float(probability.min()), reasons)


def _state(ratio: float, typical: float, most: float, reading: WetReading, site: int) -> WettingState:
    """Verdict on a ball that took material; ratio, typical and most in units of a full coat."""
    if reading.halo_ratio[site] > EXCESS_HALO_RATIO or ratio > most:
        return "excess"
    rim = float(reading.rim_ratio[site])
    too_shallow = rim < PARTIAL_RIM_RATIO if math.isfinite(rim) else ratio < PARTIAL_FULL_RATIO
    return "partial" if too_shallow or ratio < PARTIAL_SHARE * typical else "wet"


def strength_tilt(ratio: FloatArray, ball_map: BallMap) -> tuple[float, float]:
    """Plane through the strengths: change from the centre to the right and to the upper edge of the array."""
    seen = np.isfinite(ratio)
    half = np.abs(ball_map.xy_um).max(axis=0)
    if int(seen.sum()) < 8 or (half <= 0).any():
        return 0.0, 0.0
    design = np.column_stack([ball_map.xy_um[seen] / half, np.ones(int(seen.sum()))])
    answer = np.linalg.lstsq(design, ratio[seen], rcond=None)[0]
    return float(answer[0]), float(answer[1])


def wet_probability(move: FloatArray, sigma: FloatArray, full_move: float) -> FloatArray:
    """Probability of material when a dry ball moves by nothing and a wet one by anything up to a full coat's move.

    Bayes with DRY_ODDS_SHARE; a wet ball is as likely to be weakly as fully coated. NaN counts as dry.
    """
    reach = np.nan_to_num(move / sigma, nan=-9.0)
    width = np.nan_to_num(sigma, nan=1.0)
    wet = 0.5 * (1.0 + np.array([math.erf(value / math.sqrt(2.0)) for value in reach])) / full_move
    dry = (1 - OUTLIER_SHARE) * _bell(reach) + OUTLIER_SHARE * _bell(reach / OUTLIER_SIGMAS) / OUTLIER_SIGMAS
    odds = (1 - DRY_ODDS_SHARE) * wet / np.maximum(DRY_ODDS_SHARE * dry / width, 1e-300)
    return np.asarray(odds / (1.0 + odds))


def _bell(reach: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * np.minimum(reach**2, 1400.0)) / math.sqrt(2.0 * math.pi))
