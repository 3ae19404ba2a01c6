"""The lens from shots of a part with known dots: scale, distortion and its centre, scale with height."""

import numpy as np
import pytest

from tests.vision.scenes import turned
from vision.errors import TooFewPoints
from vision.lens import BEND, CENTRE_X, CENTRE_Y, RISE, SCALE, DotShot, fit_lens

GRID = np.array([(1000.0 * i, 1000.0 * j) for i in range(-4, 5) for j in range(-4, 5)])[1:]


def shown(rng, *, scale=1.003, k1=0.0, rise=0.0, centre=(0.0, 0.0), heights=(0.0,) * 5, noise_um=0.05):
    """Shots as a camera makes them: the part put down, scaled, bent, then seen with noise."""
    shots, poses = [], []
    for number, height_um in enumerate(heights):
        pose = (*rng.uniform(-3000, 3000, 2), float(rng.uniform(-180, 180)))
        true = turned(GRID, pose[2], *pose[:2]) * scale * (1 + rise * height_um)
        seen = true.copy()
        for _ in range(30):  # what is seen is what the correction takes to the true place
            arm = seen - centre
            seen = true - k1 * arm * (arm**2).sum(axis=1, keepdims=True)
        seen += rng.normal(0, noise_um, seen.shape)
        if number == 1:
            seen[5] += 40.0
        shots.append(DotShot(GRID, seen, height_um))
        poses.append(pose)
    return shots, poses


def test_scale_and_distortion_come_from_the_dots_alone_and_their_sigmas_are_true():
    squares = []
    for seed in range(40):
        shots, poses = shown(np.random.default_rng(seed), k1=-1.5e-12)
        fit = fit_lens(shots)
        squares.append([((fit.scale_ratio - 1.003) / fit.sigma(SCALE)) ** 2,
                        ((fit.k1_per_um2 + 1.5e-12) / fit.sigma(BEND)) ** 2])  # fmt: skip
        assert fit.rms_um == pytest.approx(0.05, rel=0.15)
        for found, true in zip(fit.poses, poses):
            assert np.hypot(found.x_um - true[0], found.y_um - true[1]) < 0.05
        assert fit.used_count == 5 * 80 - 1
    assert (np.mean(squares, axis=0) > 0.6).all()
    assert (np.mean(squares, axis=0) < 1.6).all()


def test_perspective_shows_as_scale_with_height_and_a_telecentric_lens_as_none():
    heights = (-200.0, 0.0, 200.0, 0.0, 0.0)
    near, _ = shown(np.random.default_rng(1), rise=-1e-5, heights=heights)
    fit = fit_lens(near, with_height=True)
    assert fit.scale_per_um == pytest.approx(-1e-5, abs=4 * fit.sigma(RISE))
    assert fit.sigma(RISE) < 1e-7
    flat = fit_lens(shown(np.random.default_rng(2), heights=heights)[0], with_height=True)
    assert abs(flat.scale_per_um) < 4 * flat.sigma(RISE)


def test_the_centre_of_a_strong_distortion_is_found():
    shots, _ = shown(np.random.default_rng(3), k1=4e-10, centre=(300.0, -150.0), noise_um=0.1)
    fit = fit_lens(shots, with_centre=True)
    assert fit.centre_um[0] == pytest.approx(300.0, abs=4 * fit.sigma(CENTRE_X))
    assert fit.centre_um[1] == pytest.approx(-150.0, abs=4 * fit.sigma(CENTRE_Y))
    assert fit.sigma(CENTRE_X) < 5.0
    assert fit.rms_um < 0.15


def test_the_centre_of_a_weak_distortion_is_found_as_well_as_it_is_claimed_to_be():
    # 1.3 um in the corner of the up camera's picture, 0.1 um where most dots are.
    squares = []
    for seed in range(30):
        shots, _ = shown(np.random.default_rng([9, seed]), k1=6e-13, centre=(500.0, -300.0), noise_um=0.04)
        fit = fit_lens(shots, with_centre=True)
        off_um = fit.centre_um - (500.0, -300.0)
        squares += [(off_um[0] / fit.sigma(CENTRE_X)) ** 2, (off_um[1] / fit.sigma(CENTRE_Y)) ** 2]
        assert max(fit.sigma(CENTRE_X), fit.sigma(CENTRE_Y)) < 400.0
    assert 0.5 < np.mean(squares) < 1.6


def test_too_little_is_an_error():
    shots, _ = shown(np.random.default_rng(4))
    for bad, options in (
        ([], {}),
        ([DotShot(GRID[:5], GRID[:5])], {}),
        ([DotShot(GRID, GRID[:-1])], {}),
        ([DotShot(GRID, GRID * np.nan)], {}),
        (shots, {"with_height": True}),
    ):
        with pytest.raises(TooFewPoints):
            fit_lens(bad, **options)
