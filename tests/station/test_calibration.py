"""The calibration routine finds what the simulated machine hides: scale, distortion, turn of both cameras, the axis,
the runout of the nozzle, scale and lean of the down camera against height."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import CameraTruth, Fidelity, MachineTruth
from sim_hardware.world.places import turned
from station.calibrate.model import Calibration, LensFound
from station.demo.scenario import scenario_for
from station.run.packml import Command, State
from tests.scenarios.bench import bench, recipe
from tests.support import virtual

RISE_BIAS_PER_UM = 2e-9
"""What all dots of a picture err alike: 8e-6 of the size over the 3,000 um between the seats"""


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
    centre_um = np.array([camera.distortion_dx_px, camera.distortion_dy_px]) * camera.um_per_px
    assert found.bend_sigma_um is not None
    assert np.abs(np.array(found.bend_um) - centre_um).max() < 5 * found.bend_sigma_um
    assert np.hypot(*centre_um) > 3 * found.bend_sigma_um, "the centre is seen, not guessed"


def tip_errors(plant: Plant, found: Calibration) -> tuple[list[float], list[float]]:
    """What runout and axis over the up camera are off their truth, x and y, in sigmas claimed."""
    machine, tip, camera = plant.machine, found.tip, plant.machine.up_camera
    true_x_um, true_y_um = turned(machine.runout_x_um, machine.runout_y_um, machine.theta_zero_deg)
    runout = [
        (tip.runout_x_um - true_x_um) / tip.covariance[2][2] ** 0.5,
        (tip.runout_y_um - true_y_um) / tip.covariance[3][3] ** 0.5,
    ]
    # The map's offset is a place as the encoders read it: through scale and squareness to where the axis truly is.
    y_um = found.up.y_um * (1.0 + machine.scale_y_ppm * 1e-6)
    x_um = found.up.x_um * (1.0 + machine.scale_x_ppm * 1e-6) + y_um * machine.squareness_urad * 1e-6
    axis = [
        (x_um - machine.up_camera_x_um - machine.up_camera_dx_um - camera.centre_dx_um) / found.axis_sigma_um,
        (y_um - machine.up_camera_y_um - machine.up_camera_dy_um - camera.centre_dy_um) / found.axis_sigma_um,
    ]
    return runout, axis


def lean_errors(plant: Plant, found: Calibration) -> list[float]:
    """What the lean of the down camera is off its truth, x and y, in sigmas claimed."""
    camera, offset = plant.machine.down_camera, found.offset
    return [
        (offset.lean_x_ratio - camera.lean_x_ratio) / offset.covariance[2][2] ** 0.5,
        (offset.lean_y_ratio - camera.lean_y_ratio) / offset.covariance[3][3] ** 0.5,
    ]


def rise_error(plant: Plant, found: Calibration) -> float:
    """What the down camera's scale against height is off its truth, in sigmas claimed."""
    rise, sigma = found.down_lens.scale_per_um, found.down_lens.scale_per_um_sigma
    assert rise is not None
    assert sigma is not None
    return (rise - plant.machine.down_camera.scale_per_um) / sigma


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
        rise, rise_sigma = found.down_lens.scale_per_um, found.down_lens.scale_per_um_sigma
        assert rise is not None
        assert rise_sigma is not None
        assert rise == pytest.approx(machine.down_camera.scale_per_um, abs=max(5 * rise_sigma, RISE_BIAS_PER_UM))
        assert abs(rise) > 20 * max(rise_sigma, RISE_BIAS_PER_UM), "it is seen, not guessed"
        assert max(map(abs, lean_errors(plant, found))) < 4.0
        assert found.offset.covariance[2][2] ** 0.5 < 5e-4, "1.5 um over what the seats are apart"
        assert (found.offset.x_um, found.offset.y_um) == (found.down.x_um, found.down.y_um)
        assert found.up.turn_deg == pytest.approx(machine.up_camera.rotation_deg, abs=0.03)
        assert found.down.turn_deg == pytest.approx(machine.down_camera.rotation_deg, abs=0.06)
        assert found.axis_arm_um < 200.0
        assert 0.0 < found.axis_sigma_um < 0.8
        assert 0.0 < found.tip.runout_sigma_um < 1.0
        runout, axis = tip_errors(plant, found)
        assert max(map(abs, runout)) < 4.0, "the runout of the nozzle, without that of the pick"
        assert max(map(abs, axis)) < 4.0
        assert abs(found.tip.runout_um - found.axis_arm_um) > 10 * found.tip.runout_sigma_um, "the pick is not in it"
        assert found.up.scale_ratio == pytest.approx(1.0, abs=1e-9), "the scale is in um per pixel alone"


def test_what_is_claimed_of_axis_runout_and_down_camera_is_true_over_many_machines(tmp_path: Path) -> None:
    squares: dict[str, list[float]] = {"runout": [], "axis": [], "lean": [], "rise": []}
    for seed in range(40, 56):

        @virtual
        async def one(seed: int = seed) -> None:
            async with calibrated(tmp_path / str(seed), seed, Rendering.OBSERVATION) as (plant, found):
                told = (*tip_errors(plant, found), lean_errors(plant, found), [rise_error(plant, found)])
                for name, errors in zip(squares, told, strict=True):
                    squares[name] += [error**2 for error in errors]

        one()
    # 32 squares of unit normals: 0.5 to 1.8 in 998 of 1,000 cases; Student's tails and the tip's floor are within.
    for name, values in squares.items():
        assert 0.4 < sum(values) / len(values) < 1.9, name


@virtual
async def test_a_bent_nozzle_is_told_before_the_machine_builds_with_it(tmp_path: Path) -> None:
    bent = replace(
        scenario_for(recipe(), seed=11, fidelity=Fidelity.CALIBRATED, rendering=Rendering.OBSERVATION, boards=0),
        machine=MachineTruth(runout_x_um=-90.0, runout_y_um=90.0),
    )
    plant = Plant(bent)
    await plant.start()
    try:
        async with bench(tmp_path, plant=plant, is_ready=False) as b:
            await b.controller.command(Command.RESET)
            assert await b.rest(State.STOPPED) is State.STOPPED
            assert "runs out by 127 um towards 135 deg, allowed 100 um" in b.alarm_text()
            assert b.controller.cell.calibration is None
    finally:
        await plant.stop()


@virtual
async def test_the_log_holds_every_number_of_a_calibration_with_its_uncertainty(tmp_path: Path) -> None:
    plant = Plant(scenario_for(recipe(), seed=11, fidelity=Fidelity.REAL, rendering=Rendering.OBSERVATION, boards=0))
    await plant.start()
    try:
        async with bench(tmp_path, plant=plant) as b:
            found = b.controller.cell.calibration
            (told,) = await b.events("calibration.done")
            assert found is not None
            assert told["hash"] == found.hash
            assert told["tip"]["covariance"][2][2] == found.tip.covariance[2][2]
            assert told["offset"]["covariance"][2][2] == found.offset.covariance[2][2]
            assert told["offset"]["residual_um"] == found.offset.residual_um > 0.0
            assert told["down_lens"]["scale_per_um_sigma"] == found.down_lens.scale_per_um_sigma
            assert told["up_lens"]["k1_sigma_per_um2"] == found.up_lens.k1_sigma_per_um2
    finally:
        await plant.stop()
