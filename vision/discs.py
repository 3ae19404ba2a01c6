"""Joint sub-pixel refinement of many equal round things: balls, lands, film marks, glass dots.

The radial profile is learned from the picture itself, so light, focus and alloy need no settings; a first-harmonic
tilt of the brightness is solved for beside the position, because one-sided light would else look like a shift. It does
not decide what is a ball and what is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vision.arithmetic import least_squares, median
from vision.compiled import is_compiled, kernels
from vision.frame import ByteArray, FloatArray
from vision.one_sided import LitPart, all_lit, beside_ground, lit_part, shares_seen
from vision.operators import AMPLITUDE, Ground, Operators, operators, scatter, solved, with_ground_held
from vision.windows import BIN_PX, FINE_PER_PX, Cut, Float32, Window, cut_windows, learned_profile, window_of

__all__ = ["BIN_PX", "DiscFit", "fit_discs"]

SEARCH_PHASES, FINAL_PHASES, WIDE_PHASES = 2, 4, 3
"""Sub-pixel places per axis at which windows are laid out, until the last solution and for it: the rest of a shift, at
most an eighth of a pixel at the end and a sixth in soft pictures, is solved linearly."""

THIN_FROM_PX = 12.0
"""Of windows larger than this every second row is looked at until the last solution, which takes all."""

SETTLED_PX = 0.6
SETTLED_TOGETHER_PX = 0.1
"""A round that moves 95 % of the discs less than the first, and all of them together less than the second, is the last
but one: the last solution starts a tenth of that from its end (measured), where the linear model holds. What all discs
share goes slowly, because a profile learned off the centre holds them there."""

TOLD_BY_LEAST = 24
"""Fewer discs tell nothing of the light across the picture or of what it tilts, and a second look is at a few."""

MEMBER_AMPLITUDE = 0.3
"""Brightness over the typical disc from which the profile is learned from a disc."""

FLAT_RIM_PX = 0.004
"""Sigma per axis that flat discs have besides noise: their rims are no perfect circles (estimate)."""

LEAK_POWER = 6
"""How steeply the ground leaks in towards the rim of a soft picture: as this power of the radius (tried: 4 to 12)."""

GROUND_SLOPES, GROUND_WEIGHT = 3, 6.0
"""Ground beyond the rim slopes with so many powers of the radius from 0 on; variance of its grain against that of a
dark pixel (tried: powers up to 6, weights to 20)."""

TILT_LEAST = 0.01
"""Common tilt below which nothing is to be learned from it about the parts that tilt."""


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
    reach_ratio  of the windows, over the radius
    common_sigma_px   (2,) sigma per axis of what moves all discs alike: one-sided light, as far as its model is open
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
    reach_ratio: float = 0.85
    common_sigma_px: FloatArray = field(default_factory=lambda: np.zeros(2))

    @property
    def sigmas_px(self) -> FloatArray:
        """(n,) sigma per axis of every disc: weak ones are known less well."""
        return np.asarray(self.sigma_px / np.clip(self.amplitude, 0.1, 2.0))

    def picked(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> DiscFit:
        """These discs only, or in another order; a slice of them costs nothing."""
        fields: dict[str, Any] = {name: getattr(self, name)[rows] for name in PER_DISC}
        return replace(self, **fields)

    def replaced(self, rows: NDArray[np.int64], other: DiscFit, better: NDArray[np.bool_]) -> DiscFit:
        """The discs at `rows` taken from `other` where it is better."""
        fields: dict[str, Any] = {name: getattr(self, name).copy() for name in PER_DISC}
        for name, values in fields.items():
            values[rows[better]] = getattr(other, name)[better]
        return replace(self, **fields)


PER_DISC = ("centres_px", "amplitude", "match", "moved_px", "size_ratio", "oval_ratio", "seen")
"""Fields of DiscFit with one row per disc, in their order."""


@dataclass(frozen=True, eq=False)
class _Shape:
    """A learned profile in steps of the windows' tables: level, slope, and the part of it that the ring light makes."""

    level: Float32
    slope: Float32
    lit: LitPart
    lit_slope: Float32
    bend: Float32
    """change of the slope per pixel"""


def _shape(profile: FloatArray, window: Window, radius_px: float, *, is_flat: bool) -> _Shape:
    level, slope = (table @ profile.astype(np.float32) for table in window.tables)
    lit = all_lit(level) if is_flat else lit_part(level, window.radii_px, radius_px)
    return _Shape(level, slope, lit, _slope(lit.level), _slope(slope))


