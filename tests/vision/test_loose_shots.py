"""Several shots whose places the machine knows less well than the picture knows its discs."""

import numpy as np
import pytest

from vision.loose_shots import with_loose_shots
from vision.pose import apply_pose, fit_rigid
from vision.results import Pose

CORNERS = [(-4500.0, -4500.0), (4500.0, -4500.0), (-4500.0, 4500.0), (4500.0, 4500.0)]
TRUE = Pose(30.0, -12.0, 0.4)
NOISE_UM = 0.1


def seen_in_four_shots(seed: int, *, settle_um: float = 0.0, turned_layout_deg: float = 0.0):
    """Twenty points about each corner, the shots laid out about the centre turned by a little, and settled anywhere."""
    rng = np.random.default_rng(seed)
    model = np.concatenate([np.array(c) + rng.uniform(-1500, 1500, (20, 2)) for c in CORNERS])
    shot = np.repeat(np.arange(4), 20)
    turn = np.radians(turned_layout_deg)
    off = np.array([(-turn * y, turn * x) for x, y in CORNERS]) + rng.normal(0, settle_um, (4, 2))
    seen = apply_pose(TRUE, model) + off[shot] + rng.normal(0, NOISE_UM, model.shape)
    return model, seen, shot


def test_a_layout_turned_against_the_camera_does_not_turn_the_part() -> None:
    model, seen, shot = seen_in_four_shots(1, turned_layout_deg=0.05)
    sigma = np.full(len(model), NOISE_UM)
    stiff = fit_rigid(model, seen, sigma_um=sigma)
    loose = with_loose_shots(stiff, model, seen, sigma, shot, 5.0)
    assert abs(stiff.theta_deg - TRUE.theta_deg) > 0.03
    assert loose.theta_deg == pytest.approx(TRUE.theta_deg, abs=0.001)
    assert (loose.x_um, loose.y_um) == pytest.approx((TRUE.x_um, TRUE.y_um), abs=0.3)


def test_exact_places_lose_nothing() -> None:
    model, seen, shot = seen_in_four_shots(2)
    sigma = np.full(len(model), NOISE_UM)
    stiff = fit_rigid(model, seen, sigma_um=sigma)
    loose = with_loose_shots(stiff, model, seen, sigma, shot, 1e-6)
    assert loose.pose.theta_deg == pytest.approx(stiff.theta_deg, abs=1e-6)
    np.testing.assert_allclose(loose.covariance, stiff.covariance, rtol=0.05, atol=1e-9)


def test_the_claimed_covariance_is_true_over_many_settlings() -> None:
    squares = []
    for seed in range(300):
        model, seen, shot = seen_in_four_shots(seed, settle_um=2.0)
        sigma = np.full(len(model), NOISE_UM)
        fit = with_loose_shots(fit_rigid(model, seen, sigma_um=sigma), model, seen, sigma, shot, 2.0)
        error = np.array([fit.x_um - TRUE.x_um, fit.y_um - TRUE.y_um, fit.theta_deg - TRUE.theta_deg])
        squares.append(error @ np.linalg.solve(fit.covariance, error))
    assert np.mean(squares) == pytest.approx(3.0, rel=0.2)
