"""Pictures of one fiducial with known truth: a mark of any shape on a mottled board, under the troubles of a real one.

Physics: the mark covers the board by its blurred coverage, drawn four times finer than a pixel; the board has slow
mottle, grain and, where asked for, buried traces; a light gradient multiplies everything; photon noise, read noise and
rounding follow. The fine coverage is the product of blurred half planes (or a blurred rim), exact but for the corners.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

UM_PER_PX = 10.0
SIZE_UM = 1_000.0
SIDE_PX = 512
OFFSET_UM = 900.0
ELECTRONS_PER_DN = 39.0
READ_DN = 0.2
FINE = 4
SPLITS = {"public": 7_000_000, "tuning": 8_000_000}

_Z = np.linspace(-8.0, 8.0, 4097)
_RISE = np.array([0.5 * (1.0 + math.erf(z / math.sqrt(2.0))) for z in _Z])


@dataclass(frozen=True)
class FiducialCase:
    """What is drawn; lengths in px, levels in DN."""

    name: str
    what: str
    shape: str = "disc"
    part_ratio: float = 0.5
    level: float = 190.0
    ground: float = 60.0
    slow: float = 3.0
    grain: float = 1.5
    traces: int = 0
    gradient: float = 0.0
    noise: float = 1.0
    psf: float = 1.2
    scratches: int = 0
    dirt: int = 0
    copper: int = 0
    wanted: tuple[float, float] | None = None
    """error over bound to reach, and stretch"""


CLEAN = FiducialCase("clean", "fiducial, clean", slow=0.0, grain=0.0, wanted=(1.1, 1.05))
NOMINAL = FiducialCase("nominal", "fiducial, nominal texture", wanted=(4.0, 2.0))
CASES = {
    case.name: case
    for case in (
        CLEAN,
        NOMINAL,
        replace(NOMINAL, name="dark", what="fiducial, dark disc on bright", level=30.0, ground=120.0, wanted=None),
        replace(NOMINAL, name="gradient", what="fiducial, light gradient 60 %", gradient=0.6, wanted=None),
        replace(NOMINAL, name="noise16", what="fiducial, noise variance 16 x", noise=16.0, wanted=None),
        replace(NOMINAL, name="defocus", what="fiducial, defocus 4 px", psf=4.0, wanted=None),
        replace(NOMINAL, name="scratches", what="fiducial, 4 scratches", scratches=4, wanted=None),
        replace(NOMINAL, name="dirt", what="fiducial, 3 dirt spots on the edge", dirt=3, wanted=None),
        replace(NOMINAL, name="copper", what="fiducial, copper near", copper=3, wanted=None),
        replace(NOMINAL, name="traces", what="fiducial, 14 buried traces", traces=14, wanted=None),
        replace(NOMINAL, name="faint", what="fiducial, contrast 12 DN", level=72.0, wanted=None),
        replace(
            NOMINAL, name="all", what="fiducial, all together", gradient=0.6, noise=4.0, psf=2.0, scratches=4, dirt=3,
            copper=3, traces=14, wanted=(15.0, 8.0),
        ),
        replace(NOMINAL, name="ring", what="fiducial, ring", shape="ring", wanted=None),
        replace(NOMINAL, name="square", what="fiducial, square", shape="square", wanted=None),
        replace(NOMINAL, name="diamond", what="fiducial, diamond", shape="diamond", wanted=None),
        replace(NOMINAL, name="cross", what="fiducial, cross", shape="cross", part_ratio=0.3, wanted=None),
    )
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture and the truth: column and row of the centre."""

    seed: int
    pixels: np.ndarray
    x_px: float
    y_px: float
    clean: np.ndarray = field(repr=False)


def draw(case: FiducialCase, number: int, split: str = "public", *, absent: bool = False) -> Drawn:
    seed = SPLITS[split] + number
    rng = np.random.Generator(np.random.PCG64([seed, sum(map(ord, case.name))]))
    x_px, y_px = (SIDE_PX - 1) / 2 + rng.uniform(-OFFSET_UM, OFFSET_UM, 2) / UM_PER_PX
    picture = _board(case, rng)
    half = 0.5 * SIZE_UM / UM_PER_PX
    if not absent:
        _lay(picture, _cover(case, x_px, y_px, half), case.level)
    for _ in range(case.copper):
        turn, far, side = rng.uniform(0, 2 * math.pi), rng.uniform(1.5, 1.9) * half, rng.uniform(10, 25)
        at = (x_px + far * math.cos(turn), y_px + far * math.sin(turn))
        _lay(picture, _cover(replace(case, shape="square"), *at, side / 2), case.level)
    for _ in range(case.dirt):
        turn, radius = rng.uniform(0, 2 * math.pi), rng.uniform(3, 7)
        at = (x_px + half * math.cos(turn), y_px + half * math.sin(turn))
        _lay(picture, _cover(replace(case, shape="disc"), *at, radius), rng.uniform(10, 220))
    for _ in range(case.scratches):
        ends = np.round(np.array([x_px, y_px]) + rng.uniform(-60, 60, (2, 2))).astype(int)
        line = np.zeros_like(picture)
        cv2.line(line, ends[0].tolist(), ends[1].tolist(), 1.0, 2)
        line = cv2.GaussianBlur(line, (0, 0), case.psf)
        picture += (rng.uniform(20, 220) - picture) * line
    picture *= np.linspace(1 - case.gradient / 2, 1 + case.gradient / 2, SIDE_PX, dtype=np.float32)
    noisy = picture + np.sqrt(variance(case, picture)) * rng.standard_normal(picture.shape, dtype=np.float32)
    return Drawn(seed, np.clip(np.round(noisy), 0, 255).astype(np.uint8), x_px, y_px, picture)


