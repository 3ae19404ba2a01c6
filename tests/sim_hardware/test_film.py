"""The film: how it is laid, levels, is dented, runs out; numbers against the published laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.wire.dip_unit import Reservoir
from sim_hardware.faults import Faults, FaultSpec
from sim_hardware.world.film import RESERVOIR_NL, Dent, Film, dent_volume_nl
from sim_hardware.world.levelling import levelled_um, levelling_rate_per_s, levelling_stress_pa
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.things import Material

FLUX = Material()
PASTE = Material(kind="paste", surface_tension_n_per_m=0.035, density_kg_per_m3=4000.0, yield_stress_pa=100.0)


def film(fidelity: Fidelity = Fidelity.IDEAL, seed: int = 1, faults: Faults | None = None, **machine: float) -> Film:
    return Film(MachineTruth(**machine), FLUX, fidelity, np.random.default_rng(seed), faults)


@pytest.mark.parametrize(
    ("height_um", "wavelength_um", "expected_s"),
    [
        (100, 300, 0.026),
        (100, 500, 0.20),
        (100, 1_000, 3.2),
        (100, 2_000, 50),
        (100, 5_000, 28 * 60),
        (100, 12_000, 8.4 * 3600),
        (150, 500, 0.059),
        (150, 1_000, 0.94),
        (150, 5_000, 8.2 * 60),
        (150, 12_000, 2.5 * 3600),
        (200, 300, 0.0033),
        (200, 2_000, 6.2),
        (200, 12_000, 1.05 * 3600),
    ],
)
def test_a_ripple_levels_in_the_time_that_orchard_and_gravity_give(
    height_um: float, wavelength_um: float, expected_s: float
) -> None:
    assert 1 / levelling_rate_per_s(wavelength_um, height_um, 50.0, FLUX) == pytest.approx(expected_s, rel=0.03)


def test_levelling_time_is_proportional_to_viscosity() -> None:
    thick = levelling_rate_per_s(1_000, 100, 50.0, FLUX)
    assert levelling_rate_per_s(1_000, 100, 10.0, FLUX) == pytest.approx(5 * thick)


def test_a_package_sized_dent_in_paste_needs_hours() -> None:
    assert 1 / levelling_rate_per_s(12_000, 100, 50.0, PASTE) == pytest.approx(3.1 * 3600, rel=0.05)


@pytest.mark.parametrize(("wavelength_um", "expected_pa"), [(500, 447), (1_000, 56), (2_000, 7), (5_000, 0.5)])
def test_levelling_stress_of_a_50_um_ripple_in_a_150_um_film(wavelength_um: float, expected_pa: float) -> None:
    assert levelling_stress_pa(50, wavelength_um, 150, FLUX) == pytest.approx(expected_pa, rel=0.1)


def test_yield_stress_stops_levelling_where_the_driving_stress_falls_below_it() -> None:
    left_um = levelled_um(50, 500, 150, 50.0, FLUX, age_s=3600)
    assert left_um == pytest.approx(50 * 20 / levelling_stress_pa(50, 500, 150, FLUX))
    assert levelled_um(50, 5_000, 150, 50.0, FLUX, age_s=3600) == 50  # it never starts: 0.5 Pa against 20 Pa


def test_ideal_film_is_exactly_ratio_times_gap_everywhere_and_for_ever() -> None:
    plate = film()
    plate.wipe(200.0, 20_000, 1, 10.0)
    for x, y, t in ((0, 0, 10.0), (29_000, -29_000, 11.0), (-15_000, 7_000, 5_000.0)):
        assert plate.height_at(x, y, t) == 120.0
    assert plate.height_at(31_000, 0, 11.0) == 0.0


@given(gap_um=st.floats(20, 600), ratio=st.floats(0.5, 0.7))
def test_film_height_is_proportional_to_the_gap(gap_um: float, ratio: float) -> None:
    plate = film(film_ratio=ratio)
    plate.wipe(gap_um, 20_000, 1, 0.0)
    assert plate.height_at(0, 0, 0.0) == pytest.approx(ratio * gap_um)


def test_real_film_is_rippled_wedged_and_not_the_same_twice() -> None:
    plate = film(Fidelity.REAL, plate_wedge_um_per_mm_x=0.05)
    heights = []
    for wipe in range(2):
        plate.wipe(200.0, 20_000, 1, 100.0 * wipe)
        x, y = np.meshgrid(np.linspace(-20_000, 20_000, 41), np.linspace(-20_000, 20_000, 41))
        heights.append(plate.heights_at(x.ravel(), y.ravel(), 100.0 * wipe + 2.0))
    assert heights[0].mean() == pytest.approx(120, abs=6)
    assert 1.0 < np.ptp(heights[0]) < 15.0
    assert heights[0].mean() != pytest.approx(heights[1].mean(), abs=0.01)


def test_more_strokes_leave_fewer_streaks() -> None:
    def range_um(strokes: int) -> float:
        plate = film(Fidelity.REAL)
        plate.wipe(200.0, 20_000, strokes, 0.0)
        y = np.linspace(-5_000, 5_000, 501)
        return float(np.ptp(plate.heights_at(np.zeros_like(y), y, 0.0)))

    assert range_um(3) < 0.6 * range_um(1)


def test_a_faster_wipe_lays_a_film_nearer_to_the_gap() -> None:
    def mean_um(speed: float) -> float:
        plate = film(Fidelity.REAL)
        plate.wipe(200.0, speed, 1, 0.0)
        return plate.mean_height_um(0.0)

    assert mean_um(100_000) > mean_um(10_000) + 2


def test_real_material_dries_and_thickens_over_a_shift() -> None:
    plate = film(Fidelity.REAL)
    plate.wipe(200.0, 20_000, 1, 0.0)
    assert plate.mean_height_um(3600) == pytest.approx(0.99 * plate.mean_height_um(0.0))
    assert plate.viscosity_pa_s(6 * 3600) == pytest.approx(2 * plate.viscosity_pa_s(0.0), rel=0.15)


def test_a_dent_stays_until_the_next_wipe() -> None:
    plate = film()
    plate.wipe(200.0, 20_000, 1, 0.0)
    plate.take(Dent(0, 0, 0, 5_000, 5_000, 3.0), 300.0, [])
    assert plate.height_at(0, 0, 3_600.0) == 117.0
    assert plate.height_at(6_000, 0, 3_600.0) == 120.0
    assert plate.dips_since_wipe == 1
    plate.wipe(200.0, 20_000, 1, 3_601.0)
    assert plate.height_at(0, 0, 3_601.0) == 120.0
    assert plate.generation == 2


def test_a_turned_dent_lies_turned() -> None:
    plate = film()
    plate.wipe(200.0, 20_000, 1, 0.0)
    plate.take(Dent(0, 0, 45, 5_000, 1_000, 3.0), 0.0, [])
    assert plate.height_at(3_000, 3_000, 1.0) == 117.0
    assert plate.height_at(3_000, -3_000, 1.0) == 120.0


@settings(deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("wipe"), st.floats(40, 500)),
            st.tuples(st.just("take"), st.floats(50, 1_000)),
            st.tuples(st.just("stop"), st.just(0.0)),
        ),
        max_size=25,
    ),
    real=st.booleans(),
)
def test_no_material_appears_or_disappears(steps: list[tuple[str, float]], real: bool) -> None:
    plate = film(Fidelity.REAL if real else Fidelity.IDEAL)
    t_s = 0.0
    for what, value in steps:
        t_s += 60.0
        if what == "wipe":
            plate.wipe(value, 20_000, 1, t_s)
        elif what == "stop":
            plate.stop_wipe(t_s)
        elif plate.generation:
            dent = Dent(0, 0, 0, 5_000, 5_000, value * 1e6 / 1e8)
            assert dent_volume_nl(dent) == pytest.approx(value)
            plate.take(dent, value, [])
    drying_nl = plate.volume_nl(plate.laid_s) - plate.volume_nl(t_s)
    total_nl = plate.reservoir_nl + plate.volume_nl(t_s) + drying_nl + plate.taken_nl + plate.wasted_nl
    assert total_nl == pytest.approx(RESERVOIR_NL, rel=1e-9)


def test_the_reservoir_goes_from_full_over_low_to_empty_and_the_blade_runs_dry() -> None:
    plate = film()
    plate.wipe(200.0, 20_000, 1, 0.0)
    assert plate.reservoir_state(0.0) is Reservoir.FULL
    plate.set_reservoir(0.05)
    assert plate.reservoir_state(0.0) is Reservoir.LOW
    plate.set_reservoir(0.0)
    assert plate.reservoir_state(0.0) is Reservoir.EMPTY
    plate.take(Dent(0, 0, 0, 20_000, 20_000, 60.0), 96_000.0, [])
    plate.wipe(200.0, 20_000, 1, 1.0)
    assert plate.height_at(-20_000, 0, 1.0) == 120.0
    assert plate.height_at(29_000, 0, 1.0) == 0.0
    plate.refill()
    plate.wipe(200.0, 20_000, 1, 2.0)
    assert plate.height_at(29_000, 0, 2.0) == 120.0


def test_a_full_reservoir_lasts_for_a_shift_of_4500_dips() -> None:
    plate = film()
    for dip in range(4_500):
        plate.wipe(200.0, 20_000, 1, 6.0 * dip)
        plate.take(Dent(0, 0, 0, 5_000, 5_000, 5.0), 500.0, [])
    assert plate.reservoir_state(27_000.0) is Reservoir.FULL


def test_the_fault_film_thin_takes_um_off_the_next_wipes() -> None:
    plate = film(faults=Faults([FaultSpec("film_thin", nth=2, value=30.0)]))
    heights = []
    for wipe in range(3):
        plate.wipe(200.0, 20_000, 1, float(wipe))
        heights.append(plate.height_at(0, 0, float(wipe)))
    assert heights == [120.0, 90.0, 120.0]


def test_the_fault_reservoir_low_shows_low() -> None:
    assert film(faults=Faults([FaultSpec("reservoir_low")])).reservoir_state(0.0) is Reservoir.LOW


def test_reading_often_changes_nothing() -> None:
    def run(reads: int) -> list[float]:
        plate = film(Fidelity.REAL, seed=5)
        seen = []
        for wipe in range(3):
            plate.wipe(200.0, 30_000, 2, 10.0 * wipe)
            for read in range(reads):
                plate.height_at(read, -read, 10.0 * wipe + read / reads)
                plate.marks_at(10.0 * wipe)
                plate.reservoir_state(10.0 * wipe)
            seen.append(plate.height_at(1_000, 2_000, 10.0 * wipe + 3.0))
        return seen

    assert run(0) == run(50)


def test_without_yield_stress_ripples_of_1_mm_are_gone_after_5_s() -> None:
    assert levelled_um(3.0, 1_000, 150, 50.0, Material(yield_stress_pa=0.0), 5.0) < 3.0 * math.exp(-5)
