"""Balls pressed out of round: where they lie, and what the frame of the array makes of them."""

import numpy as np
import pytest

from tests.benchmarks.vision import ours
from tests.benchmarks.vision.packages import grid
from tests.benchmarks.vision.renderer import render
from tests.benchmarks.vision.scene import Deformed, Faults, Pose, Scene, Sensor
from tests.benchmarks.vision.truth import truth_of

PACKAGE = grid("perimeter 71", 11, 11, 500.0, 320.0, rings=2, without=("R11C1",))
SENSOR = Sensor(columns=960, rows=900, um_per_px=8.0)


@pytest.mark.parametrize(("axis_ratio", "direction_deg"), [(0.60, 20.0), (0.66, 75.0), (0.75, 140.0)])
def test_a_crushed_ball_is_named_and_lies_where_it_is_within_a_fifth_of_a_micrometre(axis_ratio, direction_deg):
    faults = Faults(deformed=(Deformed("R1C5", axis_ratio, direction_deg),))
    scene = Scene("crushed", 5, PACKAGE, Pose(60.0, -35.0, 7.0), sensor=SENSOR, faults=faults)
    answer, truth = ours.find(render(scene), scene), truth_of(scene)
    assert answer.status == "found"
    assert answer.states == {"R1C5": "deformed"}
    site = PACKAGE.ball_names.index("R1C5")
    assert np.hypot(*(answer.sites_px[site] - truth.sites_px[site])) * SENSOR.um_per_px < 0.2
    # Left out, or two micrometres off, it would move the frame of 71 balls by 0.03 um and more.
    assert np.hypot(answer.pose.x_um - truth.pose.x_um, answer.pose.y_um - truth.pose.y_um) < 0.015


def test_dirt_on_a_bare_site_is_not_taken_for_a_crushed_ball():
    """Specks of many sizes where a ball is missing: the frame is that of the other balls."""
    for seed in range(6):
        names = tuple(name for name in PACKAGE.ball_names if name not in ("R1C1", "R1C11", "R11C11"))[seed::9]
        faults = Faults(missing=names, debris_count=60)
        scene = Scene("dirt", seed, PACKAGE, Pose(-40.0, 25.0, 3.0), sensor=SENSOR, faults=faults)
        answer, truth = ours.find(render(scene), scene), truth_of(scene)
        assert answer.status == "found"
        assert np.hypot(answer.pose.x_um - truth.pose.x_um, answer.pose.y_um - truth.pose.y_um) < 0.03
