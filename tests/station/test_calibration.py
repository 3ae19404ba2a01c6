"""The calibration routine finds what the simulated machine hides: scale, distortion, turn of both cameras, the axis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import CameraTruth, Fidelity
from station.calibrate.model import Calibration, LensFound
from station.demo.scenario import scenario_for
from tests.scenarios.bench import bench, recipe
from tests.support import virtual


def true_k1_per_um2(camera: CameraTruth) -> float:
    """The machine bends r to r (1 + k1 (r / half diagonal)^2); straightening takes it back."""
    half_diagonal_um = (camera.width_px**2 + camera.height_px**2) ** 0.5 / 2 * camera.um_per_px
    return -camera.distortion_k1 / half_diagonal_um**2


def assert_lens_is_true(found: LensFound, camera: CameraTruth) -> None:
    assert found.um_per_px == pytest.approx(camera.um_per_px, abs=3 * found.um_per_px_sigma)
    assert found.um_per_px_sigma < 2e-5 * found.um_per_px
    assert found.k1_per_um2 == pytest.approx(true_k1_per_um2(camera), abs=5 * found.k1_sigma_per_um2)
    assert abs(true_k1_per_um2(camera)) > 10 * found.k1_sigma_per_um2, "the distortion is seen, not guessed"
    assert found.dot_rms_um < 0.1


@asynccontextmanager
async def calibrated(folder: Path, seed: int, rendering: Rendering) -> AsyncIterator[tuple[Plant, Calibration]]:
    plant = Plant(scenario_for(recipe(), seed=seed, fidelity=Fidelity.REAL, rendering=rendering, boards=0))
    await plant.start()
    try:
        async with bench(folder, plant=plant, seed=seed) as made:
            found = made.controller.cell.calibration
            assert found is not None
            yield plant, found
    finally:
        await plant.stop()


@pytest.mark.parametrize(
    ("seed", "rendering"),
    [(11, Rendering.OBSERVATION), (12, Rendering.OBSERVATION), (13, Rendering.OBSERVATION), (11, Rendering.FULL)],
    ids=["11", "12", "13", "pictures"],
)
@virtual
async def test_hidden_errors_of_both_cameras_are_found(tmp_path: Path, seed: int, rendering: Rendering) -> None:
    async with calibrated(tmp_path, seed, rendering) as (plant, found):
        machine = plant.machine
        assert_lens_is_true(found.up_lens, machine.up_camera)
        assert_lens_is_true(found.down_lens, machine.down_camera)
        rise, rise_sigma = found.up_lens.scale_per_um, found.up_lens.scale_per_um_sigma
        assert rise is not None
        assert rise_sigma is not None
        assert abs(rise) < max(5 * rise_sigma, 2e-9), "the simulated lenses are telecentric"
        assert rise_sigma < 1e-7
        assert found.up.turn_deg == pytest.approx(machine.up_camera.rotation_deg, abs=0.03)
        assert found.down.turn_deg == pytest.approx(machine.down_camera.rotation_deg, abs=0.06)
        assert found.axis_arm_um < 200.0
        assert 0.0 < found.axis_sigma_um < 2.0
        assert found.up.scale_ratio == pytest.approx(1.0, abs=1e-9), "the scale is in um per pixel alone"
