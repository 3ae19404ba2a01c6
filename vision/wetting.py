"""Did each ball take material? The picture before the dip is compared with the picture after it, ball by ball.

Material moves the bright ring of a ball inwards, weakens and widens it, and leaves a bright rim where it ends. The
optical effect is an assumption (no dipped ball has been measured). Dry against wet was learned on synthetic pairs of
the tests, film strengths 0.1 to 0.8, with exposure, focus, tilt and re-grip changing between the two pictures. The
limits of partial and excess against a full coat, and the full coat itself, were set with the simulator's own optics in
view: agreement with that simulator is therefore no proof of them. Uniform
brightness is never used: it changes with lamp and exposure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.discs import ring_levels
from vision.frame import FloatArray, Frame
from vision.maps import BallMap
from vision.results import BallWetting, WettingState

RINGS = 32
REACH_RATIO = 1.25
"""Mean levels are taken in this many rings out to this many radii about the refined centre."""

INWARDS_PER_STRENGTH = 0.26
"""Inward move of the ring, share of its own radius, per unit of film strength (learned; a dry ball scatters 0.002)."""

WEAKER_PER_STRENGTH = 0.45
"""Fall of the logarithm of the ring's peak per unit of strength, for balls whose ring is nearly gone."""

RING_GONE_RATIO = 0.35
"""Below this share of its former peak the place of the ring means nothing and its loss is read instead."""

FULL_STRENGTH = 0.7
"""Strength of a fully coated ball: the strongest film of the optical study (estimate; a taught value is better)."""

TOUCHED_STRENGTH = 0.055
TOUCHED_SPREAD = 0.006
"""As likely wet as dry at this strength; logistic width. On synthetic pairs dry balls reached 0.040 and films of 0.1
started at 0.085 (536 balls each)."""

CHANGE_LEAST = 0.09
"""Root mean square change of the profile, share of its peak, that shows contact even where the ring has not moved."""

RIM_LEAST_RATIO = 0.05
"""Rise of the rim of the material over the dry profile, share of the peak, from which its place is believed."""

PARTIAL_RIM_RATIO = 0.84
"""Rim nearer to the centre than this: the ball went in by less than 23 % of its diameter."""

PARTIAL_SHARE = 0.45
"""Strength against the typical wet ball of the same picture below which a ball is partial."""

PARTIAL_FULL_RATIO = 0.3
"""Strength against a full coat below which a ball is partial although no rim is seen: a dip too shallow for all."""

EXCESS_SHARE = 1.15
EXCESS_FULL_RATIO = 0.9
EXCESS_STRENGTH = 0.05
"""A ball carries too much above both ratios, to the typical ball and to a full coat, and by this much more than the
typical ball: five times the scatter of a reading."""

EXCESS_HALO_RATIO = 0.12
"""Rise outside the ball, share of the ring's peak, from which material stands beside it."""


@dataclass(frozen=True, eq=False)
class WetReading:
    """Raw readings per ball, (n,): strength of the film effect, rim of the material over the radius (NaN = not seen),
    level rise outside the ball and change of the whole profile, both as a share of the dry peak."""

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


def read_pair(dry: Frame, dry_px: FloatArray, wet: Frame, wet_px: FloatArray, radius_um: float) -> WetReading:
    """Compare the radial profiles of the same balls in two pictures.

    dry_px, wet_px   (n, 2) refined centres, same order; NaN where a ball was not seen
    """
    radius = (np.arange(RINGS) + 0.5) / RINGS * REACH_RATIO
    before = ring_levels(dry.pixels, dry_px, radius_um / dry.um_per_px, RINGS, REACH_RATIO)
    after = ring_levels(wet.pixels, wet_px, radius_um / wet.um_per_px, RINGS, REACH_RATIO)
    outside = radius > 1.15
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = float(np.nanmedian(after[:, outside].mean(axis=1) / np.maximum(before[:, outside].mean(axis=1), 1.0)))
        after = after / (gain if math.isfinite(gain) and gain > 0.2 else 1.0)
        peak, place = _ring(before, radius)
        wet_peak, wet_place = _ring(after, radius)
        moved = (1.0 - wet_place / place) / INWARDS_PER_STRENGTH
        weaker = -np.log(np.maximum(wet_peak, 1.0) / peak) / WEAKER_PER_STRENGTH
        strength = np.where(wet_peak / peak < RING_GONE_RATIO, np.maximum(moved, weaker), moved)
        rise = (after - before) / peak[:, None]
        ball = radius < 1.1
        change = np.sqrt((_shape_change(before, after, ball) ** 2).mean(axis=1)) / peak
        return WetReading(strength, _rim(rise, radius), rise[:, outside].mean(axis=1), change)


