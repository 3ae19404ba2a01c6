"""After the dip: which balls took material, how much, and which are joined by it."""

from collections import Counter

import numpy as np
import pytest

from tests.vision.scenes import POP_168, PackagePart
from vision.errors import BadRequest
from vision.frame import Frame
from vision.inspection import inspect_dipped, inspect_package

AGAIN = {
    "x_um": -180.0,
    "y_um": 140.0,
    "theta_deg": 1.1,
    "seed": 2,
    "gain": 1.04,
    "blur_px": 1.35,
    "tilt_scatter": 0.08,
}
"""Re-gripped, a little brighter, a little out of focus, highlights changed."""


@pytest.fixture(scope="module")
def dry_fix(dry):
    fix = inspect_package(dry[0], POP_168)
    assert fix.status == "found"
    return fix


def dipped(part, dry, dry_fix, wet, *, full_strength=0.7, **kw):
    frame, truth = part.draw(**{**AGAIN, **kw}, wet=wet)
    return inspect_dipped(dry[0], dry_fix, frame, POP_168, full_strength=full_strength), truth


def counts(finding):
    return Counter(ball.state for ball in finding.wetting)


def test_untouched_package_is_dry_in_spite_of_new_light_and_grip(part, dry, dry_fix):
    finding, _ = dipped(part, dry, dry_fix, 0.0)
    assert counts(finding) == {"dry": 168}
    assert max(ball.probability_wet for ball in finding.wetting) < 0.05


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.8])
def test_weak_and_strong_films_are_seen_on_every_ball(part, dry, dry_fix, strength):
    finding, truth = dipped(part, dry, dry_fix, strength, full_strength=strength)
    assert counts(finding) == {"wet": 168}
    assert finding.worst_probability > 0.95
    assert np.mean([ball.strength_ratio for ball in finding.wetting]) == pytest.approx(1.0, abs=0.15)
    assert abs(finding.fix.x_um - truth.x_um) < 0.1
    assert finding.bridges == ()


def test_single_dry_balls_among_wet_ones_are_named(part, dry, dry_fix):
    wet = np.where(np.arange(168) % 24 == 5, 0.0, 0.6)
    finding, _ = dipped(part, dry, dry_fix, wet)
    assert finding.fix.found_count == 168
    dry_names = {ball.name for ball in finding.wetting if ball.state == "dry"}
    assert dry_names == {POP_168.names[k] for k in np.flatnonzero(wet == 0.0)}
    assert finding.worst_probability < 0.05


def test_tilted_dip_leaves_one_edge_dry_and_is_not_averaged_away(part, dry, dry_fix):
    depth = 0.4 + 0.6 * POP_168.x_um / 5500.0
    wet = 0.7 * np.clip(depth, 0.0, 1.0)
    finding, _ = dipped(part, dry, dry_fix, wet)
    states = np.array([ball.state for ball in finding.wetting])
    assert set(states[depth < -0.05]) == {"dry"}
    assert set(states[depth > 0.75]) <= {"wet", "excess"}
    assert "wet" not in set(states[(depth > 0.02) & (depth < 0.2)])
    assert finding.tilt_x == pytest.approx(0.6, abs=0.12)
    assert abs(finding.tilt_y) < 0.05
    assert finding.worst_probability < 0.01


def test_shallow_dip_of_the_whole_array_is_partial_by_the_rim_of_the_material(part, dry, dry_fix):
    finding, _ = dipped(part, dry, dry_fix, 0.6, cap=0.76)
    assert counts(finding)["partial"] > 160


def test_bridge_of_material_is_found_against_the_dry_picture(part, dry, dry_fix):
    finding, _ = dipped(part, dry, dry_fix, 0.6, bridges=[("R12C1", "R11C1")])
    assert finding.bridges in ((("R12C1", "R11C1"),), (("R11C1", "R12C1"),))
    assert {ball.name for ball in finding.fix.balls if ball.state == "bridged"} == {"R12C1", "R11C1"}


def test_ball_lost_in_the_film_is_missing_and_counts_as_dry(dry, dry_fix):
    loser = PackagePart(POP_168, seed=3, missing=("R1C7",))
    finding, _ = dipped(loser, dry, dry_fix, 0.6)
    assert [ball.name for ball in finding.fix.balls if ball.state == "missing"] == ["R1C7"]
    assert [ball.name for ball in finding.wetting if ball.state != "wet"] == ["R1C7"]
    assert finding.worst_probability == 0.0


def test_no_wetting_is_claimed_without_two_good_pictures(dry, dry_fix):
    black = Frame(np.zeros((900, 960), np.uint8), 8.0)
    finding = inspect_dipped(dry[0], dry_fix, black, POP_168)
    assert finding.fix.status == "refused"
    assert finding.wetting == ()
    assert finding.worst_probability == 0.0
    refused = inspect_package(black, POP_168)
    assert inspect_dipped(dry[0], refused, dry[0], POP_168).wetting == ()
    with pytest.raises(BadRequest, match="full strength"):
        inspect_dipped(dry[0], dry_fix, dry[0], POP_168, full_strength=0.0)
