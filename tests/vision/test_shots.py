"""A package larger than the field: several pictures, one array, the machine's positions in between."""

import numpy as np
import pytest

from tests.vision.scenes import PackagePart, perimeter_map
from vision.errors import BadRequest
from vision.frame import Frame
from vision.inspection import inspect_package, inspect_shots
from vision.predicted import Shot
from vision.results import Pose

WIDE = perimeter_map(40, 2, 650.0, 400.0, without=("R40C1",))
"""27 mm body; the field is 19.6 x 16.4 mm"""
WIDE_CENTRES = ((-4200.0, -5800.0), (4200.0, -5800.0), (4200.0, 5800.0), (-4200.0, 5800.0))

SMALL = perimeter_map(11, 2, 500.0, 320.0, without=("R11C1",))
CENTRES = ((-900.0, -1000.0), (900.0, -1000.0), (900.0, 1000.0), (-900.0, 1000.0))
COARSE = perimeter_map(23, 2, 500.0, 320.0, without=("R23C1",))
NARROW = {"shape": (600, 640), "traces": 15}


def shots_of(part, pose, centres, errors_um=None, **optics):
    """Pictures about `centres`, which the machine misses by `errors_um`; and the truth in the common frame."""
    x_um, y_um, theta_deg = pose
    shots = []
    for number, (centre, error) in enumerate(
        zip(centres, np.zeros((len(centres), 2)) if errors_um is None else errors_um)
    ):
        at = np.array(centre) + error
        frame, truth = part.draw(x_um - at[0], y_um - at[1], theta_deg, seed=number, **optics)
        shots.append(Shot(frame, *centre))
    return shots, np.array([truth.x_um + at[0], truth.y_um + at[1], truth.theta_deg])


def error_of(fix, truth):
    return np.array([fix.x_um - truth[0], fix.y_um - truth[1], (fix.theta_deg - truth[2] + 180) % 360 - 180])


def squared(fix, truth):
    error = error_of(fix, truth)
    return error @ np.linalg.solve(np.array(fix.covariance), error)


def test_a_27_mm_package_is_found_in_four_pictures_of_a_smaller_field():
    part = PackagePart(WIDE, seed=2, body_um=27000.0, missing=("R1C7", "R20C39"))
    shots, truth = shots_of(part, (310.0, -240.0, 91.3), WIDE_CENTRES)
    assert inspect_package(shots[0].frame, WIDE).status == "refused"
    fix = inspect_shots(shots, WIDE)
    assert fix.status == "found", fix.reasons
    assert np.abs(error_of(fix, truth)[:2]).max() < 0.02
    assert abs(error_of(fix, truth)[2]) < 1e-4
    assert {ball.name for ball in fix.balls if ball.state != "ok"} == {"R1C7", "R20C39"}
    assert len(fix.balls) == WIDE.count
    assert {ball.shot for ball in fix.balls} == {1, 2, 3, 4}


def test_positions_that_are_off_are_corrected_by_the_balls_that_two_shots_share():
    rng = np.random.default_rng(5)
    plain, corrected = [], []
    for seed in range(12):
        errors_um = rng.normal(0, 2.0, (4, 2))
        part = PackagePart(SMALL, seed=seed, body_um=6200.0)
        shots, truth = shots_of(part, (50.0, -30.0, 1.5), CENTRES, errors_um, **NARROW)
        fix = inspect_shots(shots, SMALL, position_sigma_um=2.0)
        assert fix.status == "found", fix.reasons
        corrected.append(squared(fix, truth))
        held = inspect_shots(shots, SMALL, position_sigma_um=0.001)
        if held.status == "found":
            plain.append(squared(held, truth))
    assert 1.0 < np.mean(corrected) < 7.0  # three degrees of freedom
    assert len(plain) < 12 or np.mean(plain) > 50.0


