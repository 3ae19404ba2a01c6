"""The closed form keeps its promises: limits hold, ends are reached, braking never goes back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire.handshake import Stop
from sim_hardware.world.errors_drawn import with_errors
from sim_hardware.world.gantry import GantryTruth
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.motion import Limits, point_to_point, stop_from, straight_path

X = MachineTruth().x
FAST = Limits(X.speed, X.accel, X.jerk)

distances = st.floats(0.01, 500_000)
limits = st.builds(Limits, st.floats(1e3, 1.5e6), st.floats(1e5, 2e7), st.floats(1e7, 2e9))
shares = st.floats(0.0, 1.0)


@given(distances, limits)
def test_every_profile_ends_at_its_target_and_never_breaks_a_limit(distance: float, bound: Limits) -> None:
    profile = point_to_point(distance, bound)
    assert profile.at(profile.duration_s).position == distance
    before_end = profile.at(profile.duration_s * (1 - 1e-9))
    assert before_end.position == pytest.approx(distance, rel=1e-6, abs=1e-6)
    last = -1.0
    for step in range(201):
        state = profile.at(profile.duration_s * step / 200)
        assert -1e-6 * bound.speed <= state.speed <= bound.speed * (1 + 1e-9)
        assert abs(state.accel) <= bound.accel * (1 + 1e-9)
        assert state.position >= last - 1e-9 * distance
        last = state.position


@given(distances, limits, st.floats(0.02, 0.98))
def test_acceleration_never_jumps_by_more_than_the_jerk_allows(distance: float, bound: Limits, share: float) -> None:
    profile = point_to_point(distance, bound)
    dt = profile.duration_s / 10_000
    a, b = profile.at(profile.duration_s * share), profile.at(profile.duration_s * share + dt)
    assert abs(b.accel - a.accel) <= bound.jerk * dt * (1 + 1e-6) + 1e-6 * bound.accel


@given(distances, limits, shares, st.floats(1.0, 3.0))
def test_braking_from_any_instant_ends_at_rest_before_the_target_without_going_back(
    distance: float, bound: Limits, share: float, boldness: float
) -> None:
    profile = point_to_point(distance, bound)
    state = profile.at(profile.duration_s * share)
    hard = Limits(bound.speed, bound.accel * boldness, bound.jerk * boldness**2)
    brake = stop_from(state, hard)
    end = brake.at(brake.duration_s * (1 - 1e-9)) if brake.duration_s else brake.at(0.0)
    assert end.speed == pytest.approx(0.0, abs=1e-3 * bound.speed)
    assert state.position - 1e-6 * distance <= brake.end <= distance * (1 + 1e-6) + 1e-6
    for step in range(101):
        at = brake.at(brake.duration_s * step / 100)
        assert at.speed >= -1e-4 * bound.speed
        assert abs(at.accel) <= hard.accel * (1 + 1e-6) + 1e-6 * hard.accel


def test_durations_are_those_of_the_textbook() -> None:
    # 300 mm at 1.5 m/s and 20 m/s2: 0.200 s cruise + 0.075 s + 0.025 s for the jerk of 800 m/s3, worked by hand.
    assert point_to_point(300_000, FAST).duration_s == pytest.approx(0.2 + 0.075 + 0.025)
    # 10 um is all jerk: 4 (d / 2 j)^(1/3).
    assert point_to_point(10, FAST).duration_s == pytest.approx(4 * (10 / 1.6e9) ** (1 / 3))
    assert point_to_point(0, FAST).duration_s == 0


def test_the_slowest_axis_decides_and_all_axes_arrive_together() -> None:
    machine = MachineTruth()
    axes = (machine.x, machine.y, machine.theta)
    long_x = straight_path((0, 0, 0), (300_000, 10, 0.1), axes)
    assert long_x.duration_s == pytest.approx(point_to_point(300_000, FAST).duration_s)
    turn = straight_path((0, 0, 0), (10, 0, 180), axes)
    alone = Limits(machine.theta.speed, machine.theta.accel, machine.theta.jerk)
    assert turn.duration_s == pytest.approx(point_to_point(180, alone).duration_s)
    assert turn.at(turn.duration_s) == pytest.approx((10, 0, 180))
    half = long_x.at(long_x.duration_s / 2)
    assert half == pytest.approx((150_000, 5, 0.05))


def test_the_speed_asked_for_bounds_the_path_not_each_axis() -> None:
    machine = MachineTruth()
    path = straight_path((0, 0, 0), (30_000, 40_000, 0), (machine.x, machine.y, machine.theta), speed=100_000)
    assert path.duration_s == pytest.approx(0.5 + 100_000 / machine.x.accel * 0.8 + 0.025, abs=0.02)
    middle = path.profile.at(path.duration_s / 2)
    assert middle.speed * 50_000 == pytest.approx(100_000)


def gantry(fidelity: Fidelity, seed: int = 1) -> tuple[GantryTruth, MachineTruth]:
    machine = with_errors(MachineTruth(), fidelity, np.random.default_rng(seed))
    return GantryTruth(machine, np.random.default_rng(seed)), machine


def settled(truth: GantryTruth, x_um: float, y_um: float, theta_deg: float, t_s: float) -> float:
    truth.follow(truth.plan(x_um, y_um, theta_deg, t_s, None, None), t_s)
    return truth.settled_from_s


def test_an_ideal_gantry_stands_exactly_where_it_was_sent() -> None:
    truth, _ = gantry(Fidelity.IDEAL)
    at_s = settled(truth, 123_456, 78_901, 45, 0.0)
    tip = truth.position_at(at_s)
    assert (tip.x_um, tip.y_um, tip.theta_deg) == pytest.approx((123_456, 78_901, 45))


def test_settling_swings_and_is_two_um_after_the_settling_time() -> None:
    truth, _ = gantry(Fidelity.CALIBRATED)
    at_s = settled(truth, 300_000, 10_000, 0, 0.0)
    rest = truth.position_at(at_s + 5.0).x_um
    swings = [abs(truth.position_at(truth.stands_from_s + dt).x_um - rest) for dt in np.arange(0, 0.03, 0.001)]
    assert max(swings) > 10
    late = [abs(truth.position_at(at_s + dt).x_um - rest) for dt in np.arange(0, 0.1, 0.001)]
    assert max(late) < 2.1


def test_a_calibrated_gantry_stands_with_a_spread_of_one_um_and_the_encoder_does_not_see_it() -> None:
    truth, _ = gantry(Fidelity.CALIBRATED)
    errors = []
    at_s = 0.0
    for index in range(400):
        at_s = settled(truth, 100_000 + 50_000 * (index % 2), 100_000 + 50_000 * (index % 2), 0, at_s) + 1.0
        errors.append(truth.position_at(at_s).y_um - truth.measured_at(at_s)[1])
        assert truth.measured_at(at_s)[1] == 100_000 + 50_000 * (index % 2)
    assert np.std(errors) == pytest.approx(1.0, rel=0.15)


def test_a_real_machine_leans_stretches_and_runs_out_as_its_hidden_errors_say() -> None:
    truth, machine = gantry(Fidelity.REAL)
    quiet = replace(machine, drift_um_per_h=0.0)
    for axis in ("x", "y", "theta"):
        quiet = replace(quiet, **{axis: replace(getattr(machine, axis), settle_sigma=0.0, backlash=0.0)})
    truth = GantryTruth(replace(quiet, extras={}), np.random.default_rng(1))
    places = {}
    at_s = 0.0
    for name, target in {"a": (100_000, 0, 0), "b": (100_000, 400_000, 0), "c": (400_000, 0, 0)}.items():
        at_s = settled(truth, *target, at_s)
        places[name] = truth.position_at(at_s)
    assert places["b"].x_um - places["a"].x_um == pytest.approx(400_000 * machine.squareness_urad * 1e-6, abs=0.01)
    assert places["c"].x_um - places["a"].x_um == pytest.approx(300_000 * (1 + machine.scale_x_ppm * 1e-6), abs=0.01)
    turned = []
    for theta_deg in (0.0, 180.0):
        at_s = settled(truth, 100_000, 0, theta_deg, at_s)
        turned.append(truth.position_at(at_s))
    across = math.hypot(turned[1].x_um - turned[0].x_um, turned[1].y_um - turned[0].y_um)
    assert across == pytest.approx(2 * math.hypot(machine.runout_x_um, machine.runout_y_um), rel=1e-6)
    assert turned[0].theta_deg == pytest.approx(machine.theta_zero_deg)


def test_the_true_place_is_continuous_from_move_to_move() -> None:
    truth, _ = gantry(Fidelity.REAL)
    at_s = settled(truth, 200_000, 100_000, 90, 0.0) + 1.0
    before = truth.position_at(at_s)
    truth.follow(truth.plan(10_000, 300_000, 0, at_s, None, None), at_s)
    after = truth.position_at(at_s)
    assert (after.x_um, after.y_um, after.theta_deg) == pytest.approx(
        (before.x_um, before.y_um, before.theta_deg), abs=1e-6
    )


@pytest.mark.parametrize("urgency", [Stop.CONTROLLED, Stop.QUICK])
def test_a_second_stop_while_braking_still_ends_at_rest_on_the_path(urgency: Stop) -> None:
    truth, _ = gantry(Fidelity.IDEAL)
    truth.follow(truth.plan(400_000, 200_000, 0, 0.0, None, None), 0.0)
    first = truth.stop(0.15, Stop.CONTROLLED)
    second = truth.stop(0.17, urgency)
    assert second <= first + 1e-9
    x, y, _theta = truth.measured_at(second)
    assert (x - 10_000) / 390_000 == pytest.approx((y - 10_000) / 190_000)
    assert 10_000 < x < 400_000


def test_the_same_seed_draws_the_same_machine_and_no_error_hides_near_zero() -> None:
    machines = [with_errors(MachineTruth(), Fidelity.REAL, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert machines[0] == machines[1] != machines[2]
    for machine in machines:
        assert 20 <= abs(machine.squareness_urad) <= 48
        assert 0.15 <= abs(machine.up_camera.rotation_deg) <= 0.36
        assert 0.55 <= machine.film_ratio <= 0.65
    assert with_errors(MachineTruth(), Fidelity.IDEAL, np.random.default_rng(1)) == MachineTruth()
