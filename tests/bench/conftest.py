"""Pictures of one library package on disk, drawn once per run: small, so that each look takes a tenth of a second."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from station.bench.maps import load_map
from tests.vision.scenes import PackagePart, fiducial_scene, imprint_shots

PACKAGE = "pop_12x12_168"
UM_PER_PX = 16.0
DRY_NAMES = ("A5", "C2", "R23")
POSE = (120.0, -75.0, 1.2)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """whole.png, faulty.png, dry.png, wet.png, fiducial.png, print.png, blank.png"""
    folder = tmp_path_factory.mktemp("pictures")
    _, ball_map = load_map(PACKAGE)
    size = {"shape": (820, 860), "um_per_px": UM_PER_PX}
    good, faulty = PackagePart(ball_map, seed=3), PackagePart(ball_map, seed=3, missing=("A7", "F2"))
    wet = np.array([0.0 if name in DRY_NAMES else 0.6 for name in ball_map.names])
    drawn = {
        "whole": good.draw(*POSE, seed=1, **size)[0],
        "faulty": faulty.draw(*POSE, seed=1, bridges=[("C1", "D1")], **size)[0],
        "wet": good.draw(-60.0, 40.0, 0.4, seed=2, wet=wet, gain=1.03, bridges=[("R1", "T1")], **size)[0],
        "fiducial": fiducial_scene(4, 130.0, -80.0),
        "print": imprint_shots(1, 60.0, -50.0, 0.5, balls=ball_map.mirrored(), centres=((0.0, 0.0),), um_per_px=12.0,
                               without=("A7", "B9"))[0].frame,
        "blank": imprint_shots(1, 0.0, 0.0, 0.0, centres=((0.0, 0.0),), um_per_px=12.0, blank=True)[0].frame,
    }  # fmt: skip
    for name, frame in drawn.items():
        cv2.imwrite(str(folder / f"{name}.png"), frame.pixels)
    return folder