def _slope(table: Float32) -> Float32:
    """Per pixel; half of it at both ends."""
    slope = np.zeros_like(table)
    slope[:-1] += table[1:] - table[:-1]
    slope[1:] += table[1:] - table[:-1]
    return slope * np.float32(0.5 * FINE_PER_PX)


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
    ground_shows: bool = False,
) -> DiscFit:
    """Gauss-Newton per disc against a profile learned from all of them, relearned every round.

    start_px     (n, 2) column, row, good to about a third of the radius
    reach_ratio  window radius over disc radius: 0.85 for balls (beyond it the substrate leaks in), 1.4 for flat discs,
                 whose only edge is their rim
    max_move_px  a disc is not followed farther than this from its start (default: 0.6 radii)
    profile      search with this profile instead of learning one; of a fit with about the same radius
    ground_shows solve for the ground that leaks in over the rim as well
    returns      DiscFit; points whose window leaves the picture are not seen
    """
    reach_px = round(max(radius_px * reach_ratio, 2.5) * 4) / 4
    window = window_of(reach_px, SEARCH_PHASES, 2 if reach_px > THIN_FROM_PX else 1)
    limit = 0.6 * radius_px if max_move_px is None else max_move_px
    margin = window.half + 0.5
    rows, cols = pixels.shape
    seen = np.asarray(np.isfinite(start_px).all(axis=1))
    low, high = margin, np.array([cols, rows]) - 1 - margin
    seen &= (start_px >= low).all(axis=1) & (start_px <= high).all(axis=1)
    start = np.asarray(start_px[seen], dtype=np.float64)
    if len(start) == 0:
        return _nothing(start_px, seen)
    given = None if profile is None else _as_long(profile, window.knots)
    limits = _Limits(rounds, 0.15 * radius_px + 1.0, limit, match_least)
    centres, members = _searched(pixels, start, window, given, limits)
    window = window_of(reach_px, FINAL_PHASES)
    cut = cut_windows(pixels, centres, window)
    learned = learned_profile(cut, members) if given is None else given
    shape = _shape(learned, window, radius_px, is_flat=reach_ratio > 1)
    leak = np.minimum(window.radii_px / (window.half - 0.5), 1.0).astype(np.float32) ** LEAK_POWER
    ground = Ground(leak, 1, 1.0, 0.0) if ground_shows else None
    laid_out = operators(window, cut.phases, shape.level, shape.slope, shape.lit.level, final=True, ground=ground)
    final, match = solved(cut, laid_out)
    if profile is not None:
        members = np.ones(len(start), dtype=bool)
    reads, change, common_sigma_px = _like_a_shift(final, cut, shape, laid_out, members)
    centres, figures = _ended(final, cut.origin, start, members, change, reads, limit, profile is None)
    variance = scatter(cut, laid_out, final, members)
    noise_px = math.sqrt(median(variance)) if len(variance) else math.nan
    noise_px = math.hypot(noise_px, FLAT_RIM_PX if reach_ratio > 1 else 0.0)
    table = np.full((5, len(start_px)), np.nan)
    table[:4, seen], table[4, seen] = figures, match
    amplitude, moved, size, oval, matches = table
    centres_px = np.array(start_px, dtype=np.float64)
    centres_px[seen] = centres
    lost = np.flatnonzero(seen)[((centres < low) | (centres > high)).any(axis=1)]  # ran into the border
    seen[lost], matches[lost], centres_px[lost] = False, np.nan, start_px[lost]
    return DiscFit(
        centres_px, amplitude, matches, moved, size, oval, seen, noise_px, learned, reach_ratio, common_sigma_px
    )


