"""Surfaces: grain, slow variation, buried traces, laser text and sawn edges of bodies and boards, repeatable by seed.

Nothing here knows cameras. A surface is a float32 picture in the part's own frame; the fixed pool of random tiles is
shared, and a seed picks tile, mirror image and offset, so that a new part costs no new random numbers.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from sim_hardware.optics.lens import Floats, Floats32
from sim_hardware.optics.profile import phi

TILE_PX = 2048
"""tiles repeat after this; at 8 um per px that is 16.4 mm, more than a package"""
_POOL = 2
_EDGE_ROUGHNESS_UM = 2.5
"""sawn edge against a straight line, estimate"""
_EDGE_CORRELATION_UM = 250.0
_STRIP_PX = 8


@lru_cache(maxsize=_POOL)
def _unit_tiles(pool_index: int) -> tuple[Floats32, Floats32]:
    """Two periodic random surfaces of mean 0 and deviation 1: variation over 0.3 mm and more, grain of one pixel."""
    rng = np.random.Generator(np.random.PCG64([20_240_501, pool_index]))
    slow = np.zeros((TILE_PX, TILE_PX), dtype=np.float32)
    for knots in (16, 64):
        grid = rng.standard_normal((knots, knots), dtype=np.float32)
        padded = cv2.copyMakeBorder(grid, 4, 4, 4, 4, cv2.BORDER_WRAP)
        scale = TILE_PX // knots
        large = cv2.resize(padded, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        edge = 4 * scale
        whole = np.asarray(large[edge : edge + TILE_PX, edge : edge + TILE_PX], dtype=np.float32)
        slow += whole / np.float32(whole.std())
    grain = rng.standard_normal((TILE_PX, TILE_PX), dtype=np.float32)
    padded = cv2.copyMakeBorder(grain, 4, 4, 4, 4, cv2.BORDER_WRAP)
    grain = np.asarray(cv2.GaussianBlur(padded, (5, 5), 0.8)[4:-4, 4:-4], dtype=np.float32)
    return slow / np.float32(slow.std()), grain / np.float32(grain.std())


@lru_cache(maxsize=10)
def _tile(pool_index: int, slow_dn: float, grain_dn: float) -> Floats32:
    slow, grain = _unit_tiles(pool_index)
    tile = slow * np.float32(slow_dn)
    tile += grain * np.float32(grain_dn)
    return tile


def surface(shape: tuple[int, int], seed: int, slow_dn: float, grain_dn: float) -> Floats32:
    """A random surface of mean 0; the same seed gives the same surface."""
    pool_index, flip, row, column = _spot(seed)
    tile = _tile(pool_index, slow_dn, grain_dn)
    if shape[0] <= TILE_PX and shape[1] <= TILE_PX:
        row, column = row % (TILE_PX - shape[0] + 1), column % (TILE_PX - shape[1] + 1)
        part = tile[row : row + shape[0], column : column + shape[1]]
    else:
        rows, columns = (row + np.arange(shape[0])) % TILE_PX, (column + np.arange(shape[1])) % TILE_PX
        part = tile.take(rows, axis=0).take(columns, axis=1)
    return np.ascontiguousarray(part[:: 1 - 2 * (flip & 1), :: 1 - (flip & 2)])


def _spot(seed: int) -> tuple[int, int, int, int]:
    """Tile, mirror image (0 to 3), row and column that a seed picks."""
    draw = np.random.Generator(np.random.PCG64([7, seed & 0xFFFF_FFFF_FFFF])).integers(0, 1 << 30, 4)
    return int(draw[0]) % _POOL, int(draw[1]) % 4, int(draw[2]) % TILE_PX, int(draw[3]) % TILE_PX


def tile_with_traces(seed: int, slow_dn: float, grain_dn: float, trace_dn: float, lines: int) -> Floats32:
    """One whole periodic tile with buried copper, for surfaces larger than a tile."""
    return _traced_tile(seed % (2 * _POOL), slow_dn, grain_dn, trace_dn, lines)


@lru_cache(maxsize=4)
def _traced_tile(index: int, slow_dn: float, grain_dn: float, trace_dn: float, lines: int) -> Floats32:
    tile = _tile(index % _POOL, slow_dn, grain_dn)
    return np.asarray(tile + traces((TILE_PX, TILE_PX), f"tile {index}", lines, periodic=True) * np.float32(trace_dn))


@lru_cache(maxsize=8)
def traces(shape: tuple[int, int], drawing: str, lines: int, *, periodic: bool = False) -> Floats32:
    """Buried copper of a drawing, 0 to 1: the same on every part made from it. Runs of 45 and 90 degrees."""
    copies = (-1, 0, 1) if periodic else (0,)
    rng = np.random.Generator(np.random.PCG64([11, *drawing.encode()]))
    canvas = np.zeros(shape, dtype=np.uint8)
    long_px = max(40, min(shape) // 5)
    for _ in range(lines):
        x, y = int(rng.integers(0, shape[1])), int(rng.integers(0, shape[0]))
        width = int(rng.integers(4, 11))
        heading = int(rng.integers(0, 8))
        points = [(x, y)]
        for _ in range(3):
            length = int(rng.integers(long_px // 4, long_px))
            x += length * (0, 1, 1, 1, 0, -1, -1, -1)[heading]
            y += length * (1, 1, 0, -1, -1, -1, 0, 1)[heading]
            points.append((x, y))
            heading = (heading + int(rng.integers(-1, 2))) % 8
        line = np.array(points, dtype=np.int32)
        shifts = [np.array([dx * shape[1], dy * shape[0]], dtype=np.int32) for dx in copies for dy in copies]
        cv2.polylines(canvas, [line + shift for shift in shifts], False, 255, width, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(canvas.astype(np.float32) / np.float32(255.0), (5, 5), 1.0))


def body_shape(size_x_um: float, size_y_um: float, um_per_px: float) -> tuple[int, int]:
    """Rows and columns of a surface that holds a body with room for its blurred edges."""
    return int(np.ceil(size_y_um / um_per_px)) + 24, int(np.ceil(size_x_um / um_per_px)) + 24


def body_cover(
    size_x_um: float, size_y_um: float, um_per_px: float, sigma_px: float, rough_seed: int | None
) -> Floats32:
    """Blurred coverage of a rectangular body centred in its surface; `rough_seed` None = perfectly straight edges."""
    rows, columns = body_shape(size_x_um, size_y_um, um_per_px)
    half_x, half_y = size_x_um / um_per_px / 2, size_y_um / um_per_px / 2
    x = np.arange(columns, dtype=np.float64) - (columns - 1) / 2
    y = np.arange(rows, dtype=np.float64) - (rows - 1) / 2
    across, down = phi((half_x - np.abs(x)) / sigma_px), phi((half_y - np.abs(y)) / sigma_px)
    if rough_seed is None:
        return np.outer(down, across).astype(np.float32)
    rng = np.random.Generator(np.random.PCG64([13, rough_seed & 0xFFFF_FFFF_FFFF]))
    cover = _rough_pair(rng, x, half_x, rows, um_per_px, sigma_px)
    cover *= _rough_pair(rng, y, half_y, columns, um_per_px, sigma_px).T
    return cover


def _rough_pair(
    rng: np.random.Generator, position_px: Floats, half_px: float, count: int, um_per_px: float, sigma_px: float
) -> Floats32:
    """Coverage between two opposite sawn edges, (count, len(position_px)); exact only in strips about the edges."""
    cover = np.tile((np.abs(position_px) < half_px).astype(np.float32), (count, 1))
    for side in (-1.0, 1.0):
        centre = round((len(position_px) - 1) / 2 + side * half_px)
        strip = slice(max(0, centre - _STRIP_PX), centre + _STRIP_PX + 1)
        edge_px = half_px + _edge_line(rng, count, um_per_px)
        cover[:, strip] = phi((edge_px[:, None] - side * position_px[None, strip]) / sigma_px)
    return cover


def _edge_line(rng: np.random.Generator, count: int, um_per_px: float) -> Floats:
    """How far a sawn edge stands out along its length, px."""
    step_px = _EDGE_CORRELATION_UM / um_per_px
    knots = rng.standard_normal(int(count / step_px) + 4) * (_EDGE_ROUGHNESS_UM / um_per_px)
    line = np.interp(np.arange(count) / step_px, np.arange(len(knots)), knots)
    return np.asarray(line - line.mean())


def laser_text(shape: tuple[int, int], lines: tuple[str, ...], um_per_px: float) -> Floats32:
    """Laser-marked text in the middle of a mould and a pin-1 dot in its upper left corner, 0 to 1."""
    canvas = np.zeros(shape, dtype=np.uint8)
    height_px = 0.07 * shape[0]
    for i, line in enumerate(lines):
        scale = height_px / 22.0
        (width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        if width > 0.8 * shape[1]:
            scale *= 0.8 * shape[1] / width
            width = int(0.8 * shape[1])
        origin = ((shape[1] - width) // 2, int(shape[0] / 2 + (i - (len(lines) - 1) / 2) * 1.7 * height_px))
        thick = max(2, round(90.0 / um_per_px))
        cv2.putText(canvas, line, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
    cv2.circle(
        canvas, (int(0.1 * shape[1]), int(0.1 * shape[0])), max(2, round(350.0 / um_per_px)), 255, -1, cv2.LINE_AA
    )
    return np.asarray(cv2.GaussianBlur(canvas.astype(np.float32) / np.float32(255.0), (5, 5), 1.0))
