"""Choose the settings of the baselines on the tuning split: `python -m tests.benchmarks.vision.tune` writes them.

One setting per method for all cases, as a user would keep it. The score of a setting is the mean over tuning images of
log10(error / bound), a failure counting as 5 um.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import cv2
import numpy as np

from tests.benchmarks.vision.baselines import GRIDS, SETTINGS_FILE, Settings, lesson_of, taught
from tests.benchmarks.vision.bound import Bound, bound_of
from tests.benchmarks.vision.cases import CASES
from tests.benchmarks.vision.renderer import render
from tests.benchmarks.vision.scene import Scene
from tests.benchmarks.vision.score import WRONG_UM, judge
from tests.benchmarks.vision.truth import Truth, truth_of

TUNED_ON = ("nominal", "noise16", "defocus", "uneven", "heavy", "debris", "dim", "wlcsp196")
IMAGES = 2


@dataclass(frozen=True, eq=False)
class Exercise:
    """A tuning picture with its truth and bound, and the picture and scene that a template may be taught from."""

    pixels: np.ndarray
    scene: Scene
    truth: Truth
    bound: Bound
    lesson: tuple[np.ndarray, Scene]


def tune() -> dict[str, object]:
    pictures: list[Exercise] = []
    for name in TUNED_ON:
        teaching = CASES[name].scenes(IMAGES + 1, "tuning")
        lesson = lesson_of(teaching[-1])
        pictures += [
            Exercise(render(scene), scene, truth_of(scene), bound_of(scene), lesson) for scene in teaching[:-1]
        ]
    chosen: dict[str, Settings] = {}
    scores: dict[str, float] = {}
    for method, grid in GRIDS.items():
        tried = [(_score(method, settings, pictures), i) for i, settings in enumerate(grid)]
        best, index = min(tried)
        chosen[method], scores[method] = grid[index], round(best, 3)
        print(f"{method}: {grid[index]} mean log10(error / bound) {best:.2f} of {len(grid)} settings", flush=True)
    return {"split": "tuning", "cases": list(TUNED_ON), "images_per_case": IMAGES, "score": scores, "settings": chosen}


def _score(name: str, settings: Settings, pictures: list[Exercise]) -> float:
    total = 0.0
    for picture in pictures:
        answer = taught(name, settings, picture.lesson)(picture.pixels, picture.scene)
        trial = judge(answer, picture.truth, picture.scene, picture.bound)
        error_um = math.hypot(trial.error_x_um, trial.error_y_um) / math.sqrt(2)
        total += math.log10((error_um if error_um < WRONG_UM else WRONG_UM) / picture.bound.xy_um)
    return total / len(pictures)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    SETTINGS_FILE.write_text(json.dumps(tune(), indent=1) + "\n", encoding="utf-8")
