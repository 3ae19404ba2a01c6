"""The edge of a fiducial mark fitted on both its sides: centre, size and blur, with the uncertainty of the centre.

What limits a fiducial is not noise but the ground beside its edge: a slow change of the board's level looks like a
shift of the mark. So every sector of the outline is fitted with its own ground level, ground slope and mark level
beside the place of its edge, and how much of those to believe is learned from the picture: their slow waves along the
outline against their noise. On an even board nothing is given away to them; on a mottled one they take the shift out.
A slope of the light is solved for as a factor on everything. It does not look for marks and knows no scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.arithmetic import least_squares, median
from vision.compiled import is_compiled, kernels
from vision.flank import without_flank
from vision.frame import ByteArray, FloatArray
from vision.marks import Outline, Shape, outline, thinnest_px

OUTER_PX = 12
"""Ground looked at outside the edge: wide enough to tell its slope, narrow enough that a slope describes it (8, 16 and
24 px are worse on mottled boards)."""

OUTER_SOFT_PX = 16
SOFT_PX = 2.5
"""Edges with a wider blur are looked at over the wider band."""

INNER_PX = 14
INNER_MOST_RATIO = 0.7
"""Part of the half thickness of the mark that is looked at, so that opposite edges share no pixel."""

SETTLED_PX = 0.75
"""The cells are counted anew from another whole pixel while the centre is farther than this from theirs."""

ROUNDS = 6
SETTLED_SIGMAS = 0.5
"""A round that moves the centre less ends the fit: what is left to move is a tenth of that."""

MOVED_MOST_PX = 4.0
CORNER_MOST_RATIO = 0.05
"""Of the radius: a square's edge swings by 0.1 of its half side about a circle, dirt on a disc by 0.03."""

BLUR_RANGE_PX = (0.5, 8.0)
MISFIT_MOST = 2.5
"""Misfit of a sector over the typical one from which something lies on it: a scratch, dirt, copper."""

OUTLIER = 3.0
"""Sectors whose edge is off by more than this many sigma are not followed."""

DOUBTED = 2.0
"""Half weight for a sector off by this many sigma: texture has long tails (Cauchy)."""

TRUSTED_LEAST_RATIO = 0.3
LEVEL_MOST_RATIO = 0.3
"""No level of a sector is off by more than about this share of the step."""

EXPECTED_RATIO = 0.9
SLOW_RATIO = 0.9
SOFT_CLAIM_PX = 4.0
"""The variance of a sector's edge is the largest of: its scatter, this share of what noise alone gives, this share of
the power in two to four waves along the outline, where nothing real moves it but mottle does. A soft edge hides the
ground for as far as it is wide: at this blur the variance counts twice. Set on synthetic boards, so the figures of the
tests are no independent check of it."""

SIGMA_FLOOR_PX = 0.0005

_PER_Z = 128.0
_Z = np.linspace(-6.0, 6.0, 1537)
_BELL = np.exp(-0.5 * _Z**2) / math.sqrt(2.0 * math.pi)
_RISE = np.array([0.5 * (1.0 + math.erf(z / math.sqrt(2.0))) for z in _Z])

EDGE, GROUND, SLOPE, MARK = range(4)
"""What every sector is fitted with."""


@dataclass(frozen=True, slots=True)
class RimFit:
    """The fitted mark.

    x_px, y_px     column and row of the centre
    sigma_px       per axis, one standard deviation, texture of the ground included
    growth_px      how much farther out than drawn the outline lies, mean over its sizes
    blur_px        sigma of the edge
    step           grey levels of the mark over its ground, negative for a dark mark
    ground         grey level of the ground
    good_ratio     share of the outline that follows the model
    """

    x_px: float
    y_px: float
    sigma_px: float
    growth_px: float
    blur_px: float
    step: float
    ground: float
    good_ratio: float


