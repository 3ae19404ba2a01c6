"""One round fiducial or datum mark, bright or dark, to a fraction of a micrometre; refused when it is not there.

It answers for a single disc; fitting several fiducials to a board is a matter of `vision.pose`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.errors import BadRequest
from vision.frame import ByteArray, FloatArray, Frame, health_reasons, shrunk
from vision.results import NAN, FiducialFix, Polarity

COARSE_RADIUS_PX = 8.0
MATCH_LEAST = 0.55
"""Correlation with a plain disc on the coarse picture. Board texture alone reaches 0.82 (30 synthetic boards), so this
only proposes places: the rim checks refuse them."""

RIVAL_RATIO = 0.85
"""A second place that matches this well makes the answer ambiguous."""

RIVAL_CONTRAST_RATIO = 0.5
"""... if it also has this share of the first one's contrast."""

CONTRAST_LEAST = 6.0
"""Grey levels between disc and surroundings."""

SECTORS = 36
LOW_WAVE_FACTOR = 1.2
"""Texture is stronger in the one wave per turn that a shift makes than in waves two to six (measured, 160 pictures)."""

SIGMA_FLOOR_PX = 0.003
"""No claim below this: texture lower in frequency than the rim cannot be seen in one picture (estimate)."""

RIM_LEAST_RATIO = 0.6
"""Share of the sectors of the rim that must show the edge where the circle is."""

