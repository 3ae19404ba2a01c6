"""Where about a point a picture is most like a ball, drawn from its radial profile: a search without a good start.

It decides nothing: how alike is alike enough is for the caller.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.compiled import is_compiled, kernels
from vision.discs import BIN_PX
from vision.frame import ByteArray, FloatArray


def drawn_profile(profile: FloatArray, reach_px: float) -> NDArray[np.float32]:
    """The radial profile as a square picture, for correlation; its corners do not reach farther than the fit did: what
    lies beside a ball is not to speak."""
    half = max(2, round(reach_px / math.sqrt(2.0)))
    row, col = np.mgrid[-half : half + 1, -half : half + 1]
    radius = np.hypot(row, col)
    return np.asarray(np.interp(radius / BIN_PX, np.arange(len(profile)), profile), dtype=np.float32)


def best_places(
    pixels: ByteArray, starts_px: FloatArray, template: NDArray[np.float32], reach_px: float
) -> tuple[FloatArray, FloatArray]:
    """Where about every point the picture is most like the template, (n, 2), and how much, (n,); a point outside
    stays."""
    if is_compiled():
        found = np.empty((len(starts_px), 3))
        unit = template - template.mean()
        unit /= max(float(np.linalg.norm(unit)), 1e-9)
        kernels.best_places(pixels, np.ascontiguousarray(starts_px), unit, max(1, round(reach_px)), found)
        return found[:, :2], found[:, 2]
    places = [_best_place(pixels, at, template, reach_px) for at in starts_px]
    return np.array([at for at, _ in places]).reshape(-1, 2), np.array([match for _, match in places])


def _best_place(
    pixels: ByteArray, at_px: FloatArray, template: NDArray[np.float32], reach_px: float
) -> tuple[FloatArray, float]:
    """Where about a point the picture is most like the template, and how much; a point outside stays."""
    half, reach = template.shape[0] // 2, max(1, round(reach_px))
    col, row = round(float(at_px[0])), round(float(at_px[1]))
    top, left = max(row - half - reach, 0), max(col - half - reach, 0)
    window = pixels[top : row + half + reach + 1, left : col + half + reach + 1]
    if min(window.shape) < len(template):
        return at_px, -1.0
    match = cv2.matchTemplate(window.astype(np.float32), template, cv2.TM_CCOEFF_NORMED)
    best_row, best_col = np.unravel_index(int(np.argmax(match)), match.shape)
    best_px = np.array([left + half + best_col, top + half + best_row], dtype=np.float64)
    return best_px, float(match[best_row, best_col])
