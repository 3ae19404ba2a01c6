"""Pictures that must not be measured say why, and what to do about it."""

import numpy as np
import pytest

from tests.vision.scenes import DOWN_SHAPE, LANDS_168, fiducial_scene, site_shots
from vision.frame import Frame
from vision.health import blur_px, focus_reasons, health_reasons
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


def test_a_soft_picture_without_lands_is_refused_and_not_called_an_empty_site():
    """The turn mark alone is left to show it."""
    fix = locate_site(site_shots(1, 0.0, 0.0, 0.0, blur_px=9.0, without=LANDS_168.names), LANDS_168)
    assert fix.status == "refused", fix.reasons
    assert "out of focus" in " ".join(fix.reasons)
