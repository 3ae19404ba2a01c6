"""Where an array without a lattice lies: long pairs of its sites are sought among the blobs, and most sites decide.

It serves irregular maps, and lattices whose rows a busy picture hides; it works to about a pixel.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vision.frame import FloatArray
from vision.lattice import CoarsePose, covered, through_pairs
from vision.maps import BallMap, nearest_within

BASES = 8
"""Long pairs of sites tried in turn: every missing ball may spoil a few of them."""

SAMPLE = 24
"""Sites by which a placement is judged at first."""

NEAR_RATIO = 0.3
"""Share of the pitch within which a blob counts for a site."""

ENDS_MOST = 1_500
"""So many blobs may be an end of a pair; a picture full of noise is not worth more time."""

HYPOTHESES_MOST = 20_000


def placed_by_pairs(blobs_um: FloatArray, ball_map: BallMap, scale_tolerance: float) -> CoarsePose | None:
    """The turn and shift under which most sites of the map have a blob; None where less than half have one."""
    if len(blobs_um) < 0.5 * ball_map.count:
        return None
    occupied = _Occupied(blobs_um, NEAR_RATIO * ball_map.pitch_um)
    sites = ball_map.xy_um[:, 0] + 1j * ball_map.xy_um[:, 1]
    sample = sites[np.linspace(0, ball_map.count - 1, min(SAMPLE, ball_map.count)).astype(int)]
    blobs = (blobs_um[:, 0] + 1j * blobs_um[:, 1])[:: math.ceil(len(blobs_um) / ENDS_MOST)]
    between = blobs[None, :] - blobs[:, None]
    length_um = np.abs(between)
    best: tuple[float, complex, complex] = (0.0, 1.0 + 0j, 0j)
    for first, second in _bases(sites):
        base = sites[second] - sites[first]
        play_um = scale_tolerance * abs(base) + NEAR_RATIO * ball_map.pitch_um
        one, two = np.nonzero(np.abs(length_um - abs(base)) < play_um)
        one, two = one[:HYPOTHESES_MOST], two[:HYPOTHESES_MOST]
        turn = between[one, two] / base
        shift = blobs[one] - turn * sites[first]
        share = occupied.share(sample, turn, shift)
        likely = np.argsort(-share, kind="stable")[:64]
        full = occupied.share(sites, turn[likely], shift[likely])
        if len(full) and float(full.max()) > best[0]:
            at = likely[int(np.argmax(full))]
            best = float(full.max()), complex(turn[at]), complex(shift[at])
        if best[0] > 0.9:
            break
    return _settled(best[1], best[2], blobs_um, ball_map, scale_tolerance)


def _bases(sites: NDArray[np.complex128]) -> list[tuple[int, int]]:
    """Pairs of sites far apart, no site twice."""
    centre = sites.mean()
    order = np.argsort(-np.abs(sites - centre), kind="stable")
    pairs: list[tuple[int, int]] = []
    used: set[int] = set()
    for first in order.tolist():
        if first in used or len(pairs) == BASES:
            continue
        second = int(np.argmax(np.abs(sites - sites[first])))
        if second not in used:
            pairs.append((first, second))
            used |= {first, second}
    return pairs


def _settled(
    turn: complex, shift: complex, blobs_um: FloatArray, ball_map: BallMap, scale_tolerance: float
) -> CoarsePose | None:
    """The placement refined by all sites that have a blob."""
    placed = turn * (ball_map.xy_um[:, 0] + 1j * ball_map.xy_um[:, 1]) + shift
    nearest = nearest_within(np.column_stack([placed.real, placed.imag]), blobs_um, NEAR_RATIO * ball_map.pitch_um)
    again = through_pairs(ball_map.xy_um[nearest >= 0], blobs_um[nearest[nearest >= 0]], scale_tolerance)
    return None if again is None else covered(again, blobs_um, ball_map)


class _Occupied:
    """Whether a blob is near a point, by a picture of the blobs."""

    def __init__(self, blobs_um: FloatArray, near_um: float) -> None:
        self._cell_um = near_um / 2.0
        self._low = blobs_um.min(axis=0) - near_um
        size = np.ceil((blobs_um.max(axis=0) + near_um - self._low) / self._cell_um).astype(int) + 1
        self._grid = np.zeros(tuple(size), dtype=bool)
        reach = math.ceil(near_um / self._cell_um)
        cell = np.round((blobs_um - self._low) / self._cell_um).astype(int)
        for dx in range(-reach, reach + 1):
            for dy in range(-reach, reach + 1):
                if math.hypot(dx, dy) <= reach:
                    at = np.clip(cell + np.array([dx, dy]), 0, size - 1)
                    self._grid[at[:, 0], at[:, 1]] = True

    def share(
        self, sites: NDArray[np.complex128], turn: NDArray[np.complex128], shift: NDArray[np.complex128]
    ) -> FloatArray:
        """Share of the sites with a blob under each placement `turn * site + shift`, (placements,)."""
        placed = turn[:, None] * sites[None, :] + shift[:, None]
        x = np.round((placed.real - self._low[0]) / self._cell_um).astype(int)
        y = np.round((placed.imag - self._low[1]) / self._cell_um).astype(int)
        inside = (x >= 0) & (y >= 0) & (x < self._grid.shape[0]) & (y < self._grid.shape[1])
        return np.asarray((inside & self._grid[np.where(inside, x, 0), np.where(inside, y, 0)]).mean(axis=1))
