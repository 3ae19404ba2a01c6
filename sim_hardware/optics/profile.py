"""Radial profiles of balls and discs: what they shine at each radius, and the exact blur of such a profile.

Nothing here knows pixels of an image. A solder ball is a mirror: the surface slope asin(rho) at rho = r / R sends the
camera's line of sight to light at twice that angle, so a ring light shows as a ring on the ball.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_hardware.optics.lens import Floats, Floats32

# Ring light, from the optical axis: estimate for a ring 60 to 80 mm wide at 20 to 30 mm working distance.
RING_INNER_DEG = 50.0
RING_OUTER_DEG = 72.0
RING_LEVEL = 238.0
DIFFUSE_LEVEL = 24.0
CORE_LEVEL = 10.0
"""the camera's own dark aperture mirrored in the middle of the ball"""
NOMINAL_ROUGHNESS_DEG = 3.0
"""spread of a reflected ray: oxide and grain of the solder, estimate"""

# What material does to the highlight at full strength; no measurement of a real dipped ball stands behind these.
WET_RING_INWARDS = 0.25
WET_RING_WEAKER = 0.35
WET_RING_BROADER = 0.6
WET_DIFFUSE_DARKER = 0.4
MENISCUS_LEVEL = 75.0
MENISCUS_WIDTH_RHO = 0.045

STEP_PX = 1.0 / 16.0
_NOTHING: Floats32 = np.empty((0, 0), dtype=np.float32)
_MARGIN_SIGMAS = 4.5
PIXEL_VARIANCE_PX2 = 1.0 / 12.0
"""a pixel averages over its square; folded into the blur, the square's own shape is below 0.02 grey levels"""

_PHI_REACH = 6.0
_PHI_STEPS_PER_UNIT = 2048


@lru_cache(maxsize=1)
def _phi_table() -> Floats:
    steps = int(2 * _PHI_REACH * _PHI_STEPS_PER_UNIT)
    x = (np.arange(steps + 1, dtype=np.float64) / _PHI_STEPS_PER_UNIT) - _PHI_REACH
    density = np.exp(-0.5 * x**2)
    total = np.cumsum(density) - 0.5 * density
    return np.asarray(total / total[-1], dtype=np.float64)


def phi(x: Floats) -> Floats:
    """Normal distribution function, nearest entry of a table: within 1e-4."""
    position = np.clip((x + _PHI_REACH) * _PHI_STEPS_PER_UNIT + 0.5, 0.0, 2 * _PHI_REACH * _PHI_STEPS_PER_UNIT)
    return _phi_table().take(position.astype(np.int32))


def _bessel_i0_scaled(x: Floats) -> Floats:
    """exp(-x) I0(x) for x >= 0; Abramowitz and Stegun 9.8.1 and 9.8.2, error below 2e-7."""
    small = np.minimum(x, 3.75)
    t = (small / 3.75) ** 2
    low = 1.0 + t * (3.5156229 + t * (3.0899424 + t * (1.2067492 + t * (0.2659732 + t * (0.0360768 + t * 0.0045813)))))
    large = np.maximum(x, 3.75)
    u = 3.75 / large
    tail = 0.02635537 + u * (-0.01647633 + u * 0.00392377)
    high = 0.39894228 + u * (
        0.01328592 + u * (0.00225319 + u * (-0.00157565 + u * (0.00916281 + u * (-0.02057706 + u * tail))))
    )
    return np.where(x < 3.75, low * np.exp(-small), high / np.sqrt(large))


@lru_cache(maxsize=64)
def _polar_blur(sigma_centi_px: int, count: int) -> Floats32:
    sigma_px = sigma_centi_px / 100.0
    out_px = np.arange(count, dtype=np.float64)[:, None] * STEP_PX
    in_px = (np.arange(count, dtype=np.float64)[None, :] + 0.5) * STEP_PX
    kernel = np.exp(-0.5 * ((out_px - in_px) / sigma_px) ** 2) * _bessel_i0_scaled(out_px * in_px / sigma_px**2)
    return np.ascontiguousarray((in_px * STEP_PX / sigma_px**2 * kernel).T, dtype=np.float32)


