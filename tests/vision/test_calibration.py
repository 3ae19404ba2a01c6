"""Fits of points and rotation, and the glass part with its dots."""

import numpy as np
import pytest

from tests.vision.scenes import DOWN_SHAPE, UP_SHAPE, disc, finish, to_px, turned
from vision.calibration import fit_rotation, highlight_bias
from vision.errors import BadFrame, BadMap, TooFewPoints, VisionError
from vision.frame import Frame
from vision.inspection import locate_dots
from vision.maps import BallMap, DotMap
from vision.pose import fit_affine, fit_rigid, fit_similarity
from vision.results import Pose

GRID = [(i, j) for i in range(-4, 5) for j in range(-4, 5) if (i, j) != (-4, -4)]
DOTS = DotMap(
    tuple(f"D{i + 5}{j + 5}" for i, j in GRID),
    np.array([1000.0 * i for i, _ in GRID]),
    np.array([1000.0 * j for _, j in GRID]),
    np.full(80, 300.0),
)


def glass(shape, um_per_px, x_um, y_um, theta_deg, *, from_above):
    rng = np.random.default_rng(1)
    picture = np.full(shape, 35.0, np.float32)
    sites = DOTS.mirrored().xy_um if from_above else DOTS.xy_um
    for at in to_px(turned(sites, theta_deg, x_um, y_um), shape, um_per_px):
        disc(picture, at, 150.0 / um_per_px, 190.0)
    return Frame(finish(picture, rng), um_per_px)


@pytest.mark.parametrize(("shape", "um_per_px", "from_above"), [(UP_SHAPE, 8.0, False), (DOWN_SHAPE, 10.0, True)])
def test_dots_are_found_and_the_missing_corner_tells_the_turn_in_either_mirror(shape, um_per_px, from_above):
    for theta_deg in (0.7, 91.0):
        fix = locate_dots(glass(shape, um_per_px, 300.0, -200.0, theta_deg, from_above=from_above), DOTS,
                          mirrored=from_above)  # fmt: skip
        assert fix.status == "found", fix.reasons
        assert abs(fix.x_um - 300.0) < 0.1
        assert abs(fix.y_um + 200.0) < 0.1
        assert abs(fix.theta_deg - theta_deg) < 0.002
        assert fix.found_count == 80


def test_glass_partly_in_view_is_found_from_an_expected_pose_and_refused_without():
    frame = glass(DOWN_SHAPE, 10.0, 3000.0, -2000.0, 0.7, from_above=True)
    fix = locate_dots(frame, DOTS, mirrored=True, expected=Pose(2900.0, -2100.0, 0.0))
    assert fix.status == "found"
    assert abs(fix.x_um - 3000.0) < 0.2
    assert fix.found_count < 80
    assert locate_dots(frame, DOTS, mirrored=True).status == "refused"


def test_rotation_centre_and_runout_come_from_turned_shots():
    theta = np.array([0.0, 60.0, 120.0, 180.0, 270.0])
    rng = np.random.default_rng(1)
    seen = np.array([100.0, 40.0]) + turned_points(theta, (8.0, -5.0)) + rng.normal(0, 0.2, (5, 2))
    fit = fit_rotation(theta, seen)
    assert np.abs(fit.centre_um - (100.0, 40.0)).max() < 0.5
    assert np.abs(fit.runout_um - (8.0, -5.0)).max() < 0.5
    assert fit.runout_radius_um == pytest.approx(np.hypot(8, 5), abs=0.5)
    with pytest.raises(TooFewPoints, match="span"):
        fit_rotation(np.array([0.0, 1.0, 2.0]), seen[:3])


