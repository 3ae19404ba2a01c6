"""Where the whole array lies: coarse blobs, their lattice, and the turns and shifts under which the map fits them.

It works to about a pixel and does not judge single balls; the joint refinement and the verdicts come after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.errors import TooFewPoints
from vision.frame import FloatArray, Frame, thinned
from vision.maps import BallMap, nearest_within
from vision.pose import apply_pose, fit_similarity, turn_matrix, wrapped_deg
from vision.results import Pose

COARSE_RADIUS_PX = 5.0
"""Balls are searched on a copy where their radius is about this."""

COVERED_LEAST_RATIO = 0.5
"""A placement of the map must find this share of its sites among the blobs to be looked at further."""


@dataclass(frozen=True, slots=True)
class CoarsePose:
    """A pose good to about a pixel and the share of the map's sites that have a blob there."""

    pose: Pose
    covered_ratio: float


def bright_blobs(frame: Frame, ball_map: BallMap) -> FloatArray:
    """Centres of bright things of ball size, (n, 2) um: light above the substrate, summed over a ball."""
    radius_px = ball_map.radius_um / frame.um_per_px
    factor = max(1, round(radius_px / COARSE_RADIUS_PX))
    small = thinned(frame.pixels, factor)
    ground, peak = _ground_and_peak(small, ball_map, frame.um_per_px * factor)
    if peak - ground < 12:
        return np.empty((0, 2))
    lit = cv2.subtract(small, np.full(1, ground + 0.35 * (peak - ground)))
    kernel = 2 * max(1, round(0.6 * radius_px / factor)) + 1
    summed = cv2.boxFilter(lit, cv2.CV_32F, (kernel, kernel), normalize=False)
    summed = cv2.blur(summed, (3, 3))
    reach = 2 * max(1, round(0.4 * ball_map.pitch_um / frame.um_per_px / factor)) + 1
    highest = cv2.dilate(summed, np.ones((reach, reach), dtype=np.uint8))
    row, col = np.nonzero((summed >= highest) & (summed > 0))
    if len(row) == 0:
        return np.empty((0, 2))
    strength = summed[row, col]
    typical = float(np.median(np.sort(strength)[-ball_map.count :]))
    good = strength > 0.35 * typical
    inner = (row > 0) & (row < summed.shape[0] - 1) & (col > 0) & (col < summed.shape[1] - 1)
    row, col = row[good & inner], col[good & inner]
    if len(row) > 6 * ball_map.count + 200:
        return np.empty((0, 2))
    col_px = (col + _vertex(summed[row, col - 1], summed[row, col], summed[row, col + 1])) * factor
    row_px = (row + _vertex(summed[row - 1, col], summed[row, col], summed[row + 1, col])) * factor
    return frame.to_um(np.column_stack([col_px, row_px]))


def _ground_and_peak(small: NDArray[np.uint8], ball_map: BallMap, um_per_px: float) -> tuple[float, float]:
    """Level of the surroundings and of the bright part of the balls; a fifth of every ball counts as bright."""
    sample = small[::2, ::2]
    cumulative = np.cumsum(np.bincount(sample.ravel(), minlength=256)) / sample.size
    bright_share = 0.2 * ball_map.count * math.pi * (ball_map.radius_um / um_per_px) ** 2 / small.size
    peak = int(np.searchsorted(cumulative, 1.0 - 0.4 * min(bright_share, 0.5)))
    array_share = min(0.9, 4.0 * ball_map.reach_um**2 / um_per_px**2 / small.size)
    ground = int(np.searchsorted(cumulative, 1.0 - max(0.4 * array_share, 1.5 * min(bright_share, 0.4))))
    return float(ground), float(peak)


def _vertex(before: NDArray[np.float32], at: NDArray[np.float32], after: NDArray[np.float32]) -> FloatArray:
    bend = 2 * at - before - after
    return np.asarray(np.clip(0.5 * (after - before) / np.maximum(bend, 1e-6), -0.5, 0.5), dtype=np.float64)


def placed_on_lattice(blobs_um: FloatArray, ball_map: BallMap, scale_tolerance: float) -> CoarsePose | None:
    """The shift and quarter turn under which most sites of the map have a blob; None where no lattice is seen."""
    pitch_um = ball_map.pitch_um
    theta_deg = _lattice_angle(blobs_um, pitch_um)
    if theta_deg is None:
        return None
    steps = blobs_um @ turn_matrix(theta_deg) / pitch_um  # turned back by theta
    phase = _phase(steps)
    index = np.round(steps - phase).astype(int)
    on_lattice = np.hypot(*(steps - phase - index).T) < 0.3
    if int(on_lattice.sum()) < 0.3 * ball_map.count:
        return None
    best: tuple[float, Pose] | None = None
    for quarter in range(4):
        if quarter and (ball_map.turned_onto[quarter] >= 0).all():
            continue  # the same array again: which turn it is cannot be seen from the balls
        placed = _best_shift(index[on_lattice], ball_map, quarter)
        if placed is None:
            continue
        score, model_um, member = placed
        if best is not None and score <= best[0] + 0.5:
            continue
        pose = _refined(model_um, blobs_um[on_lattice][member], scale_tolerance)
        if pose is not None:
            best = score, pose
    if best is None:
        return None
    score, pose = best
    covered = float((nearest_within(apply_pose(pose, ball_map.xy_um), blobs_um, 0.3 * pitch_um) >= 0).mean())
    return CoarsePose(pose, covered) if covered >= COVERED_LEAST_RATIO else None


