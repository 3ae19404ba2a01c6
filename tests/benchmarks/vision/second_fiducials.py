"""The second renderer of fiducials: other optics and another edge for the same cases, against agreeing with oneself.

The mark is copper with a sloped flank that throws the light away: its edge is a step with a dark groove, not a blurred
step. The point spread is that of a round lens at its diffraction limit with astigmatism, laid on in the frequency
plane; the pixel is a square. The board is woven glass with vias, the light falls off by the same factor everywhere,
photons are counted, pixels differ in gain. Nothing is shared with the first renderer but the cases' numbers; texture
has the same rms. Flank, weave and astigmatism are estimates.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from tests.benchmarks.vision.fiducial_scenes import (
    ELECTRONS_PER_DN,
    OFFSET_UM,
    READ_DN,
    SIDE_PX,
    SIZE_UM,
    SPLITS,
    UM_PER_PX,
    Drawn,
    FiducialCase,
)

FINE = 4
FLANK_PX = 1.4
"""width of the flank of 35 um copper, etched 2.5 times as deep as to the side"""
FLANK_RATIO = 0.5
"""level of the flank against the darker of mark and ground"""
CUTOFF_SIGMA = 0.464
"""Cut-off frequency times the sigma of the Gaussian that passes half the contrast at the same frequency, which is 0.404
of the cut-off of a round lens"""
ASTIGMATISM_PX, ASTIGMATIC_DEG = 0.35, 25.0
WEAVE_PX = 13.0
FIXED_PATTERN = 0.002


def draw(case: FiducialCase, number: int, split: str = "public", *, absent: bool = False) -> Drawn:
    """The same case and number give the same bytes; place and troubles are drawn anew, not those of the first."""
    seed = SPLITS[split] + number
    rng = np.random.Generator(np.random.PCG64([seed, 2, *case.name.encode()]))
    x_px, y_px = ((SIDE_PX - 1) / 2 + rng.uniform(-OFFSET_UM, OFFSET_UM, 2) / UM_PER_PX).tolist()
    half = 0.5 * SIZE_UM / UM_PER_PX
    picture = _board(case, rng)
    if not absent:
        _lay(picture, case, case.shape, (x_px, y_px), half, case.level, flank=True)
    for _ in range(case.copper):
        turn, far = rng.uniform(0, 2 * math.pi), rng.uniform(1.5, 1.9) * half
        at = (x_px + far * math.cos(turn), y_px + far * math.sin(turn))
        _lay(picture, case, "disc", at, float(rng.uniform(6, 13)), case.level, flank=True)
    for _ in range(case.dirt):
        turn = rng.uniform(0, 2 * math.pi)
        at = (x_px + half * math.cos(turn), y_px + half * math.sin(turn))
        _lay(picture, case, "diamond", at, float(rng.uniform(4, 9)), float(rng.uniform(10, 220)))
    for _ in range(case.scratches):
        at = tuple((np.array([x_px, y_px]) + rng.uniform(-40, 40, 2)).tolist())
        _scratch(picture, case, at, rng)
    steep = math.atanh(case.gradient / 2)
    picture *= np.exp(steep * np.linspace(-1, 1, SIDE_PX)) / math.cosh(steep)
    mean = np.clip(picture, 0, None)
    counted = rng.poisson(mean * ELECTRONS_PER_DN / case.noise) * (case.noise / ELECTRONS_PER_DN)
    noisy = counted * (1 + FIXED_PATTERN * rng.standard_normal(mean.shape))
    noisy += READ_DN * math.sqrt(case.noise) * rng.standard_normal(mean.shape)
    return Drawn(seed, np.clip(np.round(noisy), 0, 255).astype(np.uint8), x_px, y_px, picture)


def _depth(case: FiducialCase, shape: str, x: np.ndarray, y: np.ndarray, half: float) -> np.ndarray:
    """Distance inside the outline, px, negative outside."""
    across, down, part = np.abs(x), np.abs(y), half * case.part_ratio
    if shape == "square":
        return np.asarray(half - np.maximum(across, down))
    if shape == "diamond":
        return np.asarray((half - across - down) / math.sqrt(2.0))
    if shape == "cross":
        arms = (np.minimum(half - across, part - down), np.minimum(part - across, half - down))
        return np.asarray(np.maximum(*arms))
    radius = np.hypot(x, y)
    return np.asarray(half - radius if shape == "disc" else np.minimum(half - radius, radius - part))


def _lay(
    picture: np.ndarray, case: FiducialCase, shape: str, at: tuple[float, float], half: float, level: float,
    *, flank: bool = False,
) -> None:  # fmt: skip
    """A thing of one level over the picture, as far as it lies in it."""
    reach = math.ceil(half + 8 * max(case.psf, 1.0) + 4)
    row, col, side = round(at[1]) - reach, round(at[0]) - reach, 2 * reach + 1
    fine = (np.arange(side * FINE) + 0.5) / FINE - 0.5
    depth = _depth(case, shape, (fine + col - at[0])[None, :], (fine + row - at[1])[:, None], half)
    groove = FLANK_PX / 2 if flank else 0.0
    outer = _seen(_covered(depth + groove, shape), case.psf)
    inner = _seen(_covered(depth - groove, shape), case.psf) if flank else outer
    dull = FLANK_RATIO * min(level, case.ground)
    top, left = max(row, 0), max(col, 0)
    bottom, right = min(row + side, SIDE_PX), min(col + side, SIDE_PX)
    if top >= bottom or left >= right:
        return
    cut = (slice(top - row, bottom - row), slice(left - col, right - col))
    part = picture[top:bottom, left:right]
    part *= 1 - outer[cut]
    part += dull * (outer[cut] - inner[cut]) + level * inner[cut]


def _covered(depth: np.ndarray, shape: str) -> np.ndarray:
    """Share of a fine square pixel that lies inside a straight edge: along its rows, or at 45 deg to them. Over all
    the pixels of such an edge, which have one phase, a wrong law would move it by 0.02 px."""
    if shape == "diamond":
        inside = np.clip(depth * (FINE * math.sqrt(2.0)), -1, 1)
        return np.asarray(0.5 + inside - 0.5 * inside * np.abs(inside))
    return np.clip(depth * FINE + 0.5, 0, 1)


def _seen(cover: np.ndarray, psf: float) -> np.ndarray:
    """Fine coverage through lens and square pixels, one value a pixel."""
    frequency_y = np.fft.fftfreq(cover.shape[0], 1 / FINE)[:, None]
    frequency_x = np.fft.rfftfreq(cover.shape[1], 1 / FINE)[None, :]
    share = np.clip(np.hypot(frequency_x, frequency_y) * (psf / CUTOFF_SIGMA), 0, 1)
    passed = (2 / math.pi) * (np.arccos(share) - share * np.sqrt(1 - share**2))
    turn = math.radians(ASTIGMATIC_DEG)
    along = frequency_x * math.cos(turn) + frequency_y * math.sin(turn)
    passed = passed * np.exp(-2 * (math.pi * ASTIGMATISM_PX * psf / 1.2 * along) ** 2)
    blurred = np.fft.irfft2(np.fft.rfft2(cover) * passed, s=cover.shape)
    side = cover.shape[0] // FINE
    return np.asarray(blurred.reshape(side, FINE, side, FINE).mean(axis=(1, 3)))


def _scratch(picture: np.ndarray, case: FiducialCase, at: tuple[float, ...], rng: np.random.Generator) -> None:
    """A straight stroke that tapers to both ends."""
    turn, length, width = rng.uniform(0, math.pi), rng.uniform(15, 60), rng.uniform(0.6, 1.4)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    along = (x - at[0]) * math.cos(turn) + (y - at[1]) * math.sin(turn)
    across = (y - at[1]) * math.cos(turn) - (x - at[0]) * math.sin(turn)
    soft = math.hypot(width, case.psf)
    share = np.exp(-0.5 * (across / soft) ** 2) * np.clip(1.5 - np.abs(along) / length, 0, 1) * width / soft
    picture += (rng.uniform(20, 220) - picture) * np.clip(share, 0, 1)


def _board(case: FiducialCase, rng: np.random.Generator) -> np.ndarray:
    """Woven glass, shallow waves of the resin, and vias where the first renderer has traces."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float64)
    picture = np.full((SIDE_PX, SIDE_PX), case.ground, dtype=np.float64)
    for _ in range(6):
        period, phase = rng.uniform(90, 260, 2), rng.uniform(0, 2 * math.pi, 2)
        waves = np.cos(2 * math.pi * x / period[0] + phase[0]) * np.cos(2 * math.pi * y / period[1] + phase[1])
        picture += (2.0 * case.slow / math.sqrt(6)) * waves
    phase = rng.uniform(0, 2 * math.pi, 2)
    weave = np.sin(2 * math.pi * x / WEAVE_PX + phase[0]) * np.sin(2 * math.pi * y / WEAVE_PX + phase[1])
    picture += (
        case.grain / (math.sqrt(math.pi) * case.psf) * weave
    )  # as the first renderer's grain is once it is blurred
    for _ in range(case.traces):
        via = np.zeros_like(picture)
        centre = np.round(rng.uniform(0, SIDE_PX, 2) * 16).astype(int).tolist()
        cv2.circle(
            via, centre, round(16 * float(rng.uniform(6, 26))), 1.0, round(float(rng.uniform(2, 6))), cv2.LINE_8, 4
        )
        picture += float(rng.choice((-6.0, 6.0))) * cv2.GaussianBlur(via, (0, 0), case.psf)
    return picture
