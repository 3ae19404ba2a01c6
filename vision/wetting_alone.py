"""Material judged without a picture before the dip: what one picture can say, and no more.

A ball's own dry look is unknown here, so every ball is compared with the typical ball of its own picture, and its size
is read from its limb. Balls whose ring stands farther in than the typical one took more material, balls whose ring
stands farther out took less; what stands with the crowd is unsure, because a crowd may be wet or dry as a whole.
"""

from __future__ import annotations

import math

import numpy as np

from vision.frame import FloatArray, Frame
from vision.inspection import centres_px, inspect_package
from vision.maps import BallMap
from vision.profiles import STEP_PX, Profiles, ring_profiles, stretched
from vision.results import NAN, BallWetting, DippedFinding, WettingState
from vision.ring_move import fit_moves, least_squares
from vision.wetting import FULL_STRENGTH, MOVE_PER_STRENGTH, strength_tilt

REACH_RATIO = 1.35
LIMB_RATIOS = (0.82, 1.2)
"""Where the size of a ball is read, over its radius: clear of the ring, out to the ground beside it."""

LIMB_MOST = 0.05
"""No ball differs more in size from its neighbours without being deformed; a limb that says so is hidden by a rim."""

ALONE_SIGMA = 0.02
"""Scatter of the ring's place over the ball's own size: 0.003 to 0.018 on tuning pictures of two renderers, most where
the rim of the material hides the limb. In a pair of pictures dry balls scatter by less than a tenth of it."""

UNSURE_WITHIN_SIGMAS = 2.0
CONFIDENCE_MOST = 0.97
DECIDED_FROM = 0.9

WEAKER = "judged without a picture before the dip: weak films and evenly coated arrays cannot be told from dry ones"


def inspect_wet_alone(wet: Frame, ball_map: BallMap, *, scale_tolerance: float = 0.01) -> DippedFinding:
    """Find the array in one picture after the dip and say which balls took more or less than the typical one.

    returns   `reasons` always says that the dry picture is missing; balls near the typical one are "unsure" with
              probability 0.5, no probability goes beyond CONFIDENCE_MOST, coverage classes are not told apart
    raises    BadRequest
    """
    fix = inspect_package(wet, ball_map, scale_tolerance=scale_tolerance)
    if fix.status != "found" or fix.notes:
        return DippedFinding(fix, (), (), NAN, NAN, 0.0, (WEAKER, *fix.reasons, *fix.notes))
    at_px = centres_px(fix, ball_map)
    move = ring_places(wet, at_px, ball_map.radius_um)
    seen = np.isfinite(move)
    reach = (move - np.median(move[seen])) / ALONE_SIGMA if seen.any() else move
    wetting = []
    for name, value in zip(ball_map.names, reach.tolist()):
        probability = _probability(value) if math.isfinite(value) else 0.0
        state: WettingState = "unsure"
        if probability >= DECIDED_FROM:
            state = "wet"
        elif probability <= 1.0 - DECIDED_FROM:
            state = "dry"
        strength = max(value, 0.0) * ALONE_SIGMA / (MOVE_PER_STRENGTH * FULL_STRENGTH)
        wetting.append(BallWetting(name, state, probability, strength if math.isfinite(value) else 0.0))
    unsure = sum(ball.state == "unsure" for ball in wetting)
    reasons = (WEAKER, f"{unsure} of {ball_map.count} balls look like the typical one: wet or dry, unsure")
    tilt_x, tilt_y = strength_tilt(move / (MOVE_PER_STRENGTH * FULL_STRENGTH), ball_map)
    bridged = {ball.name for ball in fix.balls if ball.state == "bridged"}
    names = ball_map.names
    pairs = ((names[a], names[b]) for a, b in ball_map.neighbours)
    bridges = tuple(pair for pair in pairs if set(pair) <= bridged)
    return DippedFinding(
        fix, tuple(wetting), bridges, tilt_x, tilt_y, min(ball.probability_wet for ball in wetting), reasons
    )


def _probability(reach: float) -> float:
    """Of more material than the typical ball; even within the scatter of dry balls."""
    beyond = math.copysign(max(abs(reach) - UNSURE_WITHIN_SIGMAS, 0.0), reach)
    sure = 0.5 * (1.0 + math.erf(beyond / math.sqrt(2.0)))
    return min(max(sure, 1.0 - CONFIDENCE_MOST), CONFIDENCE_MOST)


def ring_places(frame: Frame, at_px: FloatArray, radius_um: float) -> FloatArray:
    """How much farther in the ring of every ball stands than that of the typical ball, share of its radius, after
    allowing for the ball's own size, (n,); NaN where a ball was not seen."""
    radius_px = radius_um / frame.um_per_px
    profiles = ring_profiles(frame, at_px, radius_px * REACH_RATIO)
    if not profiles.seen.any():
        return np.full(len(at_px), np.nan)
    typical = np.median(profiles.level[profiles.seen], axis=0)
    crowd = Profiles(np.tile(typical, (len(at_px), 1)), profiles.count, np.zeros_like(profiles.clipped), profiles.seen)
    ring = fit_moves(crowd, profiles, radius_px).move
    return np.where(profiles.seen, ring - _limb_moves(crowd, profiles, radius_px), np.nan)


def _limb_moves(crowd: Profiles, profiles: Profiles, radius_px: float) -> FloatArray:
    """How much smaller every ball is than the typical one, from its limb against the ground, (n,)."""
    radius = crowd.radius_px
    zone = (radius > LIMB_RATIOS[0] * radius_px) & (radius < LIMB_RATIOS[1] * radius_px)
    move = np.zeros(len(crowd.level))
    for _ in range(4):
        model = stretched(crowd.level, move)
        slope = np.gradient(model, STEP_PX, axis=1) * radius
        design = np.stack([model, np.ones_like(model), slope], axis=2)[:, zone]
        answer, _, _ = least_squares(design, profiles.count[:, zone], profiles.level[:, zone])
        move = np.clip(move + np.clip(answer[:, 2] / np.maximum(answer[:, 0], 0.2), -0.05, 0.05), -LIMB_MOST, LIMB_MOST)
    return np.asarray(move)
