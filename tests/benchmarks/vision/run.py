"""Show the scenes of a case to methods and judge what they say; measure time beside a threshold pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

import cv2
import numpy as np

from tests.benchmarks.vision import baselines, ours, renderer, second_renderer
from tests.benchmarks.vision.answers import Answer, Method
from tests.benchmarks.vision.bound import bound_of
from tests.benchmarks.vision.cases import CASES, Case
from tests.benchmarks.vision.scene import Pose, Scene
from tests.benchmarks.vision.score import Trial, judge
from tests.benchmarks.vision.truth import truth_of

THRESHOLD = "one threshold pass"
OURS = "ours"
THRESHOLD_REPEATS = 10
OTHER_MEMORY = np.zeros(12_000_000)
"""96 MB, to push a picture out of the cache"""


def baseline_names(case: Case) -> list[str]:
    """findCirclesGrid only where the package fills its rectangle."""
    package = case.package
    is_full = len(set(package.x_um)) * len(set(package.y_um)) == package.count
    return [name for name in baselines.GRIDS if name != "findCirclesGrid" or is_full]


def ready_baselines(case: Case) -> dict[str, Method]:
    """The tuned baselines of a case, a template taught from a good part of its tuning split."""
    lesson = baselines.lesson_of(case.scenes(1, "tuning")[0])
    settings = baselines.tuned()
    return {name: baselines.taught(name, settings[name], lesson) for name in baseline_names(case)}


def run_case(case: Case, images: int, baseline_images: int, optics: ModuleType = renderer) -> dict[str, list[Trial]]:
    """Judged answers of every method on the public scenes; the baselines see the first `baseline_images` of them."""
    methods = ready_baselines(case) if baseline_images else {}
    trials: dict[str, list[Trial]] = {OURS: [], **{name: [] for name in methods}}
    for number, scene in enumerate(case.scenes(images)):
        pixels, truth, bound = optics.render(scene), truth_of(scene), bound_of(scene, optics)
        trials[OURS].append(judge(ours.find(pixels, scene), truth, scene, bound))
        if number < baseline_images:
            for name, method in methods.items():
                trials[name].append(judge(method(pixels, scene), truth, scene, bound))
    return trials


@dataclass(frozen=True)
class OpticsCalibration:
    """Mirror images lie off the balls' centres: error = constant + gain * offset, (x, y) in um of the image frame.

    What a machine learns once about its camera, here from tuning scenes of the second renderer.
    """

    constant_um: tuple[float, float]
    gain: float

    def corrected(self, answer: Answer) -> Answer:
        x_um = (answer.pose.x_um - self.constant_um[0]) / (1 + self.gain)
        y_um = (answer.pose.y_um - self.constant_um[1]) / (1 + self.gain)
        return replace(answer, pose=Pose(x_um, y_um, answer.pose.theta_deg))


def calibrate_optics(images: int) -> OpticsCalibration:
    """Least squares over nominal tuning scenes drawn by the second renderer."""
    rows, errors = [], []
    for scene in CASES["nominal"].scenes(images, "tuning"):
        answer, truth = ours.find(second_renderer.render(scene), scene), truth_of(scene).pose
        if answer.status == "found":
            rows += [(1.0, 0.0, truth.x_um), (0.0, 1.0, truth.y_um)]
            errors += [answer.pose.x_um - truth.x_um, answer.pose.y_um - truth.y_um]
    if len(rows) < 4:
        return OpticsCalibration((0.0, 0.0), 0.0)
    x, y, gain = np.linalg.lstsq(np.array(rows), np.array(errors), rcond=None)[0]
    return OpticsCalibration((float(x), float(y)), float(gain))


def run_second(case: Case, images: int, calibration: OpticsCalibration) -> tuple[list[Trial], list[Trial]]:
    """Ours on the second renderer: as seen, and after the calibration."""
    seen, corrected = [], []
    scenes = case.scenes(images)
    bound = bound_of(scenes[0], second_renderer)  # sensor and light are those of the case, and it takes a second
    for scene in scenes:
        answer, truth = ours.find(second_renderer.render(scene), scene), truth_of(scene)
        seen.append(judge(answer, truth, scene, bound))
        corrected.append(judge(calibration.corrected(answer), truth, scene, bound))
    return seen, corrected


@dataclass(frozen=True, eq=False)
class Times:
    """Process time per image of every method of one run, s; `one threshold pass` is one of them."""

    seconds: dict[str, np.ndarray]

    def median_s(self, name: str) -> float:
        return float(np.median(self.seconds[name]))

    def ratio(self, name: str, to: str) -> float:
        """Of the medians: both saw the same pictures in turns, so what slowed the machine slowed both."""
        return self.median_s(name) / self.median_s(to)

    def printed(self, name: str) -> str:
        return f"{1e3 * self.median_s(name):.3g} ms (99 %: {1e3 * float(np.percentile(self.seconds[name], 99)):.3g})"


def spent_s(call: Callable[..., object], *arguments: object) -> float:
    started_s = time.process_time()
    call(*arguments)
    return time.process_time() - started_s


def _thresholds(pixels: np.ndarray) -> None:
    for _ in range(THRESHOLD_REPEATS):
        cv2.threshold(pixels, 100, 255, cv2.THRESH_BINARY)


def _leave_cache() -> None:
    """What a picture straight from a camera is: in memory, not in the cache."""
    OTHER_MEMORY.fill(OTHER_MEMORY[0] + 1)


def measure_times(case: Case, images: int, rounds: int, *, only_ours: bool = False, cold: bool = False) -> Times:
    """Every method on the same pictures in turns, warm, one thread; `cold`: the picture out of the cache each time."""
    methods: dict[str, Callable[[np.ndarray, Scene], object]] = {OURS: ours.look}
    if not only_ours:
        methods |= ready_baselines(case)
    seconds: dict[str, list[float]] = {THRESHOLD: [], **{name: [] for name in methods}}
    for number, scene in enumerate(case.scenes(images)):
        pixels = renderer.render(scene)
        if number == 0:  # caches of maps and libraries fill here, outside what counts
            _thresholds(pixels)
            for method in methods.values():
                method(pixels, scene)
        for turn in range(rounds):
            if cold:
                _leave_cache()
                seconds[THRESHOLD].append(spent_s(cv2.threshold, pixels, 100, 255, cv2.THRESH_BINARY))
            else:
                seconds[THRESHOLD].append(spent_s(_thresholds, pixels) / THRESHOLD_REPEATS)
            for name, method in methods.items():
                if cold:
                    _leave_cache()
                if turn == 0 or name in (OURS, "contours + minEnclosingCircle"):
                    seconds[name].append(spent_s(method, pixels, scene))
    return Times({name: np.array(values) for name, values in seconds.items()})
