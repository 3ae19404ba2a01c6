"""Draws radial things (balls, lands, discs) into a float picture at sub-pixel centres from blurred radial tables.

Nothing here knows what the things are. A stamp replaces what lies under it by its blurred coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_hardware.optics.lens import Floats, Floats32
from sim_hardware.optics.profile import STEP_PX, blur, count_for, disc_cover

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sector:
    """About `towards_rad` (anticlockwise from image right), with soft sides; it loses this share of its light."""

    towards_rad: float
    half_width_rad: float
    soft_rad: float
    loss_ratio: float

    def share(self, dx: Floats32, dy: Floats32) -> Floats32:
        """Light that is left at a place beside the centre, 1 = all."""
        off = np.abs(np.arctan2(dy, dx) - np.float32(self.towards_rad)) % np.float32(2 * np.pi)
        off = np.minimum(off, np.float32(2 * np.pi) - off)
        inside = 0.5 - 0.5 * np.tanh((off - np.float32(self.half_width_rad)) * np.float32(1.0 / self.soft_rad))
        return np.asarray(1.0 - np.float32(self.loss_ratio) * inside, dtype=np.float32)


def draw_radial(
    image: Floats32,
    column_px: Floats,
    row_px: Floats,
    light: Floats32,
    cover: Floats32,
    *,
    tilt: tuple[Floats, Floats] | None = None,
    stretch: tuple[Floats, Floats] | None = None,
    sector: Sector | None = None,
) -> None:
    """Composite n radial things into `image`, in place.

    light, cover  (n or 1, count): blurred radiance and coverage at radius i STEP_PX
    tilt          (n,), (n,): brighter by this share towards image right and up
    stretch       (n,), (n,): ellipticity along the axis 2 phi as (e cos 2 phi, e sin 2 phi), image frame
    sector        darker in this sector of every thing
    """
    count = light.shape[1]
    half = int(np.ceil((count - 2) * STEP_PX))
    near = (
        (column_px > -half)
        & (column_px < image.shape[1] - 1 + half)
        & (row_px > -half)
        & (row_px < image.shape[0] - 1 + half)
    )
    chosen = np.flatnonzero(near)
    for start in range(0, len(chosen), 256):
        # In slices, so that the work arrays stay in the processor's cache.
        _draw_some(image, column_px, row_px, light, cover, tilt, stretch, sector, half, chosen[start : start + 256])


def _draw_some(
    image: Floats32,
    column_px: Floats,
    row_px: Floats,
    light: Floats32,
    cover: Floats32,
    tilt: tuple[Floats, Floats] | None,
    stretch: tuple[Floats, Floats] | None,
    sector: Sector | None,
    half: int,
    some: Indices,
) -> None:
    count = light.shape[1]
    left = np.floor(column_px[some]).astype(np.int64) - half
    top = np.floor(row_px[some]).astype(np.int64) - half
    span = np.arange(2 * half + 2, dtype=np.float32)
    dx = (span[None, :] - (column_px[some] - left).astype(np.float32)[:, None])[:, None, :]
    dy = ((row_px[some] - top).astype(np.float32)[:, None] - span[None, :])[:, :, None]
    if stretch is None:
        r2 = dx * dx + dy * dy
    else:
        e_cos = stretch[0][some].astype(np.float32)[:, None, None]
        e_sin = stretch[1][some].astype(np.float32)[:, None, None]
        r2 = dx * dx * (1.0 - e_cos) + dy * dy * (1.0 + e_cos) - (2.0 * e_sin) * (dx * dy)
    r = np.sqrt(r2)
    position = np.minimum(r * np.float32(1.0 / STEP_PX), np.float32(count - 1.5))
    lower = position.astype(np.int32)
    share = position - lower
    if light.shape[0] > 1:
        lower += (some.astype(np.int32) * count)[:, None, None]
    light_now = _read(light, lower, share)
    keep = 1.0 - _read(cover, lower, share)
    if tilt is not None:
        # The azimuth is undefined in the very middle, where the blur mixes all of them.
        inverse = 1.0 / np.sqrt(r2 + np.float32(1.5))
        tilt_x = tilt[0][some].astype(np.float32)[:, None, None]
        tilt_y = tilt[1][some].astype(np.float32)[:, None, None]
        light_now *= 1.0 + (tilt_x * dx + tilt_y * dy) * inverse
    if sector is not None:
        light_now *= sector.share(dx, dy)
    _composite(image, left, top, keep, light_now)


def _read(table: Floats32, lower: NDArray[np.int32], share: Floats32) -> Floats32:
    flat = table.ravel()
    at_lower = flat.take(lower)
    at_lower += (flat.take(lower + 1) - at_lower) * share
    return at_lower


def _composite(image: Floats32, left: Indices, top: Indices, keep: Floats32, light: Floats32) -> None:
    rows, columns = image.shape
    size = keep.shape[1]
    for i, (x0, y0) in enumerate(zip(left.tolist(), top.tolist(), strict=True)):
        if x0 >= 0 and y0 >= 0 and x0 + size <= columns and y0 + size <= rows:
            part = image[y0 : y0 + size, x0 : x0 + size]
            part *= keep[i]
            part += light[i]
            continue
        xa, xb, ya, yb = max(0, x0), min(columns, x0 + size), max(0, y0), min(rows, y0 + size)
        if xa >= xb or ya >= yb:
            continue
        part = image[ya:yb, xa:xb]
        part *= keep[i, ya - y0 : yb - y0, xa - x0 : xb - x0]
        part += light[i, ya - y0 : yb - y0, xa - x0 : xb - x0]


def draw_discs(
    image: Floats32, column_px: Floats, row_px: Floats, radius_px: Floats, level: Floats, sigma_px: float
) -> None:
    """Uniform discs with blurred edges; every argument but the last is (n,)."""
    if len(column_px) == 0:
        return
    count = count_for(float(radius_px.max()), sigma_px)
    same = bool(np.ptp(radius_px) == 0.0)
    cover = blur(disc_cover(radius_px[:1] if same else radius_px, count), sigma_px)
    if same and np.ptp(level) == 0.0:
        draw_radial(image, column_px, row_px, cover * np.float32(level[0]), cover)
        return
    if same:
        cover = np.repeat(cover, len(column_px), axis=0)
    draw_radial(image, column_px, row_px, cover * level.astype(np.float32)[:, None], cover)
