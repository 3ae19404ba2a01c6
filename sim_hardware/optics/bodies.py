"""Package bodies seen from above: the solder-masked bottom package and the laser-marked mould of a top package.

Nothing here knows where a body lies. A body is a pair of pictures: light times coverage, and coverage.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sim_hardware.optics.layers import Body
from sim_hardware.optics.lens import Floats32
from sim_hardware.optics.texture import body_cover, body_shape, laser_text, surface

BOTTOM_LEVEL = 45.0
BOTTOM_SLOW_DN = 2.5
BOTTOM_GRAIN_DN = 1.2
MOULD_LEVEL = 125.0
MOULD_SLOW_DN = 3.0
MOULD_GRAIN_DN = 2.0
LASER_DN = 38.0
"""laser marking on the mould, brighter than the mould by this"""


def _body(level: Floats32, cover: Floats32) -> Body:
    level *= cover
    return level, cover


@lru_cache(maxsize=4)
def bottom_surface(
    name: str, size_x_um: float, size_y_um: float, seed: int | None, um_per_px: float, sigma_px: float
) -> Body:
    """A bottom package without lands; `seed` None = no texture."""
    del name  # part of the cache key only: two drawings of one size keep their own surface
    cover = body_cover(size_x_um, size_y_um, um_per_px, sigma_px, None)
    if seed is None:
        return _body(np.full_like(cover, BOTTOM_LEVEL), cover)
    level = surface(body_shape(size_x_um, size_y_um, um_per_px), seed, BOTTOM_SLOW_DN, BOTTOM_GRAIN_DN)
    return _body(level + np.float32(BOTTOM_LEVEL), cover)


@lru_cache(maxsize=4)
def mould_surface(
    name: str,
    serial: str,
    size_x_um: float,
    size_y_um: float,
    seed: int | None,
    um_per_px: float,
    sigma_px: float,
    rough: bool,
) -> Body:
    """The mould of a top package with its laser mark; `rough` = sawn edges are not perfectly straight."""
    cover = body_cover(size_x_um, size_y_um, um_per_px, sigma_px, seed if rough else None)
    shape = body_shape(size_x_um, size_y_um, um_per_px)
    level = np.full(shape, MOULD_LEVEL, dtype=np.float32)
    level += np.float32(LASER_DN) * laser_text(shape, (name, serial), um_per_px)
    if seed is not None:
        level += surface(shape, seed, MOULD_SLOW_DN, MOULD_GRAIN_DN)
    return _body(level, cover)
