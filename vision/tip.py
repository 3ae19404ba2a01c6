"""The bare tip of a nozzle, a bright ring about its bore: where its middle is, refused when it is hidden or not there.

It locates one picture; what the tip does while the axis turns is for `vision.calibration`. How face, bevels and focus
look is learned from the picture itself: every direction is compared with the mean of all.
"""

from __future__ import annotations

from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.candidates import mark_candidates
from vision.errors import BadRequest
from vision.frame import FloatArray, Frame
from vision.health import focus_reasons, health_reasons
from vision.results import NAN, FiducialFix

TIP_SIGMA_UM = 0.25
"""What wear adds per axis, against the truth of simulated pictures of twelve worn tips 1,000 um out of focus. It turns
with the nozzle, so that no number of turned shots takes it away."""
SECTORS = 180
BAND_PX = 60.0
"""Looked at outside the rim and inside the bore; scale of an uncalibrated camera and first guess of the place are
within."""
ROUNDS = 6
CONTRAST_LEAST = 20.0
"""Grey levels of the face over what is outside, and over the bore."""
GOOD_LEAST_RATIO = 0.6
"""Share of the way round that must look like the rest."""
OFF_RATIO = 4.0
"""A direction whose rim is off by more than this, in median deviations, is worn or dirty."""
SIZE_TOLERANCE = 0.02
GAIN_LEAST = 0.2
"""A direction with less of the mean's light than this says nothing about its place."""


def locate_tip(frame: Frame, outer_um: float, bore_um: float, *, search_um: float) -> FiducialFix:
    """Find the tip within `search_um` of the image centre.

    outer_um, bore_um   diameters of its face
    returns             as of a bright fiducial; of `sigma_um` per axis TIP_SIGMA_UM is common to all turned shots
    raises              BadRequest for a bore that is no part of the face
    """
    if not 0.0 < bore_um < outer_um:
        raise BadRequest(f"a tip of {outer_um} um cannot have a bore of {bore_um} um")
    unhealthy = health_reasons(frame)
    if unhealthy:
        return _refused(*unhealthy)
    outer_px, bore_px = 0.5 * outer_um / frame.um_per_px, 0.5 * bore_um / frame.um_per_px
    middle_px = np.array(frame.centre_px)
    search_px = search_um / frame.um_per_px
    ratio = (bore_um / outer_um,)
    candidates = mark_candidates(frame.pixels, outer_px, "ring", ratio, middle_px, search_px)
    found = [one for one in candidates if one.contrast > 0]
    if not found:
        return _refused(*focus_reasons(frame), f"no nozzle tip within {search_um:.0f} um of the image centre")
    at_px = np.array([found[0].x_px, found[0].y_px])
    radii_px = np.arange(bore_px - BAND_PX, outer_px + BAND_PX)
    good_ratio, sigma_px = 0.0, NAN
    for number in range(ROUNDS):
        reach = outer_px + BAND_PX + 1.0
        if not frame.holds(at_px[None, :], reach).all():
            return _refused("the nozzle tip is cut by the border of the picture or too near to it")
        level = _unrolled(frame, at_px, radii_px)
        out_px = _rim_px(level, outer_px) if number == 0 else _against_mean(level)
        change_px, good, sigma_px = _shift(out_px)
        at_px = at_px + change_px
        good_ratio = float(good.mean())
    profile = np.median(level[good], axis=0)
    face = float(np.median(profile[(radii_px > bore_px + 8.0) & (radii_px < outer_px - 8.0)]))
    ground, bore = float(profile[-10:].mean()), float(profile[:10].mean())
    size_um = 2.0 * float(np.median(_rim_px(level[good], outer_px)) + outer_px) * frame.um_per_px
    if face - max(ground, bore) < CONTRAST_LEAST:
        return _refused(
            f"the face of the tip differs by {face - max(ground, bore):.0f} levels, {CONTRAST_LEAST:.0f} wanted"
        )
    if good_ratio < GOOD_LEAST_RATIO:
        return _refused(
            f"the rim of the tip is clear on {good_ratio:.0%} of the way round, {GOOD_LEAST_RATIO:.0%} wanted"
        )
    if abs(size_um / outer_um - 1.0) > SIZE_TOLERANCE:
        return _refused(f"the tip measures {size_um:.0f} um, wanted {outer_um:.0f}: another nozzle")
    x_um, y_um = (float(value) for value in frame.to_um(at_px[None, :])[0])
    if hypot(x_um, y_um) > search_um:
        return _refused(f"the nozzle tip is more than {search_um:.0f} um from the image centre")
    return FiducialFix("found", (), x_um, y_um, hypot(sigma_px * frame.um_per_px, TIP_SIGMA_UM), "bright", size_um)


def _unrolled(frame: Frame, at_px: FloatArray, radii_px: FloatArray) -> FloatArray:
    """Level by direction (anticlockwise from image right) and radius, (SECTORS, radii), mean of two rays a sector."""
    angle = (np.arange(2 * SECTORS) + 0.5) * (np.pi / SECTORS)
    col = at_px[0] + np.outer(np.cos(angle), radii_px)
    row = at_px[1] - np.outer(np.sin(angle), radii_px)
    rays = cv2.remap(frame.pixels, col.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(rays.reshape(SECTORS, 2, -1).astype(np.float64).mean(axis=1))


def _rim_px(level: FloatArray, outer_px: float) -> FloatArray:
    """How far out of its place the steepest fall of every direction lies, px."""
    reach = round(2.0 * BAND_PX)
    tail = level[:, -reach - 8 :]
    total = np.cumsum(tail, axis=1)
    fall = (total[:, 8:-8] - total[:, :-16]) - (total[:, 16:] - total[:, 8:-8])
    return np.asarray(np.argmax(fall, axis=1) + 8.5 - reach - 8 + BAND_PX, dtype=np.float64)


def _against_mean(level: FloatArray) -> FloatArray:
    """How far out each direction lies against the mean of all, px; its ground and the bend of its brightness across the
    face are left free."""
    mean = np.median(level, axis=0)
    slope = np.gradient(mean)
    across = np.linspace(-1.0, 1.0, len(mean))
    design = np.column_stack([-slope, mean, mean * across, mean * across**2, mean * across**3, np.ones_like(mean)])
    moved, gain = np.linalg.lstsq(design, level.T, rcond=None)[0][:2]
    return np.asarray(moved / np.maximum(gain, GAIN_LEAST))


def _shift(out_px: FloatArray) -> tuple[FloatArray, NDArray[np.bool_], float]:
    """Column and row by which the middle is off, which directions agree, and sigma per axis."""
    angle = (np.arange(SECTORS) + 0.5) * (2.0 * np.pi / SECTORS)
    design = np.column_stack([np.cos(angle), -np.sin(angle), np.ones(SECTORS)])
    good = np.ones(SECTORS, dtype=bool)
    for _ in range(6):
        answer = np.linalg.lstsq(design[good], out_px[good], rcond=None)[0]
        off = np.abs(out_px - design @ answer)
        kept = off <= max(OFF_RATIO * float(np.median(off[good])), 0.02)
        if (kept == good).all() or int(kept.sum()) < 12:
            break
        good = kept
    sigma_px = float(np.sqrt(2.0 * np.mean(off[good] ** 2) / good.sum()))
    return answer[:2], good, sigma_px


def _refused(*reasons: str) -> FiducialFix:
    return FiducialFix("refused", reasons, NAN, NAN, NAN, None, NAN)
