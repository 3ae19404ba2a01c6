"""Square windows about round things: cut from the picture in one go, with polar coordinates and a radial profile basis.

A window is laid out for a few sub-pixel places of its centre; what a profile looks like there is a table look-up. It
knows nothing of balls and fits nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from vision.compiled import is_compiled, kernels
from vision.frame import ByteArray, FloatArray

PHASES = 3
"""Sub-pixel places per axis of a window where nothing else is said."""

BIN_PX = 0.5
"""Distance of the knots of a radial profile, well below any point spread of the optics."""

FINE_PER_PX = 48
"""Steps of the tables that are looked up: an error of 0.01 px along the radius."""

STIFFNESS = 2.0
"""Pull towards a profile without kinks, in pixels per disc: discs that all stand alike show few radii."""

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Window:
    """Pixels of a square and, per sub-pixel phase, their polar coordinates, (phases, pixels).

    half, step   the square reaches `half` pixels each way; every `step` rows are looked at
    phase_px     (phases, 2) place of the centre in its pixel
    index        radius in table steps
    inside       weight 1 within the reach, 0 beyond, half a pixel of slope between
    knots        length of a profile
    """

    half: int
    step: int
    phase_px: FloatArray
    index: NDArray[np.int32]
    cos: Float32
    sin: Float32
    inside: Float32
    knots: int

    @property
    def side(self) -> int:
        """Columns of the square."""
        return 2 * self.half + 1

    @cached_property
    def radii_px(self) -> FloatArray:
        """Radius of every table step."""
        return np.arange(int(self.index.max()) + 1) / FINE_PER_PX

    @cached_property
    def radius_px(self) -> Float32:
        return self.index.astype(np.float32) / np.float32(FINE_PER_PX)

    @cached_property
    def tables(self) -> tuple[Float32, Float32]:
        """Profile values at the knots -> level, and slope per pixel, at every table step: (steps, knots) each."""
        return _spline(self.radii_px / BIN_PX, self.knots)

    @cached_property
    def columns(self) -> tuple[Float32, Float32]:
        """The tables with the steps of a knot side by side, (knots, steps) each."""
        level, slope = self.tables
        return np.ascontiguousarray(level.T), np.ascontiguousarray(slope.T)

    @cached_property
    def known_steps(self) -> int:
        """Table steps that a profile may be learned from; the corners of the square lie beyond."""
        return int(np.count_nonzero(self.radii_px.astype(np.float32) < float(self.radii_px[-1]) - 0.25))

    @cached_property
    def gram(self) -> FloatArray:
        """Normal equations of a profile, by phase: (phases, knots * knots)."""
        known = self.tables[0][: self.known_steps].astype(np.float64)
        number = [np.bincount(index, minlength=len(self.radii_px))[: self.known_steps] for index in self.index]
        return np.stack([(known.T * one) @ known for one in number]).reshape(len(number), -1)

    @cached_property
    def stiffness(self) -> FloatArray:
        bend = np.diff(np.eye(self.knots), 2, axis=0)
        return STIFFNESS * bend.T @ bend

    @cached_property
    def waves(self) -> tuple[Float32, Float32]:
        """cos and sin of twice the direction."""
        return self.cos * self.cos - self.sin * self.sin, 2 * self.cos * self.sin


def _spline(at: FloatArray, knots: int) -> tuple[Float32, Float32]:
    """Cubic spline through values at 0, 1, 2 ...: flat at 0, without bend at its end."""
    system = np.zeros((knots, knots))  # second derivatives from values
    values = np.zeros((knots, knots))
    for k in range(1, knots - 1):
        system[k, k - 1 : k + 2] = 1.0, 4.0, 1.0
        values[k, k - 1 : k + 2] = 6.0, -12.0, 6.0
    system[0, :2], values[0, :2] = (2.0, 1.0), (-6.0, 6.0)
    system[-1, -1] = 1.0
    bend = np.linalg.solve(system, values)
    low = np.minimum(at.astype(int), knots - 2)
    upper = (at - low)[:, None]
    lower, steps = 1.0 - upper, np.eye(knots)
    level = lower * steps[low] + upper * steps[low + 1]
    level += ((lower**3 - lower) * bend[low] + (upper**3 - upper) * bend[low + 1]) / 6.0
    slope = steps[low + 1] - steps[low]
    slope += ((1 - 3 * lower**2) * bend[low] + (3 * upper**2 - 1) * bend[low + 1]) / 6.0
    return level.astype(np.float32), (slope / BIN_PX).astype(np.float32)


@lru_cache(maxsize=32)
def window_of(reach_px: float, phases: int = PHASES, step: int = 1) -> Window:
    """A window that holds a circle of this radius."""
    half = math.ceil(reach_px + 0.5)
    dy, dx = (axis.ravel() for axis in np.mgrid[-half : half + 1 : step, -half : half + 1])
    place = (np.arange(phases) - (phases - 1) / 2.0) / phases
    phase_x, phase_y = np.meshgrid(place, place)
    phase_px = np.column_stack([phase_x.ravel(), phase_y.ravel()])
    x, y = dx[None, :] - phase_px[:, :1], dy[None, :] - phase_px[:, 1:]
    radius = np.hypot(x, y)
    safe = np.maximum(radius, 1e-6)
    inside = np.clip((reach_px + 0.25 - radius) / 0.5, 0.0, 1.0)
    index = np.round(np.minimum(radius, reach_px + 1.0) * FINE_PER_PX)  # the corners weigh nothing
    return Window(
        half, step, phase_px, index.astype(np.int32), (x / safe).astype(np.float32), (y / safe).astype(np.float32),
        inside.astype(np.float32), math.ceil((reach_px + 1.0) / BIN_PX) + 1,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cut:
    """Windows about the nearest pixel of points, of whole pixels.

    corner    (n, 2) column and row of the first pixel
    phase     (n,) sub-pixel place of the point in its window
    origin    (n, 2) the point that the polar coordinates of the window are counted from
    phases    which phases there are; slot: (n,) the number of the own one among them
    """

    pixels: ByteArray
    window: Window
    corner: NDArray[np.int64]
    phase: NDArray[np.int64]
    origin: FloatArray
    phases: NDArray[np.int64]
    slot: NDArray[np.int64]

    @cached_property
    def groups(self) -> tuple[tuple[NDArray[np.int64], Float32], ...]:
        """Of every phase there is: which windows, and their pixels, (windows, pixels)."""
        order = np.argsort(self.phase, kind="stable")
        # A view of every window there is: picking squares from it copies whole rows, five times faster than pixels.
        side, step = self.window.side, self.window.step
        down, right = self.pixels.strides
        rows, cols = self.pixels.shape
        shape = (rows - side + 1, cols - side + 1, (side + step - 1) // step, side)
        windows = as_strided(self.pixels, shape, (down, right, step * down, right), writeable=False)
        corner = self.corner[order]
        patches = windows[corner[:, 1], corner[:, 0]].reshape(len(corner), -1).astype(np.float32)
        ends = np.cumsum(np.bincount(self.slot))[:-1]
        return tuple(zip(np.split(order, ends), np.split(patches, ends), strict=True))


def cut_windows(pixels: ByteArray, centres_px: FloatArray, window: Window) -> Cut:
    """Windows about points that lie at least `window.half` + 1/2 inside the picture."""
    if is_compiled():
        count = len(centres_px)
        corner, phase, slot, phases = (
            np.empty(size, np.int64) for size in ((count, 2), count, count, len(window.phase_px))
        )
        origin = np.empty((count, 2))
        used = kernels.cut_at(centres_px, window.phase_px, window.half, corner, phase, origin, slot, phases)
        return Cut(pixels, window, corner, phase, origin, phases[:used], slot)
    per_axis = math.isqrt(len(window.phase_px))
    nearest = np.rint(centres_px)
    bins = np.clip(((centres_px - nearest + 0.5) * per_axis).astype(np.int64), 0, per_axis - 1)
    phase = bins[:, 1] * per_axis + bins[:, 0]
    there = np.bincount(phase, minlength=len(window.phase_px)) > 0
    slot = (np.cumsum(there) - 1)[phase]
    corner = nearest.astype(np.int64) - window.half
    return Cut(pixels, window, corner, phase, nearest + window.phase_px[phase], np.flatnonzero(there), slot)


def learned_profile(cut: Cut, members: NDArray[np.bool_]) -> FloatArray:
    """Least-squares radial profile of the member discs, values at the knots; first harmonics cancel in the mean over
    all directions."""
    window = cut.window
    knots, known = window.knots, window.known_steps
    if is_compiled():
        profile = np.empty(knots)
        kernels.learned_profile(
            cut.pixels, cut.corner, cut.phase, members, window.side, window.step, window.index, window.tables[0], known,
            window.gram, window.stiffness, profile,
        )  # fmt: skip
        return profile
    sums, number = np.zeros(len(window.radii_px)), np.zeros(len(window.phase_px))
    for phase, (discs, patches) in zip(cut.phases, cut.groups, strict=True):
        chosen = members[discs].astype(np.float32)
        sums += np.bincount(window.index[phase], chosen @ patches, len(sums))
        number[phase] = float(chosen.sum())
    right = sums[:known] @ window.tables[0][:known]
    normal = (number @ window.gram).reshape(knots, knots) + window.stiffness * max(number.sum(), 1.0)
    return np.asarray(np.linalg.solve(normal, right))
