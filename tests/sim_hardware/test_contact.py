"""Force against Z, and whole presses: contact, overshoot, limits, wet film; all in closed form."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire.handshake import Result
from sim_hardware.world.contact import Contact, Spring, Wet, in_series_n_per_um, nowhere, spring_of
from sim_hardware.world.machine import MachineTruth
from sim_hardware.world.z_path import Chances, PressOrder, PressPlan, leg_at, plan_press

MACHINE = MachineTruth()
BOARD = spring_of(MACHINE, MACHINE.stiffness_board_n_per_mm * 1e-3, with_part=True)
TOUCH = 20_000.0
ORDER = PressOrder(TOUCH - 500, TOUCH - 150, TOUCH + 300, 2_000, 0.3, 2.0, 0.2, 8.0)
WET = Wet(squeeze_n_s=4.05e-3, tack_n=0.15, film_um=120.0, mean_lift_um=0.0)


def press(order: PressOrder = ORDER, contact: Contact | None = None, chances: Chances | None = None) -> PressPlan:
    return plan_press(order, 5_000.0, 1.0, contact or Contact(TOUCH, BOARD), MACHINE, chances or Chances())


def changed(**values: float) -> PressOrder:
    return PressOrder(**{**{name: getattr(ORDER, name) for name in ORDER.__slots__}, **values})


def test_parts_in_series_are_softer_than_the_softest() -> None:
    assert in_series_n_per_um(0.060, 0.400, 0.300) == pytest.approx(1 / (1 / 0.060 + 1 / 0.400 + 1 / 0.300))
    assert BOARD.hard_n_per_um < 0.060


@given(st.floats(0, 30))
def test_force_and_way_are_inverse(force_n: float) -> None:
    assert BOARD.force_n(BOARD.pressed_um(force_n)) == pytest.approx(force_n, abs=1e-9)


@given(st.lists(st.floats(-100, 2_000), min_size=2, max_size=20))
def test_deeper_is_never_less_force(ways: list[float]) -> None:
    forces = [BOARD.force_n(way) for way in sorted(ways)]
    assert forces == sorted(forces)


def test_the_spring_is_rigid_to_its_preload_then_soft_then_rigid() -> None:
    spring = Spring(preload_n=0.5, soft_n_per_um=0.001, travel_um=40.0, hard_n_per_um=0.05)
    assert spring.force_n(10.0) == pytest.approx(0.5)
    assert spring.force_n(50.0) == pytest.approx(0.54)
    assert spring.force_n(60.0) == pytest.approx(1.04)


def test_impact_of_20_g_at_10_mm_per_s_is_some_tenths_of_a_newton() -> None:
    contact = Contact(TOUCH, Spring(0.5, 0.001, 40.0, 0.050))
    assert contact.impact_n(10_000, 20.0) == pytest.approx(0.01 * math.sqrt(0.02 * 50_000))
    assert 0.2 < contact.impact_n(10_000, 20.0) < 0.4


def test_an_ideal_press_holds_exactly_the_set_force() -> None:
    plan = press()
    assert plan.result is Result.DONE
    assert plan.hold_force_n == 2.0
    assert plan.end_z_um == pytest.approx(TOUCH + BOARD.pressed_um(2.0))
    assert leg_at(plan.legs, plan.end_s).force_n(plan.end_s) == 2.0


def test_contact_is_seen_within_2_ms_of_the_touch_force() -> None:
    plan = press(chances=Chances(sample_share=1.0))
    way_um = TOUCH + BOARD.pressed_um(0.3)
    assert plan.contact_z_um == pytest.approx(way_um)
    stopped = plan.legs[2]
    assert (stopped.z_um(stopped.end_s) - way_um) / 2_000 < 0.002


def test_a_faster_approach_hits_harder() -> None:
    slow, fast = (press(changed(approach_um_per_s=v, hold_force_n=0.5)) for v in (500, 10_000))
    assert fast.peak_force_n > slow.peak_force_n + 0.25


@pytest.mark.parametrize(
    ("touch", "result"),
    [(TOUCH - 300, Result.EARLY_CONTACT), (TOUCH, Result.DONE), (TOUCH + 400, Result.NO_CONTACT)],
)
def test_where_it_touches_decides_how_it_ends(touch: float, result: Result) -> None:
    assert press(contact=Contact(touch, BOARD)).result is result


def test_nothing_below_is_no_contact_at_the_z_limit() -> None:
    plan = press(contact=nowhere(MACHINE))
    assert plan.result is Result.NO_CONTACT
    assert plan.end_z_um == TOUCH + 300
    assert plan.contact_s is None


def test_a_force_loop_that_overshoots_trips_the_force_limit_and_the_drive_stops_itself() -> None:
    plan = press(changed(force_limit_n=5.0), chances=Chances(overshoot_ratio=3.0))
    assert plan.result is Result.FORCE_LIMIT
    assert plan.peak_force_n == 6.0
    assert press(changed(force_limit_n=7.0), chances=Chances(overshoot_ratio=3.0)).result is Result.DONE


def test_the_z_limit_is_not_passed_even_when_the_force_is_not_reached() -> None:
    plan = press(changed(z_limit_um=TOUCH + 40, hold_force_n=5.0))
    assert plan.result is Result.LIMIT
    assert plan.end_z_um == TOUCH + 40
    assert plan.hold_force_n == pytest.approx(BOARD.force_n(40))


def test_a_fast_move_into_something_is_a_crash_with_a_large_peak() -> None:
    plan = press(contact=Contact(TOUCH - 3_000, BOARD))
    assert plan.crashed
    assert plan.result is Result.FORCE_LIMIT
    assert plan.peak_force_n > 8.0
    assert plan.end_z_um < TOUCH - 2_500


def test_a_wrong_force_zero_shows_as_contact_that_is_not_there() -> None:
    plan = press(chances=Chances(zero_n=0.4))
    assert plan.result is Result.EARLY_CONTACT
    assert plan.contact_s is None


def test_a_disarmed_contact_stop_goes_on_to_the_force_limit() -> None:
    plan = press(chances=Chances(armed=False))
    assert plan.result is Result.FORCE_LIMIT
    assert plan.peak_force_n > 8.0


def test_a_depth_without_contact_force_stands_exactly_there() -> None:
    plan = press(changed(contact_force_n=0.0, z_limit_um=TOUCH - 40), Contact(TOUCH, BOARD, WET))
    assert plan.result is Result.DONE
    assert plan.end_z_um == plan.contact_z_um == TOUCH - 40
    assert plan.contact_s is None
    assert plan.hold_force_n == 0.0
    assert plan.peak_force_n == pytest.approx(4.05e-3 * 2_000 / 40)


def test_viscous_force_in_the_film_can_be_read_as_contact_above_the_plate_and_is_squeezed_out() -> None:
    plan = press(changed(contact_force_n=0.3, approach_um_per_s=4_000), Contact(TOUCH, BOARD, WET))
    assert plan.contact_z_um == pytest.approx(TOUCH - 4.05e-3 * 4_000 / 0.3, abs=0.1)
    assert plan.result is Result.DONE
    assert plan.end_z_um == pytest.approx(TOUCH + BOARD.pressed_um(2.0))
    assert plan.contact_s is not None


@given(st.floats(0, 1.0))
def test_z_never_jumps_along_the_way_of_a_press(share: float) -> None:
    plan = press(contact=Contact(TOUCH, BOARD, WET))
    t_s = plan.legs[0].start_s + share * (plan.end_s - plan.legs[0].start_s)
    z = [leg_at(plan.legs, t_s + dt).z_um(t_s + dt) for dt in (0.0, 1e-6)]
    assert abs(z[1] - z[0]) < 1.0
