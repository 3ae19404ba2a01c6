"""What should be in the picture: sites of balls, lands, film marks or glass dots, and the turn mark.

A map is plain numbers; it does not know packages, boards or recipes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vision.compiled import is_compiled, kernels
from vision.errors import BadMap
from vision.frame import FloatArray


@dataclass(frozen=True, eq=False)
class BallMap:
    """Sites as drawn, in the view of the camera that will see them; origin at the body centre, um.

    names            one per site, unique
    x_um, y_um, diameter_um   shape (site_count,)
    a1_x_um, a1_y_um, a1_diameter_um   bright turn mark on the body, None where there is none
    raises           BadMap
    """

    names: tuple[str, ...]
    x_um: FloatArray
    y_um: FloatArray
    diameter_um: FloatArray
    a1_x_um: float | None = None
    a1_y_um: float | None = None
    a1_diameter_um: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        for field in ("x_um", "y_um", "diameter_um"):
            values = np.array(getattr(self, field), dtype=np.float64).reshape(-1)
            values.setflags(write=False)
            object.__setattr__(self, field, values)
        count = len(self.names)
        if count == 0:
            raise BadMap("the map holds no site")
        if not (len(self.x_um) == len(self.y_um) == len(self.diameter_um) == count):
            raise BadMap(
                f"{count} names, {len(self.x_um)} x, {len(self.y_um)} y and {len(self.diameter_um)} diameters: "
                "one of each per site wanted"
            )
        if len(set(self.names)) != count:
            raise BadMap("two sites of the map have the same name")
        if not (np.isfinite(self.xy_um).all() and np.isfinite(self.diameter_um).all() and (self.diameter_um > 0).all()):
            raise BadMap("every site needs a finite position and a positive finite diameter")
        if count < 4:
            raise BadMap(f"the map holds {count} sites, at least 4 wanted for a pose")
        if self.pitch_um <= 0.5 * float(self.diameter_um.min()):
            raise BadMap(f"two sites stand {self.pitch_um:.1f} um apart, closer than half a diameter")
        mark = (self.a1_x_um, self.a1_y_um, self.a1_diameter_um)
        if any(value is None for value in mark) and any(value is not None for value in mark):
            raise BadMap("a turn mark needs x, y and diameter")
        if self.a1_diameter_um is not None and not (np.isfinite(mark_values(self)).all() and self.a1_diameter_um > 0):
            raise BadMap("the turn mark needs a finite position and a positive diameter")

    @property
    def count(self) -> int:
        return len(self.names)

    @cached_property
    def xy_um(self) -> FloatArray:
        """(site_count, 2)"""
        return np.column_stack([self.x_um, self.y_um])

    @cached_property
    def neighbour_um(self) -> FloatArray:
        """Distance of every site to its nearest neighbour, (site_count,)."""
        nearest = np.empty(self.count)
        for start in range(0, self.count, 512):
            block = self.xy_um[start : start + 512]
            distance = np.hypot(block[:, None, 0] - self.x_um, block[:, None, 1] - self.y_um)
            distance[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
            nearest[start : start + 512] = distance.min(axis=1)
        return nearest

    @cached_property
    def pitch_um(self) -> float:
        """Smallest distance between two sites."""
        return float(self.neighbour_um.min())

    @cached_property
    def radius_um(self) -> float:
        """Half the median diameter: all sites of one map are searched with one size."""
        return 0.5 * float(np.median(self.diameter_um))

    @cached_property
    def reach_um(self) -> float:
        """Distance of the farthest site from the origin."""
        return float(np.hypot(self.x_um, self.y_um).max())

    @cached_property
    def side_rows(self) -> tuple[tuple[int, float, NDArray[np.int64]], ...]:
        """The four sides: axis, sign, and the sites within half a pitch of the outermost one."""
        rows = []
        for axis in range(2):
            for sign in (-1.0, 1.0):
                along = sign * self.xy_um[:, axis]
                rows.append((axis, sign, np.flatnonzero(along > along.max() - 0.5 * self.pitch_um)))
        return tuple(rows)

    @cached_property
    def is_lattice(self) -> bool:
        """Whether all sites stand on one square lattice of this pitch, along the axes."""
        steps = (self.xy_um - self.xy_um[0]) / self.pitch_um
        return bool(np.abs(steps - np.round(steps)).max() < 0.1)

    @cached_property
    def free_sites_um(self) -> FloatArray:
        """Lattice sites next to the array where nothing belongs: the row inside and the row outside, (n, 2)."""
        if not self.is_lattice:
            return np.empty((0, 2))
        index = np.round((self.xy_um - self.xy_um[0]) / self.pitch_um).astype(int)
        low = index.min(axis=0) - 1
        shape = index.max(axis=0) + 2 - low
        occupied = np.zeros((shape[0], shape[1]), dtype=bool)
        occupied[index[:, 0] - low[0], index[:, 1] - low[1]] = True
        padded = np.pad(occupied, 1)
        near = np.zeros_like(occupied)
        for dx in (0, 1, 2):
            for dy in (0, 1, 2):
                near |= padded[dx : dx + shape[0], dy : dy + shape[1]]
        free = np.argwhere(near & ~occupied)
        return np.asarray(self.xy_um[0] + (free + low) * self.pitch_um, dtype=np.float64)

    @cached_property
    def neighbours(self) -> NDArray[np.int64]:
        """Pairs of sites about one pitch apart, (pair_count, 2), each pair once."""
        pairs = []
        for start in range(0, self.count, 512):
            block = self.xy_um[start : start + 512]
            distance = np.hypot(block[:, None, 0] - self.x_um, block[:, None, 1] - self.y_um)
            first, second = np.nonzero(distance < 1.15 * self.pitch_um)
            pairs.append(np.column_stack([first + start, second])[first + start < second])
        return np.concatenate(pairs)

    @cached_property
    def turned_onto(self) -> tuple[NDArray[np.int64], ...]:
        """For 0 to 3 quarter turns: the site that each turned site falls on, -1 where it falls on none."""
        return tuple(nearest_within(quarter_turned(self.xy_um, k), self.xy_um, 0.2 * self.pitch_um) for k in range(4))

    @cached_property
    def all_turns_um(self) -> FloatArray:
        """The sites, then the places where another quarter turn of the map has a site and this one has none, (m, 2)."""
        places = self.xy_um
        for k in (1, 2, 3):
            turned = quarter_turned(self.xy_um, k)
            new = nearest_within(turned, places, 0.2 * self.pitch_um) < 0
            places = np.concatenate([places, turned[new]])
        return places

    @cached_property
    def turned_rows(self) -> tuple[NDArray[np.int64], ...]:
        """For 0 to 3 quarter turns: the row of `all_turns_um` that each turned place falls on, (4 of (m,)).

        Places that nearly fall onto each other count as one place; a few may then be named twice.
        """
        places = self.all_turns_um
        return tuple(nearest_within(quarter_turned(places, k), places, 0.5 * self.pitch_um) for k in range(4))

    def mirrored(self) -> BallMap:
        """The same sites seen from the other side: x changes its sign."""
        a1_x_um = None if self.a1_x_um is None else -self.a1_x_um
        return BallMap(self.names, -self.x_um, self.y_um, self.diameter_um, a1_x_um, self.a1_y_um, self.a1_diameter_um)


LandMap = BallMap
"""Lands of a bottom package seen from above; `a1_*` its turn mark."""

DotMap = BallMap
"""Dots of the glass calibration part, seen from below; use `mirrored()` for the view from above."""


def mark_values(sites: BallMap) -> FloatArray:
    """Turn mark as (x, y, diameter), um; NaN without a mark."""
    mark = (sites.a1_x_um, sites.a1_y_um, sites.a1_diameter_um)
    return np.array([np.nan if value is None else float(value) for value in mark])


def quarter_turned(points_um: FloatArray, quarter_turns: int) -> FloatArray:
    """(n, 2) points turned by 90 deg anticlockwise `quarter_turns` times, without rounding."""
    x_um, y_um = points_um[:, 0], points_um[:, 1]
    turned = ((x_um, y_um), (-y_um, x_um), (-x_um, -y_um), (y_um, -x_um))[quarter_turns % 4]
    return np.column_stack(turned)


def nearest_within(points_um: FloatArray, targets_um: FloatArray, radius_um: float) -> NDArray[np.int64]:
    """Index of the nearest target of every point, -1 where none is within the radius; (n,)."""
    nearest = np.full(len(points_um), -1, dtype=np.int64)
    if len(targets_um) == 0:
        return nearest
    if is_compiled():
        kernels.nearest_within(np.ascontiguousarray(points_um), np.ascontiguousarray(targets_um), radius_um, nearest)
        return nearest
    height = 0.5 * (targets_um**2).sum(axis=1)
    for start in range(0, len(points_um), 1024):
        block = points_um[start : start + 1024]
        index = (height - block @ targets_um.T).argmin(axis=1)  # half the squared distance, less what all share
        close = ((block - targets_um[index]) ** 2).sum(axis=1) <= radius_um**2
        nearest[start : start + 1024] = np.where(close, index, -1)
    return nearest
