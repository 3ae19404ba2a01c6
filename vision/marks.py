"""The outlines of fiducial marks: where their edges run, which way they face, and how the mark looks when shrunk.

Pure geometry about the centre of the mark in pixels, column right and row down; no picture is looked at here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vision.frame import FloatArray

Shape = Literal["disc", "ring", "cross", "square", "diamond"]
SHAPES: tuple[Shape, ...] = ("disc", "ring", "cross", "square", "diamond")

PART_RATIOS: dict[Shape, tuple[float, ...]] = {"ring": (0.5, 0.7, 0.35), "cross": (0.3, 0.2, 0.4)}
"""Inner over outer diameter of a ring, arm width over length of a cross: what is tried where nobody says (estimate)."""

SECTOR_PX = 6.5
"""Length of outline that one sector stands for."""

SECTORS_MOST = 48
WAVES = 4
"""Slow waves along the outline in which ground and light are looked for."""

CORNER_FREE_PX = 5.0
"""Outline nearer than this to a corner is left out: two edges would share its pixels."""


@dataclass(frozen=True, eq=False)
class Outline:
    """Pixels on both sides of the outline, sorted into cells: sectors along it, one pixel wide steps across it.

    dx, dy     (n,) pixels relative to the whole pixel that the centre is counted from
    cell       (n,) sector * steps + step of every pixel; steps run from outside to inside
    count      (sectors, steps) pixels
    depth_px   (sectors, steps) mean distance inside the outline, negative outside
    spread     (sectors, steps) variance of that distance within the cell, px^2
    x, y       (sectors, steps) mean place
    normal     (sectors, 2) outward, column and row
    lever      (sectors,) how far the edge moves outward per radian of turn, px
    size       (sectors, sizes) 1 for the size that moves this part of the outline
    outer_px, inner_px   whole steps of one pixel outside and inside the outline as drawn
    """

    dx: NDArray[np.int64]
    dy: NDArray[np.int64]
    cell: NDArray[np.int64]
    count: FloatArray
    depth_px: FloatArray
    spread: FloatArray
    x: FloatArray
    y: FloatArray
    normal: FloatArray
    lever: FloatArray
    size: FloatArray
    outer_px: int
    inner_px: int
    extent_px: float
    """farthest column or row of the outline from the centre"""
    geometry: FloatArray
    """(sectors, unknowns) how shift, sizes and turn move the edge outward"""
    inside_at: FloatArray
    """(sectors, 2) middle of the cells inside the outline, about the mean of all sectors"""
    outside_at: FloatArray
    waves: FloatArray
    """(sectors, 1 + 2 * waves) slow waves along the outline, the constant first"""


@dataclass(frozen=True, slots=True)
class _Edge:
    """One piece of outline over many pixels: depth inside and place along it, NaN where it is not the nearest."""

    depth_px: FloatArray
    along: FloatArray
    """0 to 1"""
    normal_x: FloatArray
    normal_y: FloatArray
    length_px: float
    size: int


def _corners(shape: Shape, half_px: float, part_px: float) -> list[tuple[float, float, int]]:
    """Corners in order, with the size that the edge leaving them belongs to."""
    h, w = half_px, part_px
    if shape == "square":
        return [(h, h, 0), (-h, h, 0), (-h, -h, 0), (h, -h, 0)]
    if shape == "diamond":
        return [(h, 0.0, 0), (0.0, h, 0), (-h, 0.0, 0), (0.0, -h, 0)]
    return [
        (h, -w, 0), (h, w, 1), (w, w, 1), (w, h, 0), (-w, h, 1), (-w, w, 1),
        (-h, w, 0), (-h, -w, 1), (-w, -w, 1), (-w, -h, 0), (w, -h, 1), (w, -w, 1),
    ]  # fmt: skip


def thinnest_px(shape: Shape, size_px: float, part_ratio: float) -> float:
    """Half of the thinnest part of the mark."""
    half = 0.5 * size_px
    return {
        "disc": half, "square": half, "diamond": half / math.sqrt(2.0), "cross": half * part_ratio,
        "ring": 0.5 * half * (1.0 - part_ratio),
    }[shape]  # fmt: skip


@lru_cache(maxsize=64)
def outline(shape: Shape, size_px: float, part_ratio: float, outer_px: int, inner_px: int) -> Outline:
    """The cells about the outline of a mark that measures `size_px` across (a diamond from tip to tip)."""
    half = 0.5 * size_px
    reach = math.ceil(half + outer_px + 1.0)
    dy, dx = (axis.ravel() for axis in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    edges = _edges(shape, half, half * part_ratio, dx.astype(np.float64), dy.astype(np.float64))
    steps = outer_px + inner_px
    rows, places, parts = [], [], []
    sectors = 0
    for edge in edges:
        pieces = max(1, min(round(edge.length_px / SECTOR_PX), SECTORS_MOST))
        with np.errstate(invalid="ignore"):
            inside = (edge.depth_px >= -outer_px) & (edge.depth_px < inner_px) & np.isfinite(edge.along)
        at = np.flatnonzero(inside)
        sector = sectors + np.minimum((edge.along[at] * pieces).astype(np.int64), pieces - 1)
        step = np.floor(edge.depth_px[at] + outer_px).astype(np.int64)
        rows.append(at)
        places.append(sector * steps + step)
        parts.append((edge.depth_px[at], edge.normal_x[at], edge.normal_y[at], np.full(pieces, edge.size)))
        sectors += pieces
    at, cell = np.concatenate(rows), np.concatenate(places)
    depth, normal_x, normal_y = (np.concatenate([part[i] for part in parts]) for i in range(3))
    size_of = np.concatenate([part[3] for part in parts])
    count = np.bincount(cell, minlength=sectors * steps).astype(np.float64)
    safe = np.maximum(count, 1.0)

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray((np.bincount(cell, values, sectors * steps) / safe).reshape(sectors, steps))

    sector_of = cell // steps
    total = np.bincount(sector_of, minlength=sectors)
    normal = np.column_stack([np.bincount(sector_of, n, sectors) / total for n in (normal_x, normal_y)])
    lever = np.bincount(sector_of, dx[at] * normal_y - dy[at] * normal_x, sectors) / total
    if shape in ("disc", "ring"):
        lever[:] = 0.0
    mean_depth = mean(depth)
    spread = np.maximum(mean(depth**2) - mean_depth**2, 0.0)
    size = np.eye(int(size_of.max()) + 1)[size_of]
    geometry = np.column_stack([normal, size, *([lever] if lever.any() else [])])
    mean_x, mean_y = mean(dx[at].astype(np.float64)), mean(dy[at].astype(np.float64))

    def middle(part: slice) -> FloatArray:
        place = np.column_stack([mean_x[:, part].mean(axis=1), mean_y[:, part].mean(axis=1)])
        return np.asarray(place - place.mean(axis=0))

    return Outline(
        dx[at], dy[at], cell, count.reshape(sectors, steps), mean_depth, spread,
        mean_x, mean_y, normal, lever, size, outer_px, inner_px, half, geometry, middle(slice(outer_px, None)),
        middle(slice(0, outer_px)), _waves(sectors),
    )  # fmt: skip


def _waves(count: int) -> FloatArray:
    angle = (np.arange(count) + 0.5) * (2 * math.pi / count)
    most = min(WAVES, max(2, (count - 4) // 4))
    turns = [turn(wave * angle) for wave in range(1, most + 1) for turn in (np.cos, np.sin)]
    return np.column_stack([np.ones(count), *turns])


def _edges(shape: Shape, half: float, part: float, x: FloatArray, y: FloatArray) -> list[_Edge]:
    if shape in ("disc", "ring"):
        r = np.maximum(np.hypot(x, y), 1e-9)
        along = (np.arctan2(y, x) / (2 * math.pi)) % 1.0
        edges = [_Edge(half - r, along, x / r, y / r, 2 * math.pi * half, 0)]
        if shape == "ring":
            edges.append(_Edge(r - part, along, -x / r, -y / r, 2 * math.pi * part, 1))
        return edges
    corners = _corners(shape, half, part)
    edges = []
    for (ax, ay, size), (bx, by, _) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = math.hypot(bx - ax, by - ay)
        tx, ty = (bx - ax) / length, (by - ay) / length
        free = min(CORNER_FREE_PX, 0.25 * length)
        along = ((x - ax) * tx + (y - ay) * ty - free) / (length - 2 * free)
        along = np.where((along >= 0.0) & (along < 1.0), along, np.nan)
        # Corners go round from column to row: outward is to the right of the way.
        depth = -((x - ax) * ty - (y - ay) * tx)
        edges.append(_Edge(depth, along, np.full(len(x), ty), np.full(len(x), -tx), length - 2 * free, size))
    return edges


@lru_cache(maxsize=64)
def template(shape: Shape, half_px: float, part_ratio: float) -> NDArray[np.float32]:
    """The mark as 0 to 1 on a square of pixels half as wide again as the mark."""
    reach = math.ceil(1.5 * half_px)
    fine = (np.arange((2 * reach + 1) * 4) + 0.5) / 4 - reach - 0.5
    x, y = np.meshgrid(fine, fine)
    part = half_px * part_ratio
    far, near = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    r = np.hypot(x, y)
    cover = {
        "disc": r <= half_px,
        "ring": (r <= half_px) & (r >= part),
        "square": far <= half_px,
        "diamond": far + near <= half_px,
        "cross": (far <= half_px) & (near <= part),
    }[shape]
    side = 2 * reach + 1
    return np.asarray(cover.reshape(side, 4, side, 4).mean(axis=(1, 3)), dtype=np.float32)
