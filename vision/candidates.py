"""Places that may hold a fiducial mark, by correlation with the plain mark on a shrunk copy of the picture.

It proposes only: texture alone correlates well too, so every place has its rim checked in `vision.rim`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.frame import ByteArray, FloatArray
from vision.marks import Shape, template

COARSE_HALF_PX = 5.0
"""Half size of the mark on the coarse picture, at least."""

MATCH_LEAST = 0.5
"""Board texture alone reaches 0.82 (30 synthetic boards): a threshold on the correlation decides nothing."""

CONTRAST_LEAST = 4.0
"""Grey levels between mark and surroundings on the coarse picture."""

WEAKEST_RATIO = 0.65
"""Places that match less well than this, against the best, are not looked at."""

LIKENESS_HALF_PX = 12.0
"""Half size of a mark on the grid where shapes are told apart."""

CANDIDATES_MOST = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place in the whole picture, column and row."""

    x_px: float
    y_px: float
    match: float
    contrast: float
    """signed grey levels, positive = bright mark"""

    part_ratio: float


def mark_candidates(
    pixels: ByteArray, half_px: float, shape: Shape, ratios: tuple[float, ...], at_px: FloatArray, search_px: float
) -> list[Candidate]:
    """Places that correlate with the mark in either polarity, best first, apart by at least its half size.

    The coarse picture goes on beyond its border, so that a mark cut by it is seen and can be named.

    ratios      part ratios to try
    at_px       (2,) column and row of the expected place; places within search_px per axis are looked at
    """
    halvings = max(0, int(math.log2(half_px / COARSE_HALF_PX)))
    factor = 1 << halvings
    rows, cols = pixels.shape
    reach = search_px + 1.5 * half_px + 2 * factor
    left, top = max(0, int(at_px[0] - reach)) // factor * factor, max(0, int(at_px[1] - reach)) // factor * factor
    right, bottom = min(cols, int(at_px[0] + reach) + 2), min(rows, int(at_px[1] + reach) + 2)
    if right - left < 4 * factor or bottom - top < 4 * factor:
        return []
    small = pixels[top:bottom, left:right]
    for _ in range(halvings):  # by two at a time OpenCV is seven times faster than at once
        even = small[: small.shape[0] // 2 * 2, : small.shape[1] // 2 * 2]
        small = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    found: list[Candidate] = []
    for ratio in ratios:
        found += _peaks(small, half_px / factor, shape, ratio)
    found.sort(key=lambda one: -one.match)
    apart: list[Candidate] = []
    for one in found:
        x_px = left + one.x_px * factor + (factor - 1) / 2
        y_px = top + one.y_px * factor + (factor - 1) / 2
        if all(math.hypot(x_px - two.x_px, y_px - two.y_px) > half_px for two in apart):
            apart.append(Candidate(x_px, y_px, one.match, one.contrast, one.part_ratio))
    return apart[:CANDIDATES_MOST]


def likeness(
    pixels: ByteArray, x_px: float, y_px: float, half_px: float, marks: tuple[tuple[Shape, float], ...]
) -> FloatArray:
    """Correlation of what stands at a place with each plain mark (shape, part ratio), 0 to 1, (marks,).

    Every n-th pixel is looked at; beyond its border the picture goes on as it ends.
    """
    step = max(1.0, half_px / LIKENESS_HALF_PX)
    plain = _plain_marks(half_px / step, marks)
    reach = (math.isqrt(plain.shape[1]) - 1) // 2
    at = np.arange(-reach, reach + 1) * step
    rows = np.clip(np.rint(y_px + at), 0, pixels.shape[0] - 1).astype(np.int64)
    cols = np.clip(np.rint(x_px + at), 0, pixels.shape[1] - 1).astype(np.int64)
    level = pixels[rows[:, None], cols].astype(np.float32).ravel()
    level -= level.mean()
    return np.asarray(np.abs(plain @ level) / math.sqrt(max(float(level @ level), 1e-9)), dtype=np.float64)


@lru_cache(maxsize=16)
def _plain_marks(half_px: float, marks: tuple[tuple[Shape, float], ...]) -> NDArray[np.float32]:
    covers = np.stack([template(shape, half_px, ratio).ravel() for shape, ratio in marks])
    covers -= covers.mean(axis=1, keepdims=True)
    return np.asarray(covers / np.linalg.norm(covers, axis=1, keepdims=True), dtype=np.float32)


def _peaks(small: ByteArray, half_px: float, shape: Shape, ratio: float) -> list[Candidate]:
    """Best matches on the coarse picture, in its own pixels."""
    cover = template(shape, half_px, ratio)
    pad = cover.shape[0] // 2
    framed = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    match = cv2.matchTemplate(framed, np.round(200 * cover + 20).astype(np.uint8), cv2.TM_CCOEFF_NORMED)
    strength = np.nan_to_num(np.abs(match), copy=False, posinf=0.0)  # an even grey correlates with nothing
    step = _step_weights(shape, half_px, ratio)
    clear = max(1, round(half_px))
    found: list[Candidate] = []
    least = MATCH_LEAST
    for _ in range(CANDIDATES_MOST):
        _, best, _, (col, row) = cv2.minMaxLoc(strength)
        if best < least:
            break
        contrast = float(np.vdot(step, framed[row : row + 2 * pad + 1, col : col + 2 * pad + 1]))
        if abs(contrast) >= CONTRAST_LEAST and contrast * float(match[row, col]) > 0:
            x_px = col + _vertex(strength[row, max(0, col - 1) : col + 2])
            y_px = row + _vertex(strength[max(0, row - 1) : row + 2, col])
            found.append(Candidate(x_px, y_px, best, contrast, ratio))
            least = max(least, WEAKEST_RATIO * found[0].match)
        strength[max(0, row - clear) : row + clear + 1, max(0, col - clear) : col + clear + 1] = 0.0
    return found


@lru_cache(maxsize=64)
def _step_weights(shape: Shape, half_px: float, ratio: float) -> NDArray[np.float32]:
    """What gives the mean level of the mark over that of its surroundings."""
    cover = template(shape, half_px, ratio)
    inner, outer = cover > 0.9, cover < 0.02
    return np.asarray(inner / max(int(inner.sum()), 1) - outer / int(outer.sum()), dtype=np.float32)


def _vertex(three: FloatArray) -> float:
    """Top of the parabola through three neighbours, from the middle one; 0 at the border."""
    if len(three) < 3:
        return 0.0
    before, peak, after = (float(value) for value in three)
    bend = 2 * peak - before - after
    return 0.5 * (after - before) / bend if bend > 1e-6 else 0.0
