"""Where the whole array lies: the lattice of coarse blobs, and the turns and shifts under which the map fits them.

It works to about a pixel and does not judge single balls; the joint refinement and the verdicts come after.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vision.arithmetic import median
from vision.compiled import is_compiled, kernels
from vision.frame import FloatArray
from vision.maps import BallMap, nearest_within, quarter_turned
from vision.pose import apply_pose, turn_matrix, wrapped_deg
from vision.results import Pose

COVERED_LEAST_RATIO = 0.5
"""A placement of the map must find this share of its sites among the blobs to be looked at further."""

NEAR_RATIO = 0.3
"""Share of the pitch within which a blob stands on its place in the lattice."""

STARTS_MOST = 64
"""Neighbours of so many blobs, evenly chosen, tell direction and pitch of the lattice."""

PAIR_REJECT_RATIO, PAIR_LEAST_UM = 4.0, 1e-3
"""Pairs farther off than so many middle distances, and than this, are no pairs."""
PAIRS_LEAST, PAIR_ROUNDS_MOST = 6, 4

SIDE_MOST_STEPS = 400
"""A lattice with more steps across than this was made of noise."""


BITS = 64
"""Lattices and maps with no more places a side are laid over each other bit by bit."""

SMOOTH: list[int] = sorted(2**a * 3**b for a in range(12) for b in range(3))

STEPS = ((0, 0), *((right, up) for right in range(-2, 3) for up in range(-2, 3) if right or up))
STEPS_MOST = 6
"""Whole pitches, right and up, by which a placement may be off at once, and how often it is moved."""

Placed = tuple[Pose, float]
"""Pose and size against the drawing."""


@dataclass(frozen=True, slots=True)
class CoarsePose:
    """A pose good to about a pixel, the size against the drawing, and the share of the sites that have a blob there."""

    pose: Pose
    scale_ratio: float
    covered_ratio: float


def placed_on_lattice(blobs_um: FloatArray, ball_map: BallMap, scale_tolerance: float) -> CoarsePose | None:
    """The shift and quarter turn under which most sites of the map have a blob; None where no lattice is seen."""
    index, on_lattice = _places(blobs_um, ball_map.pitch_um)
    if int(on_lattice.sum()) < 0.3 * ball_map.count or int(np.ptp(index, axis=0).max()) > SIDE_MOST_STEPS:
        return None
    placed = _best_shift(index[on_lattice], ball_map)
    if placed is None:
        return None
    site, member = placed
    settled = through_pairs(ball_map.xy_um[site], blobs_um[on_lattice][member], scale_tolerance)
    return None if settled is None else covered(settled, blobs_um, ball_map)


def _places(blobs_um: FloatArray, pitch_um: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Lattice place of every blob, (n, 2), and which stand on one; none does where no rows are seen."""
    index, is_on = np.zeros((len(blobs_um), 2), dtype=np.int64), np.zeros(len(blobs_um), dtype=bool)
    if is_compiled():
        every = math.ceil(len(blobs_um) / STARTS_MOST)
        kernels.lattice_places(blobs_um, pitch_um, max(every, 1), NEAR_RATIO, index, is_on)
        return index, is_on
    rows = _rows(blobs_um, pitch_um)
    if rows is None:
        return index, is_on
    theta_deg, seen_um = rows
    steps = blobs_um @ turn_matrix(theta_deg) / seen_um  # turned back by theta
    phase = _phase(steps)
    index = np.round(steps - phase).astype(np.int64)
    return index, np.hypot(*(steps - phase - index).T) < NEAR_RATIO


def covered(placed: Placed, blobs_um: FloatArray, ball_map: BallMap) -> CoarsePose | None:
    """The pose with its share of sites that have a blob; None when they are too few."""
    pose, scale = placed
    near = nearest_within(apply_pose(pose, scale * ball_map.xy_um), blobs_um, 0.3 * ball_map.pitch_um) >= 0
    share = float(near.mean())
    return CoarsePose(pose, scale, share) if share >= COVERED_LEAST_RATIO else None