@dataclass(eq=False)
class _State:
    """What is solved for. Lengths in px, relative to the whole pixel that the cells are counted from."""

    shift: FloatArray
    grown: FloatArray
    turn: float
    blur: float
    ground: float
    step: float
    light: FloatArray
    """relative change of the light per px, column and row"""

    def move(self, change: FloatArray, sizes: int) -> None:
        self.shift = self.shift + change[:2]
        self.grown = self.grown + change[2 : 2 + sizes]
        self.turn += float(change[2 + sizes :].sum())


@dataclass(frozen=True, eq=False)
class _Sectors:
    """Every sector fitted on its own, against the state.

    local       (sectors, 4) edge (px outward), ground, slope and mark level
    covariance  4 x 4, of a typical sector
    misfit      (sectors,) what is left over what noise leaves
    wider       (sectors,) by how much each would have the blur wider
    """

    local: FloatArray
    covariance: FloatArray
    misfit: FloatArray
    wider: FloatArray


def fit_rim(
    pixels: ByteArray, x_px: float, y_px: float, shape: Shape, size_px: float, part_ratio: float, sign: float
) -> RimFit | None:
    """Fit the edge of a mark whose place is known to a fraction of the band.

    size_px     across the mark (a diamond from tip to tip)
    part_ratio  inner over outer diameter of a ring, arm width over length of a cross
    sign        +1 for a mark brighter than its ground, -1 for a darker one
    returns     None where the mark leaves the picture or no edge of this sense goes round it
    """
    half = 0.5 * size_px
    rows, cols = pixels.shape
    room = min(x_px, y_px, cols - 1 - x_px, rows - 1 - y_px) - half - 3.0
    if shape == "ring":
        room = min(room, 0.8 * half * part_ratio)
    outer = min(OUTER_PX, math.floor(room))
    inner = min(INNER_PX, math.floor(INNER_MOST_RATIO * thinnest_px(shape, size_px, part_ratio)))
    col, row = round(x_px), round(y_px)
    for _ in range(4):
        if outer < 4 or inner < 2:
            return None
        form = outline(shape, size_px, part_ratio, outer, inner)
        reach = form.extent_px + outer + 1
        if col < reach or row < reach or col + reach > cols - 1 or row + reach > rows - 1:
            return None
        mean = _cell_means(pixels, form, col, row)
        start = _rough(form, mean, sign)
        if start is None:
            return None
        wanted = min(OUTER_SOFT_PX if start.blur > SOFT_PX else OUTER_PX, math.floor(room))
        if float(np.abs(start.shift).max()) < SETTLED_PX and wanted <= outer:
            return _refined(form, mean, col, row, start, sign)
        outer = max(outer, wanted)
        col, row = col + round(float(start.shift[0])), row + round(float(start.shift[1]))
    return None


def _cell_means(pixels: ByteArray, form: Outline, col: int, row: int) -> FloatArray:
    if is_compiled():
        mean = np.empty(form.count.shape)
        kernels.cell_means(pixels, col, row, form.dx, form.dy, form.cell, form.count, mean)
        return mean
    level = pixels.ravel().take(form.dx + form.dy * pixels.shape[1] + (col + row * pixels.shape[1]))
    return np.bincount(form.cell, level, form.count.size).reshape(form.count.shape) / np.maximum(form.count, 1.0)


