"""The fiducial benchmark is honest: pictures repeat, the bound is a bound, a wrong answer is counted as wrong."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.vision import fiducials
from tests.benchmarks.vision.fiducial_baselines import METHODS, tuned
from tests.benchmarks.vision.fiducial_scenes import CASES, CLEAN, UM_PER_PX, bound_um, draw, variance


def test_a_picture_is_named_by_case_number_and_split():
    first, again = draw(CASES["all"], 3), draw(CASES["all"], 3)
    assert (first.pixels == again.pixels).all()
    assert (first.x_px, first.y_px) == (again.x_px, again.y_px)
    assert (draw(CASES["all"], 3, "tuning").pixels != first.pixels).any()


def test_the_best_linear_estimate_of_a_known_mark_reaches_the_bound_and_no_less():
    still = draw(replace(CLEAN, noise=1e-9), 0)
    slope = (np.roll(still.clean, -1, axis=1) - np.roll(still.clean, 1, axis=1)) / 2.0
    weight = slope / variance(CLEAN, still.clean)
    weight /= float((weight * slope).sum())
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(40):
        noise = np.sqrt(variance(CLEAN, still.clean)) * rng.standard_normal(still.clean.shape)
        errors.append(-float((weight * np.round(noise + still.clean) - weight * still.clean).sum()) * UM_PER_PX)
    assert float(np.std(errors)) == pytest.approx(bound_um(CLEAN), rel=0.3)


def test_more_noise_more_blur_and_less_contrast_raise_the_bound_as_they_must():
    clean = bound_um(CLEAN)
    assert bound_um(replace(CLEAN, noise=16.0)) == pytest.approx(4 * clean, rel=0.05)
    assert bound_um(replace(CLEAN, psf=4.0)) == pytest.approx(math.sqrt(4.0 / 1.2) * clean, rel=0.05)
    assert bound_um(replace(CLEAN, level=125.0)) > 1.5 * clean


def test_wrong_answers_and_marks_that_are_not_there_are_counted(monkeypatch):
    seen = [fiducials.sight(CLEAN, number) for number in range(3)]
    assert all(one.is_answered and not one.is_wrong for one in seen)
    shifted = [replace(one, x_um=one.x_um + 60.0) for one in seen]
    assert "3 of 3" in fiducials._failure_row(shifted).ours
    assert fiducials._failure_row(shifted).verdict == "missed"
    fix = fiducials.ours(draw(CLEAN, 0).pixels, CLEAN)
    assert fiducials._absent_row(4).verdict == "stretch"
    monkeypatch.setattr(fiducials, "ours", lambda pixels, case: fix)
    assert fiducials._absent_row(4).verdict == "missed"


def test_every_baseline_finds_the_clean_disc():
    drawn, settings = draw(CLEAN, 1), tuned()
    for name, (method, grid) in METHODS.items():
        assert settings[name] in grid
        place = method(drawn.pixels, settings[name])
        assert place is not None
        assert math.hypot(place[0] - drawn.x_px, place[1] - drawn.y_px) < 1.0, name
