"""The bare nozzle tip: found within its claim, refused when it is hidden, cut off or not there."""

import cv2
import numpy as np
import pytest

from tests.vision.scenes import UP_SHAPE, disc, finish, to_px
from vision.errors import BadRequest
from vision.frame import Frame
from vision.tip import locate_tip

OUTER_UM, BORE_UM, SEARCH_UM = 9600.0, 8000.0, 600.0


def tip(x_um, y_um, *, seed=1, hidden_deg=0.0, blur_px=4.0):
    rng = np.random.default_rng(seed)
    picture = np.full(UP_SHAPE, 8.0, np.float32)
    at = to_px(np.array([[x_um, y_um]]), UP_SHAPE, 8.0)[0]
    disc(picture, at, OUTER_UM / 16.0, 95.0)
    disc(picture, at, BORE_UM / 16.0, 12.0)
    if hidden_deg:
        centre = tuple(round(v) for v in at)
        cv2.ellipse(picture, centre, (700, 700), 0.0, 20.0, 20.0 + hidden_deg, 8.0, -1)
    picture = cv2.GaussianBlur(picture, (0, 0), blur_px)
    return Frame(finish(picture, rng), 8.0)


def test_the_middle_of_the_tip_is_found_within_its_claim_though_it_is_out_of_focus():
    for seed, (x_um, y_um) in enumerate(((0.0, 0.0), (210.0, -140.0), (-333.3, 87.1)), start=1):
        fix = locate_tip(tip(x_um, y_um, seed=seed), OUTER_UM, BORE_UM, search_um=SEARCH_UM)
        assert fix.status == "found", fix.reasons
        assert np.hypot(fix.x_um - x_um, fix.y_um - y_um) < 3.0 * fix.sigma_um
        assert fix.sigma_um < 0.5


@pytest.mark.parametrize(
    "frame",
    [
        Frame(finish(np.full(UP_SHAPE, 20.0, np.float32), np.random.default_rng(1)), 8.0),
        tip(0.0, 0.0, hidden_deg=290.0),
        tip(2000.0, 0.0),
        tip(0.0, 7000.0),
    ],
    ids=["no tip", "most of it under dirt", "far off", "cut by the border"],
)
def test_a_tip_that_is_not_there_whole_is_refused_with_a_reason(frame):
    fix = locate_tip(frame, OUTER_UM, BORE_UM, search_um=SEARCH_UM)
    assert fix.status == "refused"
    assert fix.reasons


def test_nicks_and_a_stained_sector_of_the_rim_do_not_move_the_tip():
    worn = tip(0.0, 0.0, hidden_deg=60.0)
    fix = locate_tip(worn, OUTER_UM, BORE_UM, search_um=SEARCH_UM)
    assert fix.status == "found", fix.reasons
    assert np.hypot(fix.x_um, fix.y_um) < 3.0 * fix.sigma_um


def test_another_nozzle_is_refused_by_its_size():
    fix = locate_tip(tip(0.0, 0.0), 1.04 * OUTER_UM, 1.04 * BORE_UM, search_um=SEARCH_UM)
    assert fix.status == "refused"
    assert "another nozzle" in fix.reasons[0]


def test_a_bore_wider_than_its_tip_is_an_error():
    with pytest.raises(BadRequest, match="bore"):
        locate_tip(tip(0.0, 0.0), BORE_UM, OUTER_UM, search_um=SEARCH_UM)
