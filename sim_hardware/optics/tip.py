"""The bare nozzle tip as the up camera sees it: a ground steel face round the dark bore, bevelled at both rims, worn.

Nothing here knows where it stands. The tip hangs higher than the parts it carries, so it is seen out of focus.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sim_hardware.optics.lens import Floats, Floats32
from sim_hardware.optics.profile import PIXEL_VARIANCE_PX2, phi
from sim_hardware.optics.texture import surface

FACE_LEVEL = 95.0
"""ground steel lit from the side: its diffuse part only"""
BEVEL_LEVEL = 190.0
"""its slope sends the ring light down into the lens"""
BORE_LEVEL = 12.0
OUTER_BEVEL_UM, INNER_BEVEL_UM = 120.0, 60.0
GRAIN_DN, SLOW_DN = 2.0, 5.0
TURNING_DN = 3.0
"""marks of the lathe: fine rings about the axis"""
TURNING_PITCH_UM = 90.0
NICK_COUNT = 6
NICK_DEPTH_UM = 25.0
"""depth of a nick in a rim, deepest of a worn tip: estimate, as all figures here"""
STAIN_COUNT = 5
STAIN_LOSS_RATIO = 0.45
"""dried flux: darker than the steel by up to this"""


@lru_cache(maxsize=2)
def tip_surface(
    bore_um: float, outer_um: float, seed: int | None, is_worn: bool, um_per_px: float, sigma_px: float
) -> tuple[Floats32, Floats32]:
    """Light, already multiplied by the coverage, and coverage, in the frame of the nozzle, seen from below.

    seed   None: a perfect tip, without grain, marks and wear
    """
    count = int(np.ceil(outer_um / um_per_px + 10.0 * sigma_px)) + 24
    axis_um = (np.arange(count, dtype=np.float64) - (count - 1) / 2) * um_per_px
    x_um, y_um = axis_um[None, :], -axis_um[:, None]
    r_um, at_rad = np.hypot(x_um, y_um), np.arctan2(y_um, x_um)
    soft_um = float(np.hypot(sigma_px, PIXEL_VARIANCE_PX2**0.5)) * um_per_px

    def within(radius_um: Floats | float) -> Floats:
        """Blurred share of what lies inside a circle; the blur is small against the radius."""
        return phi((radius_um - r_um) / soft_um)

    outer, bore = outer_um / 2, bore_um / 2
    worn_outer: Floats | float = outer
    worn_bore: Floats | float = bore
    shade: Floats = np.ones_like(r_um)
    if seed is not None:
        shade += TURNING_DN / FACE_LEVEL * _blurred_wave(r_um, soft_um)
        shade += surface(shade.shape, seed, SLOW_DN, GRAIN_DN) / FACE_LEVEL
    if seed is not None and is_worn:
        rng = np.random.Generator(np.random.PCG64([23, seed]))
        worn_outer, worn_bore = outer - _nicks(rng, at_rad, soft_um), bore + _nicks(rng, at_rad, soft_um)
        shade *= _stains(rng, x_um, y_um, bore, outer, soft_um)
    whole, hole = within(worn_outer), within(worn_bore)
    face = within(outer - OUTER_BEVEL_UM) - within(bore + INNER_BEVEL_UM)
    bevels = whole - hole - face
    light = BORE_LEVEL * hole + (FACE_LEVEL * face + BEVEL_LEVEL * bevels) * shade
    return light.astype(np.float32), whole.astype(np.float32)


def _blurred_wave(r_um: Floats, soft_um: float) -> Floats:
    wave = 2.0 * np.pi / TURNING_PITCH_UM
    return np.asarray(np.exp(-0.5 * (wave * soft_um) ** 2) * np.cos(wave * r_um))


def _nicks(rng: np.random.Generator, at_rad: Floats, soft_um: float) -> Floats:
    """How far a worn rim stands back from its circle."""
    back = np.zeros_like(at_rad)
    for _ in range(NICK_COUNT):
        middle, half, depth = rng.uniform(-np.pi, np.pi), rng.uniform(0.01, 0.05), rng.uniform(0.2, 1.0)
        off = np.abs((at_rad - middle + np.pi) % (2.0 * np.pi) - np.pi)
        back += depth * NICK_DEPTH_UM * np.exp(-0.5 * (off / half) ** 2)
    return back


def _stains(
    rng: np.random.Generator, x_um: Floats, y_um: Floats, bore_um: float, outer_um: float, soft_um: float
) -> Floats:
    """Share of the light that dried flux lets through."""
    through = np.ones_like(x_um + y_um)
    for _ in range(STAIN_COUNT):
        at, r_um = rng.uniform(-np.pi, np.pi), rng.uniform(bore_um, outer_um)
        size_um = np.hypot(rng.uniform(60.0, 200.0), soft_um)
        away2 = (x_um - r_um * np.cos(at)) ** 2 + (y_um - r_um * np.sin(at)) ** 2
        through *= 1.0 - rng.uniform(0.3, 1.0) * STAIN_LOSS_RATIO * np.exp(-0.5 * away2 / size_um**2)
    return through
