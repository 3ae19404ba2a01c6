"""Weighted least squares of windows against a radial profile: laid out once per sub-pixel place, asked by every window.

Pure linear algebra: what the columns mean is said here, what to make of their coefficients in `vision.discs`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vision.compiled import is_compiled, kernels
from vision.frame import FloatArray
from vision.windows import FINE_PER_PX, Cut, Float32, Window

RESIDUALS_MOST = 6
"""Discs per sub-pixel place whose residuals tell the noise: fifty discs are good to a per cent."""

SHIFT_X, SHIFT_Y, TILT_X, TILT_Y, AMPLITUDE, BASE, SIZE, OVAL_X, OVAL_Y, GROUND, GROUND_X = range(11)
"""Columns: SIZE and the ovals in the last solution only; then, where the ground shows, its level and its slopes, in x
and y in turns."""

NO_GROUND = np.empty(0, np.float32)

LANES = 8
"""Pixels of a window are filled up to a multiple of these in the compiled part."""


class Ground(NamedTuple):
    """What of the ground is to be solved for beside a disc.

    share     (table steps,) how much of it shows, 0 to 1
    slopes    how many powers of the radius over `reach_px` its slopes go with, from 0 on; up to 3
    reach_px  radius at which all of these are 1
    weight    variance of its grain where all of it shows, in units of the noise of a dark pixel
    """

    share: Float32
    slopes: int
    reach_px: float
    weight: float


@dataclass(frozen=True, eq=False)
class Operators:
    """Linear answers for each phase of a cut.

    rows      (phases, columns + 2, pixels): `rows @ patch` gives the coefficients, the projection on the template, the
              mean
    spread    (phases,) standard deviation of the template over the window
    design    (phases, columns, pixels)
    along     (table steps,) what a shift in x is read from, summed by radius
    """

    rows: Float32
    spread: FloatArray
    design: Float32
    along: FloatArray

    def shift_of(self, level: FloatArray | Float32) -> float:
        """Shift in x that is read where something is in the picture that has this level over the radius times the
        cosine of the direction; (table steps,)."""
        return float(self.along @ level)


def operators(
    window: Window, phases: NDArray[np.int64], level: Float32, slope: Float32, lit: Float32, *, final: bool = False,
    ground: Ground | None = None,
) -> Operators:  # fmt: skip
    """Least squares of a patch against shift, tilt, amplitude, base; when `final` also size and two ovals; with
    `ground` also its level and slopes.

    level, slope, lit   (table steps,) profile over the radius, its slope per pixel, the part of it that tilts
    """
    if not is_compiled():
        return _operators(window, phases, level, slope, lit, final, ground)
    size, steps = window.index.shape[1], len(window.radii_px)
    shown = Ground(NO_GROUND, 0, 1.0, 0.0) if ground is None else ground
    width, padded = 6 + 3 * final + (ground is not None) + 2 * shown.slopes, -(-size // LANES) * LANES
    made = Operators(
        np.empty((len(phases), width + 2, padded), np.float32), np.empty(len(phases)),
        np.empty((len(phases), width, padded), np.float32), np.empty(steps),
    )  # fmt: skip
    kernels.operators(
        window.cos, window.sin, window.inside, window.index, phases, level, slope, lit, FINE_PER_PX, final,
        *shown, made.rows, made.spread, made.design, made.along,
    )  # fmt: skip
    return made


def _operators(
    window: Window, phases: NDArray[np.int64], level: Float32, slope: Float32, lit: Float32, final: bool,
    ground: Ground | None,
) -> Operators:  # fmt: skip
    index, cos, sin, inside = (part[phases] for part in (window.index, window.cos, window.sin, window.inside))
    template, steep, shine = level[index], slope[index], lit[index]
    columns = [-steep * cos, -steep * sin, shine * cos, shine * sin, template, np.ones_like(template)]
    if final:
        stretch = -steep * window.radius_px[phases]
        cos2, sin2 = (wave[phases] for wave in window.waves)
        columns += [stretch, stretch * cos2, stretch * sin2]
    noise = 1.0 + np.maximum(template, 0.0) / 40.0
    if ground is not None:
        share, out = ground.share[index], window.radius_px[phases] / np.float32(ground.reach_px)
        columns.append(share)
        for power in range(ground.slopes):
            columns += [share * out**power * cos, share * out**power * sin]
        noise += np.float32(ground.weight) * share * share
    design = np.stack(columns, axis=1)
    weighted = design * (inside / noise)[:, None, :]
    normal = (weighted @ design.transpose(0, 2, 1)).astype(np.float64)
    width = design.shape[1]
    normal[:, np.arange(width), np.arange(width)] *= 1 + 1e-6
    normal[:, np.arange(width), np.arange(width)] += 1e-9  # a profile without any slope answers nothing
    answers = np.linalg.inv(normal).astype(np.float32) @ weighted
    share = inside / inside.sum(axis=1, keepdims=True)
    centred = share * (template - (share * template).sum(axis=1, keepdims=True))
    spread = np.sqrt(np.maximum((centred * template).sum(axis=1), 1e-9)).astype(np.float64)
    rows = np.concatenate([answers, centred[:, None], share[:, None]], axis=1)
    return Operators(rows, spread, design, _along(window, phases, answers[:, SHIFT_X]))


def _along(window: Window, phases: NDArray[np.int64], row: Float32) -> FloatArray:
    """A row of every phase, (phases, pixels), against the cosine of the direction, summed by radius: mean of phases."""
    steps = len(window.radii_px)
    return np.bincount(window.index[phases].ravel(), (row * window.cos[phases]).ravel(), steps) / len(phases)


def with_ground_held(
    cut: Cut, of: Operators, coefficients: FloatArray, level: Float32, variance_px2: float
) -> tuple[Operators, FloatArray]:
    """The operators, and coefficients (n, columns), of shifts beside a ground that slopes no more than grounds here do.

    Slopes left open take noise for ground and the shift with it. How far they differ from disc to disc shows how much
    of them is noise: the shift that comes with that is taken back (a Wiener filter; grounds slope to all sides alike).
    variance_px2   of the shift of a disc with all slopes open
    """
    size, width = cut.window.index.shape[1], coefficients.shape[1]
    along_x, along_y = slice(GROUND_X, width, 2), slice(GROUND_X + 1, width, 2)
    slopes = [coefficients[:, part] for part in (along_x, along_y)]
    spread = sum(one.T @ one for one in slopes) / (2 * len(coefficients))
    rows = of.rows.copy()
    noise = (1.0 + np.maximum(level, 0.0) / 40.0)[cut.window.index[cut.phases]]
    noisy = of.rows[:, SHIFT_X, :size] * noise
    own = float((noisy * of.rows[:, SHIFT_X, :size]).sum())
    shared = np.einsum("pi,pki->k", noisy, of.rows[:, :width, :size][:, along_x]) * variance_px2 / own
    back = np.linalg.lstsq(spread, shared, rcond=1e-9)[0]
    held = coefficients.copy()
    for axis, part in ((SHIFT_X, along_x), (SHIFT_Y, along_y)):
        rows[:, axis] -= np.einsum("k,pki->pi", back.astype(np.float32), of.rows[:, :width][:, part])
        held[:, axis] -= slopes[axis] @ back
    return replace(of, rows=rows, along=_along(cut.window, cut.phases, rows[:, SHIFT_X, :size])), held


def solved(cut: Cut, of: Operators) -> tuple[FloatArray, FloatArray]:
    """Every window against the template of its phase: coefficients (n, columns) and match (n,)."""
    count, height = len(cut.corner), of.rows.shape[1]
    answers, squares = np.empty((count, height)), np.empty(count)
    if is_compiled():
        kernels.window_answers(
            cut.pixels, cut.corner, cut.slot, cut.window.side, cut.window.step, of.rows, answers, squares
        )
    else:
        for number, (discs, patches) in enumerate(cut.groups):
            answers[discs] = patches @ of.rows[number].T
            squares[discs] = (patches * patches) @ of.rows[number, -1]
    spread = np.sqrt(np.maximum(squares - answers[:, -1] ** 2, 1e-6)) * of.spread[cut.slot]
    return np.ascontiguousarray(answers[:, :-2]), answers[:, -2] / spread


def scatter(cut: Cut, of: Operators, coefficients: FloatArray, members: NDArray[np.bool_]) -> FloatArray:
    """Variance per axis of the shift of a disc of amplitude 1, of some members of every phase, as their pixels are off
    the model: photon noise and texture alike, each pixel with its own share in the shift."""
    if is_compiled():
        variance = np.empty(RESIDUALS_MOST * len(of.rows))
        number = kernels.window_scatter(
            cut.pixels, cut.corner, cut.slot, members, cut.window.side, cut.window.step, of.rows, of.design,
            coefficients, RESIDUALS_MOST, variance,
        )  # fmt: skip
        return variance[:number]
    variances = [np.empty(0)]
    for number, (discs, patches) in enumerate(cut.groups):
        chosen = np.flatnonzero(members[discs])[:RESIDUALS_MOST]
        design, rows = of.design[number], of.rows[number]
        off = patches[chosen] - coefficients[discs[chosen]].astype(np.float32) @ design
        pixels = 1.0 / float((rows[-1] ** 2).sum())  # as many as count in full
        spare = pixels / max(pixels - len(design), 1.0)
        variances.append(spare * 0.5 * (off * off) @ (rows[SHIFT_X] ** 2 + rows[SHIFT_Y] ** 2))
    return np.concatenate(variances)
