"""The fiducial benchmark is honest: pictures repeat, the bound is a bound, a wrong answer is counted as wrong."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.vision import fiducials, second_fiducials
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


def test_the_second_optics_repeat_and_put_the_mark_where_they_say():
    """Its centre of gravity, above the ground, on a picture without troubles: no finder has a say."""
    for case in (CLEAN, replace(CLEAN, shape="cross", part_ratio=0.3), replace(CLEAN, shape="diamond")):
        quiet = replace(case, noise=1e-9)
        drawn, again = second_fiducials.draw(quiet, 4), second_fiducials.draw(quiet, 4)
        assert (drawn.pixels == again.pixels).all()
        assert (drawn.pixels != draw(quiet, 4).pixels).any()
        y, x = np.mgrid[: drawn.clean.shape[0], : drawn.clean.shape[1]]
        # The halo of a lens has no end, its drawing has: far away it has no say.
        near = np.exp(-((np.hypot(x - drawn.x_px, y - drawn.y_px) / 62.0) ** 8))
        above = (drawn.clean - CLEAN.ground) * near
        centre = (float((above * x).sum() / above.sum()), float((above * y).sum() / above.sum()))
        assert centre == pytest.approx((drawn.x_px, drawn.y_px), abs=3e-3)


def test_the_flank_is_a_dark_groove_and_the_point_spread_passes_half_the_contrast_where_the_first_one_does():
    sharp = replace(CLEAN, noise=1e-9, psf=0.4)
    assert second_fiducials.draw(sharp, 4).clean.min() < CLEAN.ground - 5.0
    assert draw(sharp, 4).clean.min() >= CLEAN.ground - 1e-3
    half_contrast = math.sqrt(math.log(2.0) / 2.0) / math.pi / CLEAN.psf  # cycles a pixel
    fine = np.arange(400 * second_fiducials.FINE) / second_fiducials.FINE
    waves = np.tile(0.5 + 0.5 * np.cos(2 * math.pi * half_contrast * fine), (8 * second_fiducials.FINE, 1))
    size = waves.shape[1]
    padded = np.tile(waves, (size // len(waves), 1))
    seen = second_fiducials._seen(padded, CLEAN.psf)[:, 50:-50]
    assert 2 * seen.std() * math.sqrt(2.0) == pytest.approx(0.5, abs=0.09)


def test_the_line_on_the_second_optics_compares_with_the_first(monkeypatch):
    assert fiducials._second_row(CLEAN, 3).value < 3.0
    monkeypatch.setattr(fiducials.second_fiducials, "draw", lambda case, number: half_a_pixel_off(draw(case, number)))
    row = fiducials._second_row(CLEAN, 3)
    assert row.value > 10.0
    assert row.verdict == "missed"


def half_a_pixel_off(drawn):
    """The same picture with a truth half a pixel away."""
    return replace(drawn, x_px=drawn.x_px + 0.5)