DIAMETER_TOLERANCE = 0.12
BAND_PX = 7.0
"""Half width of the ring of pixels that the edge is fitted to."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    x_px: float
    y_px: float
    match: float
    contrast: float
    """signed grey levels, positive = bright disc"""


@dataclass(frozen=True, slots=True)
class _Rim:
    x_px: float
    y_px: float
    radius_px: float
    sigma_px: float
    step: float
    good_ratio: float


def locate_fiducial(
    frame: Frame,
    diameter_um: float,
    *,
    expected_x_um: float = 0.0,
    expected_y_um: float = 0.0,
    search_um: float = 1000.0,
) -> FiducialFix:
    """Find one disc of known diameter within `search_um` of the expected place, whatever its polarity.

    returns   found; ambiguous when two places fit about equally well; refused when none does, with reasons
    raises    BadRequest for values that are not finite or a disc that is too small or too large for the picture
    """
    radius_px = 0.5 * diameter_um / frame.um_per_px
    if not np.isfinite([diameter_um, expected_x_um, expected_y_um, search_um]).all() or search_um < 0:
        raise BadRequest("diameter, expected place and search range of a fiducial must be finite")
    if not 4.0 <= radius_px <= 0.45 * min(frame.size_px):
        raise BadRequest(f"a disc of {diameter_um:.0f} um has a radius of {radius_px:.1f} px in this picture")
    unhealthy = health_reasons(frame)
    if unhealthy:
        return _refused(unhealthy)
    candidates = _candidates(frame, radius_px, expected_x_um, expected_y_um, search_um / frame.um_per_px)
    if not candidates:
        return _refused((f"no disc of {diameter_um:.0f} um within {search_um:.0f} um of the expected place",))
    best = candidates[0]
    rivals = [
        other for other in candidates[1:]
        if other.match > RIVAL_RATIO * best.match and abs(other.contrast) > RIVAL_CONTRAST_RATIO * abs(best.contrast)
    ]  # fmt: skip
    rims = [(one, _fitted_rim(frame.pixels, one, radius_px)) for one in [best, *rivals[:3]]]
    good = [(one, rim) for one, rim in rims if rim is not None and not _rim_problems(rim, radius_px, frame.um_per_px)]
    if not good:
        rim = rims[0][1]
        reasons = ("its rim cannot be followed",) if rim is None else _rim_problems(rim, radius_px, frame.um_per_px)
        return _refused(tuple(f"disc seen, but {reason}" for reason in reasons))
    rim = good[0][1]
    centre_um = frame.to_um(np.array([[rim.x_px, rim.y_px]]))[0]
    if math.hypot(centre_um[0] - expected_x_um, centre_um[1] - expected_y_um) > search_um + 2 * frame.um_per_px:
        return _refused((f"the nearest disc is more than {search_um:.0f} um from the expected place",))
    polarity: Polarity = "bright" if rim.step > 0 else "dark"
    values = (float(centre_um[0]), float(centre_um[1]), rim.sigma_px * frame.um_per_px, polarity,
              2 * rim.radius_px * frame.um_per_px)  # fmt: skip
    if len(good) > 1:
        return FiducialFix("ambiguous", (f"{len(good)} discs of the wanted size in the search range",), *values)
    return FiducialFix("found", (), *values)


def _refused(reasons: tuple[str, ...]) -> FiducialFix:
    return FiducialFix("refused", reasons, NAN, NAN, NAN, None, NAN)


def _candidates(
    frame: Frame, radius_px: float, expected_x_um: float, expected_y_um: float, search_px: float
) -> list[_Candidate]:
    """Places that correlate with a disc of either polarity, best first, apart by at least a radius."""
    at_px = frame.to_px(np.array([[expected_x_um, expected_y_um]]))[0]
    reach = search_px + 1.6 * radius_px + 2
    cols, rows = frame.size_px
    left, top = max(0, int(at_px[0] - reach)), max(0, int(at_px[1] - reach))
    right, bottom = min(cols, int(at_px[0] + reach) + 2), min(rows, int(at_px[1] + reach) + 2)
    factor = max(1, round(radius_px / COARSE_RADIUS_PX))
    half = math.ceil(1.5 * radius_px / factor)
    if right - left < (2 * half + 3) * factor or bottom - top < (2 * half + 3) * factor:
        return []
    small = shrunk(np.ascontiguousarray(frame.pixels[top:bottom, left:right]), factor)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    distance = np.hypot(x, y)
    template = np.clip(radius_px / factor - distance + 0.5, 0, 1).astype(np.float32)
    match = cv2.matchTemplate(small.astype(np.float32), template, cv2.TM_CCOEFF_NORMED)
    match = np.nan_to_num(match, nan=0.0, posinf=0.0, neginf=0.0)
    strength = np.abs(match)
    inner, outer = distance < 0.8 * radius_px / factor, distance > 1.15 * radius_px / factor
    candidates: list[_Candidate] = []
    clear = max(1, round(radius_px / factor))
    for _ in range(6):
        row, col = (int(v) for v in np.unravel_index(int(np.argmax(strength)), strength.shape))
        if strength[row, col] < MATCH_LEAST:
            break
        patch = small[row : row + 2 * half + 1, col : col + 2 * half + 1]
        contrast = float(patch[inner].mean() - np.median(patch[outer]))
        if abs(contrast) >= CONTRAST_LEAST:
            x_px = left + (col + half) * factor + (factor - 1) / 2
            y_px = top + (row + half) * factor + (factor - 1) / 2
            candidates.append(_Candidate(x_px, y_px, float(strength[row, col]), contrast))
        strength[max(0, row - clear) : row + clear + 1, max(0, col - clear) : col + clear + 1] = 0.0
    return candidates


def _fitted_rim(pixels: ByteArray, candidate: _Candidate, radius_px: float) -> _Rim | None:
    """Radial scans for a first circle, then the edge model on a band about it; None when the rim leaves the picture."""
    scanned = _scanned_circle(pixels, candidate, radius_px)
    if scanned is None:
        return None
    x_px, y_px, circle_px = scanned
    band_px = min(BAND_PX, 0.6 * circle_px)
    half = math.ceil(circle_px + band_px + 3)
    col, row = round(x_px), round(y_px)
    if col - half < 0 or row - half < 0 or col + half >= pixels.shape[1] or row + half >= pixels.shape[0]:
        return None
    window = pixels[row - half : row + half + 1, col - half : col + half + 1]
    grid_y, grid_x = np.mgrid[row - half : row + half + 1, col - half : col + half + 1]
    near = np.abs(np.hypot(grid_x - x_px, grid_y - y_px) - circle_px) <= band_px
    return _edge_model(
        grid_x[near].astype(np.float64), grid_y[near].astype(np.float64), window[near].astype(np.float64),
        x_px, y_px, circle_px, candidate.contrast,
    )  # fmt: skip


def _scanned_circle(pixels: ByteArray, candidate: _Candidate, radius_px: float) -> tuple[float, float, float] | None:
    """Strongest edge of the right sense on 48 rays, then a circle through most of them."""
    angle = np.arange(48) * (2 * math.pi / 48)
    reach = np.arange(0.55 * radius_px, 1.45 * radius_px, 0.5)
    sign = 1.0 if candidate.contrast > 0 else -1.0
    x_px, y_px, circle_px = candidate.x_px, candidate.y_px, radius_px
    if not (x_px - radius_px >= 0 and x_px + radius_px < pixels.shape[1]):
        return None
    if not (y_px - radius_px >= 0 and y_px + radius_px < pixels.shape[0]):
        return None
    for _ in range(2):
        ray_x = (x_px + np.cos(angle)[:, None] * reach).astype(np.float32)
        ray_y = (y_px + np.sin(angle)[:, None] * reach).astype(np.float32)
        rays = cv2.remap(pixels, ray_x, ray_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        smooth = cv2.GaussianBlur(rays, (9, 1), 1.5)
        fall = sign * (smooth[:, :-4] - smooth[:, 4:])
        at = reach[2:-2][np.argmax(fall, axis=1)]
        points = np.column_stack([x_px + np.cos(angle) * at, y_px + np.sin(angle) * at])
        circle = _robust_circle(points, radius_px)
        if circle is None:
            return None
        x_px, y_px, circle_px = circle
    return x_px, y_px, circle_px


def _robust_circle(points: FloatArray, radius_px: float) -> tuple[float, float, float] | None:
    """Algebraic circle through the points whose distance agrees with most others."""
    used = np.ones(len(points), dtype=bool)
    circle = (0.0, 0.0, 0.0)
    for _ in range(8):
        design = np.column_stack([points[used], np.ones(int(used.sum()))])
        solution = np.linalg.lstsq(design, (points[used] ** 2).sum(axis=1), rcond=None)[0]
        x, y = solution[0] / 2, solution[1] / 2
        radius = math.sqrt(max(float(solution[2] + x * x + y * y), 1e-6))
        circle = (float(x), float(y), radius)
        off = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)
        keep = off <= max(3.0 * float(np.median(off)), 0.3)
        if int(keep.sum()) < 16:
            return None
        if (keep == used).all():
            break
        used = keep
    return circle if 0.5 * radius_px < circle[2] < 1.6 * radius_px else None


def _edge_model(
    x: FloatArray, y: FloatArray, level: FloatArray, x_px: float, y_px: float, radius_px: float, contrast: float
) -> _Rim | None:
    """Gauss-Newton of centre, radius and edge width with levels that may slope, both the ground and the step.

    A light gradient multiplies the step; a plane added to the picture alone would leave it as a shift of the disc.
    Sectors that do not follow the model (scratch, dirt) are left out; the covariance is summed over sectors, so that
    texture along the rim counts as one witness, not as many.
    """
    width = 1.5
    start = np.array([x_px, y_px, radius_px])
    sector = ((np.arctan2(y - y_px, x - x_px) / (2 * math.pi) + 1.0) * SECTORS).astype(int) % SECTORS
    used = np.ones(len(x), dtype=bool)
    for step_number in range(14):
        u, v = (x - x_px) / radius_px, (y - y_px) / radius_px
        r = np.maximum(np.hypot(u, v), 1e-6) * radius_px
        inside = 0.5 * (1.0 + np.tanh((radius_px - r) / width))
        linear = np.column_stack([np.ones_like(u), u, v, inside, inside * u, inside * v])
        part = linear[used]
        levels = np.linalg.solve(part.T @ part + 1e-9 * np.eye(6), part.T @ level[used])
        residual = level - linear @ levels
        step = levels[3] + levels[4] * u + levels[5] * v
        slope = step * 2.0 * inside * (1.0 - inside) / width
        design = np.column_stack([slope * u * radius_px / r, slope * v * radius_px / r, slope,
                                  -slope * (radius_px - r) / width, linear])  # fmt: skip
        normal = design[used].T @ design[used]
        normal[np.diag_indices(10)] *= 1 + 1e-9
        try:
            inverse = np.linalg.inv(normal)
        except np.linalg.LinAlgError:
            return None
        change = inverse @ (design[used].T @ residual[used])
        x_px += float(np.clip(change[0], -1.5, 1.5))
        y_px += float(np.clip(change[1], -1.5, 1.5))
        radius_px += float(np.clip(change[2], -1.5, 1.5))
        width = float(np.clip(width + np.clip(change[3], -0.5, 0.5), 0.5, 6.0))
        if math.hypot(x_px - start[0], y_px - start[1]) > 6.0 or abs(radius_px - start[2]) > 6.0:
            return None
        error = _sector_rms(residual, sector)
        used = (error <= 2.5 * float(np.median(error)))[sector]
        if step_number >= 3 and float(np.abs(change[:3]).max()) < 1e-3:
            break
    sigma_px = _shift_sigma(u[used], v[used], inside[used], slope[used], residual[used])
    good = error <= np.maximum(0.30 * abs(float(levels[3])), 2.5)
    right_sense = float(levels[3]) * contrast > 0
    ratio = float((good & (error <= 2.5 * np.median(error))).mean()) if right_sense else 0.0
    return _Rim(x_px, y_px, radius_px, sigma_px, float(levels[3]), ratio)


def _shift_sigma(u: FloatArray, v: FloatArray, inside: FloatArray, slope: FloatArray, residual: FloatArray) -> float:
    """What the rim seems to move by in waves of two to six per turn, where nothing real moves it: the noise of a shift,
    texture included. Ground and step may wave along, as they may slope in the fit of the centre."""
    angle, radius = np.arctan2(v, u), np.hypot(u, v)
    power = []
    for wave in range(2, 7):
        columns = []
        for turn in (np.cos(wave * angle), np.sin(wave * angle)):
            columns += [slope * turn, radius * turn, inside * radius * turn]
        design = np.column_stack(columns)
        normal = design.T @ design
        normal[np.diag_indices(6)] *= 1 + 1e-9
        answer = np.linalg.solve(normal, design.T @ residual)
        power += [float(answer[0]) ** 2, float(answer[3]) ** 2]
    return LOW_WAVE_FACTOR * math.sqrt(sum(power) / len(power) + SIGMA_FLOOR_PX**2)


def _sector_rms(residual: FloatArray, sector: NDArray[np.int64]) -> FloatArray:
    count = np.maximum(np.bincount(sector, minlength=SECTORS), 1)
    return np.asarray(np.sqrt(np.bincount(sector, residual**2, SECTORS) / count))


def _rim_problems(rim: _Rim, radius_px: float, um_per_px: float) -> tuple[str, ...]:
    problems = []
    if rim.good_ratio < RIM_LEAST_RATIO:
        problems.append(f"its rim is clear on {rim.good_ratio:.0%} of the way round, {RIM_LEAST_RATIO:.0%} wanted")
    if abs(rim.radius_px / radius_px - 1.0) > DIAMETER_TOLERANCE:
        problems.append(f"it measures {2 * rim.radius_px * um_per_px:.0f} um, wanted {2 * radius_px * um_per_px:.0f}")
    if abs(rim.step) < CONTRAST_LEAST:
        problems.append(f"it differs from the board by {abs(rim.step):.1f} levels, {CONTRAST_LEAST:.0f} wanted")
    return tuple(problems)
