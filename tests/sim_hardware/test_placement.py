"""Where a package lies is a rigid fit of the balls that are there against the lands below."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_hardware.scenario import Scenario
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.packages import make_package
from sim_hardware.world.placement import ball_frame, balls_on_lands, offset_between, placed_truth
from sim_hardware.world.places import turned
from sim_hardware.world.things import PackageTruth
from tests.sim_hardware.head_bench import POP_168

BOTTOM = Scenario().bottom
TOP = Scenario().top


def ideal() -> PackageTruth:
    return make_package(POP_168, "P1", np.random.default_rng(1), Fidelity.IDEAL)


def place(package: PackageTruth, pose: tuple[float, float, float], bottom: tuple[float, float, float]):  # type: ignore[no-untyped-def]
    return placed_truth(
        package,
        pose,
        bottom,
        time_s=1.0,
        contact_z_um=2.0,
        seated_z_um=3.0,
        peak_force_n=4.0,
        hold_force_n=5.0,
        film_height_um=120.0,
    )


@settings(deadline=None)
@given(
    x=st.floats(-300, 300),
    y=st.floats(-300, 300),
    theta=st.floats(-5, 5),
    turn=st.floats(-180, 180),
)
def test_the_offset_is_told_in_the_frame_of_the_bottom_package(x: float, y: float, theta: float, turn: float) -> None:
    dx, dy = turned(x, y, turn)
    found = offset_between(ideal(), (100_000 + dx, 50_000 + dy, turn + theta), (100_000, 50_000, turn))
    assert found == pytest.approx((x, y, theta), abs=1e-6)


def test_ball_scatter_moves_the_ball_frame_and_so_the_offset() -> None:
    package = ideal()
    for ball in package.balls:
        ball.dx_um, ball.dy_um = 10.0, 4.0
    assert ball_frame(package) == pytest.approx((-10.0, 4.0, 0.0), abs=1e-9)
    assert offset_between(package, (0, 0, 0), (0, 0, 0)) == pytest.approx((-10.0, 4.0, 0.0), abs=1e-9)


def test_a_ball_that_is_not_there_has_no_say() -> None:
    package = ideal()
    package.balls[0].dx_um, package.balls[0].present = 500.0, False
    assert ball_frame(package) == pytest.approx((0, 0, 0), abs=1e-9)


def test_turned_ball_field_is_found_with_the_right_sign() -> None:
    package, small = ideal(), math.radians(0.5)
    for ball in package.balls:
        # Anticlockwise from above is clockwise from below.
        ball.dx_um, ball.dy_um = small * ball.site.y_um, -small * ball.site.x_um
    assert ball_frame(package)[2] == pytest.approx(0.5, abs=1e-4)


def test_balls_stand_on_the_lands_only_when_the_part_is_turned_right() -> None:
    package = make_package(TOP, "P1", np.random.default_rng(1), Fidelity.IDEAL)
    right = place(package, (0, 0, 0), (0, 0, 0))
    assert balls_on_lands(right, BOTTOM) == len(TOP.balls)
    turned_over = place(package, (0, 0, 90), (0, 0, 0))
    assert turned_over.offset_theta_deg == 90
    assert balls_on_lands(turned_over, BOTTOM) == len(TOP.balls) - 1
    beside = place(package, (300, 0, 0), (0, 0, 0))
    assert balls_on_lands(beside, BOTTOM) == 0


def test_dry_and_half_dipped_balls_are_counted_and_missing_ones_are_not() -> None:
    package = ideal()
    for ball in package.balls:
        ball.immersion_um = 140.0
    package.balls[0].immersion_um = 0.0
    package.balls[1].immersion_um = 59.0
    package.balls[2].immersion_um, package.balls[2].present = 0.0, False
    placed = place(package, (0, 0, 0), (0, 0, 0))
    assert (placed.balls_dry, placed.balls_half, placed.bridges) == (1, 1, 0)
