"""Where balls may be: two coarse looks at a whole picture, a fast one and one that a busy substrate does not mislead.

Both give places good to a pixel or two and judge nothing; what makes an array of them is found in `vision.lattice`.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.arithmetic import median
from vision.compiled import is_compiled, kernels
from vision.frame import ByteArray, FloatArray, Frame, thinned, thinned_levels
from vision.maps import BallMap

QUICK_RADIUS_PX = 3.3
COARSE_RADIUS_PX = 4.0
"""Balls are searched on copies where their radius is about this, in the fast look and in the thorough one."""

FINE_RADIUS_PX = 6.0

RING_REACH_RATIO = 0.7
"""Half the side of the ring's square: its corners must not reach the ground, which on a heavy substrate or about weak
balls is brighter than the ring (a square about the whole ball finds 66 % of the balls there, this one 99.9 %)."""

RING_RATIO = 0.5
RING_WIDTH_RATIO = 0.16
"""Ring light at 50 to 72 deg from the axis is mirrored at 0.42 to 0.59 of the radius; the copy widens it."""

RING_MATCH_LEAST = 0.35
"""Correlation with the plain ring below which nothing is proposed (estimate; copper traces reach 0.6)."""

LEVELS_STEP = 3
"""Of the copy, every so manieth row and column tell the levels of ground and balls."""

SUMMITS_MOST = 4_000
"""Room for so many at first."""

COPY_PIXELS_MOST = 6_000_000
"""The copy that the thorough look searches is thinned at least to this: four looks at 40 million pixels of noise took
up to 8 s without it. Pictures of 5 million, whatever their balls, are not touched by it."""

CANDIDATES_PER_BALL = 3.0
"""So many places per ball of the map, and 100 more, are looked at; the strongest first."""


def bright_blobs(frame: Frame, ball_map: BallMap) -> FloatArray:
    """Fast look: light above the substrate, summed over a ball; (n, 2) um, empty where there is no contrast."""
    radius_px = ball_map.radius_um / frame.um_per_px
    factor = max(1, round(radius_px / QUICK_RADIUS_PX))
    um_per_px = frame.um_per_px * factor
    small, counts = thinned_levels(frame.pixels, factor, LEVELS_STEP)
    ground, peak = _ground_and_peak(counts, small.size, ball_map, um_per_px)
    if peak - ground < 12:
        return np.empty((0, 2))
    dark = round(ground + 0.35 * (peak - ground))
    half = max(1, round(0.6 * radius_px / factor))
    places, strength = _summits(small, dark, half, ball_map, um_per_px)
    if len(places) == 0:
        return np.empty((0, 2))
    strong = strength > 0.35 * median(np.sort(strength)[-ball_map.count :])
    places = _strongest(places[strong], strength[strong], ball_map)
    return frame.to_um(places * factor)


def ring_blobs(frame: Frame, ball_map: BallMap, coarse_radius_px: float = COARSE_RADIUS_PX) -> FloatArray:
    """Thorough look: correlation with the bright ring of a ball, blind to brightness; (n, 2) um.

    Buried copper is as bright as a ball but no ring; costs several times as much as `bright_blobs`.
    """
    radius_px = ball_map.radius_um / frame.um_per_px
    bound = math.ceil(math.sqrt(frame.pixels.size / COPY_PIXELS_MOST))
    factor = max(bound, round(radius_px / coarse_radius_px))
    small = thinned(frame.pixels, factor)
    ring = _drawn_ring(radius_px / factor)
    if min(small.shape) <= ring.shape[0] + 2:
        return np.empty((0, 2))
    match = np.nan_to_num(cv2.matchTemplate(small, ring, cv2.TM_CCOEFF_NORMED), nan=0.0, posinf=0.0, neginf=0.0)
    places, strength = _peaks(match, ball_map, frame.um_per_px * factor, RING_MATCH_LEAST)
    places = _strongest(places, strength, ball_map) + ring.shape[0] // 2
    return frame.to_um(places * factor)


def _drawn_ring(radius_px: float) -> NDArray[np.uint8]:
    half = max(2, round(RING_REACH_RATIO * radius_px))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    width = max(RING_WIDTH_RATIO * radius_px, 0.7)
    level = np.exp(-0.5 * ((np.hypot(x, y) - RING_RATIO * radius_px) / width) ** 2)
    return np.asarray(np.round(20 + 200 * level), dtype=np.uint8)


def fine_ring_blobs(frame: Frame, ball_map: BallMap) -> FloatArray:
    """The same on a finer copy: rings of weak balls, no brighter than the ground about them; twice the cost."""
    return ring_blobs(frame, ball_map, FINE_RADIUS_PX)


def _strongest(places: FloatArray, strength: FloatArray, ball_map: BallMap) -> FloatArray:
    most = int(CANDIDATES_PER_BALL * ball_map.count) + 100
    return places if len(places) <= most else places[np.argsort(-strength, kind="stable")[:most]]


def _peaks(answer: NDArray[Any], ball_map: BallMap, um_per_px: float, least: float) -> tuple[FloatArray, FloatArray]:
    """Highest places about 0.8 pitches apart: column, row (n, 2) to a fraction of a pixel, and their strength (n,)."""
    reach = 2 * _reach(ball_map, um_per_px) + 1
    highest = cv2.dilate(answer, np.ones((reach, reach), dtype=np.uint8))
    top = cv2.bitwise_and(cv2.compare(answer, highest, cv2.CMP_EQ), cv2.compare(answer, np.full(1, least), cv2.CMP_GT))
    top[[0, -1], :] = 0
    top[:, [0, -1]] = 0
    if cv2.countNonZero(top) == 0:
        return np.empty((0, 2)), np.empty(0)
    found = np.asarray(cv2.findNonZero(top), dtype=np.int64).reshape(-1, 2)
    col, row = found[:, 0], found[:, 1]
    at = answer[row, col].astype(np.float64)
    col_px = col + _vertex(answer[row, col - 1], at, answer[row, col + 1])
    row_px = row + _vertex(answer[row - 1, col], at, answer[row + 1, col])
    return np.column_stack([col_px, row_px]), at


def _reach(ball_map: BallMap, um_per_px: float) -> int:
    """A peak is the highest so far each way, px."""
    return max(1, round(0.4 * ball_map.pitch_um / um_per_px))


def _summits(
    small: ByteArray, dark: int, half: int, ball_map: BallMap, um_per_px: float
) -> tuple[FloatArray, FloatArray]:
    """Peaks of the light above the level `dark`, summed over a square of side 2 half + 1.

    Two sums over a square are nearly round, and their top is not flat; 16 bits hold 255 * 7 * 7 with room to spare.
    """
    if is_compiled():
        found = np.empty((SUMMITS_MOST, 3))
        reach = _reach(ball_map, um_per_px)
        count = kernels.summits(small, dark, half, reach, found)
        if count > len(found):
            found = np.empty((count, 3))
            kernels.summits(small, dark, half, reach, found)
        return found[:count, :2], found[:count, 2]
    kernel = (2 * half + 1, 2 * half + 1)
    summed = cv2.blur(
        cv2.boxFilter(cv2.subtract(small, np.full(1, float(dark))), cv2.CV_16U, kernel, normalize=False), (3, 3)
    )
    return _peaks(np.asarray(summed), ball_map, um_per_px, 0.0)


def _ground_and_peak(counts: NDArray[np.int64], size: int, ball_map: BallMap, um_per_px: float) -> tuple[float, float]:
    """Level of the surroundings and of the bright part of the balls; a fifth of every ball counts as bright.

    counts   (256,) of a sample of the picture; size: its pixels
    """
    cumulative = np.cumsum(counts) / counts.sum()
    bright_share = 0.2 * ball_map.count * math.pi * (ball_map.radius_um / um_per_px) ** 2 / size
    peak = int(np.searchsorted(cumulative, 1.0 - 0.4 * min(bright_share, 0.5)))
    array_share = min(0.9, 4.0 * ball_map.reach_um**2 / um_per_px**2 / size)
    ground = int(np.searchsorted(cumulative, 1.0 - max(0.4 * array_share, 1.5 * min(bright_share, 0.4))))
    return float(ground), float(peak)


def _vertex(before: NDArray[Any], at: FloatArray, after: NDArray[Any]) -> FloatArray:
    """Top of the parabola through three neighbours, -0.5 to 0.5 from the middle one."""
    one, two = before.astype(np.float64), after.astype(np.float64)
    return np.asarray(np.clip(0.5 * (two - one) / np.maximum(2 * at - one - two, 1e-6), -0.5, 0.5))