@pytest.mark.parametrize("off_um", [(25.0, -10.0), (500.0, 0.0)])
def test_a_shot_that_contradicts_the_others_is_named(off_um):
    errors_um = np.zeros((4, 2))
    errors_um[2] = off_um
    part = PackagePart(SMALL, seed=3, body_um=6200.0)
    shots, _ = shots_of(part, (0.0, 0.0, 0.7), CENTRES, errors_um, **NARROW)
    fix = inspect_shots(shots, SMALL, position_sigma_um=1.0)
    assert fix.status == "refused"
    assert np.isnan(fix.x_um)
    assert any("shot 3 contradicts the others" in reason for reason in fix.reasons), fix.reasons


def test_a_ball_in_two_pictures_is_one_ball_and_an_extra_one_as_well():
    part = PackagePart(SMALL, seed=4, body_um=6200.0, missing=("R6C1",))
    shots, _ = shots_of(part, (0.0, 0.0, 0.0), CENTRES, extras_um=[(0.0, 0.0)], **NARROW)
    fix = inspect_shots(shots, SMALL)
    assert fix.status == "found", fix.reasons
    assert [ball.name for ball in fix.balls if ball.state == "extra"] == ["extra 1"]
    assert [ball.name for ball in fix.balls if ball.state == "missing"] == ["R6C1"]
    assert fix.found_count == SMALL.count - 1


def test_shots_that_leave_balls_out_and_bad_ones_are_refused():
    part = PackagePart(SMALL, seed=4, body_um=6200.0)
    shots, _ = shots_of(part, (0.0, 0.0, 0.0), CENTRES, **NARROW)
    fix = inspect_shots(shots[:3], SMALL)
    assert fix.status == "refused"
    assert any("outside all shots" in reason for reason in fix.reasons)
    black = Shot(Frame(np.zeros((600, 640), np.uint8), 8.0), 0.0, 0.0)
    assert "shot 5" in inspect_shots([*shots, black], SMALL).reasons[0]
    with pytest.raises(BadRequest, match="no shot"):
        inspect_shots([], SMALL)
    with pytest.raises(BadRequest, match="position sigma"):
        inspect_shots(shots, SMALL, position_sigma_um=float("nan"))


def test_the_turn_is_read_over_all_shots_or_taken_from_where_the_part_was_seen_before():
    part = PackagePart(SMALL, seed=6, body_um=6200.0, missing=("R1C11",))
    shots, truth = shots_of(part, (0.0, 0.0, 181.0), CENTRES, **NARROW)
    assert inspect_shots(shots, SMALL).status == "ambiguous"
    fix = inspect_shots(shots, SMALL, expected=Pose(0.0, 0.0, 180.0), turn_known=True)
    assert fix.status == "found", fix.reasons
    assert abs(error_of(fix, truth)[2]) < 0.01


@pytest.mark.parametrize(("um_per_px", "seed"), [(16.0, 1), (18.0, 5), (20.0, 0)])
def test_bare_pads_are_missing_balls_where_few_pixels_show_a_ball(um_per_px, seed):
    """In soft pictures of 8 to 10 px a ball, a pad is half as bright as a ball and nearly as like one."""
    gone = ("R1C3", "R1C11", "R2C6", "R11C22", "R19C22", "R22C20", "R23C9")
    part = PackagePart(COARSE, seed=seed, body_um=12500.0, missing=gone)
    side = int(8600 / um_per_px) // 2 * 2
    centres = [(x, y) for x in (-2300.0, 2300.0) for y in (-2300.0, 2300.0)]
    optics = {"um_per_px": um_per_px, "shape": (side, side), "traces": 15, "blur_px": 1.8}
    shots, _ = shots_of(part, (40.0, -60.0, 1.7), centres, **optics)
    whole, _ = part.draw(40.0, -60.0, 1.7, um_per_px=um_per_px, shape=(850, 850), blur_px=1.8)
    for fix in (inspect_shots(shots, COARSE), inspect_package(whole, COARSE)):
        assert fix.status == "found", fix.reasons
        assert {ball.name for ball in fix.balls if ball.state == "missing"} == set(gone)
        assert {ball.state for ball in fix.balls} == {"ok", "missing"}
