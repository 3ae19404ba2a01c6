"""Board fiducials and the datum mark on the down camera."""

import numpy as np
import pytest

from tests.vision.scenes import fiducial_scene
from vision.errors import BadRequest
from vision.frame import Frame
from vision.inspection import locate_fiducial


def error_um(fix, x_um, y_um):
    return float(np.hypot(fix.x_um - x_um, fix.y_um - y_um))


@pytest.mark.parametrize(
    "scene",
    [{}, {"level": 30.0, "ground": 120.0}, {"gradient": 0.6}, {"noise": 16.0}, {"dirt": 3}, {"scratches": 4}],
    ids=["bright", "dark", "gradient", "noise", "dirt", "scratches"],
)
def test_disc_is_found_within_half_a_micrometre(scene):
    for seed in range(3):
        x_um, y_um = np.random.default_rng(seed).uniform(-800, 800, 2)
        fix = locate_fiducial(fiducial_scene(seed, x_um, y_um, **scene), 1000.0, search_um=1200.0)
        assert fix.status == "found", fix.reasons
        assert error_um(fix, x_um, y_um) < 0.5
        assert fix.polarity == ("dark" if "ground" in scene else "bright")
        assert fix.diameter_um == pytest.approx(1000.0, abs=3.0)


def test_claimed_sigma_is_true_over_thirty_pictures():
    squares = []
    for seed in range(30):
        x_um, y_um = np.random.default_rng(seed).uniform(-500, 500, 2)
        fix = locate_fiducial(fiducial_scene(seed, x_um, y_um, noise=4.0, shape=(300, 300)), 1000.0, search_um=800.0)
        squares.append((error_um(fix, x_um, y_um) / fix.sigma_um) ** 2 / 2)
    assert 0.4 < np.mean(squares) < 2.0


def test_absent_disc_is_refused():
    for seed in range(5):
        fix = locate_fiducial(fiducial_scene(seed, 0.0, 0.0, absent=True), 1000.0)
        assert fix.status == "refused"
        assert np.isnan(fix.x_um)


def test_two_discs_in_the_range_are_ambiguous_and_one_outside_it_is_not():
    frame = fiducial_scene(1, -700.0, 0.0, others=[(900.0, 100.0)])
    assert locate_fiducial(frame, 1000.0, search_um=1100.0).status == "ambiguous"
    near = locate_fiducial(frame, 1000.0, expected_x_um=-700.0, search_um=300.0)
    assert near.status == "found"
    assert error_um(near, -700.0, 0.0) < 0.5


def test_disc_of_another_size_is_refused():
    fix = locate_fiducial(fiducial_scene(1, 0.0, 0.0, diameter_um=1500.0), 1000.0)
    assert fix.status == "refused"


def test_disc_cut_by_the_edge_of_the_picture_is_refused():
    fix = locate_fiducial(fiducial_scene(2, 2400.0, 0.0), 1000.0, expected_x_um=2400.0, search_um=400.0)
    assert fix.status == "refused"


def test_useless_pictures_and_requests():
    assert locate_fiducial(Frame(np.full((300, 300), 255, np.uint8), 10.0), 1000.0).status == "refused"
    assert locate_fiducial(Frame(np.zeros((300, 300), np.uint8), 10.0), 1000.0).status == "refused"
    frame = fiducial_scene(1, 0.0, 0.0)
    for diameter_um in (float("nan"), 10.0, 90_000.0):
        with pytest.raises(BadRequest):
            locate_fiducial(frame, diameter_um)
