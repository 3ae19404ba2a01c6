"""Exact radial profiles of balls: mean level over radius about the true sub-pixel centre, and what blur and size do to
such a profile.

It does not find balls and does not judge them. Levels are read about the centre itself and not about the nearest
third of a pixel: the difference of two pictures is smaller than what that would cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vision.frame import ByteArray, FloatArray, Frame

STEP_PX = 0.5
"""Radial resolution, well below any point spread of the optics."""

CLIPPED_LEVEL = 254
"""From here on a pixel may have been brighter than it says."""

BLUR_STEP_PX2 = 0.1
BLUR_STEPS = 45
"""Blurs are laid out at these steps of half the variance of the blur; between them a profile is interpolated."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """Levels at radius STEP_PX * index, one row per ball.

    level     (n, bins) mean level; 0 in rows whose window leaves the picture
    count     (n, bins) pixels that the mean is over
    clipped   (n, bins) share of those pixels at the upper end of the scale
    seen      (n,)
    """

    level: FloatArray
    count: FloatArray
    clipped: FloatArray
    seen: NDArray[np.bool_]

    @property
    def radius_px(self) -> FloatArray:
        return np.asarray(np.arange(self.level.shape[1]) * STEP_PX, dtype=np.float64)


def ring_profiles(frame: Frame, centres_px: FloatArray, reach_px: float) -> Profiles:
    """Mean level over radius, out to `reach_px`; a pixel is shared between the two nearest radii.

    centres_px   (n, 2) column, row; NaN where there is no ball
    """
    bins = int(reach_px / STEP_PX) + 1
    half = math.ceil(reach_px + STEP_PX)
    seen = np.asarray(np.isfinite(centres_px).all(axis=1))
    seen[seen] = frame.holds(np.round(centres_px[seen]), half)
    tables = np.zeros((3, len(centres_px), bins))
    rows = np.flatnonzero(seen)
    for start in range(0, len(rows), 256):  # in slices, so that memory stays small for thousands of balls
        some = rows[start : start + 256]
        tables[:, some] = _binned(frame.pixels, centres_px[some], half, bins)
    # No pixel may lie at the very centre: the innermost level is read together with the next one.
    tables[:, :, 0] += tables[:, :, 1]
    total, count, clipped = tables
    safe = np.maximum(count, 1e-6)
    return Profiles(total / safe, count, clipped / safe, seen)


def _binned(pixels: ByteArray, centres_px: FloatArray, half: int, bins: int) -> FloatArray:
    """Sum of levels, number of pixels and of clipped pixels at each radius, (3, n, bins)."""
    nearest = np.round(centres_px).astype(np.int64)
    span = np.arange(-half, half + 1)
    patch = pixels[(nearest[:, 1, None] + span)[:, :, None], (nearest[:, 0, None] + span)[:, None, :]]
    beside = (span + (nearest - centres_px)[:, :, None]).astype(np.float32)  # (n, 2, side)
    place = np.sqrt(beside[:, 0, None, :] ** 2 + beside[:, 1, :, None] ** 2) / np.float32(STEP_PX)
    count = len(centres_px)
    inside = place < bins
    ball = np.broadcast_to(np.arange(count)[:, None, None], place.shape)[inside]
    place, level = place[inside], patch[inside].astype(np.float64)
    low = place.astype(np.int64)
    upper = (place - low).astype(np.float64)
    at = np.concatenate([ball * (bins + 1) + low, ball * (bins + 1) + low + 1])
    share = np.concatenate([1.0 - upper, upper])
    tables = [
        np.bincount(at, share * np.concatenate([values, values]), count * (bins + 1)).reshape(count, bins + 1)[:, :bins]
        for values in (level, np.ones_like(level), (level >= CLIPPED_LEVEL).astype(np.float64))
    ]
    return np.stack(tables)


@lru_cache(maxsize=8)
def blur_operators(bins: int) -> FloatArray:
    """(BLUR_STEPS + 1, bins, bins): what a blur of half variance BLUR_STEP_PX2 * index makes of a profile, transposed.

    A two-dimensional blur is heat conduction; of a round profile it is the radial Laplace operator, taken in steps
    small enough to be stable. The outermost level is held.
    """
    place = np.maximum(np.arange(bins), 1)
    laplace = np.zeros((bins, bins))
    row = np.arange(1, bins - 1)
    laplace[row, row - 1] = 1.0 - 0.5 / place[row]
    laplace[row, row] = -2.0
    laplace[row, row + 1] = 1.0 + 0.5 / place[row]
    laplace[0, :2] = (-4.0, 4.0)
    once = np.eye(bins) + (BLUR_STEP_PX2 / 8 / STEP_PX**2) * laplace
    step = np.linalg.matrix_power(once, 8)
    operators = [np.eye(bins)]
    for _ in range(BLUR_STEPS):
        operators.append(step @ operators[-1])
    return np.stack([operator.T for operator in operators])


def blurred_stack(level: FloatArray) -> FloatArray:
    """Every profile at every step of blur, (BLUR_STEPS + 1, n, bins)."""
    return np.asarray(level @ blur_operators(level.shape[1]))


def blurred_alike(level: FloatArray, half_variance_px2: float) -> FloatArray:
    """Every profile at one blur, (n, bins): as `blurred`, without the stack."""
    operators = blur_operators(level.shape[1])
    place = min(max(half_variance_px2 / BLUR_STEP_PX2, 0.0), len(operators) - 1.001)
    low = int(place)
    upper = place - low
    return np.asarray((level @ operators[low]) * (1.0 - upper) + (level @ operators[low + 1]) * upper)


def blurred(stack: FloatArray, half_variance_px2: FloatArray) -> FloatArray:
    """Every profile at its own blur; negative values mean none. (n, bins)"""
    place = np.clip(half_variance_px2 / BLUR_STEP_PX2, 0.0, len(stack) - 1.001)
    low = place.astype(np.int64)
    upper = (place - low)[:, None]
    ball = np.arange(stack.shape[1])
    return np.asarray(stack[low, ball] * (1.0 - upper) + stack[low + 1, ball] * upper)


def stretched(level: FloatArray, inwards: FloatArray) -> FloatArray:
    """Every profile read at (1 + inwards) times its radius: what shone at 1 now shines at 1 / (1 + inwards).

    Cubic between the radii: a straight line would itself be a blur that changes with the stretch.
    """
    bins = level.shape[1]
    place = np.minimum(np.arange(bins) * (1.0 + inwards)[:, None], bins - 1.001)
    low = place.astype(np.int64)
    t = place - low
    slope = np.gradient(level, axis=1)
    ball = np.arange(len(level))[:, None]
    first, second = level[ball, low], level[ball, low + 1]
    step = second - first
    out = first + t * (slope[ball, low] + t * (3 * step - 2 * slope[ball, low] - slope[ball, low + 1]))
    return np.asarray(out + t**3 * (slope[ball, low] + slope[ball, low + 1] - 2 * step))