def test_lost_motion_of_the_axes_that_carry_the_point_is_no_runout_and_the_claim_stays_true():
    theta, rng = np.arange(8) * 45.0, np.random.default_rng(3)
    sides = np.where(np.arange(8) % 2, -1.0, 1.0)
    squares = []
    for _ in range(200):
        seen = np.array([100.0, 40.0]) + turned_points(theta, (8.0, -5.0)) + rng.normal(0, 0.5, (8, 2))
        seen += sides[:, None] * (3.0, -2.0)
        fit = fit_rotation(theta, seen, sides=sides)
        off = np.concatenate([fit.centre_um - (100.0, 40.0), fit.runout_um - (8.0, -5.0)])
        squares.append(off @ np.linalg.solve(fit.covariance, off) / 4)
        assert fit.lost_um == pytest.approx((3.0, -2.0), abs=1.0)
    # Ten degrees of freedom left: the square of Student's t is 10 / 8 on average.
    assert 1.05 < np.mean(squares) < 1.45


def turned_points(theta_deg, arm_um):
    return np.array([turned(np.array([arm_um]), t)[0] for t in theta_deg])


def test_highlight_bias_is_what_stays_when_the_part_turns():
    scatter = np.random.default_rng(2).normal(0, 8.0, (50, 2))
    bias = np.array([3.0, -1.0])
    assert np.allclose(highlight_bias(scatter + bias, -scatter + bias), bias)


@pytest.mark.parametrize("fit", [fit_rigid, fit_affine, fit_similarity])
def test_outliers_are_left_out_and_the_claimed_sigma_is_true(fit):
    rng = np.random.default_rng(4)
    model = rng.uniform(-5000, 5000, (40, 2))
    squares = []
    for _ in range(60):
        seen = turned(model, 12.0, 100.0, -50.0) + rng.normal(0, 2.0, model.shape)
        seen[3] += 500.0
        answer = fit(model, seen, sigma_um=2.0)
        assert not answer.used[3]
        origin = answer.apply(np.zeros((1, 2)))[0]
        sigma = np.sqrt(answer.covariance[0, 0] if fit is fit_rigid else answer.covariance[2, 2])
        squares.append(((origin[0] - 100.0) / sigma) ** 2)
    assert 0.6 < np.mean(squares) < 1.6


def test_fits_refuse_too_little():
    line = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    with pytest.raises(TooFewPoints):
        fit_affine(line, line)
    with pytest.raises(TooFewPoints):
        fit_rigid(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(TooFewPoints):
        fit_rigid(line, np.full((3, 2), np.nan))


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((1, 1), np.uint8), np.zeros((0, 0), np.uint8), np.zeros((64, 64)), np.zeros((64, 64, 3), np.uint8)],
)
def test_what_is_no_picture_is_an_error_not_a_crash(pixels):
    with pytest.raises(BadFrame):
        Frame(pixels, 8.0)


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 0.0, -8.0])
def test_senseless_scale_is_an_error(scale):
    with pytest.raises(BadFrame, match="scale"):
        Frame(np.zeros((64, 64), np.uint8), scale)


def test_senseless_maps_are_errors():
    x = np.arange(4.0) * 500
    good = (("a", "b", "c", "d"), x, x, np.full(4, 300.0))
    for bad in (
        ((), [], [], []),
        (("a", "b", "c", "c"), *good[1:]),
        (good[0], x[:3], *good[2:]),
        (*good[:3], np.zeros(4)),
        (good[0], np.zeros(4), np.zeros(4), good[3]),
        (good[0], np.array([0, np.nan, 1, 2]), *good[2:]),
    ):
        with pytest.raises(BadMap):
            BallMap(*bad)
    with pytest.raises(VisionError):
        BallMap(*good, a1_x_um=1.0)


def test_distorted_frame_points_go_there_and_back():
    for bend_um in ((0.0, 0.0), (700.0, -400.0)):
        frame = Frame(np.zeros((1024, 1280), np.uint8), 10.0, k1_per_um2=3e-10, bend_um=bend_um)
        points = np.random.default_rng(0).uniform(0, 1000, (20, 2))
        assert np.abs(frame.to_px(frame.to_um(points)) - points).max() < 1e-6
        assert frame.to_um(frame.to_px(np.array([bend_um])))[0] == pytest.approx(bend_um), "the centre stays"
