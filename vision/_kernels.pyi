"""The compiled part, vision/kernels/*.c: what each kernel is given, arrays in C's order, and what it writes to.

Pictures may be parts of larger ones. Everything given is whole and finite unless said otherwise; the callers see to it.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]
Wholes = NDArray[np.int64]

def thinned_levels(pixels: Bytes, step: int, sparse: int, small: Bytes, counts: Wholes) -> int: ...
def summits(small: Bytes, ground: int, half: int, reach: int, found: Reals) -> int: ...
def nearest_within(points: Reals, targets: Reals, radius: float, nearest: Wholes) -> int: ...
def best_places(pixels: Bytes, starts: Reals, template: Singles, reach: int, found: Reals) -> int: ...
def mean_levels(pixels: Bytes, points: Reals, offsets: Reals, mean: Reals) -> int: ...
def gap_levels(pixels: Bytes, centres: Reals, pairs: Wholes, rim: float, steps: int, levels: Reals) -> int: ...
def learned_profile(
    pixels: Bytes, corner: Wholes, phase: Wholes, chosen: Flags, side: int, step: int, index: NDArray[np.int32],
    table: Singles, known: int, gram: Reals, stiffness: Reals, profile: Reals,
) -> int: ...  # fmt: skip
def operators(
    cos: Singles, sin: Singles, inside: Singles, index: NDArray[np.int32], phases: Wholes, level: Singles,
    slope: Singles, lit: Singles, steps_per_px: float, is_final: bool, ground: Singles,
    slopes: int, reach_px: float, ground_weight: float, rows: Singles, spread: Reals, design: Singles, along: Reals,
) -> int: ...  # fmt: skip
def window_answers(
    pixels: Bytes, corner: Wholes, slot: Wholes, side: int, step: int, rows: Singles, answers: Reals, squares: Reals
) -> int: ...
def window_scatter(
    pixels: Bytes, corner: Wholes, slot: Wholes, chosen: Flags, side: int, step: int, rows: Singles, design: Singles,
    answers: Reals, most: int, variances: Reals,
) -> int: ...  # fmt: skip
def lattice_places(points: Reals, pitch: float, every: int, near: float, index: Wholes, is_on: Flags) -> int: ...
def best_shift(index: Wholes, stencil: Wholes, shift: Wholes) -> int: ...
def least_squares(design: Reals, values: Reals, weight: Reals, answer: Reals) -> int: ...
def cell_means(
    pixels: Bytes, col: int, row: int, dx: Wholes, dy: Wholes, cell: Wholes, number: Reals, mean: Reals
) -> int: ...
def fitted_sectors(
    mean: Reals, number: Reals, depth: Reals, spread: Reals, x: Reals, y: Reals, moved: Reals, state: Reals,
    rise: Reals, bell: Reals, local: Reals, covariance: Reals, misfit: Reals, wider: Reals,
) -> int: ...  # fmt: skip
def trusted_sectors(
    geometry: Reals, local: Reals, misfit: Reals, misfit_most: float, outlier: float, least: float, good: Flags
) -> int: ...
def moved_outline(
    geometry: Reals, place: Reals, misfit: Reals, waves: Reals, doubted: float, change: Reals, figures: Reals
) -> int: ...
def searched(
    pixels: Bytes, start: Reals, phase_px: Reals, index: NDArray[np.int32], cos: Singles, sin: Singles, inside: Singles,
    table: Singles, levels: Singles, slopes: Singles, known: int, gram: Reals, stiffness: Reals, side: int, step: int,
    steps_per_px: float, given: Reals, limits: Reals, centres: Reals, members: Flags,
) -> int: ...  # fmt: skip
def cut_at(
    centres: Reals,
    phase_px: Reals,
    half: int,
    corner: Wholes,
    phase: Wholes,
    origin: Reals,
    slot: Wholes,
    listed: Wholes,
) -> int: ...
def similar_fit(
    model: Reals, seen: Reals, ratio: float, least: float, minimum: int, rounds: int, figures: Reals
) -> int: ...
def lit_levels(
    level: Singles, step: float, soft: Reals, soft_step: float, face: int, light: Reals, sigma: Reals, lit: Singles,
    open_parts: Reals,
) -> int: ...  # fmt: skip
def light_change(centres: Reals, final: Reals, members: Flags, change: Reals) -> int: ...
def ended_discs(
    final: Reals, origin: Reals, start: Reals, members: Flags, change: Reals, reads: Reals, limit: float,
    is_relative: bool, centres: Reals, found: Reals,
) -> int: ...  # fmt: skip
def rigid_fit(
    model: Reals, seen: Reals, weight: Reals, sigma: Reals, ratio: float, minimum: int, rounds: int, used: Flags,
    residual: Reals, figures: Reals, covariance: Reals,
) -> int: ...  # fmt: skip
