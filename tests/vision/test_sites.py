"""The down camera over a site: lands of the bottom package, the placed top package, the print in the film."""

import numpy as np
import pytest

from tests.vision.scenes import (
    BALLS_IN_FILM,
    LANDS_168,
    imprint_shots,
    perimeter_map,
    site_shots,
)
from vision.errors import BadRequest
from vision.frame import Frame
from vision.inspection import check_imprint, locate_site, verify_placed
from vision.predicted import Shot
from vision.results import Pose


@pytest.fixture(scope="module")
def stacked():
    return site_shots(7, 60.0, -40.0, 0.3, top=(-85.0, 110.0, 0.9, 12000.0))


def test_lands_of_four_shots_join_to_one_pose():
    for seed, pose in ((1, (95.0, -60.0, 0.9)), (2, (-130.0, 40.0, -1.4))):
        fix = locate_site(site_shots(seed, *pose), LANDS_168)
        assert fix.status == "found", fix.reasons
        error = np.array([fix.x_um - pose[0], fix.y_um - pose[1], fix.theta_deg - pose[2]])
        assert np.abs(error[:2]).max() < 0.1
        assert abs(error[2]) < 0.002
        assert error @ np.linalg.inv(np.array(fix.covariance)) @ error < 25.0
        assert fix.found_count == 168


def test_few_covered_lands_do_not_move_the_rest():
    fix = locate_site(site_shots(1, 20.0, 20.0, 0.0, without=LANDS_168.names[:12]), LANDS_168)
    assert fix.status == "found"
    assert fix.found_count == 156
    assert abs(fix.x_um - 20.0) < 0.1


WELLS = {
    "bright solder": (70.0, 20.0, 150.0),
    "dull solder": (100.0, 20.0, 90.0),
    "deep wells": (100.0, 20.0, None),
}
"""level of the mould, of the well, of the solder in it"""


@pytest.mark.parametrize("name", WELLS)
def test_moulded_wells_are_found_whatever_their_solder_looks_like(name):
    for seed, pose in ((1, (95.0, -60.0, 0.9)), (2, (-130.0, 40.0, -1.4))):
        fix = locate_site(site_shots(seed, *pose, wells=WELLS[name]), LANDS_168)
        assert fix.status == "found", fix.reasons
        assert max(abs(fix.x_um - pose[0]), abs(fix.y_um - pose[1])) < 0.1
        assert abs(fix.theta_deg - pose[2]) < 0.002
        assert fix.found_count == 168


def test_wells_displaced_by_a_pitch_or_turned_are_refused_and_a_mould_without_wells_is_occupied():
    for name, wells in WELLS.items():
        displaced = locate_site(site_shots(3, 530.0, 0.0, 0.0, wells=wells), LANDS_168)
        assert displaced.status == "refused", name
        assert np.isnan(displaced.x_um)
    assert (
        locate_site(site_shots(4, 0.0, 0.0, 0.0, wells=WELLS["dull solder"], mark_turn=1), LANDS_168).status
        == "refused"
    )
    plain = locate_site(site_shots(4, 0.0, 0.0, 0.0, wells=(125.0, 125.0, None)), LANDS_168)
    assert plain.status == "occupied"


def test_package_displaced_by_a_pitch_is_refused_not_reported():
    fix = locate_site(site_shots(3, 530.0, 0.0, 0.0), LANDS_168)
    assert fix.status == "refused"
    assert any("row outside the pattern" in reason for reason in fix.reasons)
    assert np.isnan(fix.x_um)


def test_turned_package_is_refused_and_a_lost_mark_is_ambiguous():
    turned = locate_site(site_shots(4, 0.0, 0.0, 0.0, mark_turn=1), LANDS_168)
    assert turned.status == "refused"
    assert "turned" in turned.reasons[0]
    assert locate_site(site_shots(4, 0.0, 0.0, 0.0, mark=False), LANDS_168).status == "ambiguous"


def test_bare_board_is_empty_and_a_stacked_site_is_occupied(stacked):
    assert locate_site(site_shots(5, 0.0, 0.0, 0.0, bare=True), LANDS_168).status == "empty"
    assert locate_site(stacked, LANDS_168).status == "occupied"


def test_shots_that_show_too_little_are_refused():
    shots = site_shots(1, 0.0, 0.0, 0.0, centres=((8000.0, 6000.0),))
    fix = locate_site(shots, LANDS_168)
    assert fix.status == "refused"
    assert "shots show" in fix.reasons[0]


def test_another_land_pattern_is_refused():
    other = perimeter_map(21, 2, 500.0, 280.0, a1_x_um=-4100.0, a1_y_um=4100.0, a1_diameter_um=400.0)
    assert locate_site(site_shots(6, 0.0, 0.0, 0.0, lands=other), LANDS_168).status in ("refused", "empty")


