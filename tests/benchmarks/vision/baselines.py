"""What practitioners use, each tuned on the tuning split alone and given the same labelling and the same robust fit.

Every detector returns spots (column, row); `answers.labelled` names them from the true pose, so that no baseline
fails for want of finding the array. Settings are in `baselines.json`, written by `tune.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.benchmarks.vision.answers import Answer, Method, answer_from_spots, nominal_radius_px, refused
from tests.benchmarks.vision.renderer import render
from tests.benchmarks.vision.scene import Faults, Light, Pose, Scene
from tests.benchmarks.vision.truth import to_um, truth_of, turned

SETTINGS_FILE = Path(__file__).with_name("baselines.json")
Settings = dict[str, Any]
Detector = Callable[[np.ndarray, float, Settings], np.ndarray]
"""Picture, nominal ball radius in px, settings -> (n, 2) column, row."""

NO_SPOTS = np.empty((0, 2))
THRESHOLD_SHARES = (0.2, 0.3, 0.4, 0.5, 0.6)


def threshold_level(pixels: np.ndarray, share: float) -> float:
    """Between the median and the brightest thousandth of the picture: follows exposure, costs a strided copy."""
    sample = pixels[::8, ::8]
    middle, bright = np.percentile(sample, [50, 99.5])
    return float(middle + share * (bright - middle))


def _binary(pixels: np.ndarray, settings: Settings) -> np.ndarray:
    if settings.get("blur"):
        pixels = cv2.GaussianBlur(pixels, (settings["blur"], settings["blur"]), 0)
    level = threshold_level(pixels, settings["share"])
    return np.asarray(cv2.threshold(pixels, level, 255, cv2.THRESH_BINARY)[1])


def connected_components(pixels: np.ndarray, radius_px: float, settings: Settings) -> np.ndarray:
    """Threshold, connected components, centroids of those of a ball's size."""
    count, _, stats, centres = cv2.connectedComponentsWithStats(_binary(pixels, settings), connectivity=8)
    extent = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    keep = (extent > 0.5 * radius_px) & (extent < 2.6 * radius_px)
    keep[0] = False
    return centres[keep] if count > 1 else NO_SPOTS


