"""Material that stands between two balls after a dip and joins them, seen against the picture before the dip.

It looks at the gaps only; what lies on the balls is judged elsewhere. Material may be brighter or darker than the
substrate that it covers, so a change of either sign counts.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.frame import FloatArray, Frame
from vision.maps import BallMap

CHANGE_LEAST = 6.0
"""Grey levels that the whole way from ball to ball must have changed (estimate: four times the grain of a
substrate)."""

CHANGE_SIGMAS = 6.0
"""And so many times the scatter of all gaps of this pair of pictures."""

CLEAR_RATIO = 1.18
"""The way begins this many radii from a centre, clear of the limb and its blur."""

STEPS = 9
SIDES_PX = (-1.5, 0.0, 1.5)


def material_bridges(
    dry: Frame, dry_px: FloatArray, wet: Frame, wet_px: FloatArray, ball_map: BallMap
) -> list[tuple[int, int]]:
    """Pairs of neighbours joined by material, as indices of their sites.

    dry_px, wet_px   (n, 2) refined centres; NaN where a ball was not seen: its pairs are not judged
    """
    pairs = ball_map.neighbours
    known = np.asarray(np.isfinite(dry_px).all(axis=1) & np.isfinite(wet_px).all(axis=1))
    pairs = pairs[known[pairs].all(axis=1)]
    if len(pairs) < 4:
        return []
    before, after = _ways(dry, dry_px, pairs, ball_map), _ways(wet, wet_px, pairs, ball_map)
    gain = float(np.median(after.sum(axis=1) / np.maximum(before.sum(axis=1), 1.0)))
    change = after / max(gain, 0.2) - before
    # Joined from rim to rim: the least change of the way counts, on the side on which all of it lies.
    joined = np.where((change > 0).all(axis=1) | (change < 0).all(axis=1), np.abs(change).min(axis=1), 0.0)
    typical = change.mean(axis=1)
    scatter = 1.4826 * float(np.median(np.abs(typical - np.median(typical))))
    bridged = joined > max(CHANGE_LEAST, CHANGE_SIGMAS * scatter)
    return [(int(a), int(b)) for a, b in pairs[bridged]]


def _ways(frame: Frame, centres_px: FloatArray, pairs: NDArray[np.int64], ball_map: BallMap) -> FloatArray:
    """Levels along the straight way between the rims of every pair, mean over its width, (pairs, STEPS)."""
    first, second = centres_px[pairs[:, 0]], centres_px[pairs[:, 1]]
    span = np.hypot(*(second - first).T)
    along = (second - first) / np.maximum(span, 1e-6)[:, None]
    low = np.minimum(CLEAR_RATIO * ball_map.radius_um / frame.um_per_px, 0.42 * span)
    way = low[:, None] + (span - 2 * low)[:, None] * np.linspace(0.0, 1.0, STEPS)
    across = np.column_stack([-along[:, 1], along[:, 0]])
    middle = first[:, None, :] + way[..., None] * along[:, None, :]
    points = middle[:, :, None, :] + np.array(SIDES_PX)[:, None] * across[:, None, None, :]
    flat = points.reshape(len(pairs), -1, 2).astype(np.float32)
    levels = cv2.remap(
        frame.pixels.astype(np.float32), flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(levels.reshape(len(pairs), STEPS, len(SIDES_PX)).mean(axis=2), dtype=np.float64)
