"""A dead segment of a light: named where it stands, before anything is believed that rests on it."""

from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.vision import renderer, second_renderer
from tests.benchmarks.vision.cases import CASES
from tests.benchmarks.vision.ours import ball_map
from tests.vision.scenes import LANDS_168, POP_168, UP_SHAPE, site_shots, to_px
from vision.errors import BadRequest
from vision.frame import Frame
from vision.inspection import inspect_dipped, inspect_package, locate_site
from vision.light import DIRECTIONS, field_reasons, ring_light
from vision.predicted import Shot
from vision.wetting_alone import inspect_wet_alone

AGAIN = {"x_um": -180.0, "y_um": 140.0, "theta_deg": 1.1, "seed": 2, "gain": 1.04, "blur_px": 1.35}


def with_dead_segment(frame: Frame, truth, dead_deg: float, left=0.3) -> Frame:
    """The sector of every ball that faces the segment gives this share of its light."""
    half = 20
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    off_deg = (np.degrees(np.arctan2(-y, x)) - dead_deg + 180) % 360 - 180
    lit = np.where((np.abs(off_deg) < 22.5) & (np.hypot(x, y) < half), left, 1.0)
    pixels = frame.pixels.astype(float)
    for col, row in np.round(to_px(truth.centres_um, UP_SHAPE, frame.um_per_px)).astype(int):
        pixels[row - half : row + half + 1, col - half : col + half + 1] *= lit
    return Frame(pixels.astype(np.uint8), frame.um_per_px)


def test_a_whole_light_is_whole(dry):
    frame, truth = dry
    whole = ring_light(frame, to_px(truth.centres_um, UP_SHAPE, 8.0), 20.0)
    assert whole.reasons == ()
    assert np.abs(whole.level_ratio - 1.0).max() < 0.05
    with pytest.raises(BadRequest, match="5 balls"):
        ring_light(frame, to_px(truth.centres_um, UP_SHAPE, 8.0)[:5], 20.0)


@pytest.mark.parametrize("dead_deg", [0.0, 22.5, 100.0, 247.0])
def test_a_dead_segment_is_named_by_where_it_stands_and_the_pose_stays(dry, dead_deg):
    frame, truth = dry
    fix = inspect_package(with_dead_segment(frame, truth, dead_deg), POP_168)
    assert fix.status == "found"
    (note,) = fix.notes
    at_deg = float(note.split("segment at ")[1].split(" deg")[0])
    assert abs((at_deg - dead_deg + 180) % 360 - 180) <= 360 / DIRECTIONS
    assert "clean the light, then replace the segment" in note
    assert np.hypot(fix.x_um - truth.x_um, fix.y_um - truth.y_um) < 2.0


def test_two_dead_segments_are_both_named(dry):
    frame, truth = dry
    twice = with_dead_segment(with_dead_segment(frame, truth, 45.0), truth, 225.0)
    assert len(inspect_package(twice, POP_168).notes) == 2


def test_a_weak_segment_is_no_dead_one(dry):
    frame, truth = dry
    assert inspect_package(with_dead_segment(frame, truth, 45.0, left=0.8), POP_168).notes == ()


def test_no_material_is_read_by_a_light_with_a_dead_segment(part, dry):
    frame, truth = dry
    whole = inspect_package(frame, POP_168)
    wet, wet_truth = part.draw(**AGAIN, wet=0.6)
    assert len(inspect_dipped(frame, whole, wet, POP_168).wetting) == 168, "the same pair in good light"
    dark_dry, dark_wet = with_dead_segment(frame, truth, 135.0), with_dead_segment(wet, wet_truth, 135.0)
    noted = inspect_package(dark_dry, POP_168)
    for finding in (
        inspect_dipped(frame, whole, dark_wet, POP_168),
        inspect_dipped(dark_dry, noted, wet, POP_168),
        inspect_wet_alone(dark_wet, POP_168),
    ):
        assert finding.wetting == ()
        assert finding.worst_probability == 0.0
        assert "ring light: the segment at 135 deg" in " ".join((*finding.reasons, *finding.fix.reasons))


@pytest.mark.parametrize("dead_deg", [30.0, 200.0])
def test_other_optics_with_diodes_switched_off_say_the_same(monkeypatch, dead_deg):
    """Mirrored diodes instead of a painted sector: the renderer that shares nothing with this project's own."""
    places, bins = second_renderer._diodes()
    off_deg = (np.degrees(np.arctan2(places[:, 1], places[:, 0])) - dead_deg + 180) % 360 - 180
    scene = CASES["nominal"].scene(3)
    finder = ball_map(scene.package)
    whole = inspect_package(Frame(second_renderer.render(scene), scene.sensor.um_per_px), finder)
    assert whole.notes == ()
    monkeypatch.setattr(second_renderer, "_diodes", lambda: (places, np.where(np.abs(off_deg) < 24, 0.0, bins)))
    (note,) = inspect_package(Frame(second_renderer.render(scene), scene.sensor.um_per_px), finder).notes
    at_deg = float(note.split("segment at ")[1].split(" deg")[0])
    assert abs((at_deg - dead_deg + 180) % 360 - 180) <= 360 / DIRECTIONS


@pytest.mark.parametrize("name", ["uneven", "common", "defocus", "dim", "mixed", "heavy", "small"])
def test_uneven_and_one_sided_light_is_no_dead_segment(name):
    scene = CASES[name].scene(5)
    fix = inspect_package(
        Frame(renderer.render(scene), scene.sensor.um_per_px), ball_map(scene.package), scale_tolerance=0.03
    )
    assert fix.status == "found"
    assert fix.notes == ()


def in_the_dark_on_one_side(shots, towards_deg: float, loss: float) -> list[Shot]:
    """The field falls off by `loss` of the light of its brightest edge towards one side."""
    spoilt = []
    for shot in shots:
        rows, cols = shot.frame.pixels.shape
        y, x = np.mgrid[1 : -1 : rows * 1j, -1 : 1 : cols * 1j]
        along = np.cos(np.radians(towards_deg)) * x + np.sin(np.radians(towards_deg)) * y
        pixels = shot.frame.pixels * (1 - loss / 2 * (1 + along))
        spoilt.append(replace(shot, frame=Frame(np.clip(pixels, 0, 255).astype(np.uint8), shot.frame.um_per_px)))
    return spoilt


def test_a_field_with_a_dark_side_is_named_and_the_site_not_believed():
    shots = site_shots(1, 40.0, -30.0, 0.3)
    assert locate_site(shots, LANDS_168).status == "found"
    assert locate_site(in_the_dark_on_one_side(shots, 100.0, 0.2), LANDS_168).status == "found"
    fix = locate_site(in_the_dark_on_one_side(shots, 100.0, 0.6), LANDS_168)
    assert fix.status == "refused"
    assert fix.reasons == fix.notes
    at_deg = float(fix.notes[0].split("side at ")[1].split(" deg")[0])
    assert abs(at_deg - 100.0) < 10.0
    assert "a segment of the lamp is dead or covered" in fix.notes[0]


def test_a_few_scratched_lands_are_no_dark_side():
    rng = np.random.default_rng(4)
    place = rng.uniform(-1, 1, (40, 2))
    level = 170.0 + rng.normal(0, 4, 40)
    level[np.argsort(place[:, 0])[-4:]] = 60.0
    assert field_reasons(level, place, np.ones(40, dtype=bool)) == ()