def _ring(levels: FloatArray, radius: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Peak level of the bright ring and its mean radius, from what stands above 40 % of the peak."""
    zone = (radius > 0.10) & (radius < 0.9)
    levels = levels[:, zone]
    peak = np.sort(levels, axis=1)[:, -2:].mean(axis=1)
    weight = np.maximum(levels - 0.4 * peak[:, None], 0.0)
    return np.maximum(peak, 1.0), (weight * radius[zone]).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)


def _shape_change(before: FloatArray, after: FloatArray, ball: NDArray[np.bool_]) -> FloatArray:
    """Difference of the profiles after scaling the dry one to the wet one: a turned highlight is no material."""
    one, two = before[:, ball], after[:, ball]
    scale = (one * two).sum(axis=1) / np.maximum((one * one).sum(axis=1), 1e-9)
    return np.asarray(two - scale[:, None] * one)


def _rim(rise: FloatArray, radius: FloatArray) -> FloatArray:
    """Place of the bright rim on the dark limb, over the radius; NaN where none stands out."""
    zone = np.flatnonzero((radius > 0.66) & (radius < 1.12))
    part = np.nan_to_num(rise[:, zone], nan=-1.0)
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
    with np.errstate(over="ignore", invalid="ignore"):
        probability = 1.0 / (1.0 + np.exp(-(strength - TOUCHED_STRENGTH) / TOUCHED_SPREAD))
        touched = seen & ((strength > TOUCHED_STRENGTH) | (reading.change_ratio > CHANGE_LEAST))
    probability = np.where(touched & (strength <= TOUCHED_STRENGTH), 0.5, np.where(seen, probability, 0.0))
    typical = float(np.quantile(strength[touched], 0.6)) if touched.any() else full_strength
    wetting = []
    for site, name in enumerate(ball_map.names):
        ratio = float(max(strength[site], 0.0) / full_strength)
        most = max(EXCESS_SHARE * typical, EXCESS_FULL_RATIO * full_strength, typical + EXCESS_STRENGTH)
        state: WettingState = "dry"
        if touched[site]:
            state = _state(ratio, typical / full_strength, most / full_strength, reading, site)
        wetting.append(BallWetting(name, state, float(probability[site]), ratio))
    tilt_x, tilt_y = _tilt(np.where(seen, strength / full_strength, np.nan), ball_map)
    return WetJudgement(tuple(wetting), tilt_x, tilt_y, float(probability.min()))


def _state(ratio: float, typical: float, most: float, reading: WetReading, site: int) -> WettingState:
    """Verdict on a ball that took material; ratio, typical and most in units of a full coat."""
    if reading.halo_ratio[site] > EXCESS_HALO_RATIO or ratio > most:
        return "excess"
    rim = float(reading.rim_ratio[site])
    too_shallow = rim < PARTIAL_RIM_RATIO if math.isfinite(rim) else ratio < PARTIAL_FULL_RATIO
    return "partial" if too_shallow or ratio < PARTIAL_SHARE * typical else "wet"


def _tilt(ratio: FloatArray, ball_map: BallMap) -> tuple[float, float]:
    """Plane through the strengths: change from the centre to the right and to the upper edge of the array."""
    seen = np.isfinite(ratio)
    half = np.abs(ball_map.xy_um).max(axis=0)
    if int(seen.sum()) < 8 or (half <= 0).any():
        return 0.0, 0.0
    design = np.column_stack([ball_map.xy_um[seen] / half, np.ones(int(seen.sum()))])
    answer = np.linalg.lstsq(design, ratio[seen], rcond=None)[0]
    return float(answer[0]), float(answer[1])
