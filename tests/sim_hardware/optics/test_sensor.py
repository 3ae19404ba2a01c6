"""Noise of the sensor, and the same picture in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sim_hardware.optics import noise, profile, up
from sim_hardware.optics.scenes import Light, UpScene
from sim_hardware.world.machine import CameraTruth, Fidelity
from tests.sim_hardware.optics.parts import UP, package, package_type, square

SCRIPT = """
import numpy as np, zlib
from sim_hardware.optics import down, up
from sim_hardware.optics.scenes import BoardView, DownScene, UpScene, on_board
from sim_hardware.world.machine import CameraTruth, Fidelity
from tests.sim_hardware.optics.parts import DOWN, UP, board, bottom_type, dip, package, package_type, square
rng = np.random.default_rng(4)
part = dip(package(package_type(square(1000.0))))
part.bridges.append(("upper left", "upper right"))
first = up.render(UpScene(part, 30.0, 20.0, 2.0), UP, Fidelity.REAL, rng)
view = BoardView(board(), 0.0, 0.0, 0.5)
bottoms, tops = on_board(view, bottom_type())
second = down.render(DownScene(20_000.0, 15_000.0, board=view, bottoms=bottoms), DOWN, Fidelity.REAL, rng)
print(zlib.crc32(first.tobytes()), zlib.crc32(second.tobytes()))
"""


@pytest.mark.parametrize("level", [10.0, 60.0, 200.0])
def test_noise_grows_with_the_root_of_the_light(level: float) -> None:
    camera = CameraTruth(1000, 800, 8.0)
    image = np.full((800, 1000), level, dtype=np.float32)
    frame = noise.expose(image, camera, Light(), Fidelity.REAL, np.random.default_rng(2), looks_up=True).astype(float)
    middle = frame[350:450, 450:550]
    # 39 electrons per grey level, read noise 0.2, rounding 1/12; vignetting in this window below 0.3 %.
    expected = (level / 39.0 + 0.2**2 + 1.0 / 12.0) ** 0.5
    assert middle.std() == pytest.approx(expected, rel=0.05)
    assert middle.mean() == pytest.approx(level, rel=0.01)
    assert frame[:20, :20].mean() == pytest.approx(level * (1 - noise.VIGNETTING_RATIO), rel=0.03)


def test_the_fast_normal_numbers_are_normal() -> None:
    values = noise.standard_normal(np.random.default_rng(3), (1000, 1001)).astype(float)
    assert values.mean() == pytest.approx(0.0, abs=0.004)
    assert values.std() == pytest.approx(1.0, abs=0.003)
    assert (values**4).mean() == pytest.approx(3.0, abs=0.05)
    assert np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1] == pytest.approx(0.0, abs=0.005)


def test_ideal_has_neither_noise_nor_texture_nor_vignetting() -> None:
    part = package(package_type({}, 1_500.0))
    images = [up.render(UpScene(part), UP, Fidelity.IDEAL, np.random.default_rng(seed)) for seed in (1, 2)]
    assert (images[0] == images[1]).all()
    assert set(np.unique(images[0][130:190, 170:230])) == {round(up.SUBSTRATE_LEVEL)}


def test_another_generator_gives_another_noise_and_the_same_one_the_same() -> None:
    scene = UpScene(package(package_type(square(1_000.0))))
    first, again, other = (up.render(scene, UP, Fidelity.REAL, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).mean() > 0.2


def test_two_processes_make_the_same_pictures_whatever_the_hash_seed() -> None:
    answers = []
    for hash_seed in ("1", "2"):
        environment = dict(os.environ, PYTHONHASHSEED=hash_seed)
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        answers.append(done.stdout)
    assert answers[0] == answers[1] != ""


def test_gain_scales_signal_and_noise() -> None:
    camera = replace(CameraTruth(400, 400, 8.0), gain=2.0)
    image = np.full((400, 400), 50.0, dtype=np.float32)
    frame = noise.expose(image, camera, Light(), Fidelity.REAL, np.random.default_rng(2), looks_up=True).astype(float)
    middle = frame[180:220, 180:220]
    assert middle.mean() == pytest.approx(100.0, rel=0.01)
    assert middle.std() == pytest.approx((100.0 * 2.0 / 39.0 + 0.04 + 1 / 12) ** 0.5, rel=0.06)


def test_the_radial_blur_is_the_two_dimensional_one() -> None:
    # Reference: a disc of 10 px on a grid eight times finer, blurred by brute force.
    sigma_px, fine = 1.2, 8
    size = 41 * fine
    centre = (size - 1) / 2
    rows, columns = np.mgrid[0:size, 0:size]
    disc = (np.hypot(rows - centre, columns - centre) <= 10.0 * fine).astype(np.float64)
    reach = np.arange(-60, 61)
    kernel = np.exp(-0.5 * (reach / (np.hypot(sigma_px, (1 / 12) ** 0.5) * fine)) ** 2)
    kernel /= kernel.sum()
    line = np.apply_along_axis(np.convolve, 1, disc, kernel, mode="same")
    reference = kernel @ line[size // 2 - 60 : size // 2 + 61, :]
    count = profile.count_for(10.0, sigma_px)
    blurred = profile.blur(profile.disc_cover(np.array([10.0]), count), sigma_px)[0]
    for radius_px in (0.0, 5.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0):
        at = centre + radius_px * fine
        expected = np.interp(at, np.arange(size), reference)
        assert blurred[round(radius_px / profile.STEP_PX)] == pytest.approx(expected, abs=0.008)
