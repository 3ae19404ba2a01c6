"""Light from one side on small balls, drawn by another law of reflection than the tables of the finder know."""

import numpy as np
import pytest

from tests.vision.scenes import PackagePart, perimeter_map
from vision.inspection import inspect_package
from vision.one_sided import lit_part

SMALL_BALLS = perimeter_map(19, 3, 300.0, 180.0, without=("R19C1",))
TILT = 0.2


@pytest.mark.parametrize(("blur_px", "worst_um"), [(1.0, 0.012), (1.5, 0.03), (2.0, 0.09)])
def test_balls_of_eleven_pixels_stay_in_place_under_light_from_one_side_and_the_claim_knows_how_well(blur_px, worst_um):
    off_um, squares = [], []
    for seed in range(5):
        towards = np.array([np.cos(1.1 * seed), np.sin(1.1 * seed)])
        part = PackagePart(SMALL_BALLS, seed=seed, body_um=6800.0)
        pose = (20.0 * seed, -11.0 * seed, 3.0 * seed)
        frame, truth = part.draw(*pose, shape=(1000, 1000), traces=30, tilt=TILT * towards, blur_px=blur_px, noise=2.0)
        fix = inspect_package(frame, SMALL_BALLS)
        assert fix.status == "found", fix.reasons
        error = np.array([fix.x_um - truth.x_um, fix.y_um - truth.y_um])
        off_um.append(abs(error @ towards))
        squares.append(error @ np.linalg.solve(np.array(fix.covariance)[:2, :2], error) / 2)
    assert max(off_um) < worst_um
    assert 0.1 < np.mean(squares) < 2.0, squares


def test_matt_light_and_leaking_ground_are_no_part_of_what_tilts():
    radii_px = np.arange(0.0, 14.0, 1 / 48)
    ring = 90.0 * np.exp(-(((radii_px - 6.0) / 1.5) ** 2))
    matt = 30.0 * np.sqrt(np.maximum(1.0 - (radii_px / 12.0) ** 2, 0.0))
    lit = lit_part((ring + matt).astype(np.float32), radii_px, 12.0).level
    limb = (radii_px > 9.0) & (radii_px < 10.2)
    assert np.abs(lit[limb]).max() < 0.35 * matt[limb].min()
    assert lit[np.argmax(ring)] == pytest.approx(90.0, rel=0.1)
    assert lit[0] == 0.0  # a first harmonic has no direction in the middle
