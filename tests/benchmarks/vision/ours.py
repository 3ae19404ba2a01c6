"""This project's finder as a method of the benchmark: the one place here that knows `vision`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tests.benchmarks.vision.answers import Answer
from tests.benchmarks.vision.scene import Package, Pose, Scene
from vision.compiled import is_compiled
from vision.frame import Frame
from vision.inspection import inspect_package
from vision.maps import BallMap
from vision.results import ArrayFix

SCALE_TOLERANCE = 0.03

MADE_OF = "compiled loops" if is_compiled() else "numpy alone"
"""What the finder runs on here; its answers are the same, its times are not."""


@lru_cache(maxsize=16)
def ball_map(package: Package) -> BallMap:
    mark = package.mark
    return BallMap(
        package.ball_names,
        np.array(package.x_um),
        np.array(package.y_um),
        np.full(package.count, package.diameter_um),
        None if mark is None else mark.x_um,
        None if mark is None else mark.y_um,
        None if mark is None else mark.diameter_um,
    )


def look_for(package: Package, pixels: np.ndarray, um_per_px: float) -> ArrayFix:
    """From pixels to the finder's own answer."""
    return inspect_package(Frame(pixels, um_per_px), ball_map(package), scale_tolerance=SCALE_TOLERANCE)


def look(pixels: np.ndarray, scene: Scene) -> ArrayFix:
    """The part that is timed."""
    return look_for(scene.package, pixels, scene.sensor.um_per_px)


def find(pixels: np.ndarray, scene: Scene) -> Answer:
    """The finder's answer in the words of the benchmark; of the scene it uses package and scale alone."""
    return answer_of(look(pixels, scene), scene.package)


def answer_of(fix: ArrayFix, package: Package) -> Answer:
    seen = {b.name: (b.x_px, b.y_px) for b in fix.balls if b.state not in ("missing", "extra")}
    sites = np.array([seen.get(name, (np.nan, np.nan)) for name in package.ball_names])
    extra = np.array([(b.x_px, b.y_px) for b in fix.balls if b.state == "extra"]).reshape(-1, 2)
    states = {b.name: str(b.state) for b in fix.balls if b.state not in ("ok", "extra")}
    return Answer(fix.status, Pose(fix.x_um, fix.y_um, fix.theta_deg), sites, extra, states, np.array(fix.covariance))
