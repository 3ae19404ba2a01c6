"""Light from one side on balls: which part of their profile it tilts, and what is left open of that.

A ball mirrors the ring light, and where a segment of it fails that image is tilted. Its matt light comes from all sides
and is not, nor is the ground that leaks in over the rim. Taken wrongly, each would pass for a shift that all balls
share, which no scatter shows. It finds no balls and shifts none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.compiled import is_compiled, kernels
from vision.frame import FloatArray
from vision.operators import TILT_X, TILT_Y, Operators
from vision.profiles import STEP_PX, blurred_alike
from vision.windows import BIN_PX, Cut

Float32 = NDArray[np.float32]

EDGE_RATIO = (0.142, 0.183, 0.209, 0.237, 0.253, 0.266, 0.285)
"""Width of the steepest edge on a ball over its radius, from sharp to soft pictures: places of the tables below. They
are computed for eleven laws of reflection, two grounds and radii of 10 to 26 px."""
BLUR_RATIO = (0.045, 0.066, 0.087, 0.109, 0.134, 0.161, 0.183)
"""Point spread over the radius."""
MATT_SHARE = (1.00, 0.96, 0.88, 0.79, 0.68, 0.58, 0.52)
"""What is matt of the most of that shape that fits under the profile: soft pictures lift the limb."""
LEFT_RATIO = (0.0002, 0.0003, 0.0005, 0.0009, 0.0013, 0.0020, 0.0040)
"""Shift per tilt, over the radius, that no mixture of the parts explains: one standard deviation."""

CORE_RATIO, CORE_SHARE = 0.15, 0.45
"""A ball mirrors the camera in its middle: radius of that dark core, and its depth against the matt light there."""
FOLLOWED_RATIO = (0.17, 0.24)
"""In sharp pictures the profile itself shows the dark core, in softer ones it is computed."""
SHARE_SIGMA = (0.2, 0.2, 0.5, 0.05)
"""How far matt light, dark core, leaking ground and stray light may be off before the picture has spoken, in units of
the matt light (estimates; the picture mostly knows ten times better)."""

_SIGMA = np.array(SHARE_SIGMA)

DISCS_MOST = 16
"""Balls per sub-pixel place that are asked for the open parts: 256 know them well enough."""


@dataclass(frozen=True, eq=False)
class LitPart:
    """Parts of a profile at the radii that it was asked for.

    level       what the ring light makes, as its first harmonic looks: that vanishes in the middle
    open        (parts, radii) what may be more or less of it, one standard deviation each
    left_px     shift per tilt that is left unexplained
    """

    level: Float32
    open: FloatArray
    left_px: float


def edge_width_px(level: FloatArray | Float32, steps_per_px: float = 1.0 / BIN_PX) -> float:
    """Width of the steepest edge of a radial profile: how sharp the picture is."""
    steepest = float(np.abs(np.diff(level)).max()) * steps_per_px
    return float(np.ptp(level)) / max(steepest, 1e-6)


def lit_part(level: Float32, radii_px: FloatArray, radius_px: float) -> LitPart:
    """The part of the profile of a ball that tilts with the ring light.

    level, radii_px   profile at equal steps of the radius from 0 on, to 0.85 radii at least
    """
    per_px = 1.0 / float(radii_px[1])
    face = level[: int(0.85 * radius_px * per_px) + 1]
    edge_ratio = edge_width_px(face, per_px) / radius_px
    blur_px = radius_px * float(np.interp(edge_ratio, EDGE_RATIO, BLUR_RATIO))
    left_px = radius_px * float(np.interp(edge_ratio, EDGE_RATIO, LEFT_RATIO))
    followed = float(np.interp(edge_ratio, FOLLOWED_RATIO, (1.0, 0.0)))
    matt_share = float(np.interp(edge_ratio, EDGE_RATIO, MATT_SHARE))
    soft = _blurred_cap(radius_px, blur_px)
    if is_compiled():
        lit, open_parts = np.empty_like(level), np.empty((4, len(level)))
        light = np.array([radius_px, blur_px, followed, matt_share, CORE_RATIO, CORE_SHARE])
        kernels.lit_levels(level, 1.0 / per_px, soft, STEP_PX, len(face), light, _SIGMA, lit, open_parts)
        return LitPart(lit, open_parts, left_px)
    cap = np.maximum(np.interp(radii_px, np.arange(len(soft)) * STEP_PX, soft), 0.01)
    peak = int(np.argmax(face))
    cap *= max(float((face[peak:] / cap[peak : len(face)]).min()), 0.0)
    core_px2 = (CORE_RATIO * radius_px) ** 2 + 2 * blur_px**2
    core = cap[0] * 2 * (CORE_RATIO * radius_px) ** 2 / core_px2 * np.exp(-(radii_px**2) / core_px2)
    leak = cap[0] / (1.0 + np.exp(np.clip(1.702 * (radius_px - radii_px) / blur_px, -30, 30)))
    matt = followed * np.minimum(cap, level) + (1.0 - followed) * (cap - CORE_SHARE * core)
    matt *= matt_share
    # The first harmonic of a blurred ring against its mean: I1(z) / I0(z), here within 2 % (Amos 1974).
    z = radii_px * max(float(radii_px[peak]), 0.1 * radius_px) / blur_px**2
    harmonic = z / (0.5 + np.sqrt(z * z + 2.25))
    open_parts = np.stack([cap, core, leak, np.full_like(cap, cap[0])]) * _SIGMA[:, None] * harmonic
    return LitPart(((level - matt) * harmonic).astype(np.float32), open_parts, left_px)


def beside_ground(level: Float32, radii_px: FloatArray, radius_px: float) -> tuple[Float32, LitPart]:
    """How much of the ground shows beside a blurred ball, 0 to 1, and the part of the profile that tilts without it.

    level, radii_px   profile at equal steps of the radius from 0 on, to clear ground
    """
    lit = lit_part(level, radii_px, radius_px)
    per_px = 1.0 / float(radii_px[1])
    edge_px = edge_width_px(level[: int(0.85 * radius_px * per_px) + 1], per_px)
    blur_px = radius_px * float(np.interp(edge_px / radius_px, EDGE_RATIO, BLUR_RATIO))
    share = 1.0 / (1.0 + np.exp(np.clip(1.702 * (radius_px - radii_px) / blur_px, -30, 30)))
    shown = share.astype(np.float32)
    return shown, LitPart(lit.level - level[-int(per_px)] * shown, lit.open * (1.0 - share), lit.left_px)


def all_lit(level: Float32) -> LitPart:
    """A flat disc tilts as a whole."""
    return LitPart(level, np.zeros((0, len(level))), 0.0)


def _blurred_cap(radius_px: float, blur_px: float) -> FloatArray:
    """Matt light of a sphere from all sides, 1 in the middle, through the point spread; at steps of STEP_PX."""
    coarse_px = np.arange(0.0, radius_px + 4 * blur_px + 4, STEP_PX)
    cap = np.sqrt(np.maximum(1.0 - (coarse_px / radius_px) ** 2, 0.0))[None]
    return np.asarray(blurred_alike(cap, 0.5 * blur_px**2)[0])


@dataclass(frozen=True, eq=False)
class OpenShares:
    """How much of every open part tilts after all, in its standard deviations: (k,), and covariance (k, k)."""

    value: FloatArray
    covariance: FloatArray


def shares_seen(
    cut: Cut, laid_out: Operators, coefficients: FloatArray, members: NDArray[np.bool_], light: FloatArray,
    level: Float32, lit: LitPart,
) -> OpenShares:  # fmt: skip
    """What the picture itself says of the open parts: from what many balls together are off their fits.

    coefficients   (members, columns) of every member of the cut
    light          (members, 2) change of the light per pixel across a ball, in units of its amplitude
    level, lit     the profile and its part that tilts, at the steps of the windows' tables
    """
    window = cut.window
    size = window.index.shape[1]
    index, cos, sin, inside = (part[cut.phases] for part in (window.index, window.cos, window.sin, window.inside))
    off, tilt, count = np.empty(index.shape), np.empty((len(index), 2)), np.empty(len(index))
    row = np.cumsum(members) - 1
    for number, (discs, patches) in enumerate(cut.groups):
        chosen = np.flatnonzero(members[discs])[:DISCS_MOST]
        of = row[discs[chosen]]
        total, across = coefficients[of].sum(axis=0), light[of].sum(axis=0)
        tilt[number], count[number] = total[TILT_X : TILT_Y + 1], max(len(of), 1)
        off[number] = patches[chosen].sum(axis=0) - total @ laid_out.design[number, :, :size]
        off[number] -= (level * window.radii_px)[index[number]] * (across[0] * cos[number] + across[1] * sin[number])
    parts = lit.open[:, index].transpose(1, 0, 2) * (tilt[:, :1] * cos + tilt[:, 1:] * sin)[:, None]
    columns = np.concatenate([parts, off[:, None]], axis=1)
    taken_up = columns @ laid_out.rows[:, :-2, :size].transpose(0, 2, 1)  # by the fits of the single balls
    columns -= taken_up @ laid_out.design[:, :, :size]
    weight = inside / ((1.0 + np.maximum(level, 0.0) / 40.0)[index] * count[:, None])
    gram = np.einsum("ckp,clp->kl", columns * weight[:, None], columns)
    normal, right = gram[:-1, :-1], gram[:-1, -1]
    explained = float(right @ np.linalg.lstsq(normal, right, rcond=None)[0])
    freedom = float(inside.sum()) - laid_out.design.shape[0] * laid_out.design.shape[1]
    variance = max((float(gram[-1, -1]) - explained) / max(freedom, 1.0), 1e-9)
    covariance = np.linalg.inv(normal / variance + np.eye(len(normal)))
    return OpenShares(covariance @ right / variance, covariance)