def variance(case: FiducialCase, picture: np.ndarray) -> np.ndarray:
    """Of a pixel before rounding, DN^2."""
    return np.asarray((np.maximum(picture, 0) / ELECTRONS_PER_DN + READ_DN**2) * case.noise)


def bound_um(case: FiducialCase) -> float:
    """Cramer-Rao bound per axis: the mark alone, its outline and the board known; mean of both axes."""
    step, half, middle = 0.1, 0.5 * SIZE_UM / UM_PER_PX, (SIDE_PX - 1) / 2
    ramp = np.linspace(1 - case.gradient / 2, 1 + case.gradient / 2, SIDE_PX)
    information = 0.0
    for axis in ((1.0, 0.0), (0.0, 1.0)):
        pair = []
        for sign in (-1.0, 1.0):
            picture = np.full((SIDE_PX, SIDE_PX), case.ground)
            at = [middle + 0.3 + sign * step / 2 * part for part in axis]
            _lay(picture, _cover(case, at[0], at[1], half), case.level)
            pair.append(picture * ramp)
        slope, mean = (pair[1] - pair[0]) / step, 0.5 * (pair[0] + pair[1])
        information += 0.5 * float((slope**2 / (variance(case, mean) + 1 / 12)).sum())
    return UM_PER_PX / math.sqrt(information)


def _board(case: FiducialCase, rng: np.random.Generator) -> np.ndarray:
    picture = np.full((SIDE_PX, SIDE_PX), case.ground, np.float32)
    mottle = rng.standard_normal((SIDE_PX // 40, SIDE_PX // 40)).astype(np.float32)
    picture += case.slow * cv2.resize(mottle, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    for _ in range(case.traces):
        first = rng.uniform(0, SIDE_PX, 2)
        ends = np.round(np.array([first, first + rng.normal(0, 150, 2)])).astype(int)
        trace = np.zeros_like(picture)
        cv2.line(trace, ends[0].tolist(), ends[1].tolist(), 1.0, int(rng.integers(3, 9)))
        picture += float(rng.choice((-6.0, 6.0))) * trace
    picture += case.grain * rng.standard_normal(picture.shape, dtype=np.float32)
    return cv2.GaussianBlur(picture, (0, 0), case.psf)


def _rise(distance: np.ndarray, psf: float) -> np.ndarray:
    return _RISE.take(np.clip(distance * (256.0 / psf) + 2048.5, 0, 4096).astype(np.int64))


def _cover(case: FiducialCase, x_px: float, y_px: float, half: float) -> tuple[int, int, np.ndarray]:
    """First row and column of a window, and the blurred coverage of the mark in it."""
    reach = math.ceil(half + 5 * case.psf + 2)
    row, col, side = round(y_px) - reach, round(x_px) - reach, 2 * reach + 1
    fine = (np.arange(side * FINE) + 0.5) / FINE - 0.5
    x, y = (fine + col - x_px)[None, :], (fine + row - y_px)[:, None]
    part = half * case.part_ratio

    def box(a: float, b: float) -> np.ndarray:
        along, across = (_rise(size - np.abs(v), case.psf) for size, v in ((a, x), (b, y)))
        return np.asarray(along * across)

    if case.shape == "disc":
        cover = _rise(half - np.hypot(x, y), case.psf)
    elif case.shape == "ring":
        cover = _rise(half - np.hypot(x, y), case.psf) * _rise(np.hypot(x, y) - part, case.psf)
    elif case.shape == "square":
        cover = box(half, half)
    elif case.shape == "cross":
        cover = box(half, part) + box(part, half) - box(part, part)
    else:
        u, v = (x + y) / math.sqrt(2.0), (x - y) / math.sqrt(2.0)
        cover = _rise(half / math.sqrt(2.0) - np.abs(u), case.psf) * _rise(half / math.sqrt(2.0) - np.abs(v), case.psf)
    return row, col, cover.reshape(side, FINE, side, FINE).mean(axis=(1, 3))


def _lay(picture: np.ndarray, covered: tuple[int, int, np.ndarray], level: float) -> None:
    """Paint a level over the picture by its coverage, as far as it lies in the picture."""
    row, col, cover = covered
    top, left = max(row, 0), max(col, 0)
    bottom, right = min(row + cover.shape[0], picture.shape[0]), min(col + cover.shape[1], picture.shape[1])
    if top >= bottom or left >= right:
        return
    part = picture[top:bottom, left:right]
    part += (level - part) * cover[top - row : bottom - row, left - col : right - col]