def _rows(blobs_um: FloatArray, pitch_um: float) -> tuple[float, float] | None:
    """Direction of the rows modulo 90 deg, in (-45, 45], and their pitch as seen: from neighbours one pitch apart."""
    starts = blobs_um[:: math.ceil(len(blobs_um) / STARTS_MOST)] if len(blobs_um) else blobs_um
    delta = (blobs_um[None, :, :] - starts[:, None, :]).reshape(-1, 2)
    square = np.einsum("ij,ij->i", delta, delta)
    pairs = delta[(square > (0.88 * pitch_um) ** 2) & (square < (1.12 * pitch_um) ** 2)]
    if len(pairs) < 12:
        return None
    angle_deg = np.degrees(np.arctan2(pairs[:, 1], pairs[:, 0])) % 90.0
    counts = np.bincount(angle_deg.astype(int) % 90, minlength=90)
    mode_deg = float(np.argmax(counts + np.roll(counts, 1) + np.roll(counts, -1))) + 0.5
    off_deg = (angle_deg - mode_deg + 45.0) % 90.0 - 45.0
    for _ in range(2):
        near = np.abs(off_deg) < 6.0
        if int(near.sum()) < 12:
            return None
        mean = float(np.mean(off_deg[near]))
        off_deg, mode_deg = off_deg - mean, mode_deg + mean
    length = np.hypot(*pairs[near].T)
    return (mode_deg + 45.0) % 90.0 - 45.0, float(np.median(length))


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


def in_step(coarse: CoarsePose, blobs_um: FloatArray, ball_map: BallMap) -> CoarsePose:
    """The placement moved by whole pitches to where most sites have a blob: an array a row off has nearly as many."""
    pitch_um = coarse.scale_ratio * ball_map.pitch_um * turn_matrix(coarse.pose.theta_deg)
    for _ in range(STEPS_MOST):
        tried = []
        for step in STEPS:
            x_um, y_um = (coarse.pose.x_um, coarse.pose.y_um) + pitch_um @ step
            pose = Pose(float(x_um), float(y_um), coarse.pose.theta_deg)
            at_um = apply_pose(pose, coarse.scale_ratio * ball_map.xy_um)
            near = nearest_within(at_um, blobs_um, 0.5 * NEAR_RATIO * ball_map.pitch_um) >= 0
            tried.append(CoarsePose(pose, coarse.scale_ratio, float(near.mean())))
        best = max(tried, key=lambda one: one.covered_ratio)
        if best.covered_ratio == tried[0].covered_ratio:
            break
        coarse = best
    return coarse


def _best_shift(index: NDArray[np.int64], ball_map: BallMap) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    """Quarter turn and integer shift under which the map covers most blobs: sites of the blobs, blobs that have one.

    The score counts blobs on sites less blobs on lattice places inside the array where nothing belongs.
    """
    seen_at = index - index.min(axis=0)
    seen_size = seen_at.max(axis=0) + 1
    stencils = [stencil for stencil in _stencils(ball_map) if max(stencil.shape) <= SIDE_MOST_STEPS]
    if not stencils or int(seen_size.max()) > SIDE_MOST_STEPS:
        return None
    if is_compiled() and max(int(seen_size.max()), *(max(stencil.shape) for stencil in stencils)) <= BITS:
        tried = [np.zeros(2, dtype=np.int64) for _ in stencils]
        most = [kernels.best_shift(seen_at, one, at) for one, at in zip(stencils, tried, strict=True)]
        best = int(np.argmax(most))
        shift = tried[best]
    else:
        best, shift = _transformed(seen_at, seen_size, stencils, ball_map)
    cell = seen_at - shift
    member = ((cell >= 0) & (cell < np.array(stencils[best].shape))).all(axis=1)
    site = np.full(len(index), -1)
    site[member] = stencils[best][tuple(cell[member].T)]
    return site[site >= 0], site >= 0


