"""Balls in the film: geometry, coat, bridges, suction; numbers against the published formulas."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_hardware.world.dipping import (
    Immersion,
    cap_area_um2,
    cap_volume_nl,
    coat_um,
    enter,
    filament_break_s,
    immerse,
    leave,
    squeeze_n_s,
    suction_n,
    tack_n,
    wetted_ring_um,
)
from sim_hardware.world.film import Film
from sim_hardware.world.geometry import BallField
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.packages import make_package
from sim_hardware.world.things import Material, PackageTruth, PackageType
from tests.sim_hardware.head_bench import POP_168, grid_package

POP_128 = grid_package(18, 2, 650.0, 460.0, 360.0, 12_000.0)
POP_216 = grid_package(29, 2, 400.0, 250.0, 200.0, 12_000.0)


def ideal(kind: PackageType = POP_168) -> PackageTruth:
    return make_package(kind, "P1", np.random.default_rng(1), Fidelity.IDEAL)


def film(height_um: float, **material: float) -> Film:
    plate = Film(MachineTruth(), replace(Material(), **material), Fidelity.IDEAL, np.random.default_rng(1))
    plate.wipe(height_um / 0.6, 20_000, 1, 0.0)
    return plate


def dip(
    plate: Film, package: PackageTruth, *, gap_um: float = 0.0, x_um: float = 0.0, lift_um_per_s: float = 5_000.0
) -> tuple[Immersion, float]:
    """Straight in at x_um with the longest ball `gap_um` over the plate, and out again."""
    field = BallField.of(package)
    x, y = field.x_um + x_um, field.y_um
    immersion = immerse(plate, field, x, y, field.standing_um + gap_um, 1.0)
    enter(package, immersion)
    taken = leave(plate, package, immersion, x, y, 0.0, lift_um_per_s, np.ones(len(x)), 1.0)
    return immersion, taken


@pytest.mark.parametrize(("share", "ring_um", "cap_nl"), [(0.33, 276, 2.6), (0.50, 310, 5.4), (0.70, 320, 9.2)])
def test_cap_and_ring_of_a_320_um_ball(share: float, ring_um: float, cap_nl: float) -> None:
    depth = share * 240
    assert float(wetted_ring_um(depth, 160.0)) == pytest.approx(ring_um, abs=1)
    assert float(cap_volume_nl(depth, 160.0)) == pytest.approx(cap_nl, abs=0.06)


def test_the_ring_saturates_at_the_equator() -> None:
    assert float(wetted_ring_um(160, 160.0)) == float(wetted_ring_um(230, 160.0)) == 320.0


@given(depth=st.floats(0, 320))
def test_no_cap_is_larger_than_its_sphere(depth: float) -> None:
    assert 0 <= float(cap_volume_nl(depth, 160.0)) <= 4 / 3 * math.pi * 0.160**3 * 1e3 + 1e-9
    assert 0 <= float(cap_area_um2(depth, 160.0)) <= 4 * math.pi * 160**2 + 1e-6


@pytest.mark.parametrize(("kind", "rise_um"), [(POP_128, 41), (POP_168, 22), (POP_216, 18)])
def test_the_film_rises_by_cap_volume_over_pitch_squared(kind: PackageType, rise_um: float) -> None:
    half_um = kind.balls[0].height_um / 2
    immersion, _ = dip(film(half_um), ideal(kind))
    assert float(immersion.depth_um.max()) == pytest.approx(half_um + rise_um, abs=1)


@pytest.mark.parametrize(("kind", "total_mm3"), [(POP_128, 2.2), (POP_168, 0.91), (POP_216, 0.62)])
def test_displaced_volume_of_a_whole_package_at_half_ball_height(kind: PackageType, total_mm3: float) -> None:
    half_um = kind.balls[0].height_um / 2
    radius = np.array([ball.diameter_um / 2 for ball in kind.balls])
    assert float(cap_volume_nl(np.full(len(radius), half_um), radius).sum()) / 1e3 == pytest.approx(total_mm3, rel=0.03)


def test_a_package_takes_a_third_to_a_whole_cubic_millimetre() -> None:
    _, taken_nl = dip(film(120), ideal())
    assert 300 < taken_nl < 610


def test_every_ball_of_an_ideal_package_is_immersed_alike() -> None:
    package = ideal()
    dip(film(120), package)
    depths = {round(ball.immersion_um, 6) for ball in package.balls}
    assert len(depths) == 1
    assert all(ball.coat_volume_nl > 0 for ball in package.balls)


def test_a_short_ball_stays_dry_and_takes_nothing() -> None:
    package = ideal()
    package.balls[3].height_um = 70.0
    dip(film(120), package)
    assert package.balls[3].immersion_um == 0.0
    assert package.balls[3].coat_volume_nl == 0.0
    assert package.balls[4].immersion_um > 120


def test_a_missing_ball_takes_nothing_and_holds_nothing_up() -> None:
    package = ideal()
    for ball in package.balls:
        ball.height_um = 200.0
    package.balls[0].height_um = 240.0
    assert BallField.of(package).standing_um == 240.0
    package.balls[0].present = False
    assert BallField.of(package).standing_um == 200.0
    dip(film(120), package)
    assert package.balls[0].coat_volume_nl == 0.0


def test_with_bow_the_corners_are_wetted_less_than_the_middle() -> None:
    package = ideal()
    package.bow_um = 20.0
    immersion, _ = dip(film(120), package)
    field = BallField.of(package)
    corner, inner = int(np.argmax(field.bow_um)), int(np.argmin(field.bow_um))
    assert immersion.depth_um[inner] - immersion.depth_um[corner] > 9


def test_a_tilted_nozzle_wets_one_side_deeper() -> None:
    field = BallField.of(ideal()).tilted(0.0, 0.002, 0.0)
    plate = film(120)
    depth = immerse(plate, field, field.x_um, field.y_um, field.standing_um, 1.0).depth_um
    left, right = int(np.argmin(field.x_um)), int(np.argmax(field.x_um))
    # 11 mm at 2 um per mm, and 6 um because the deeper side lifts the film more.
    assert depth[left] - depth[right] == pytest.approx(22 + 6, abs=1)


@pytest.mark.parametrize(
    ("viscosity_pa_s", "speed", "expected_um"), [(50, 5_000, 20.0), (50, 1, 5.0), (4_000, 50_000, 60.0)]
)
def test_coat_thickness_and_its_bounds(viscosity_pa_s: float, speed: float, expected_um: float) -> None:
    assert coat_um(viscosity_pa_s, speed) == pytest.approx(expected_um)


def test_a_faster_lift_takes_more() -> None:
    _, slow = dip(film(120), ideal(), lift_um_per_s=1_000)
    _, fast = dip(film(120), ideal(), lift_um_per_s=10_000)
    assert fast / slow == pytest.approx(10**0.2)


def test_a_thick_film_floods_and_bridges_and_a_right_one_does_not() -> None:
    right, flooded = ideal(), ideal()
    dip(film(120), right)
    dip(film(235), flooded)
    assert right.bridges == []
    assert len(flooded.bridges) > 100


def test_a_wide_coat_on_a_fine_pitch_bridges() -> None:
    fine = grid_package(10, 10, 300.0, 250.0, 200.0, 5_000.0)
    package = ideal(fine)
    dip(film(120, viscosity_pa_s=200.0), package, lift_um_per_s=20_000)
    assert package.bridges


def test_bridges_are_not_counted_twice_by_a_second_dip() -> None:
    package, plate = ideal(), film(235)
    dip(plate, package)
    first = list(package.bridges)
    plate.wipe(235 / 0.6, 20_000, 1, 2.0)
    dip(plate, package)
    assert package.bridges == first


def test_a_dip_leaves_one_mark_per_immersed_ball_and_they_stay_visible() -> None:
    plate, package = film(120), ideal()
    package.balls[7].height_um = 70.0
    dip(plate, package, x_um=2_000)
    marks = plate.marks_at(60.0)
    assert len(marks) == 167
    assert all(contrast > 0.5 for _, contrast in marks)
    assert all(mark.diameter_um == pytest.approx(320, abs=5) for mark, _ in marks)
    xs = [mark.x_um for mark, _ in marks]
    assert (min(xs), max(xs)) == pytest.approx((2_000 - 5_500, 2_000 + 5_500))
    plate.wipe(200, 20_000, 1, 61.0)
    assert plate.marks_at(61.0) == []


def test_marks_are_the_mirror_of_the_ball_map_seen_from_below() -> None:
    plate, package = film(120), ideal()
    for ball in package.balls:
        if ball.site.x_um < 0:
            ball.height_um = 70.0
    dip(plate, package)
    assert all(mark.x_um <= 0 for mark in plate.marks)
    assert len(plate.marks) > 80


def test_a_second_dip_in_the_same_place_finds_a_thinner_film() -> None:
    plate, first, second = film(120), ideal(), ideal()
    before, _ = dip(plate, first)
    after, _ = dip(plate, second)
    assert after.film_um < before.film_um - 2
    elsewhere, _ = dip(plate, ideal(), x_um=15_000)
    assert elsewhere.film_um == pytest.approx(before.film_um, abs=0.7)


@settings(deadline=None, max_examples=40)
@given(height_um=st.floats(20, 230), gap_um=st.floats(0, 260), again=st.integers(1, 4), lift=st.floats(100, 50_000))
def test_what_the_balls_carry_is_missing_in_the_film(height_um: float, gap_um: float, again: int, lift: float) -> None:
    plate = film(height_um)
    before_nl = plate.volume_nl(1.0)
    packages = [ideal() for _ in range(again)]
    for package in packages:
        dip(plate, package, gap_um=gap_um, lift_um_per_s=lift)
    carried_nl = sum(ball.coat_volume_nl for package in packages for ball in package.balls)
    assert plate.taken_nl == pytest.approx(carried_nl, abs=1e-6)
    assert before_nl - plate.volume_nl(1.0) == pytest.approx(carried_nl, abs=1e-6)


@given(gap=st.floats(0, 240), deeper=st.floats(0, 240))
def test_deeper_never_wets_less(gap: float, deeper: float) -> None:
    plate, field = film(120), BallField.of(ideal())
    far, near = (
        immerse(plate, field, field.x_um, field.y_um, field.standing_um + g, 1.0).depth_um
        for g in (max(gap, deeper), min(gap, deeper))
    )
    assert (near >= far).all()


@pytest.mark.parametrize(
    ("kind", "speed", "force_n"),
    [(POP_168, 1_000, 0.41), (POP_168, 5_000, 2.03), (POP_128, 1_000, 0.64), (POP_128, 5_000, 3.19)],
)
def test_suction_over_a_gap_of_10_um(kind: PackageType, speed: float, force_n: float) -> None:
    field = BallField.of(ideal(kind))
    assert suction_n(squeeze_n_s(field, field.present, 50.0), speed, 10.0) == pytest.approx(force_n, rel=0.02)


@pytest.mark.parametrize(("kind", "force_n"), [(POP_128, 1.02), (POP_168, 0.65), (POP_216, 0.51)])
def test_tack_of_100_gf_on_a_5_1_mm_probe(kind: PackageType, force_n: float) -> None:
    field = BallField.of(ideal(kind))
    depth = field.radius_um  # up to the equator
    assert tack_n(field, depth, Material(tack_kpa=48.0)) == pytest.approx(force_n, rel=0.01)


@pytest.mark.parametrize(("viscosity_pa_s", "expected_s"), [(50, 3.8), (10, 0.75), (5, 0.38)])
def test_a_thread_breaks_after(viscosity_pa_s: float, expected_s: float) -> None:
    assert filament_break_s(160, viscosity_pa_s, Material()) == pytest.approx(expected_s, rel=0.02)