def placed_beside_ground(
    pixels: ByteArray, discs: DiscFit, members: NDArray[np.bool_], radius_px: float, reach_px: float
) -> DiscFit:
    """The member discs of a soft picture placed once more, by one solution within a wider window that knows the ground.

    Their blurred rims tell most of where they are and lie over the ground, which slopes as it likes.
    members    discs good to half a pixel; the others keep their places, as do those too near to the border
    """
    window = window_of(round(reach_px * 4) / 4, WIDE_PHASES)
    margin = window.half + 0.5
    high = np.array([pixels.shape[1], pixels.shape[0]]) - 1 - margin
    there = members & (discs.centres_px >= margin).all(axis=1) & (discs.centres_px <= high).all(axis=1)
    if np.count_nonzero(there) < TOLD_BY_LEAST:
        return discs
    start = discs.centres_px[there]
    cut, all_of = cut_windows(pixels, start, window), np.ones(len(start), dtype=bool)
    level, slope = (table @ learned_profile(cut, all_of).astype(np.float32) for table in window.tables)
    share, lit = beside_ground(level, window.radii_px, radius_px)
    shape = _Shape(level, slope, lit, _slope(lit.level), _slope(slope))
    ground = Ground(share, GROUND_SLOPES, float(window.half), GROUND_WEIGHT)
    laid_out = operators(window, cut.phases, level, slope, lit.level, final=True, ground=ground)
    open_fit, _ = solved(cut, laid_out)
    variance_px2 = median(scatter(cut, laid_out, open_fit, all_of))
    laid_out, final = with_ground_held(cut, laid_out, open_fit, level, variance_px2)
    reads, change, common_sigma_px = _like_a_shift(final, cut, shape, laid_out, all_of)
    centres_px = discs.centres_px.copy()
    centres_px[there], _ = _ended(final, cut.origin, start, all_of, change, reads, SETTLED_PX, True)
    noise_px = math.sqrt(median(scatter(cut, laid_out, final, all_of)))
    return replace(discs, centres_px=centres_px, sigma_px=noise_px, common_sigma_px=common_sigma_px)


class _Limits(NamedTuple):
    """Of a search: how far a disc is moved in one round and from its start, and what a member must match."""

    rounds: int
    step_px: float
    move_px: float
    match_least: float
    amplitude_least: float = MEMBER_AMPLITUDE
    settled_px: float = SETTLED_PX
    together_px: float = SETTLED_TOGETHER_PX