def _transformed(
    seen_at: NDArray[np.int64], seen_size: NDArray[np.int64], stencils: list[NDArray[np.int64]], ball_map: BallMap
) -> tuple[int, NDArray[np.int64]]:
    """Number of the stencil and its shift with the highest score, by Fourier transform."""
    # Turned stencils are as large at most as the map's longer side, so one transform of the blobs serves all.
    reach = max(max(stencil.shape) for stencil in stencils)
    shape = tuple(SMOOTH[bisect_left(SMOOTH, int(size) + reach)] for size in seen_size)
    seen = np.zeros(tuple(seen_size))
    seen[tuple(seen_at.T)] = 1.0
    spectrum = np.fft.rfft2(seen, shape)
    # Votes are whole numbers: rounded, so that ties are ties.
    votes = [
        np.rint(np.fft.irfft2(spectrum * _spectrum(ball_map, number, shape), shape)) for number in range(len(stencils))
    ]
    best = max(range(len(stencils)), key=lambda number: float(votes[number].max()))
    peak = np.array(np.unravel_index(int(np.argmax(votes[best])), shape))
    return best, np.where(peak < seen_size, peak, peak - np.array(shape))


@lru_cache(maxsize=32)
def _stencils(ball_map: BallMap) -> tuple[NDArray[np.int64], ...]:
    """The map as a grid of site numbers, -1 where nothing belongs, under each quarter turn that differs."""
    local = np.round((ball_map.xy_um - ball_map.xy_um[0]) / ball_map.pitch_um)
    stencils = []
    for quarter in range(4):
        if quarter and (ball_map.turned_onto[quarter] >= 0).all():
            continue  # the same array again: which turn it has cannot be seen from the balls
        turned = np.round(quarter_turned(local, quarter)).astype(int)
        turned -= turned.min(axis=0)
        stencil = np.full(tuple(turned.max(axis=0) + 1), -1)
        stencil[tuple(turned.T)] = np.arange(ball_map.count)
        stencils.append(stencil)
    return tuple(stencils)


@lru_cache(maxsize=64)
def _spectrum(ball_map: BallMap, number: int, shape: tuple[int, int]) -> NDArray[np.complex128]:
    stencil = _stencils(ball_map)[number]
    return np.conj(np.fft.rfft2(np.where(stencil >= 0, 1.0, -1.0), shape))


def through_pairs(model_um: FloatArray, seen_um: FloatArray, scale_tolerance: float) -> Placed | None:
    """Pose and scale through the pairs, those farther off than four median residuals left out; None when the pairs
    are few or the size is not the drawing's."""
    through = _compiled_through if is_compiled() else _through
    found = through(model_um, seen_um)
    if found is None:
        return None
    shift, turn = found
    if abs(abs(turn) - 1.0) > scale_tolerance:
        return None
    theta_deg = math.degrees(math.atan2(turn.imag, turn.real))
    return Pose(float(shift.real), float(shift.imag), wrapped_deg(theta_deg)), float(abs(turn))


def _compiled_through(model_um: FloatArray, seen_um: FloatArray) -> tuple[complex, complex] | None:
    figures, pairs = np.empty(4), (np.ascontiguousarray(model_um), np.ascontiguousarray(seen_um))
    if not kernels.similar_fit(*pairs, PAIR_REJECT_RATIO, PAIR_LEAST_UM, PAIRS_LEAST, PAIR_ROUNDS_MOST, figures):
        return None
    x_um, y_um, along, across = figures.tolist()
    return complex(x_um, y_um), complex(along, across)


def _through(model_um: FloatArray, seen_um: FloatArray) -> tuple[complex, complex] | None:
    """Shift and turn with size as complex numbers."""
    model, seen = model_um[:, 0] + 1j * model_um[:, 1], seen_um[:, 0] + 1j * seen_um[:, 1]
    used = np.ones(len(model), dtype=bool)
    for _ in range(PAIR_ROUNDS_MOST):
        if int(used.sum()) < PAIRS_LEAST:
            return None
        model_mean, seen_mean = model[used].mean(), seen[used].mean()
        spread = model[used] - model_mean
        turn = np.vdot(spread, seen[used] - seen_mean) / np.vdot(spread, spread)
        off = np.abs(seen - seen_mean - turn * (model - model_mean))
        keep = off <= max(PAIR_REJECT_RATIO * median(off[used]), PAIR_LEAST_UM)
        if (keep == used).all():
            break
        used = keep
    return complex(seen_mean - turn * model_mean), complex(turn)
