"""Nozzle pressure in closed form: levels, times, hold force."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_hardware.world.vacuum import LEAK_KPA, OPEN_KPA, SEALED_KPA, Seal, Vacuum, hold_force_n


def test_pressure_falls_exponentially_to_the_level_of_a_sealed_nozzle() -> None:
    vacuum = Vacuum(0.020)
    vacuum.seal = Seal.SEALED
    vacuum.open_valve(1.0)
    assert vacuum.pressure_kpa(1.0) == 0.0
    assert vacuum.pressure_kpa(1.020) == pytest.approx(SEALED_KPA * (1 - math.exp(-1)))
    assert vacuum.pressure_kpa(2.0) == pytest.approx(SEALED_KPA)


def test_time_to_a_level_is_the_time_at_which_the_level_stands() -> None:
    vacuum = Vacuum(0.020)
    vacuum.seal = Seal.SEALED
    vacuum.open_valve(0.0)
    time_s = vacuum.time_to_level_s(-60.0, 0.0)
    assert time_s is not None
    assert vacuum.pressure_kpa(time_s) == pytest.approx(-60.0)


def test_an_open_nozzle_never_reaches_the_grip_level_and_a_leak_stays_above_60_kpa() -> None:
    for seal, level in ((Seal.OPEN, OPEN_KPA), (Seal.LEAK, LEAK_KPA)):
        vacuum = Vacuum(0.020)
        vacuum.seal = seal
        vacuum.open_valve(0.0)
        assert vacuum.time_to_level_s(-60.0, 0.0) is None
        assert vacuum.pressure_kpa(1.0) == pytest.approx(level)


def test_a_puff_brings_the_nozzle_to_ambient_sooner() -> None:
    times = []
    for blow_off in (False, True):
        vacuum = Vacuum(0.020)
        vacuum.seal = Seal.SEALED
        vacuum.open_valve(0.0)
        vacuum.close_valve(1.0, blow_off=blow_off)
        times.append(vacuum.time_to_rise_s(-1.0, 1.0))
    assert times[1] == pytest.approx((times[0] or 0.0) / 4)


def test_losing_the_part_is_seen_as_a_rise_to_the_open_level() -> None:
    vacuum = Vacuum(0.020)
    vacuum.seal = Seal.SEALED
    vacuum.open_valve(0.0)
    vacuum.set_seal(Seal.OPEN, 1.0)
    assert vacuum.pressure_kpa(1.0) == pytest.approx(SEALED_KPA)
    assert vacuum.pressure_kpa(1.1) == pytest.approx(OPEN_KPA, abs=0.5)


def test_without_supply_the_valve_brings_nothing() -> None:
    vacuum = Vacuum(0.020)
    vacuum.seal, vacuum.supply_ratio = Seal.SEALED, 0.0
    vacuum.open_valve(0.0)
    assert vacuum.pressure_kpa(1.0) == 0.0


@given(st.lists(st.tuples(st.floats(0.001, 0.2), st.sampled_from(["on", "off", "seal", "open"])), max_size=12))
def test_pressure_is_continuous_and_stays_between_ambient_and_sealed(steps: list[tuple[float, str]]) -> None:
    vacuum, t_s = Vacuum(0.020), 0.0
    for wait_s, what in steps:
        t_s += wait_s
        before = vacuum.pressure_kpa(t_s)
        if what == "on":
            vacuum.open_valve(t_s)
        elif what == "off":
            vacuum.close_valve(t_s)
        else:
            vacuum.set_seal(Seal.SEALED if what == "seal" else Seal.OPEN, t_s)
        assert vacuum.pressure_kpa(t_s) == pytest.approx(before)
        assert SEALED_KPA <= before <= 0.0


@pytest.mark.parametrize(("nozzle_um", "force_n"), [(3_000, 0.42), (5_000, 1.18), (8_000, 3.02)])
def test_hold_force_at_60_kpa(nozzle_um: float, force_n: float) -> None:
    assert hold_force_n(-60.0, nozzle_um) == pytest.approx(force_n, abs=0.005)
