"""The noise of a measurement on rendered frames, for cameras that send observations instead of pixels.

Nothing here builds an observation. Every number of `SIGMAS` is the spread of the station's finders against the truth
on frames of this renderer at fidelity `real`; docs/simulator_optics.md tells how the table is measured again.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees, hypot

import numpy as np
from numpy.typing import NDArray

from sim_hardware.optics.balls import FULL_STRENGTH
from sim_hardware.optics.lens import Floats

Matrix3 = list[list[float]]


@dataclass(frozen=True, slots=True)
class Sigmas:
    """One standard deviation per axis, um."""

    array_um: float = 0.0032
    """pose of a ball array or dot grid; its turn follows from its size"""
    dot_um: float = 0.04
    """one dot of the glass part: 0.034 from below, 0.049 from above, 480 dots each"""
    ball_um: float = 0.05
    """one ball against the array"""
    ball_diameter_um: float = 0.29
    fiducial_um: float = 0.026
    tip_um: float = 0.25
    """bare nozzle tip, worn, 1,000 um out of focus: 36 pictures of twelve tips"""
    site_um: float = 0.025
    """pose of the lands in one picture: twice the 0.0125 um of a joint fit over four"""
    outline_um: float = 1.26
    """pose of a placed body in one picture: twice the 0.63 um of a joint fit over four"""
    mark_um: float = 1.0
    """one mark in the film; an estimate, because the finder reports the whole print only"""
    scale_ratio: float = 6.5e-7
    strength: float = 0.012
    """strength of the wetting effect of one ball: 1,536 balls of eight pairs of rendered pictures"""


SIGMAS = Sigmas()

WET_AT_STRENGTH = 0.055
WET_SPREAD = 0.006
"""A ball is as likely called wet as dry at this strength of the effect; logistic width. Dry balls reach 0.04."""
PARTIAL_SHARE = 0.25
"""immersed share of the ball height below which a ball is called partial"""
EXCESS_COAT_UM = 45.0
_SHARE_SIGMA = 0.03
"""spread of the depth read from the highlight, below the equator"""


@dataclass(frozen=True, slots=True)
class Fit:
    """Least-squares similarity of drawn to seen points."""

    x_um: float
    y_um: float
    theta_deg: float
    scale_ratio: float
    radius_um: float
    """root mean square distance of the drawn points from their middle"""
    residual_x_um: Floats
    residual_y_um: Floats


def fit(drawn_x_um: Floats, drawn_y_um: Floats, seen_x_um: Floats, seen_y_um: Floats) -> Fit:
    """Rigid frame of the seen points with the scale beside it; needs two points or more."""
    drawn = drawn_x_um + 1j * drawn_y_um
    seen = seen_x_um + 1j * seen_y_um
    middle, seen_middle = complex(drawn.mean()), complex(seen.mean())
    arm, seen_arm = drawn - middle, seen - seen_middle
    spread2 = float(np.vdot(arm, arm).real)
    turn = complex(np.vdot(arm, seen_arm)) / spread2
    scale = abs(turn)
    rigid = turn / scale
    origin = seen_middle - rigid * middle
    residual = seen_arm - rigid * arm
    return Fit(
        origin.real,
        origin.imag,
        degrees(atan2(turn.imag, turn.real)),
        scale,
        (spread2 / len(arm)) ** 0.5,
        residual.real,
        residual.imag,
    )


def pose_sigmas(sigma_um: float, radius_um: float) -> tuple[float, float]:
    """Standard deviations of a fitted place, um, and turn, deg, whose points lie `radius_um` (rms) about the middle."""
    return sigma_um, degrees(sigma_um / max(radius_um, 1.0))


def covariance(sigma_um: float, sigma_deg: float) -> Matrix3:
    """Of (x_um, y_um, theta_deg); a perfect measurement still admits 1 nm and 1e-6 deg."""
    place, turn = max(sigma_um, 1e-3) ** 2, max(sigma_deg, 1e-6) ** 2
    return [[place, 0.0, 0.0], [0.0, place, 0.0], [0.0, 0.0, turn]]


def wrapped_deg(theta_deg: float) -> float:
    """Into -180 (excluded) to 180."""
    return 180.0 - (180.0 - theta_deg) % 360.0


@dataclass(frozen=True, slots=True)
class WettingCalls:
    """What the pair of pictures says of each ball, (n,)."""

    probability_wet: Floats
    strength_ratio: Floats
    share: Floats
    """immersed share of the ball height as read"""


def call_wetting(strength: Floats, share: Floats, rng: np.random.Generator | None) -> WettingCalls:
    """Wet or dry with the errors of a real reading; `rng` None = without errors.

    The strength of the effect is read with the scatter that pairs of rendered pictures show. Beyond the equator (share
    above about 0.5) the rim of the material no longer moves: whatever went deeper reads as half.
    """
    read = strength
    if rng is not None:
        noise = rng.standard_normal((2, len(strength)))
        read = strength + SIGMAS.strength * noise[0]
        share = np.minimum(share, 0.5) + _SHARE_SIGMA * noise[1]
    probability = 1.0 / (1.0 + np.exp(np.clip((WET_AT_STRENGTH - read) / WET_SPREAD, -60.0, 60.0)))
    return WettingCalls(probability, np.maximum(read / FULL_STRENGTH, 0.0), share)


def plane_tilt(value: Floats, x_um: Floats, y_um: Floats) -> tuple[float, float]:
    """Change of `value` from the middle of an array to its right and its upper edge, by a fitted plane."""
    half_x, half_y = float(np.abs(x_um).max()), float(np.abs(y_um).max())
    x, y = x_um - x_um.mean(), y_um - y_um.mean()
    xx, xy, yy = float(x @ x), float(x @ y), float(y @ y)
    vx, vy = float(x @ value), float(y @ value)
    determinant = xx * yy - xy * xy
    if determinant <= 1e-9 * hypot(xx, yy) ** 2:
        return 0.0, 0.0
    return (yy * vx - xy * vy) / determinant * half_x, (xx * vy - xy * vx) / determinant * half_y


def inside_view(x_px: Floats, y_px: Floats, width_px: int, height_px: int, margin_px: float) -> NDArray[np.bool_]:
    """Which image-frame points lie in the picture with a margin."""
    return (np.abs(x_px) < width_px / 2 - margin_px) & (np.abs(y_px) < height_px / 2 - margin_px)