def _contours(pixels: np.ndarray, radius_px: float, settings: Settings) -> list[np.ndarray]:
    found, _ = cv2.findContours(_binary(pixels, settings), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [c for c in found if len(c) > max(8.0, 2 * radius_px)]


def enclosing_circle(pixels: np.ndarray, radius_px: float, settings: Settings) -> np.ndarray:
    """Threshold, outer contours, smallest enclosing circle."""
    spots = [cv2.minEnclosingCircle(c) for c in _contours(pixels, radius_px, settings)]
    kept = [centre for centre, radius in spots if 0.3 * radius_px < radius < 1.3 * radius_px]
    return np.array(kept).reshape(-1, 2)


def fitted_ellipse(pixels: np.ndarray, radius_px: float, settings: Settings) -> np.ndarray:
    """Threshold, outer contours, least-squares ellipse."""
    spots = [cv2.fitEllipse(c) for c in _contours(pixels, radius_px, settings)]
    kept = [centre for centre, axes, _ in spots if 0.6 * radius_px < max(axes) < 2.6 * radius_px]
    return np.array(kept).reshape(-1, 2)


def hough_circles(pixels: np.ndarray, radius_px: float, settings: Settings) -> np.ndarray:
    """Gradient Hough transform; HOUGH_GRADIENT_ALT takes over 3 s for such a picture and is left out."""
    low, high = settings["radius"]
    found = cv2.HoughCircles(
        pixels, cv2.HOUGH_GRADIENT, dp=settings["dp"], minDist=1.5 * radius_px, param1=settings["edge"],
        param2=settings["votes"], minRadius=round(low * radius_px), maxRadius=round(high * radius_px),
    )  # fmt: skip
    return NO_SPOTS if found is None else np.asarray(found.reshape(-1, found.shape[-1])[:, :2], dtype=np.float64)


def _blob_finder(pixels: np.ndarray, radius_px: float, settings: Settings) -> cv2.SimpleBlobDetector:
    wanted = cv2.SimpleBlobDetector_Params()
    low = threshold_level(pixels, settings["share"])
    high = threshold_level(pixels, 0.9)
    wanted.minThreshold, wanted.maxThreshold = low, max(high, low + 10)
    wanted.thresholdStep = max((wanted.maxThreshold - low) / settings["steps"], 1.0)
    wanted.minRepeatability = 2
    wanted.minDistBetweenBlobs = 1.5 * radius_px
    wanted.filterByColor, wanted.blobColor = False, 255
    wanted.filterByArea = True
    wanted.minArea, wanted.maxArea = 0.1 * math.pi * radius_px**2, 1.7 * math.pi * radius_px**2
    wanted.filterByCircularity, wanted.filterByConvexity, wanted.filterByInertia = False, False, False
    return cv2.SimpleBlobDetector_create(wanted)


def blob_detector(pixels: np.ndarray, radius_px: float, settings: Settings) -> np.ndarray:
    """SimpleBlobDetector on bright blobs of a ball's size."""
    found = _blob_finder(pixels, radius_px, settings).detect(pixels)
    return np.array([point.pt for point in found]).reshape(-1, 2)


def matched_template(pixels: np.ndarray, template: np.ndarray, radius_px: float, settings: Settings) -> np.ndarray:
    """Normalised cross-correlation with a taught template, peaks refined by a parabola in each axis."""
    score = cv2.matchTemplate(pixels, template, cv2.TM_CCOEFF_NORMED)
    reach = max(1, round(1.2 * radius_px))
    highest = cv2.dilate(score, np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8))
    rows, columns = np.nonzero((score >= highest) & (score > settings["score"]))
    inside = (rows > 0) & (rows < score.shape[0] - 1) & (columns > 0) & (columns < score.shape[1] - 1)
    rows, columns = rows[inside], columns[inside]
    here = score[rows, columns]
    left, right = score[rows, columns - 1], score[rows, columns + 1]
    above, below = score[rows - 1, columns], score[rows + 1, columns]
    dx = 0.5 * (left - right) / np.minimum(left - 2 * here + right, -1e-6)
    dy = 0.5 * (above - below) / np.minimum(above - 2 * here + below, -1e-6)
    half = (template.shape[0] - 1) / 2
    return np.column_stack([columns + dx + half, rows + dy + half]).astype(np.float64)


def taught_template(pixels: np.ndarray, scene: Scene) -> np.ndarray:
    """Mean of the balls of one teaching picture, each cut out about its true centre."""
    truth = truth_of(scene)
    side = 2 * math.ceil(1.1 * nominal_radius_px(scene.package, scene.sensor)) + 1
    cuts = [cv2.getRectSubPix(pixels, (side, side), (float(x), float(y)), patchType=cv2.CV_32F)
            for x, y in truth.sites_px[truth.present]]  # fmt: skip
    return np.asarray(np.mean(cuts, axis=0).round(), dtype=np.uint8)


def smallest_rectangle(pixels: np.ndarray, scene: Scene, settings: Settings) -> Answer:
    """Blur, threshold, smallest rectangle about all blobs of a ball's size: a pose without looking at single balls."""
    radius_px, package = nominal_radius_px(scene.package, scene.sensor), scene.package
    kept = [c for c in _contours(pixels, radius_px, settings) if cv2.minEnclosingCircle(c)[1] < 1.3 * radius_px]
    if len(kept) < package.count // 2:
        return refused(package)
    seen_centre, _, seen_deg = cv2.minAreaRect(np.concatenate(kept))
    drawn_centre, _, drawn_deg = cv2.minAreaRect((package.xy_um * [1.0, -1.0]).astype(np.float32))
    turn_deg = drawn_deg - seen_deg  # rows point down, so angles of OpenCV turn the other way
    turn_deg += 90.0 * round((scene.pose.theta_deg - turn_deg) / 90.0)
    middle_um = np.array([[drawn_centre[0], -drawn_centre[1]]]) * scene.scale_ratio
    at_um = to_um(np.array([seen_centre]), scene.sensor) - turned(middle_um, Pose(theta_deg=turn_deg))
    pose = Pose(float(at_um[0, 0]), float(at_um[0, 1]), turn_deg)
    return Answer("found", pose, np.full((package.count, 2), np.nan))