def _searched(
    pixels: ByteArray, start: FloatArray, window: Window, given: FloatArray | None, limits: _Limits
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Where the last solution starts, (n, 2), and which discs a profile is learned from.

    given   search with this profile instead of learning one every round
    """
    members = np.ones(len(start), dtype=bool)
    if is_compiled():
        centres = np.empty_like(start)
        kernels.searched(
            pixels, start, window.phase_px, window.index, window.cos, window.sin, window.inside, window.tables[0],
            *window.columns, window.known_steps, window.gram, window.stiffness, window.side, window.step, FINE_PER_PX,
            np.empty(0) if given is None else given, np.array(limits, dtype=np.float64), centres, members,
        )  # fmt: skip
        return centres, members
    low = window.half + 0.5
    high = np.array([pixels.shape[1], pixels.shape[0]]) - 1 - low
    centres = start
    for _ in range(limits.rounds):
        cut = cut_windows(pixels, centres, window)
        learned = learned_profile(cut, members) if given is None else given
        level, slope = (table @ learned.astype(np.float32) for table in window.tables)
        coefficients, match = solved(cut, operators(window, cut.phases, level, slope, level))
        amplitude = coefficients[:, AMPLITUDE]
        offset = coefficients[:, :2] / np.where(np.abs(amplitude) > 0.05, amplitude, 0.05)[:, None]
        moved = cut.origin + _clipped(offset, limits.step_px)
        moved = np.clip(start + _clipped(moved - start, limits.move_px), low, high)
        step = moved - centres
        centres = moved
        members = _members(amplitude, match, limits)
        if _is_settled(step[members]):
            break
    return centres, members


def _is_settled(step: FloatArray) -> bool:
    together = np.abs(step.mean(axis=0)).max()
    settled = np.count_nonzero(step[:, 0] ** 2 + step[:, 1] ** 2 < SETTLED_PX**2)
    return bool(together < SETTLED_TOGETHER_PX and settled >= 0.95 * len(step))


def _as_long(profile: FloatArray, knots: int) -> FloatArray:
    """A profile of another reach, cut or drawn out level."""
    return np.asarray(np.pad(profile, (0, max(0, knots - len(profile))), mode="edge")[:knots])


def _like_a_shift(
    final: FloatArray, cut: Cut, shape: _Shape, laid_out: Operators, members: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What looks like a shift in the last solution and is none: the shift read where the picture has a change of size,
    that of the part that tilts, light that changes across the picture, and what else of the profile tilts, (4,);
    relative change of the light per pixel at every disc, (n, 2); and the sigma that all discs share, (2,).

    Shift and tilt of a ball of another size are products, beyond a linear fit. Light that changes across the picture
    changes across every disc as well, outwards of the highlight more than inwards: told by the amplitudes.
    """
    radius = cut.window.radii_px
    looks = np.stack([shape.slope + radius * shape.bend, -shape.lit_slope * radius, shape.level * radius])
    reads = np.zeros(4)
    reads[:3] = looks @ laid_out.along
    change = _light_change(cut.origin, final, members)
    tilt = final[:, 2:4] / np.maximum(final[:, 4:5], 0.1)
    count = np.count_nonzero(members)
    together = np.abs(members @ tilt) / max(count, 1)
    moves = shape.lit.open @ laid_out.along
    covariance = np.eye(len(moves))
    if len(moves) and together.max() > TILT_LEAST and count >= TOLD_BY_LEAST:
        light = change * final[:, 4:5]
        shares = shares_seen(cut, laid_out, final[members], members, light[members], shape.level, shape.lit)
        reads[3] = shares.value @ moves
        covariance = shares.covariance
    return reads, change, together * math.hypot(shape.lit.left_px, math.sqrt(float(moves @ covariance @ moves)))


def _light_change(centres_px: FloatArray, final: FloatArray, members: NDArray[np.bool_]) -> FloatArray:
    """Relative change of the light per pixel at every disc, (n, 2): of a quadratic field through the amplitudes."""
    if np.count_nonzero(members) < TOLD_BY_LEAST:
        return np.zeros_like(centres_px)
    if is_compiled():
        change = np.empty_like(centres_px)
        kernels.light_change(centres_px, final, members, change)
        return change
    middle = centres_px[members].mean(axis=0)
    reach = max(float(np.ptp(centres_px[members], axis=0).max()), 1.0)
    x, y = (centres_px.T - middle[:, None]) / reach
    field = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    light = least_squares(field, final[:, AMPLITUDE], members.astype(np.float64))
    change = light[1:3] + np.stack([2 * light[3] * x + light[4] * y, light[4] * x + 2 * light[5] * y], axis=1)
    return np.asarray(change / (np.maximum(field @ light, 0.1) * reach)[:, None])


def _clipped(offset: FloatArray, limit: float) -> FloatArray:
    length = np.hypot(offset[:, 0], offset[:, 1])
    return np.asarray(offset * np.minimum(1.0, limit / np.maximum(length, 1e-9))[:, None])


def _members(amplitude: FloatArray, match: FloatArray, limits: _Limits) -> NDArray[np.bool_]:
    """Discs that look like the rest; the profile is learned from them only."""
    members = np.asarray((match > limits.match_least) & (amplitude > limits.amplitude_least))
    if int(members.sum()) < max(4, len(match) // 8):
        members = match >= np.sort(match)[-max(4, len(match) // 4) :][0]
    return np.asarray(members)


def _ended(
    final: FloatArray, origin: FloatArray, start: FloatArray, members: NDArray[np.bool_], change: FloatArray,
    reads: FloatArray, limit: float, is_relative: bool,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Centres, (n, 2), and amplitude, distance from the start, size and oval of every disc, (4, n): the first and the
    third against the members' where these belong together."""
    if is_compiled():
        centres, figures = np.empty_like(start), np.empty((4, len(start)))
        kernels.ended_discs(final, origin, start, members, change, reads, limit, is_relative, centres, figures)
        return centres, figures
    amplitude = final[:, AMPLITUDE]
    safe = np.maximum(amplitude, 0.1)[:, None]
    tilt, size = final[:, 2:4] / safe, final[:, 6:7] / safe
    shift = final[:, :2] / safe / (1.0 + reads[0] * size)
    shift -= tilt * size * reads[1] + change * reads[2] + tilt * reads[3]
    centres = start + _clipped(origin + _clipped(shift, 0.5) - start, limit)
    ratio = 1.0 + np.clip(size[:, 0], -0.5, 0.5)
    if is_relative:
        amplitude, ratio = amplitude / max(median(amplitude[members]), 1e-6), ratio / median(ratio[members])
    oval = 2.0 * np.hypot(final[:, 7], final[:, 8]) / safe[:, 0]
    return centres, np.stack([amplitude, np.hypot(*(centres - start).T), ratio, oval])


def _nothing(start_px: FloatArray, seen: NDArray[np.bool_]) -> DiscFit:
    empty = np.full(len(start_px), np.nan)
    return DiscFit(np.array(start_px), empty, empty, empty, empty, empty, seen, math.nan, np.zeros(1))
