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
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from vision.frame import ByteArray, FloatArray

PHASES = 3
"""Sub-pixel positions per axis at which the template is laid out; the rest, at most 0.17 px, is solved linearly."""

BIN_PX = 0.5
"""Radial resolution of the learned profile, well below any point spread of the optics."""

THIN_FROM_PX = 12.0
"""Of windows larger than this every second row is looked at until the last solution, which takes all."""

SETTLED_PX = 0.25
"""A round that moves 95 % of the discs less than this is the last but one: the last solution starts a tenth of that
from its end (measured), where the linear model holds."""

SIGMA_FLOOR_PX = 0.004
"""Added to every claim: shape and light of single discs that the model leaves out. Set so that claims match known
centres on the pictures of the tests and of the simulator, so neither is an independent check of it."""

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

    def picked(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> DiscFit:
        """These discs only, or in another order."""
        fields = {name: getattr(self, name)[rows] for name in PER_DISC}
        return DiscFit(**fields, sigma_px=self.sigma_px, profile=self.profile)

    def replaced(self, rows: NDArray[np.int64], other: DiscFit, better: NDArray[np.bool_]) -> DiscFit:
        """The discs at `rows` taken from `other` where it is better."""
        fields = {name: getattr(self, name).copy() for name in PER_DISC}
        for name, values in fields.items():
            values[rows[better]] = getattr(other, name)[better]
        return DiscFit(**fields, sigma_px=self.sigma_px, profile=self.profile)


PER_DISC = ("centres_px", "amplitude", "match", "moved_px", "size_ratio", "oval_ratio", "seen")
"""Fields of DiscFit with one row per disc, in their order."""


@dataclass(frozen=True, eq=False)
class _Window:
    """A square of pixels and, per sub-pixel phase, their polar coordinates, (phases, pixels)."""

    half: int
    step: int
    """every so many rows are looked at"""

    phase_px: FloatArray
    radius: Float32
    cos: Float32
    sin: Float32
    low: NDArray[np.int64]
    upper: Float32
    """radius as a place in the profile: between bins low and low + 1, upper = share of low + 1"""
    inside: Float32
    """weight 1 within the reach, 0 beyond, half a pixel of slope between"""

    known: Float32
    """1 where the profile may be learned from, half a pixel farther than the reach"""

    bins: int
    """length of a profile"""


@lru_cache(maxsize=32)
def _window(reach_px: float, *, thin: bool = False) -> _Window:
    """A window that holds a circle of this radius; thin = every second row."""
    half = math.ceil(reach_px + 0.5)
    rows = 2 if thin else 1
    dy, dx = (axis.ravel() for axis in np.mgrid[-half : half + 1 : rows, -half : half + 1])
    step = (np.arange(PHASES) - (PHASES - 1) / 2.0) / PHASES
    phase_x, phase_y = np.meshgrid(step, step)
    phase_px = np.column_stack([phase_x.ravel(), phase_y.ravel()])
    x = dx[None, :] - phase_px[:, :1]
    y = dy[None, :] - phase_px[:, 1:]
    radius = np.hypot(x, y)
    safe = np.maximum(radius, 1e-6)
    weight = np.clip((reach_px + 0.25 - radius) / 0.5, 0.0, 1.0)
    known = radius < reach_px + 0.75
    radius = np.minimum(radius, reach_px + 1.0)  # the corners weigh nothing
    low = (radius / BIN_PX).astype(np.int64)
    upper = radius / BIN_PX - low
    return _Window(
        half, rows, phase_px, radius.astype(np.float32), (x / safe).astype(np.float32), (y / safe).astype(np.float32),
        low, upper.astype(np.float32), weight.astype(np.float32), known.astype(np.float32),
        int((reach_px + 2.0) / BIN_PX) + 3,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Cut:
    """Raw windows about the nearest pixel, those of one phase side by side.

    order     (n,) the disc of every row
    patches   (n, window size)
    origin    (n, 2) the point that the polar coordinates of the window are counted from, in rows
    phases    which phases there are, and the rows of each
    """

    order: NDArray[np.int64]
    patches: Float32
    origin: FloatArray
    phases: NDArray[np.int64]
    slices: tuple[slice, ...]


def _cut(pixels: ByteArray, centres_px: FloatArray, window: _Window) -> _Cut:
    nearest = np.round(centres_px)
    bins = np.clip(((centres_px - nearest + 0.5) * PHASES).astype(np.int64), 0, PHASES - 1)
    phase = bins[:, 1] * PHASES + bins[:, 0]
    order = np.argsort(phase, kind="stable")
    nearest, phase = nearest[order], phase[order]
    # A view of every window of the picture: picking squares from it copies whole rows, five times faster than pixels.
    side, half = 2 * window.half + 1, window.half
    down, right = pixels.strides
    shape = (pixels.shape[0] - side + 1, pixels.shape[1] - side + 1, (side + window.step - 1) // window.step, side)
    windows = as_strided(pixels, shape, (down, right, window.step * down, right), writeable=False)
    corner = nearest.astype(np.int64) - half
    patches = windows[corner[:, 1], corner[:, 0]].reshape(len(corner), -1).astype(np.float32)
    count = np.bincount(phase, minlength=PHASES * PHASES)
    phases = np.flatnonzero(count)
    ends = np.cumsum(count)[phases]
    slices = tuple(slice(int(end - size), int(end)) for end, size in zip(ends, count[phases]))
    return _Cut(order, patches, nearest + window.phase_px[phase], phases, slices)


def learned_profile(cut: _Cut, window: _Window, members: NDArray[np.bool_]) -> FloatArray:
    """Mean level over radius of the member discs; first harmonics cancel in the mean over all directions."""
    length = window.bins
    chosen = members[cut.order].astype(np.float32)
    level = np.stack([chosen[rows] @ cut.patches[rows] for rows in cut.slices])
    number = np.array([float(chosen[rows].sum()) for rows in cut.slices])[:, None]
    low, upper = window.low[cut.phases], window.upper[cut.phases]
    bins = np.concatenate([low.ravel(), low.ravel() + 1])
    share = np.concatenate([(1 - upper) * window.known[cut.phases], upper * window.known[cut.phases]])
    total = np.bincount(bins, (share * np.concatenate([level, level])).ravel(), length)
    count = np.bincount(bins, (share * np.concatenate([number, number])).ravel(), length)
    known = count > 1e-3 * max(float(chosen.sum()), 1.0)
    radii = np.arange(length)
    return np.interp(radii, radii[known], total[known] / count[known])


@dataclass(frozen=True, eq=False)
class _Operators:
    """Linear answers for each phase of a cut: `rows @ patch` gives the coefficients, the projection on the template
    and the mean; `spread` is the standard deviation of the template over the window."""

    rows: Float32
    weight: Float32
    spread: FloatArray
    lever_px: float
    """mean radius at which a shift is read"""


def _operators(profile: FloatArray, window: _Window, phases: NDArray[np.int64], *, final: bool) -> _Operators:
    """Weighted least squares of a patch against shift x, shift y, tilt x, tilt y, amplitude, base; when `final` also
    size, two ovals and the shift and tilt columns turning three times as fast: nothing real lives there, so what they
    pick up is the noise of the shift."""
    level = profile.astype(np.float32)
    slopes = np.gradient(profile, BIN_PX).astype(np.float32)
    low, upper = window.low[phases], window.upper[phases]
    template = level[low] + (level[low + 1] - level[low]) * upper
    slope = slopes[low] + (slopes[low + 1] - slopes[low]) * upper
    cos, sin, radius, inside = window.cos[phases], window.sin[phases], window.radius[phases], window.inside[phases]
    columns = [-slope * cos, -slope * sin, template * cos, template * sin, template, np.ones_like(template)]
    if final:
        cos2, sin2 = cos * cos - sin * sin, 2 * cos * sin
        cos3, sin3 = cos * cos2 - sin * sin2, sin * cos2 + cos * sin2
        stretch = -slope * radius
        columns += [stretch, stretch * cos2, stretch * sin2]
        columns += [-slope * cos3, -slope * sin3, template * cos3, template * sin3]
    design = np.stack(columns, axis=1)
    weighted = design * (inside / (1.0 + np.maximum(template, 0.0) / 40.0))[:, None, :]
    normal = (weighted @ design.transpose(0, 2, 1)).astype(np.float64)
    width = design.shape[1]
    normal[:, np.arange(width), np.arange(width)] *= 1 + 1e-6
    answers = np.linalg.inv(normal).astype(np.float32) @ weighted
    share = inside / inside.sum(axis=1, keepdims=True)
    centred = share * (template - (share * template).sum(axis=1, keepdims=True))
    spread = np.sqrt(np.maximum((centred * template).sum(axis=1), 1e-9))
    lever_px = float(np.mean((answers[:, 0] * (-slope * radius * cos)).sum(axis=1)))
    return _Operators(np.concatenate([answers, centred[:, None], share[:, None]], axis=1), share, spread, lever_px)


def _solve(cut: _Cut, operators: _Operators) -> tuple[FloatArray, FloatArray]:
    """Every disc against the template of its phase: coefficients (n, m) and match (n,), by disc."""
    count, width = len(cut.patches), operators.rows.shape[1]
    answers, squares, spread = np.empty((count, width)), np.empty(count), np.empty(count)
    for number, rows in enumerate(cut.slices):
        patches = cut.patches[rows]
        answers[cut.order[rows]] = patches @ operators.rows[number].T
        squares[cut.order[rows]] = (patches * patches) @ operators.weight[number]
        spread[cut.order[rows]] = operators.spread[number]
    variance = np.maximum(squares - answers[:, -1] ** 2, 1e-6)
    return answers[:, :-2], answers[:, -2] / (np.sqrt(variance) * spread)


def fit_discs(
    pixels: ByteArray,
    start_px: FloatArray,
    radius_px: float,
    *,
    reach_ratio: float,
    rounds: int = 6,
    max_move_px: float | None = None,
    match_least: float = 0.6,
    profile: FloatArray | None = None,
) -> DiscFit:
    """Gauss-Newton per disc against a profile learned from all of them, relearned every round.

    start_px     (n, 2) column, row, good to about a third of the radius
    reach_ratio  window radius over disc radius: 0.85 for balls (beyond it the substrate leaks in), 1.4 for flat discs,
                 whose only edge is their rim
    max_move_px  a disc is not followed farther than this from its start (default: 0.6 radii)
    profile      search with this profile instead of learning one; of a fit with the same radius and reach
    returns      DiscFit; points whose window leaves the picture are not seen
    """
    reach_px = round(max(radius_px * reach_ratio, 2.5) * 4) / 4
    window = _window(reach_px, thin=reach_px > THIN_FROM_PX)
    limit = 0.6 * radius_px if max_move_px is None else max_move_px
    margin = math.ceil(reach_px + 0.5) + 0.5
    rows, cols = pixels.shape
    seen = np.asarray(np.isfinite(start_px).all(axis=1))
    low, high = margin, np.array([cols, rows]) - 1 - margin
    seen &= (start_px >= low).all(axis=1) & (start_px <= high).all(axis=1)
    start = np.asarray(start_px[seen], dtype=np.float64)
    if len(start) == 0:
        return _nothing(start_px, seen)
    centres = start.copy()
    members = np.ones(len(start), dtype=bool)
    cut = _cut(pixels, centres, window)
    for _ in range(rounds):
        learned = learned_profile(cut, window, members) if profile is None else profile
        coefficients, match = _solve(cut, _operators(learned, window, cut.phases, final=False))
        amplitude = coefficients[:, 4]
        offset = coefficients[:, :2] / np.where(np.abs(amplitude) > 0.05, amplitude, 0.05)[:, None]
        moved = _origin(cut) + _clipped(offset, 0.15 * radius_px + 1.0)
        moved = np.clip(start + _clipped(moved - start, limit), low, high)
        step = np.hypot(*(moved - centres).T)
        centres = moved
        members = _members(amplitude, match, match_least)
        if float(np.quantile(step[members], 0.95)) < SETTLED_PX:
            break
        cut = _cut(pixels, centres, window)
    window = _window(reach_px)
    cut = _cut(pixels, centres, window)
    if profile is None:
        learned = learned_profile(cut, window, members)
    operators = _operators(learned, window, cut.phases, final=True)
    final, match = _solve(cut, operators)
    centres = _origin(cut) + _clipped(_last_shift(final, operators.lever_px), 0.5)
    centres = np.clip(start + _clipped(centres - start, limit), low, high)
    if profile is not None:
        members = np.ones(len(start), dtype=bool)
    return _finished(start_px, seen, start, centres, final, match, learned, members, profile is None)


def _origin(cut: _Cut) -> FloatArray:
    """(n, 2) by disc"""
    origin = np.empty_like(cut.origin)
    origin[cut.order] = cut.origin
    return origin


def _last_shift(final: FloatArray, lever_px: float) -> FloatArray:
    """Shift of the last solution, less what a tilted highlight on a ball of another size than the profile looks like:
    the product of tilt and size is beyond a linear fit."""
    safe = np.maximum(final[:, 4], 0.1)[:, None]
    return np.asarray(final[:, :2] / safe - (final[:, 2:4] / safe) * (final[:, 6:7] / safe) * lever_px)


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
    start_px: FloatArray, seen: NDArray[np.bool_], start: FloatArray, centres: FloatArray, final: FloatArray,
    match: FloatArray, profile: FloatArray, members: NDArray[np.bool_], relative_to_members: bool,
) -> DiscFit:  # fmt: skip
    amplitude = final[:, 4]
    safe = np.maximum(amplitude, 0.1)
    spurious = (final[:, 9:11] / safe[:, None])[members]
    sigma = 1.4826 * float(np.median(np.abs(spurious)))
    relative = amplitude
    count = len(start_px)
    amplitudes, matches, moves, sizes, ovals = (np.full(count, np.nan) for _ in range(5))
    centres_px = np.array(start_px, dtype=np.float64)
    centres_px[seen] = centres
    ratio = 1.0 + np.clip(final[:, 6] / safe, -0.5, 0.5)
    if relative_to_members:
        relative = amplitude / max(float(np.median(amplitude[members])), 1e-6)
        ratio = ratio / float(np.median(ratio[members]))
    oval = 2.0 * np.hypot(final[:, 7], final[:, 8]) / safe
    amplitudes[seen], matches[seen], sizes[seen], ovals[seen] = relative, match, ratio, oval
    moves[seen] = np.hypot(*(centres - start).T)
    sigma_px = math.hypot(sigma, SIGMA_FLOOR_PX)
    return DiscFit(centres_px, amplitudes, matches, moves, sizes, ovals, seen, sigma_px, profile)


def _nothing(start_px: FloatArray, seen: NDArray[np.bool_]) -> DiscFit:
    empty = np.full(len(start_px), np.nan)
    return DiscFit(np.array(start_px), empty, empty, empty, empty, empty, seen, math.nan, np.zeros(1))


def ring_levels(
    pixels: ByteArray, centres_px: FloatArray, radius_px: float, rings: int, reach_ratio: float
) -> FloatArray:
    """Mean level of every disc in equal rings from its centre out to `reach_ratio` radii, (n, rings).

    NaN where the window leaves the picture. A pixel is shared between the two nearest rings.
    """
    reach_px = round(radius_px * reach_ratio * 4) / 4
    window = _window(reach_px)
    levels = np.full((len(centres_px), rings), np.nan)
    margin = math.ceil(reach_px + 0.5) + 0.5
    high = np.array([pixels.shape[1], pixels.shape[0]]) - 1 - margin
    inside = np.asarray(np.isfinite(centres_px).all(axis=1))
    inside[inside] = ((centres_px[inside] >= margin) & (centres_px[inside] <= high)).all(axis=1)
    if not inside.any():
        return levels
    cut = _cut(pixels, centres_px[inside], window)
    place = window.radius / np.float32(reach_px) * rings - np.float32(0.5)
    share = np.maximum(1.0 - np.abs(place[:, None, :] - np.arange(rings, dtype=np.float32)[None, :, None]), 0.0)
    share[:, 0] = np.where(place < 0, 1.0, share[:, 0])
    share /= share.sum(axis=2, keepdims=True)
    found = np.empty((int(inside.sum()), rings))
    for phase, rows in zip(cut.phases, cut.slices):
        found[cut.order[rows]] = cut.patches[rows] @ share[phase].T
    levels[inside] = found
    return levels
