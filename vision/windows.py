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
    def basis(self) -> Float32:
        """Share of every knot in every pixel that a profile may be learned from, (phases, pixels, knots)."""
        known = self.radius_px < float(self.radii_px[-1]) - 0.25
        return self.tables[0][self.index] * known[..., None].astype(np.float32)

    @cached_property
    def gram(self) -> FloatArray:
        """(phases, knots * knots)"""
        basis = self.basis.astype(np.float64)
        return (basis.transpose(0, 2, 1) @ basis).reshape(len(basis), -1)

    @cached_property
    def stiffness(self) -> FloatArray:
        bend = np.diff(np.eye(self.knots), 2, axis=0)
        return STIFFNESS * bend.T @ bend

    @cached_property
    def waves(self) -> tuple[Float32, Float32, Float32, Float32]:
        """cos and sin of twice and of three times the direction."""
        cos, sin = self.cos, self.sin
        cos2, sin2 = cos * cos - sin * sin, 2 * cos * sin
        return cos2, sin2, cos * cos2 - sin * sin2, sin * cos2 + cos * sin2


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
    """Raw windows about the nearest pixel, those of one phase side by side.

    order     (n,) the disc of every row
    patches   (n, window size)
    origin    (n, 2) the point that the polar coordinates of the window are counted from, by disc
    phases    which phases there are, and the rows of each
    """

    order: NDArray[np.int64]
    patches: Float32
    origin: FloatArray
    phases: NDArray[np.int64]
    slices: tuple[slice, ...]


def cut_windows(pixels: ByteArray, centres_px: FloatArray, window: Window) -> Cut:
    """Windows about points that lie at least `window.half` + 1/2 inside the picture."""
    per_axis = math.isqrt(len(window.phase_px))
    nearest = np.rint(centres_px)
    bins = np.clip(((centres_px - nearest + 0.5) * per_axis).astype(np.int64), 0, per_axis - 1)
    phase = bins[:, 1] * per_axis + bins[:, 0]
    origin = nearest + window.phase_px[phase]
    order = np.argsort(phase, kind="stable")
    # A view of every window of the picture: picking squares from it copies whole rows, five times faster than pixels.
    side, half = 2 * window.half + 1, window.half
    down, right = pixels.strides
    shape = (pixels.shape[0] - side + 1, pixels.shape[1] - side + 1, (side + window.step - 1) // window.step, side)
    windows = as_strided(pixels, shape, (down, right, window.step * down, right), writeable=False)
    corner = nearest[order].astype(np.int64) - half
    patches = windows[corner[:, 1], corner[:, 0]].reshape(len(corner), -1).astype(np.float32)
    count = np.bincount(phase, minlength=len(window.phase_px))
    phases = np.flatnonzero(count)
    ends = np.cumsum(count)[phases]
    slices = tuple(slice(int(end - size), int(end)) for end, size in zip(ends, count[phases]))
    return Cut(order, patches, origin, phases, slices)


def learned_profile(cut: Cut, window: Window, members: NDArray[np.bool_]) -> FloatArray:
    """Least-squares radial profile of the member discs, values at the knots; first harmonics cancel in the mean over
    all directions."""
    chosen = members[cut.order].astype(np.float32)
    level = np.stack([chosen[rows] @ cut.patches[rows] for rows in cut.slices])
    number = np.array([float(chosen[rows].sum()) for rows in cut.slices])
    knots, basis = window.knots, window.basis
    right = np.zeros(knots)
    for one, phase in zip(level, cut.phases):
        right += one @ basis[phase]
    normal = (number @ window.gram[cut.phases]).reshape(knots, knots) + window.stiffness * max(number.sum(), 1.0)
    return np.asarray(np.linalg.solve(normal, right))