def test_search_beyond_half_a_pitch_is_an_error():
    shots = site_shots(1, 0.0, 0.0, 0.0, bare=True, centres=((0.0, 0.0),))
    with pytest.raises(BadRequest, match="half the pitch"):
        locate_site(shots, LANDS_168, search_um=300.0)
    with pytest.raises(BadRequest):
        locate_site([], LANDS_168)
    black = Shot(Frame(np.zeros((300, 300), np.uint8), 10.0), 0.0, 0.0)
    assert locate_site([black], LANDS_168).status == "refused"


def test_outline_of_the_placed_package_is_found_within_a_micrometre(stacked):
    fix = verify_placed(stacked, 12000.0, 12000.0)
    assert fix.status == "found", fix.reasons
    assert abs(fix.x_um + 85.0) < 1.0
    assert abs(fix.y_um - 110.0) < 1.0
    assert abs(fix.theta_deg - 0.9) < 0.01
    again = verify_placed(stacked, 12000.0, 12000.0, expected=Pose(-60.0, 90.0, 0.5))
    assert abs(again.x_um - fix.x_um) < 0.5
    assert abs(again.theta_deg - fix.theta_deg) < 0.005


def test_outline_sigma_holds_over_several_placements():
    for seed in range(2):
        x_um, y_um, theta_deg = np.random.default_rng(seed).uniform(-1, 1, 3) * (150, 150, 1)
        shots = site_shots(seed, 0.0, 0.0, 0.0, body_um=14000.0, top=(x_um, y_um, theta_deg, 12000.0))
        fix = verify_placed(shots, 12000.0, 12000.0)
        error = np.array([fix.x_um - x_um, fix.y_um - y_um, fix.theta_deg - theta_deg])
        assert error @ np.linalg.inv(np.array(fix.covariance)) @ error < 16.0


@pytest.mark.parametrize("trouble", [{"bleed": 0.3}, {"neighbour_um": 150.0}, {"bleed": 0.2, "neighbour_um": 400.0}])
def test_flux_run_out_and_a_close_neighbour_do_not_move_the_outline(trouble):
    for seed in range(2):
        x_um, y_um, theta_deg = np.random.default_rng(seed).uniform(-1, 1, 3) * (80, 80, 0.5)
        shots = site_shots(seed, 0.0, 0.0, 0.0, body_um=14000.0, top=(x_um, y_um, theta_deg, 12000.0), **trouble)
        fix = verify_placed(shots, 12000.0, 12000.0, search_um=120.0)
        assert fix.status == "found", fix.reasons
        error = np.array([fix.x_um - x_um, fix.y_um - y_um, fix.theta_deg - theta_deg])
        assert np.abs(error[:2]).max() < 0.4
        assert error @ np.linalg.inv(np.array(fix.covariance)) @ error < 16.0


def test_no_body_wrong_body_or_unseen_edges_are_refused(stacked):
    assert verify_placed(site_shots(1, 0.0, 0.0, 0.0), 12000.0, 12000.0).status == "refused"
    assert verify_placed(stacked, 11600.0, 11600.0).status == "refused"
    one_side = verify_placed(site_shots(1, 0.0, 0.0, 0.0, top=(0.0, 0.0, 0.0, 12000.0), centres=((0.0, 0.0),)),
                             12000.0, 12000.0)  # fmt: skip
    assert one_side.status == "refused"
    assert "in view" in one_side.reasons[0]


def test_every_ball_left_its_mark_in_the_film():
    finding = check_imprint(imprint_shots(1, 60.0, -50.0, 0.5), BALLS_IN_FILM)
    assert finding.status == "found"
    assert finding.missing == ()
    assert finding.found_count == 168
    assert abs(finding.x_um - 60.0) < 1.0


def test_marks_that_are_not_there_are_named():
    without = set(BALLS_IN_FILM.names[40:47])
    finding = check_imprint(imprint_shots(2, 0.0, 0.0, 0.0, without=without), BALLS_IN_FILM)
    assert set(finding.missing) == without
    dry = check_imprint(imprint_shots(2, 0.0, 0.0, 0.0, dry_um=(5300.0, 5300.0, 800.0)), BALLS_IN_FILM)
    near = np.hypot(BALLS_IN_FILM.x_um - 5300.0, BALLS_IN_FILM.y_um - 5300.0) < 600.0
    assert {name for name, is_near in zip(BALLS_IN_FILM.names, near) if is_near} <= set(dry.missing)


def test_film_without_a_print_is_refused():
    assert check_imprint(imprint_shots(3, 0.0, 0.0, 0.0, blank=True), BALLS_IN_FILM).status == "refused"
