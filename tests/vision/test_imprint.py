"""The print in the film: which ball left a mark, how wide, and which turn of the package the marks bear out."""

import numpy as np
import pytest

from tests.vision.scenes import A1, BALLS_IN_FILM, imprint_shots, perimeter_map
from vision.imprint import check_imprint, locate_print
from vision.predicted import POSITION_SIGMA_UM
from vision.results import Pose

CORNERLESS = perimeter_map(29, 2, 400.0, 250.0, without=("R29C1",), **A1).mirrored()


def test_every_mark_has_its_place_and_width():
    finding = check_imprint(imprint_shots(11, 40.0, 30.0, -0.4, without={"R1C5"}), BALLS_IN_FILM)
    assert finding.status == "found"
    by_state = {mark.name: mark.state for mark in finding.marks}
    assert [name for name, state in by_state.items() if state != "present"] == ["R1C5"]
    assert by_state["R1C5"] == "missing"
    sizes = np.array([mark.diameter_um for mark in finding.marks if mark.state == "present"])
    assert sizes.mean() == pytest.approx(0.85 * 320.0, rel=0.04)
    drawn = 1 + np.random.default_rng([11, 6]).normal(0, 0.04, 168)  # as the scene scatters them
    kept = np.array([name != "R1C5" for name in BALLS_IN_FILM.names])
    assert np.corrcoef(sizes, drawn[kept])[0, 1] > 0.9
    # Four pictures, each as far off as the machine may be: the marks themselves are known far better.
    assert np.sqrt(finding.covariance[0][0]) == pytest.approx(POSITION_SIGMA_UM / 2, rel=0.01)


def test_a_print_of_another_turn_is_refused():
    for quarter in (1, 2, 3):
        shots = imprint_shots(12, 20.0, -30.0, 0.2 + 90.0 * quarter, balls=CORNERLESS)
        finding = check_imprint(shots, CORNERLESS)
        assert finding.status == "refused"
        assert f"turned by {90 * quarter} deg" in finding.reasons[0]
    upright = check_imprint(imprint_shots(12, 20.0, -30.0, 0.2, balls=CORNERLESS), CORNERLESS)
    assert upright.status == "found"
    assert len(upright.cannot_tell) == 1


def test_a_print_that_fits_every_turn_says_that_it_is_no_witness_of_the_turn():
    finding = check_imprint(imprint_shots(13, 0.0, 0.0, 0.0), BALLS_IN_FILM)
    assert finding.status == "found"
    assert any("how much material" in text for text in finding.cannot_tell)
    assert any("fit 4 of the four quarter turns" in text for text in finding.cannot_tell)


def test_a_print_far_from_the_centre_is_found_by_its_own_pattern():
    shots = imprint_shots(14, 900.0, -700.0, 0.7, balls=CORNERLESS, centres=((0.0, 0.0),), um_per_px=12.0)
    pose = locate_print(shots[0].frame, CORNERLESS)
    assert pose is not None
    assert (pose.x_um, pose.y_um) == pytest.approx((900.0, -700.0), abs=6.0)
    finding = check_imprint(shots, CORNERLESS, expected=pose)
    assert finding.status == "found"
    assert finding.x_um == pytest.approx(900.0, abs=0.5)
    assert len(finding.unseen) == 215 - finding.found_count
    assert all(mark.state == "unseen" for mark in finding.marks if mark.name in finding.unseen)
    blank = imprint_shots(14, 0.0, 0.0, 0.0, blank=True)
    assert locate_print(blank[0].frame, CORNERLESS) is None
    assert check_imprint(blank, CORNERLESS, expected=Pose(0.0, 0.0, 0.0)).marks == ()
