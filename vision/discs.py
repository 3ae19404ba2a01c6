"""Joint sub-pixel refinement of many equal round things: balls, lands, film marks, glass dots.

The radial profile is learned from the picture itself, so light, focus and alloy need no settings; a first-harmonic
tilt of the brightness is solved for beside the position, because one-sided light would else look like a shift. It does
not decide what is a ball and what is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vision.frame import ByteArray, FloatArray

PHASES = 5
"""Sub-pixel positions per axis at which the template is laid out; the rest, at most 0.1 px, is solved linearly."""

BIN_PX = 0.5
"""Radial resolution of the learned profile, well below any point spread of the optics."""

SETTLED_PX = 0.03
"""A round that moves 95 % of the discs less than this is the last one."""

SIGMA_FLOOR_PX = 0.0005
"""No claim below this: what one picture cannot tell about its own model (estimate)."""

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DiscFit:
    """What the refinement found, one row per start point.

    centres_px   (n, 2); where `seen` is False the start point
    amplitude    (n,) contrast relative to the learned profile
    match        (n,) correlation with the learned profile, -1 to 1
    moved_px     (n,) distance from the start point
    size_ratio   (n,) size relative to the typical disc
    oval_ratio   (n,) elongation: (long - short) / mean diameter
    seen         (n,) window inside the picture
    sigma_px     measurement sigma per axis of one disc of amplitude 1
    profile      mean level at radius BIN_PX * index
    """

    centres_px: FloatArray
    amplitude: FloatArray
    match: FloatArray
    moved_px: FloatArray
    size_ratio: FloatArray
    oval_ratio: FloatArray
    seen: NDArray[np.bool_]
    sigma_px: float
    profile: FloatArray

    @property
    def sigmas_px(self) -> FloatArray:
        """(n,) sigma per axis of every disc: weak ones are known less well."""
        return np.asarray(self.sigma_px / np.clip(self.amplitude, 0.1, 2.0))


@dataclass(frozen=True, eq=False)
class _Window:
    """Pixel offsets of a disc-shaped window and, per sub-pixel phase, the polar coordinates of its pixels."""

    dx: NDArray[np.int64]
    dy: NDArray[np.int64]
    phase_px: FloatArray
    radius: Float32
    cos: Float32
    sin: Float32
    inside: Float32
    """weight 1 within the reach, 0 beyond, half a pixel of slope between"""


@lru_cache(maxsize=16)
def _window(reach_px: float) -> _Window:
    half = math.ceil(reach_px + 0.5)
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1]
    inside = np.hypot(dx, dy) <= reach_px + 0.75
    dx, dy = dx[inside], dy[inside]
    step = (np.arange(PHASES) - (PHASES - 1) / 2.0) / PHASES
    phase_x, phase_y = np.meshgrid(step, step)
    phase_px = np.column_stack([phase_x.ravel(), phase_y.ravel()])
    x = dx[None, :] - phase_px[:, :1]
    y = dy[None, :] - phase_px[:, 1:]
    radius = np.hypot(x, y)
    safe = np.maximum(radius, 1e-6)
    weight = np.clip((reach_px + 0.25 - radius) / 0.5, 0.0, 1.0)
    return _Window(
        dx, dy, phase_px, radius.astype(np.float32), (x / safe).astype(np.float32), (y / safe).astype(np.float32),
        weight.astype(np.float32),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Cut:
    """Raw windows about the nearest pixel, sorted into phases."""

    patches: Float32
    nearest: FloatArray
    phase: NDArray[np.int64]


def _cut(pixels: ByteArray, centres_px: FloatArray, window: _Window) -> _Cut:
    nearest = np.round(centres_px)
    bins = np.clip(np.floor((centres_px - nearest + 0.5) * PHASES).astype(np.int64), 0, PHASES - 1)
    rows, cols = pixels.shape
    base = nearest[:, 1].astype(np.int64) * cols + nearest[:, 0].astype(np.int64)
    index = base[:, None] + (window.dy * cols + window.dx)[None, :]
    return _Cut(pixels.ravel()[index].astype(np.float32), nearest, bins[:, 1] * PHASES + bins[:, 0])


def learned_profile(cut: _Cut, window: _Window, members: NDArray[np.bool_]) -> FloatArray:
    """Mean level over radius of the member discs; first harmonics cancel in the mean over all directions."""
    length = int(float(window.radius.max()) / BIN_PX) + 3
    total = np.zeros(length)
    count = np.zeros(length)
    for phase in np.unique(cut.phase[members]):
        rows = members & (cut.phase == phase)
        level = cut.patches[rows].sum(axis=0, dtype=np.float64)
        position = window.radius[phase] / BIN_PX
        low = position.astype(np.int64)
        upper = position - low
        number = float(rows.sum())
        total += np.bincount(low, (1 - upper) * level, length) + np.bincount(low + 1, upper * level, length)
        count += np.bincount(low, (1 - upper) * number, length) + np.bincount(low + 1, upper * number, length)
    known = count > 1e-3 * max(float(members.sum()), 1.0)
    radii = np.arange(length)
    return np.interp(radii, radii[known], total[known] / count[known])


def _laid_out(profile: FloatArray, window: _Window, phase: int) -> tuple[Float32, Float32]:
    """Template and its radial slope at the pixels of one phase."""
    position = window.radius[phase] / BIN_PX
    low = position.astype(np.int64)
    upper = position - low
    slope = np.gradient(profile, BIN_PX).astype(np.float32)
    level = profile.astype(np.float32)
    last = len(profile) - 1
    high = np.minimum(low + 1, last)
    template = level[low] * (1 - upper) + level[high] * upper
    return template, slope[low] * (1 - upper) + slope[high] * upper


def _columns(profile: FloatArray, window: _Window, phase: int, harmonic: int, radius_px: float) -> tuple[Float32, Float32]:
    """Design (K, m) and pixel weights (K,). Columns: shift x, shift y, tilt x, tilt y, amplitude, base and, for
    harmonic 2, size and two ovals. With harmonic 3 the first four turn three times as fast: nothing real lives there,
    so what they pick up is the noise of the shift."""
    template, slope = _laid_out(profile, window, phase)
    cos, sin = window.cos[phase], window.sin[phase]
    cos2, sin2 = cos * cos - sin * sin, 2 * cos * sin
    one = np.ones_like(template)
    columns = [-slope * cos, -slope * sin, template * cos, template * sin, template, one]
    if harmonic == 3:
        cos3, sin3 = cos * cos2 - sin * sin2, sin * cos2 + cos * sin2
        columns[:4] = [-slope * cos3, -slope * sin3, template * cos3, template * sin3]
    elif harmonic == 2:
        stretch = -slope * window.radius[phase] / np.float32(radius_px)
        columns += [stretch, stretch * cos2, stretch * sin2]
    weight = window.inside[phase] / (1.0 + np.maximum(template, 0.0) / 40.0)
    return np.column_stack(columns), weight.astype(np.float32)


def _solve(cut: _Cut, window: _Window, profile: FloatArray, harmonic: int, radius_px: float) -> tuple[FloatArray, FloatArray]:
    """Linear least squares of every disc against the template of its phase: coefficients (n, m) and match (n,)."""
    width = 9 if harmonic == 2 else 6
    coefficients = np.zeros((len(cut.patches), width))
    match = np.zeros(len(cut.patches))
    for phase in np.unique(cut.phase):
        rows = cut.phase == phase
        design, weight = _columns(profile, window, int(phase), harmonic, radius_px)
        weighted = design * weight[:, None]
        normal = (design.T @ weighted).astype(np.float64)
        normal[np.diag_indices(width)] *= 1 + 1e-6
        patches = cut.patches[rows]
        coefficients[rows] = np.linalg.solve(normal, (patches @ weighted).astype(np.float64).T).T
        match[rows] = _correlation(patches, design[:, 4], window.inside[phase])
    return coefficients, match


def _correlation(patches: Float32, template: Float32, weight: Float32) -> FloatArray:
    total = float(weight.sum())
    centred = weight * (template - float(weight @ template) / total)
    mean = patches @ weight / total
    variance = np.maximum((patches**2) @ weight / total - mean**2, 1e-9)
    spread = math.sqrt(max(float(centred @ template) / total, 1e-9))
    return np.asarray((patches @ centred) / total / (np.sqrt(variance) * spread), dtype=np.float64)


def fit_discs(
    pixels: ByteArray,
    start_px: FloatArray,
    radius_px: float,
    *,
    reach_ratio: float,
    rounds: int = 6,
    max_move_px: float | None = None,
    match_least: float = 0.6,
) -> DiscFit:
    """Gauss-Newton per disc against a profile learned from all of them, relearned every round.

    start_px     (n, 2) column, row, good to about a third of the radius
    reach_ratio  window radius over disc radius: 0.85 for balls (beyond it the substrate leaks in), 1.4 for flat discs,
                 whose only edge is their rim
    max_move_px  a disc is not followed farther than this from its start (default: 0.6 radii)
    returns      DiscFit; points whose window leaves the picture are not seen
    """
    reach_px = round(max(radius_px * reach_ratio, 2.5) * 4) / 4
    window = _window(reach_px)
    limit = 0.6 * radius_px if max_move_px is None else max_move_px
    margin = reach_px + 2.0
    count = len(start_px)
    rows, cols = pixels.shape
    seen = np.isfinite(start_px).all(axis=1)
    low, high = margin + limit, np.array([cols, rows]) - 1 - margin - limit
    seen &= (start_px >= low).all(axis=1) & (start_px <= high).all(axis=1)
    start = np.asarray(start_px[seen], dtype=np.float64)
    if len(start) == 0:
        return _nothing(start_px, seen)
    centres = start.copy()
    members = np.ones(len(start), dtype=bool)
    cut = _cut(pixels, centres, window)
    for _ in range(rounds):
        profile = learned_profile(cut, window, members)
        coefficients, match = _solve(cut, window, profile, 1, radius_px)
        amplitude = coefficients[:, 4]
        offset = coefficients[:, :2] / np.where(np.abs(amplitude) > 0.05, amplitude, 0.05)[:, None]
        moved = cut.nearest + window.phase_px[cut.phase] + _clipped(offset, 0.15 * radius_px + 1.0)
        moved = start + _clipped(moved - start, limit)
        step = np.hypot(*(moved - centres).T)
        centres = moved
        members = _members(amplitude, match, match_least)
        if float(np.quantile(step[members], 0.95)) < SETTLED_PX:
            break
        cut = _cut(pixels, centres, window)
    return _finished(start_px, seen, start, centres, cut, window, profile, members, radius_px, match, amplitude)


def _clipped(offset: FloatArray, limit: float) -> FloatArray:
    length = np.hypot(offset[:, 0], offset[:, 1])
    return np.asarray(offset * np.minimum(1.0, limit / np.maximum(length, 1e-9))[:, None])


def _members(amplitude: FloatArray, match: FloatArray, match_least: float) -> NDArray[np.bool_]:
    """Discs that look like the rest; the profile is learned from them only."""
    members = np.asarray((match > match_least) & (amplitude > 0.3))
    if int(members.sum()) < max(4, len(match) // 8):
        members = match >= np.sort(match)[-max(4, len(match) // 4) :][0]
    return np.asarray(members)


def _finished(
    start_px: FloatArray, seen: NDArray[np.bool_], start: FloatArray, centres: FloatArray, cut: _Cut, window: _Window,
    profile: FloatArray, members: NDArray[np.bool_], radius_px: float, match: FloatArray, amplitude: FloatArray,
) -> DiscFit:  # fmt: skip
    shape, _ = _solve(cut, window, profile, 2, radius_px)
    noise, _ = _solve(cut, window, profile, 3, radius_px)
    safe = np.where(np.abs(shape[:, 4]) > 0.05, shape[:, 4], 0.05)
    spurious = (noise[:, :2] / np.maximum(safe, 0.1)[:, None])[members]
    sigma = 1.4826 * float(np.median(np.abs(spurious))) if len(spurious) else math.nan
    relative = amplitude / max(float(np.median(amplitude[members])), 1e-6)
    count = len(start_px)
    full = [np.full(count, np.nan) for _ in range(5)]
    centres_px = np.array(start_px, dtype=np.float64)
    centres_px[seen] = centres
    ratio = 1.0 + np.clip(shape[:, 6] / safe, -0.5, 0.5)
    ratio /= float(np.median(ratio[members]))
    oval = 2.0 * np.hypot(shape[:, 7], shape[:, 8]) / np.abs(safe)
    for target, values in zip(full, (relative, match, np.hypot(*(centres - start).T), ratio, oval)):
        target[seen] = values
    return DiscFit(centres_px, *full, seen, math.hypot(sigma, SIGMA_FLOOR_PX), profile)


def _nothing(start_px: FloatArray, seen: NDArray[np.bool_]) -> DiscFit:
    empty = np.full(len(start_px), np.nan)
    return DiscFit(np.array(start_px), empty, empty, empty, empty, empty, seen, math.nan, np.zeros(1))
