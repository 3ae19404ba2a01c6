"""Pictures that must not be measured say why, and what to do about it."""

import numpy as np
import pytest

from tests.vision.scenes import DOWN_SHAPE, LANDS_168, UP_SHAPE, fiducial_scene, site_shots, to_px
from vision.errors import BadRequest
from vision.frame import Frame
from vision.health import SEGMENTS, blur_px, focus_reasons, health_reasons, ring_light
from vision.inspection import locate_fiducial, locate_site


def test_dark_white_and_flat_pictures_name_cause_and_remedy():
    rng = np.random.default_rng(0)
    for level, word in ((12, "too dark"), (255, "saturated"), (120, "without content")):
        pixels = np.full((600, 600), level, np.uint8)
        if level == 12:
            pixels += rng.integers(0, 9, pixels.shape, dtype=np.uint8)
        (reason,) = health_reasons(Frame(pixels, 10.0))
        assert word in reason
        assert ";" in reason, "what to do follows"
    assert health_reasons(Frame(np.full((600, 600), 120, np.uint8), 10.0), may_be_flat=True) == ()
    assert health_reasons(fiducial_scene(1, 0.0, 0.0)) == ()


@pytest.mark.parametrize("true_px", [1.2, 2.0, 3.5])
def test_blur_is_read_from_the_rims_whatever_their_contrast(true_px):
    for frame in (
        fiducial_scene(1, 0.0, 0.0, blur_px=true_px, shape=DOWN_SHAPE),
        fiducial_scene(2, 0.0, 0.0, blur_px=true_px, level=15.0, ground=90.0),
        site_shots(1, 0.0, 0.0, 0.0, blur_px=true_px, centres=((2200.0, 2600.0),))[0].frame,
    ):
        assert blur_px(frame) == pytest.approx(true_px, rel=0.2)
        assert focus_reasons(frame) == ()


def test_a_picture_without_edges_is_not_called_soft():
    bare = site_shots(1, 0.0, 0.0, 0.0, bare=True, centres=((0.0, 0.0),))[0].frame
    assert np.isnan(blur_px(bare))
    assert focus_reasons(bare) == ()


def test_focus_is_named_where_a_soft_picture_is_refused():
    soft = fiducial_scene(1, 0.0, 0.0, diameter_um=500.0, blur_px=9.0)
    fix = locate_fiducial(soft, 500.0)
    assert fix.status == "refused"
    assert "out of focus" in fix.reasons[0]
    assert "check the height" in fix.reasons[0]


def test_lands_too_soft_to_see_are_refused_and_not_called_an_empty_site():
    fix = locate_site(site_shots(1, 0.0, 0.0, 0.0, blur_px=14.0), LANDS_168)
    assert fix.status == "refused", fix.reasons
    assert "out of focus" in " ".join(fix.reasons)


def test_a_dead_light_segment_is_named_by_where_it_stands(dry):
    frame, truth = dry
    centres = to_px(truth.centres_um, UP_SHAPE, 8.0)
    radius_px = 160.0 / 8.0
    whole = ring_light(frame, centres, radius_px)
    assert whole.reasons == ()
    assert np.abs(whole.level_ratio - 1.0).max() < 0.05
    y, x = np.mgrid[-20:21, -20:21]
    for dead in range(0, SEGMENTS, 3):
        off_deg = (np.degrees(np.arctan2(-y, x)) - dead * 360 / SEGMENTS + 180) % 360 - 180
        lit = np.where((np.abs(off_deg) < 22.5) & (np.hypot(x, y) < 20), 0.3, 1.0)
        pixels = frame.pixels.astype(float)
        for col, row in np.round(centres).astype(int):
            pixels[row - 20 : row + 21, col - 20 : col + 21] *= lit
        found = ring_light(Frame(pixels.astype(np.uint8), 8.0), centres, radius_px)
        assert int(np.argmin(found.level_ratio)) == dead
        assert len(found.reasons) == 1
        assert f"at {dead * 45} deg" in found.reasons[0]
    with pytest.raises(BadRequest):
        ring_light(frame, centres[:5], radius_px)