def blur(profiles: NDArray[np.floating], sigma_px: float) -> Floats32:
    """Blur radial profiles by a two-dimensional Gaussian, exactly (the radial convolution with a Bessel kernel).

    profiles  (n, count), at radius (j + 0.5) STEP_PX; must be zero over the last 4 sigma
    returns   (n, count) float32, at radius i STEP_PX
    """
    total = float(np.sqrt(sigma_px**2 + PIXEL_VARIANCE_PX2))
    operator = _polar_blur(max(20, round(total * 100)), profiles.shape[1])
    # On one thread: numpy's product wakes a pool of them, which on a busy machine costs 30 ms instead of 1.
    blurred = cv2.gemm(np.ascontiguousarray(profiles, dtype=np.float32), operator, 1.0, _NOTHING, 0.0)
    return np.asarray(blurred, dtype=np.float32)


def count_for(radius_px: float, sigma_px: float) -> int:
    """How many steps a table needs to hold a thing of this radius with its blur; in whole pixels, to share kernels."""
    return int(np.ceil(radius_px + _MARGIN_SIGMAS * np.hypot(sigma_px, 0.3) + 1.0) / STEP_PX)


def disc_cover(radius_px: Floats, count: int) -> Floats:
    """Share of each radius step inside a disc, (n, count)."""
    r_px = (np.arange(count, dtype=np.float64) + 0.5) * STEP_PX
    return np.clip((radius_px[:, None] - r_px[None, :]) / STEP_PX + 0.5, 0.0, 1.0)


def ball_profiles(
    radius_px: Floats, count: int, *, wet_strength: Floats, cap_rho: Floats, roughness_deg: Floats
) -> Floats:
    """Radiance of balls under the ring light, grey levels at nominal light, (n, count); zero outside the ball.

    wet_strength   (n,) 0 = dry, 1 = the full assumed effect of material
    cap_rho        (n,) outline of the wetted cap seen from below, share of the radius; the dry law holds outside it
    roughness_deg  (n,) spread of a reflected ray
    """
    r_px = (np.arange(count, dtype=np.float64) + 0.5) * STEP_PX
    rho = r_px[None, :] / radius_px[:, None]
    dry = _radiance(rho, np.zeros_like(wet_strength), roughness_deg)
    if np.any(wet_strength > 0.0):
        wet = _radiance(rho, wet_strength, roughness_deg)
        inside = phi((cap_rho[:, None] - rho) / 0.02)
        rim = np.exp(-0.5 * ((rho - np.minimum(cap_rho, 0.95)[:, None]) / MENISCUS_WIDTH_RHO) ** 2)
        dry = inside * wet + (1.0 - inside) * dry
        # The steep meniscus hides the ball below it: bright on the dark limb, dark on the ring.
        dry += (MENISCUS_LEVEL - dry) * wet_strength[:, None] * rim
    return dry * disc_cover(radius_px, count)


def _radiance(rho: Floats, wet_strength: Floats, roughness_deg: Floats) -> Floats:
    f = wet_strength[:, None]
    slope_rad = np.arcsin(np.minimum(rho, 1.0))
    # Material moves and widens the ring as a whole: the law of the dry ball, read at a stretched place.
    middle_deg = (RING_INNER_DEG + RING_OUTER_DEG) / 2 * (1.0 - WET_RING_INWARDS * f)
    half_deg = (RING_OUTER_DEG - RING_INNER_DEG) / 2 * (1.0 + WET_RING_BROADER * f)
    lobe_deg = roughness_deg[:, None] * (1.0 + WET_RING_BROADER * f)
    light_deg = 2.0 * np.degrees(slope_rad)
    ring = phi((light_deg - middle_deg + half_deg) / lobe_deg) - phi((light_deg - middle_deg - half_deg) / lobe_deg)
    diffuse = DIFFUSE_LEVEL * np.cos(slope_rad) * (1.0 - WET_DIFFUSE_DARKER * f)
    core = phi((light_deg - 18.0) / 5.0)
    level = RING_LEVEL * (1.0 - WET_RING_WEAKER * f) * ring + diffuse * core + CORE_LEVEL * (1.0 - core)
    return np.asarray(level, dtype=np.float64)
