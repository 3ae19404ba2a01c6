"""What practitioners use for a round fiducial, with settings chosen on the tuning split.

`python -m tests.benchmarks.vision.fiducial_baselines` chooses them anew. Every method knows the size of the disc; those
on contours take the contour whose size fits best, of either polarity.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.benchmarks.vision.fiducial_scenes import CASES, SIZE_UM, UM_PER_PX, bound_um, draw

Settings = dict[str, Any]
Place = tuple[float, float] | None

RADIUS_PX = 0.5 * SIZE_UM / UM_PER_PX
SETTINGS_FILE = Path(__file__).with_name("fiducial_baselines.json")
TUNED_ON = tuple(name for name, case in CASES.items() if case.shape == "disc")
IMAGES = 4
FAILED_UM = 50.0
LEAST_UM = 0.01


def _template(psf: float) -> np.ndarray:
    half = math.ceil(1.3 * RADIUS_PX)
    fine = (np.arange((2 * half + 1) * 8) + 0.5) / 8 - half - 0.5
    cover = (np.hypot(fine[None, :], fine[:, None]) <= RADIUS_PX).astype(np.float32)
    side = 2 * half + 1
    small = cover.reshape(side, 8, side, 8).mean(axis=(1, 3))
    return cv2.GaussianBlur(40 + 150 * small, (0, 0), psf).astype(np.uint8)


@lru_cache(maxsize=4)
def _known_template(psf: float) -> np.ndarray:
    return _template(psf)


def match_template(pixels: np.ndarray, settings: Settings) -> Place:
    template = _known_template(settings["psf"])
    match = np.abs(cv2.matchTemplate(pixels, template, cv2.TM_CCOEFF_NORMED))
    row, col = np.unravel_index(int(np.argmax(match)), match.shape)

    def vertex(three: np.ndarray) -> float:
        if len(three) < 3:
            return 0.0
        bend = 2 * three[1] - three[0] - three[2]
        return 0.5 * float(three[2] - three[0]) / float(bend) if bend > 0 else 0.0

    half = template.shape[0] // 2
    return (float(col + half + vertex(match[row, max(col - 1, 0) : col + 2])),
            float(row + half + vertex(match[max(row - 1, 0) : row + 2, col])))  # fmt: skip


def _best_contour(pixels: np.ndarray, settings: Settings) -> np.ndarray | None:
    size = settings["blur"]
    smooth = cv2.GaussianBlur(pixels, (size, size), 0) if size else pixels
    best: tuple[float, np.ndarray | None] = (settings["tolerance"], None)
    for kind in (cv2.THRESH_BINARY, cv2.THRESH_BINARY_INV):
        if settings["threshold"] == "otsu":
            _, mask = cv2.threshold(smooth, 0, 255, kind | cv2.THRESH_OTSU)
        else:
            mask = cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, kind, 151, 0)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            off = abs(cv2.contourArea(contour) / (math.pi * RADIUS_PX**2) - 1.0)
            if len(contour) >= 5 and off < best[0]:
                best = (off, contour)
    return best[1]


def enclosing(pixels: np.ndarray, settings: Settings) -> Place:
    contour = _best_contour(pixels, settings)
    return None if contour is None else cv2.minEnclosingCircle(contour)[0]


def ellipse(pixels: np.ndarray, settings: Settings) -> Place:
    contour = _best_contour(pixels, settings)
    return None if contour is None else cv2.fitEllipse(contour)[0]


def moments(pixels: np.ndarray, settings: Settings) -> Place:
    contour = _best_contour(pixels, settings)
    if contour is None:
        return None
    sums = cv2.moments(contour)
    return sums["m10"] / sums["m00"], sums["m01"] / sums["m00"]


def hough(pixels: np.ndarray, settings: Settings) -> Place:
    smooth = cv2.GaussianBlur(pixels, (5, 5), 0)
    found = cv2.HoughCircles(
        smooth, cv2.HOUGH_GRADIENT, 1.0, RADIUS_PX, param1=settings["canny"], param2=settings["votes"],
        minRadius=int(0.9 * RADIUS_PX), maxRadius=int(1.1 * RADIUS_PX),
    )  # fmt: skip
    return None if found is None else (float(found[0, 0, 0]), float(found[0, 0, 1]))


def _grid(**choices: tuple[Any, ...]) -> list[Settings]:
    return [dict(zip(choices, values)) for values in itertools.product(*choices.values())]


CONTOURS = _grid(blur=(0, 5, 9), threshold=("otsu", "adaptive"), tolerance=(0.15, 0.4))
METHODS: dict[str, tuple[Callable[[np.ndarray, Settings], Place], list[Settings]]] = {
    "matchTemplate": (match_template, _grid(psf=(0.8, 1.2, 2.0))),
    "minEnclosingCircle": (enclosing, CONTOURS),
    "fitEllipse": (ellipse, CONTOURS),
    "moments": (moments, CONTOURS),
    "HoughCircles": (hough, _grid(canny=(20, 50, 100, 200), votes=(5, 10, 20))),
}


def tuned() -> dict[str, Settings]:
    settings: dict[str, Settings] = json.loads(SETTINGS_FILE.read_text(encoding="utf-8"))["settings"]
    return settings


def tune() -> dict[str, object]:
    """One setting per method for all cases: least mean log10(error / bound), a failure counting as 50 um."""
    pictures = [(draw(CASES[name], i, "tuning"), bound_um(CASES[name])) for name in TUNED_ON for i in range(IMAGES)]
    chosen: dict[str, Settings] = {}
    for name, (method, grid) in METHODS.items():
        scores = []
        for settings in grid:
            total = 0.0
            for drawn, bound in pictures:
                place = method(drawn.pixels, settings)
                off_um = FAILED_UM if place is None else UM_PER_PX * math.hypot(
                    place[0] - drawn.x_px, place[1] - drawn.y_px)  # fmt: skip
                total += math.log10(min(max(off_um, LEAST_UM), FAILED_UM) / bound)
            scores.append(total / len(pictures))
        chosen[name] = grid[int(np.argmin(scores))]
        print(f"{name}: {chosen[name]} mean log10(error / bound) {min(scores):.2f} of {len(grid)} settings", flush=True)
    return {"split": "tuning", "cases": list(TUNED_ON), "images_per_case": IMAGES, "settings": chosen}


if __name__ == "__main__":
    cv2.setNumThreads(1)
    SETTINGS_FILE.write_text(json.dumps(tune(), indent=1) + "\n", encoding="utf-8")
