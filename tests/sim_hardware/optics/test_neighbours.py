"""An observation speaks of the stack that the camera looks at, not of its neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim_hardware.optics import observation
from sim_hardware.optics.scenes import BottomView, DownScene, TopView
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.things import BottomType, LandSite
from tests.sim_hardware.optics.parts import package, package_type

CAMERA = CameraTruth(1280, 1024, 10.0)
LANDS = tuple(LandSite(f"L{i}", -700.0 + 200.0 * i, 600.0, 150.0) for i in range(8))
BOTTOM = BottomType("b", 2_600.0, 2_600.0, 600.0, LANDS, -500.0, -500.0)


def seen(scene: DownScene) -> Any:
    return observation.observe_down(scene, CAMERA, Fidelity.IDEAL, np.random.default_rng(1))


def test_a_free_site_stays_free_beside_an_occupied_one() -> None:
    bottoms = tuple(BottomView(BOTTOM, x_um, 0.0, 0.0) for x_um in (0.0, 4_000.0))
    tops = (TopView(package(package_type({})), 4_000.0, 0.0, 0.0),)
    at_free = seen(DownScene(0.0, 0.0, bottoms=bottoms, tops=tops))
    assert at_free["bottom"]["x_um"] == 0.0
    assert at_free["top"] is None
    at_occupied = seen(DownScene(4_000.0, 0.0, bottoms=bottoms, tops=tops))
    assert at_occupied["bottom"] is None
    assert at_occupied["top"] is not None


def test_of_a_stack_the_uppermost_package_is_seen() -> None:
    lower, upper = (TopView(package(package_type({})), x_um, 0.0, 0.0) for x_um in (0.0, 50.0))
    found = seen(DownScene(0.0, 0.0, tops=(lower, upper)))
    assert abs(found["top"]["x_um"] - 50.0) < 1e-6