def _lattice_angle(blobs_um: FloatArray, pitch_um: float) -> float | None:
    """Direction of the rows modulo 90 deg, in (-45, 45], from vectors between neighbours one pitch apart."""
    vectors = []
    for start in range(0, len(blobs_um), 256):
        delta = blobs_um[None, :, :] - blobs_um[start : start + 256, None, :]
        length = np.hypot(delta[..., 0], delta[..., 1])
        vectors.append(delta[np.abs(length - pitch_um) < 0.12 * pitch_um])
    pairs = np.concatenate(vectors)
    if len(pairs) < 12:
        return None
    angle_deg = np.degrees(np.arctan2(pairs[:, 1], pairs[:, 0])) % 90.0
    counts = np.bincount(angle_deg.astype(int) % 90, minlength=90)
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    mode_deg = float(np.argmax(smooth)) + 0.5
    off_deg = (angle_deg - mode_deg + 45.0) % 90.0 - 45.0
    for _ in range(3):
        near = np.abs(off_deg) < 6.0
        if int(near.sum()) < 12:
            return None
        mean = float(np.mean(off_deg[near]))
        off_deg, mode_deg = off_deg - mean, mode_deg + mean
    return (mode_deg + 45.0) % 90.0 - 45.0


def _phase(steps: FloatArray) -> FloatArray:
    """Common fraction of the lattice coordinates, by circular mode and then mean of those near it."""
    phase = np.empty(2)
    for axis in range(2):
        values = steps[:, axis]
        counts = np.bincount(((values % 1.0) * 20).astype(int) % 20, minlength=20)
        smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
        mode = (float(np.argmax(smooth)) + 0.5) / 20
        for _ in range(3):
            off = values - mode - np.round(values - mode)
            near = np.abs(off) < 0.25
            mode += float(np.mean(off[near])) if near.any() else 0.0
        phase[axis] = mode
    return phase


def _best_shift(
    index: NDArray[np.int64], ball_map: BallMap, quarter: int
) -> tuple[float, FloatArray, NDArray[np.bool_]] | None:
    """Integer shift under which the turned map covers most blobs: score, map sites of the blobs, blobs that have one.

    The score counts blobs on sites less blobs on lattice places inside the array where nothing belongs.
    """
    turn = np.array([[1, 0, -1, 0][quarter], [0, 1, 0, -1][quarter]])
    first_um = ball_map.xy_um[0]
    local = np.round((ball_map.xy_um - first_um) / ball_map.pitch_um).astype(int)
    cos, sin = int(turn[0]), int(turn[1])
    turned = np.column_stack([cos * local[:, 0] - sin * local[:, 1], sin * local[:, 0] + cos * local[:, 1]])
    low_map, low_seen = turned.min(axis=0), index.min(axis=0)
    map_size, seen_size = np.ptp(turned, axis=0) + 1, np.ptp(index, axis=0) + 1
    if (seen_size > 200).any():
        return None
    weight = np.full(tuple(map_size), -1.0)
    weight[tuple((turned - low_map).T)] = 1.0
    seen = np.zeros(tuple(seen_size))
    seen[tuple((index - low_seen).T)] = 1.0
    shape = tuple(int(size) for size in map_size + seen_size)
    votes = np.fft.irfft2(np.fft.rfft2(seen, shape) * np.conj(np.fft.rfft2(weight, shape)), shape)
    peak = np.array(np.unravel_index(int(np.argmax(votes)), votes.shape))
    shift = np.where(peak < seen_size, peak, peak - np.array(shape))
    site_of = {(int(x), int(y)): site for site, (x, y) in enumerate(turned - low_map + shift + low_seen)}
    member = np.array([(int(x), int(y)) in site_of for x, y in index])
    sites = [site_of[int(x), int(y)] for x, y in index[member]]
    return float(votes.max()), ball_map.xy_um[sites], member


def _refined(model_um: FloatArray, seen_um: FloatArray, scale_tolerance: float) -> Pose | None:
    if len(model_um) < 6:
        return None
    try:
        fit = fit_similarity(model_um, seen_um, reject_ratio=4.0)
    except TooFewPoints:
        return None
    scale = math.hypot(fit.matrix[0, 0], fit.matrix[1, 0])
    if abs(scale - 1.0) > scale_tolerance:
        return None
    theta_deg = math.degrees(math.atan2(fit.matrix[1, 0], fit.matrix[0, 0]))
    return Pose(float(fit.offset_um[0]), float(fit.offset_um[1]), wrapped_deg(theta_deg))