def _rough(form: Outline, mean: FloatArray, sign: float) -> _State | None:
    """The steepest rise of every sector, and the shift and size through most of them."""
    outer, inner = form.outer_px, form.inner_px
    w = 3 if mean.shape[1] >= 12 else 1
    total = np.cumsum(mean, axis=1)
    rise = total[:, 2 * w :] - 2.0 * total[:, w:-w] + total[:, : -2 * w]
    off = outer - w - 1 - np.argmax(sign * rise, axis=1).astype(np.float64)
    design = form.geometry[:, : 2 + form.size.shape[1]]
    used = np.ones(len(off), dtype=bool)
    for _ in range(6):
        answer = least_squares(design[used], off[used])
        miss = np.abs(off - design @ answer)
        keep = miss <= max(2.5 * median(miss[used]), 1.0)
        if int(keep.sum()) < 0.4 * len(off):
            return None
        if (keep == used).all():
            break
        used = keep
    if _corners_px(off - design @ answer) > max(CORNER_MOST_RATIO * form.extent_px, 1.5):
        return None
    ground = median(mean[used, : max(2, outer // 3)])
    step = median(mean[used, -max(2, inner // 3) :]) - ground
    if step * sign <= 0:
        return None
    steepest = median(np.abs(mean[used, 1:] - mean[used, :-1]).max(axis=1))
    blur = float(np.clip(abs(step) / (math.sqrt(2 * math.pi) * steepest), 0.7, 6.0))
    return _State(answer[:2], answer[2:], 0.0, blur, ground, step, np.zeros(2))


def _corners_px(off: FloatArray) -> float:
    """How far the outline swings four times about the drawn one: a square about a disc, a disc about a square."""
    angle = 8.0 * math.pi * np.arange(len(off)) / len(off)
    return 2.0 / len(off) * math.hypot(float(off @ np.cos(angle)), float(off @ np.sin(angle)))


def _refined(form: Outline, mean: FloatArray, col: int, row: int, state: _State, sign: float) -> RimFit | None:
    """Gauss-Newton; every round after the first learns the waves of the ground, the light and whom to trust."""
    start = state.shift
    noise = _noise(form, mean)
    for number in range(ROUNDS):
        sectors = _sectors(form, mean, state, noise)
        good = _trusted(form.geometry, sectors)
        count = int(good.sum())
        if count < TRUSTED_LEAST_RATIO * len(good):
            return None
        geometry, waves, local = form.geometry[good], form.waves[good], sectors.local[good]
        slow = least_squares(waves, local[:, GROUND:])
        if number == 0:  # far from the end: levels and blur matter more than what the ground does
            change = least_squares(geometry, local[:, EDGE])
        else:
            place, expected = _without_ground(sectors.covariance, local, slow)
            place, open_px = without_flank(geometry, place, waves[:, 1:] @ slow[1:, 0], state.step)
            change, sigma_px = _moved(geometry, place, sectors.misfit[good], expected, waves, state.blur)
            sigma_px = math.hypot(sigma_px, open_px)
        state.light = _light(form, state, sectors.covariance, local, good, slow)
        state.move(np.clip(change, -1.5, 1.5), form.size.shape[1])
        state.ground += float(slow[0, 0])
        state.step += float(slow[0, MARK - GROUND] - slow[0, 0])
        wider = median(sectors.wider[good])
        state.blur = min(max(state.blur + min(max(wider, -1.0), 1.0), BLUR_RANGE_PX[0]), BLUR_RANGE_PX[1])
        if number and math.hypot(change[0], change[1]) < SETTLED_SIGMAS * sigma_px:
            break
    moved_px = float(np.abs(state.shift - start).max())
    if moved_px > MOVED_MOST_PX or state.step * sign <= 0:
        return None
    return RimFit(
        col + float(state.shift[0]), row + float(state.shift[1]), math.hypot(sigma_px, SIGMA_FLOOR_PX),
        float(state.grown.mean()), state.blur, state.step, state.ground, count / len(good),
    )  # fmt: skip


def _noise(form: Outline, mean: FloatArray) -> tuple[float, float]:
    """Variance of one pixel in the ground and in the mark, from how cells differ from both their neighbours."""
    bend = (mean[:, 2:] - 2.0 * mean[:, 1:-1] + mean[:, :-2]) ** 2 * form.count[:, 1:-1] / 6.0
    third, quarter = max(1, form.outer_px // 2), max(1, form.inner_px // 2)
    return max(median(bend[:, :third]) / 0.455, 0.1), max(median(bend[:, -quarter:]) / 0.455, 0.1)


def _sectors(form: Outline, mean: FloatArray, state: _State, noise: tuple[float, float]) -> _Sectors:
    """Every sector fitted on its own against the state."""
    lever = form.lever - (
        form.normal[:, 1] * state.shift[0] - form.normal[:, 0] * state.shift[1]
    )  # turn about the centre
    moved = form.normal @ state.shift + form.size @ state.grown + lever * state.turn
    if is_compiled():
        return _compiled_sectors(form, mean, state, noise, moved)
    z = (form.depth_px + moved[:, None]) * (1.0 / state.blur)
    place = np.clip(z * _PER_Z + 768.5, 0, 1536).astype(np.int64)
    inside, bell = _RISE.take(place), _BELL.take(place)
    light: FloatArray | float = 1.0
    if state.light.any():
        light = 1.0 + (form.x - state.shift[0]) * state.light[0] + (form.y - state.shift[1]) * state.light[1]
    # Depth varies within a cell, so the mean of the edge over it is not the edge at its mean depth.
    curved = inside - (0.5 / state.blur**2) * form.spread * z * bell
    residual = mean - light * (state.ground + state.step * curved)
    outside = 1.0 - inside
    slope = outside * np.clip(z * (-state.blur / form.outer_px), 0.0, 1.0)
    columns = np.empty((len(mean), 4, mean.shape[1]))
    columns[:, EDGE] = light * bell * (state.step / state.blur)
    columns[:, GROUND], columns[:, SLOPE], columns[:, MARK] = outside, slope, inside
    weight = form.count / (noise[0] + (noise[1] - noise[0]) * inside)
    weighted = columns * weight[:, None, :]
    normal = weighted @ columns.transpose(0, 2, 1)
    loose = (LEVEL_MOST_RATIO * state.step) ** -2
    normal[:, range(4), range(4)] += (1e-4, loose, loose, loose)
    local = np.asarray(np.linalg.solve(normal, weighted @ residual[..., None])[..., 0], dtype=np.float64)
    rest = residual - (local[:, None, :] @ columns)[:, 0, :]
    edge = weighted[:, EDGE] * z
    wider = -(edge * rest).sum(axis=1) / np.maximum((edge * z * columns[:, EDGE]).sum(axis=1), 1e-9)
    misfit = (weight * rest * rest).sum(axis=1) / max(mean.shape[1] - 4, 1)
    return _Sectors(local, np.linalg.inv(normal.mean(axis=0)), misfit, wider)


def _compiled_sectors(
    form: Outline, mean: FloatArray, state: _State, noise: tuple[float, float], moved: FloatArray
) -> _Sectors:
    packed = np.array([
        *state.shift, state.blur, state.ground, state.step, *state.light, *noise, form.outer_px,
        _PER_Z, 768.5, len(_Z) - 1, LEVEL_MOST_RATIO,
    ])  # fmt: skip
    found = _Sectors(np.empty((len(mean), 4)), np.empty((4, 4)), np.empty(len(mean)), np.empty(len(mean)))
    kernels.fitted_sectors(
        mean, form.count, form.depth_px, form.spread, form.x, form.y, moved, packed, _RISE, _BELL,
        found.local, found.covariance, found.misfit, found.wider,
    )  # fmt: skip
    return found


def _without_ground(covariance: FloatArray, local: FloatArray, slow: FloatArray) -> tuple[FloatArray, float]:
    """The edge of every sector with what its ground does to it taken out, and the variance that is left.

    How far ground, slope and mark level are believed is what their slow waves show beyond their noise.
    """
    noise = covariance[GROUND:, GROUND:]
    own = (slow[1:] * slow[1:]).sum(axis=0) * (0.5 * len(local) / (len(slow) - 1))
    least = np.diag(noise)
    believed = noise + np.diag(np.maximum(own - least, 0.02 * least))
    gain = np.linalg.solve(believed, covariance[GROUND:, EDGE])
    place = local[:, EDGE] - (local[:, GROUND:] - slow[0]) @ gain
    return place, float(covariance[EDGE, EDGE] - gain @ covariance[GROUND:, EDGE])


def _moved(
    geometry: FloatArray, place: FloatArray, misfit: FloatArray, expected: float, waves: FloatArray, blur: float
) -> tuple[FloatArray, float]:
    """Shift, growth and turn through the places of the edge, and sigma of the shift per axis."""
    if is_compiled():
        figures = np.empty(4)
        change = np.empty(geometry.shape[1])
        kernels.moved_outline(geometry, place, misfit, np.ascontiguousarray(waves[:, 3:]), DOUBTED, change, figures)
        spread, scatter, slow, _ = figures.tolist()
        return change, _shift_sigma(spread, scatter, expected, slow, blur)
    trust = np.minimum(1.0, median(misfit) / misfit)
    change, weight = least_squares(geometry, place, trust), trust
    for _ in range(2):
        left = place - geometry @ change
        doubt = left * (1.0 / (DOUBTED * max(1.4826 * median(np.abs(left)), 1e-6)))
        weight = trust / (1.0 + doubt * doubt)
        change = least_squares(geometry, place, weight)
    left = place - geometry @ change
    inverse = np.linalg.inv((geometry.T * weight) @ geometry + 1e-9 * np.eye(geometry.shape[1]))
    total = float(weight.sum())
    scatter = float(weight @ (left * left)) / (total * (1.0 - len(change) / len(left)))
    waving = least_squares(waves[:, 3:], left, weight)
    slow = float(waving @ waving) / len(waving) * total / 2.0
    return change, _shift_sigma(float(inverse[0, 0] + inverse[1, 1]), scatter, expected, slow, blur)


def _shift_sigma(spread: float, scatter: float, expected: float, slow: float, blur: float) -> float:
    """Sigma of the shift per axis; `spread` is its variance, both axes together, per variance of a sector's edge."""
    variance = max(scatter, EXPECTED_RATIO * expected, SLOW_RATIO * slow)
    return math.sqrt(0.5 * spread * variance * (1.0 + (blur / SOFT_CLAIM_PX) ** 2))


def _light(
    form: Outline, state: _State, covariance: FloatArray, local: FloatArray, good: NDArray[np.bool_], slow: FloatArray
) -> FloatArray:
    """Slope of the light, which acts on mark and ground alike; nothing of it where it is not beyond its noise.

    The mark tells more than the ground: it is of one material, the ground may be mottled.
    """
    normal, right = 1e-9 * np.eye(2), np.zeros(2)
    mottle = (slow[3:] * slow[3:]).sum(axis=0) * (0.5 * len(local) / (len(slow) - 3))
    for column, level, at in (
        (MARK, state.ground + state.step, form.inside_at), (GROUND, state.ground, form.outside_at),
    ):  # fmt: skip
        place = at[good] * level
        turned = place.T * (1.0 / max(float(covariance[column, column]), float(mottle[column - GROUND])))
        normal += turned @ place
        right += turned @ local[:, column]
    (a, b), (_, d) = normal
    determinant = a * d - b * b
    change = np.array([d * right[0] - b * right[1], a * right[1] - b * right[0]]) / determinant
    light = state.light + change
    surplus = 1.0 - float(a + d) / float(determinant) / max(float(light @ light), 1e-30)
    return np.asarray(light * max(surplus, 0.0))


def _trusted(geometry: FloatArray, sectors: _Sectors) -> NDArray[np.bool_]:
    """Sectors whose levels follow the model and whose edge lies where most others have it."""
    if is_compiled():
        good = np.empty(len(geometry), dtype=bool)
        least = math.sqrt(float(sectors.covariance[EDGE, EDGE]))
        kernels.trusted_sectors(geometry, sectors.local, sectors.misfit, MISFIT_MOST, OUTLIER, least, good)
        return good
    clean = sectors.misfit <= MISFIT_MOST * median(sectors.misfit)
    good, place = clean, sectors.local[:, EDGE]
    least = math.sqrt(float(sectors.covariance[EDGE, EDGE]))
    for _ in range(4):
        miss = np.abs(place - geometry @ least_squares(geometry[good], place[good]))
        keep = clean & (miss <= OUTLIER * max(1.4826 * median(miss[good]), least))
        if (keep == good).all() or int(keep.sum()) < 8:
            break
        good = keep
    return good
