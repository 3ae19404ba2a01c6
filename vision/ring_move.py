"""How far the bright ring of every ball moved inwards between two pictures, and how sure that is.

The ring is the mirror image of the ring light. Its move is read as a common stretch of the ball's own profile, beside
brightness, ground and focus of that ball, which are left free: lamp, exposure, focus and a turned highlight can
therefore not pass for a move. Rings count by their photon noise and by what the fit leaves over in this very pair of
pictures. What a move means is not decided here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vision.frame import FloatArray
from vision.profiles import BLUR_STEP_PX2, BLUR_STEPS, STEP_PX, Profiles, blurred, blurred_stack, stretched

FIT_REACH_RATIO = 0.85
"""The stretch is read within this many radii; farther out rim, limb and substrate have their say."""

NOISE_PER_LEVEL = 0.03
NOISE_FLOOR = 0.15
"""Variance of a pixel of one picture, grey levels squared: photons per level, then read noise and rounding. Only the
ratio of bright to dark rings matters; the size is taken from what the fit leaves over."""

MOVE_SIGMA_FLOOR = 0.0004
"""Added to every claim: height of the balls under the lamp (20 um at 25 mm move the ring by 0.0003), shape of single
balls. Set so that claims match on the tuning pictures of two renderers, so neither is an independent check of it."""

MOVE_SIGMA_PER_PX2 = 0.0006
"""And per half variance of the blur between the two pictures, beyond what the fit explains (from tuning pictures of one
renderer with focus changed by up to 1.8 px)."""

MOVES = np.arange(-0.20, 0.41, 0.02)
CALM_PX2 = 0.25
"""Both profiles are blurred by this half variance first: the slopes of a noisy profile pull a fit towards whatever
makes it smoother."""

ROUNDS = 12
SETTLED = 2e-5
MOVE_RANGE = (-0.25, 0.45)


@dataclass(frozen=True, eq=False)
class MoveFit:
    """Per ball, (n,): inward move of the profile, its sigma for an unchanged ball, half variance of the blur that came
    on, and root mean square of what is left over, grey levels."""

    move: FloatArray
    sigma: FloatArray
    blur_px2: FloatArray
    left_over: FloatArray


def fit_moves(before: Profiles, after: Profiles, radius_px: float) -> MoveFit:
    """Gauss-Newton per ball: after = brightness * stretched(blurred(before)) + ground.

    Whichever of the two profiles is the sharper is blurred, so that no profile is ever sharpened. The start is the best
    of MOVES without blur: a ring that moved by more than its own width is out of reach of a slope.
    """
    radius = before.radius_px
    zone = (radius >= 1.0) & (radius <= FIT_REACH_RATIO * radius_px)
    noise = NOISE_PER_LEVEL * (before.level + after.level) + 2 * NOISE_FLOOR
    clear = (before.clipped < 0.01) & (after.clipped < 0.01) & (before.count > 0)
    weight = np.where(clear[:, zone], (before.count / noise)[:, zone], 0.0)
    move, blur = _coarse_move(before.level, after.level, zone, weight), np.zeros(len(weight))
    sharp, soft = blurred_stack(before.level), blurred_stack(after.level)
    for _ in range(ROUNDS):
        came_on, was_on = np.maximum(blur, 0.0) + CALM_PX2, np.maximum(-blur, 0.0) + CALM_PX2
        model = stretched(blurred(sharp, came_on), move)
        slope = np.gradient(model, STEP_PX, axis=1) * radius / (1.0 + move)[:, None]
        bend = blurred(sharp, came_on + BLUR_STEP_PX2) - blurred(sharp, came_on - BLUR_STEP_PX2)
        bend = stretched(bend / (2 * BLUR_STEP_PX2), move)
        design = np.stack([model, np.ones_like(model), slope, bend], axis=2)[:, zone]
        answer, solver, left = least_squares(design, weight, blurred(soft, was_on)[:, zone])
        step = answer[:, 2:] / np.maximum(answer[:, :1], 0.1)
        move = np.clip(move + np.clip(step[:, 0], -0.03, 0.03), *MOVE_RANGE)
        most = (BLUR_STEPS - 2) * BLUR_STEP_PX2 - CALM_PX2
        blur = np.clip(blur + np.clip(step[:, 1], -0.8, 0.8), -most, most)
        if float(np.quantile(np.abs(step[:, 0]), 0.98)) < SETTLED:
            break
    unexplained = left - np.median(left, axis=0)  # what all balls share is light, or material on all of them
    spread = noise / np.maximum(before.count, 1e-6)
    sigma = _move_sigma(design, solver, weight, spread, unexplained, zone) / np.maximum(answer[:, 0], 0.1)
    floor = np.hypot(MOVE_SIGMA_FLOOR, MOVE_SIGMA_PER_PX2 * blur)
    return MoveFit(move, np.hypot(sigma, floor), blur, np.sqrt((left**2).mean(axis=1)))


def _move_sigma(
    design: FloatArray, solver: FloatArray, weight: FloatArray, spread: FloatArray, left: FloatArray,
    zone: NDArray[np.bool_],
) -> FloatArray:  # fmt: skip
    """Sigma of the third answer for noise of this `spread` per ring before the calming blur, its size taken from what
    the fits of this pair leave over, (n,)."""
    calm = blurred_stack(np.eye(spread.shape[1])[:, zone].T)  # which rings each calmed ring is made of
    share = blurred(calm, np.full(int(zone.sum()), CALM_PX2))
    noise = (share * spread[:, None, :]) @ share.T
    remainder = np.eye(share.shape[0]) - design @ solver
    expected = (weight * np.einsum("nij,nij->ni", remainder @ noise, remainder)).sum(axis=1)
    usable = expected > 1e-6
    if not usable.any():
        return np.full(len(design), math.inf)
    size = (weight * left**2).sum(axis=1) / np.where(usable, expected, 1.0)
    size = np.maximum(size, float(np.quantile(size[usable], 0.25)))
    row = solver[:, 2:3]
    variance = np.where(usable, (row @ noise @ row.transpose(0, 2, 1))[:, 0, 0], math.inf)
    return np.asarray(np.sqrt(size * variance))


def _coarse_move(before: FloatArray, after: FloatArray, zone: NDArray[np.bool_], weight: FloatArray) -> FloatArray:
    """The best of MOVES for every ball, brightness and ground left free, (n,)."""
    model = np.einsum("nb,mbz->mnz", before, _coarse_operators(before.shape[1])[:, :, zone], optimize=True)
    wanted = after[:, zone]
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    model = model - (share * model).sum(axis=2, keepdims=True)
    wanted = wanted - (share * wanted).sum(axis=1, keepdims=True)
    size = np.maximum((share * model**2).sum(axis=2), 1e-12)
    gain = (share * model * wanted).sum(axis=2) / size
    left = (share * wanted**2).sum(axis=1) - gain**2 * size
    return np.asarray(MOVES[np.argmin(left / np.maximum(gain, 0.05) ** 2, axis=0)])


@lru_cache(maxsize=8)
def _coarse_operators(bins: int) -> FloatArray:
    """(moves, bins, bins): what each of MOVES makes of a profile, transposed."""
    return np.stack([stretched(np.eye(bins), np.full(bins, move)) for move in MOVES])


def least_squares(
    design: FloatArray, weight: FloatArray, wanted: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted fit per ball: answers (n, m), the solver that makes them from what is wanted (n, m, rings),
    and what is left over (n, rings)."""
    weighted = (design * weight[:, :, None]).transpose(0, 2, 1)
    normal = weighted @ design
    width = design.shape[2]
    size = np.maximum(np.einsum("nii->ni", normal), 1e-12)
    normal[:, np.arange(width), np.arange(width)] = size * (1 + 1e-9) + 1e-9
    covariance = np.linalg.inv(normal)
    solver = covariance @ weighted
    answer = (solver @ wanted[:, :, None])[:, :, 0]
    left = wanted - (design @ answer[:, :, None])[:, :, 0]
    return answer, solver, np.where(weight > 0, left, 0.0)