def circles_grid(pixels: np.ndarray, scene: Scene, settings: Settings) -> Answer:
    """findCirclesGrid: a full rectangle only, so refused for every package that leaves a site out."""
    package = scene.package
    columns, rows = len(set(package.x_um)), len(set(package.y_um))
    if columns * rows != package.count:
        return refused(package)
    finder = _blob_finder(pixels, nominal_radius_px(package, scene.sensor), settings)
    flags = cv2.CALIB_CB_SYMMETRIC_GRID | (cv2.CALIB_CB_CLUSTERING if settings["clustering"] else 0)
    done, spots = cv2.findCirclesGrid(pixels, (columns, rows), flags=flags, blobDetector=finder)
    return answer_from_spots(spots.reshape(-1, 2).astype(np.float64), scene) if done else refused(package)


GRIDS: dict[str, list[Settings]] = {
    "threshold + connectedComponents": [{"share": s, "blur": b} for s in THRESHOLD_SHARES for b in (0, 5)],
    "contours + minEnclosingCircle": [{"share": s, "blur": b} for s in THRESHOLD_SHARES for b in (0, 5)],
    "contours + fitEllipse": [{"share": s, "blur": b} for s in THRESHOLD_SHARES for b in (0, 5)],
    "HoughCircles": [
        {"dp": dp, "edge": edge, "votes": votes, "radius": radius}
        for dp in (1.0, 1.5)
        for edge in (30, 60, 120)
        for votes in (10, 16)
        for radius in ((0.35, 0.8), (0.8, 1.2))
    ],
    "SimpleBlobDetector": [{"share": s, "steps": n} for s in (0.1, 0.2, 0.3, 0.4) for n in (4, 8)],
    "matchTemplate + parabola": [{"score": s} for s in (0.4, 0.55, 0.7)],
    "blur + threshold + minAreaRect": [{"share": s, "blur": b} for s in THRESHOLD_SHARES for b in (5, 9)],
    "findCirclesGrid": [
        {"share": s, "steps": n, "clustering": c} for s in (0.2, 0.3, 0.4) for n in (4, 8) for c in (False, True)
    ],
}
DETECTORS: dict[str, Detector] = {
    "threshold + connectedComponents": connected_components,
    "contours + minEnclosingCircle": enclosing_circle,
    "contours + fitEllipse": fitted_ellipse,
    "HoughCircles": hough_circles,
    "SimpleBlobDetector": blob_detector,
}


@dataclass(frozen=True)
class Baseline:
    """A method with its settings, and the template where it needs one."""

    name: str
    settings: Settings
    template: bytes = b""
    side: int = 0

    def __call__(self, pixels: np.ndarray, scene: Scene) -> Answer:
        if self.name == "blur + threshold + minAreaRect":
            return smallest_rectangle(pixels, scene, self.settings)
        if self.name == "findCirclesGrid":
            return circles_grid(pixels, scene, self.settings)
        radius_px = nominal_radius_px(scene.package, scene.sensor)
        if self.name == "matchTemplate + parabola":
            template = np.frombuffer(self.template, dtype=np.uint8).reshape(self.side, self.side)
            return answer_from_spots(matched_template(pixels, template, radius_px, self.settings), scene)
        return answer_from_spots(DETECTORS[self.name](pixels, radius_px, self.settings), scene)


@lru_cache(maxsize=1)
def tuned() -> dict[str, Settings]:
    return dict(json.loads(SETTINGS_FILE.read_text(encoding="utf-8"))["settings"])


def lesson_of(scene: Scene) -> tuple[np.ndarray, Scene]:
    """Picture and scene to teach from: focus, noise and substrate of `scene`, but a good part in healthy light.

    A template that had seen the dead segment would carry its bias with it, and hide it.
    """
    healthy = replace(scene, light=Light(), faults=Faults())
    return render(healthy), healthy


def taught(name: str, settings: Settings, lesson: tuple[np.ndarray, Scene]) -> Method:
    """A baseline ready to be asked; `lesson` as `lesson_of` draws it from the tuning split."""
    if name != "matchTemplate + parabola":
        return Baseline(name, settings)
    template = taught_template(*lesson)
    return Baseline(name, settings, template.tobytes(), len(template))
