"""The top package on the up camera: where its balls lie, and what is wrong with them."""

import dataclasses

import cv2
import numpy as np
import pytest

from tests.benchmarks.vision.long import attempt
from tests.vision.scenes import POP_152, POP_168, POP_216, PackagePart, perimeter_map, to_px, turned
from vision import inspection
from vision.errors import BadRequest
from vision.frame import Frame
from vision.inspection import inspect_package
from vision.lattice import CoarsePose, in_step
from vision.maps import BallMap
from vision.pose import apply_pose, fit_rigid
from vision.results import Pose

SMALL = perimeter_map(11, 2, 500.0, 320.0, without=("R11C1",))
SMALL_OPTICS = {"shape": (900, 960), "traces": 30}


def small_part(seed, **kw):
    return PackagePart(SMALL, seed=seed, body_um=6200.0, **kw)


def states(fix, *kinds):
    return {ball.name for ball in fix.balls if ball.state in kinds}


def errors(fix, truth):
    turn = (fix.theta_deg - truth.theta_deg + 180.0) % 360.0 - 180.0
    return np.array([fix.x_um - truth.x_um, fix.y_um - truth.y_um, turn])


@pytest.mark.parametrize(
    ("ball_map", "body_um", "x_um", "y_um", "theta_deg"),
    [(POP_168, 12000.0, 940.0, -870.0, 94.8), (POP_216, 12000.0, -1000.0, 400.0, -178.0),
     (POP_152, 14000.0, 420.0, 900.0, -4.5)],
)  # fmt: skip
def test_every_package_type_is_found_within_a_third_of_a_micrometre(ball_map, body_um, x_um, y_um, theta_deg):
    part = PackagePart(ball_map, seed=5, body_um=body_um, missing=ball_map.names[30:33])
    frame, truth = part.draw(x_um, y_um, theta_deg)
    fix = inspect_package(frame, ball_map)
    assert fix.status == "found", fix.reasons
    error = errors(fix, truth)
    assert np.abs(error[:2]).max() < 0.05
    assert abs(error[2]) < 0.001
    assert states(fix, "missing") == set(ball_map.names[30:33])
    assert states(fix, "bridged", "deformed", "extra") == set()
    assert fix.found_count == ball_map.count - 3


def test_claimed_covariance_is_true_over_twenty_pictures():
    squares, halves = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        pose = (rng.uniform(-300, 300), rng.uniform(-300, 300), rng.uniform(-5, 5))
        frame, truth = small_part(seed).draw(*pose, noise=2.0, **SMALL_OPTICS)
        fix = inspect_package(frame, SMALL)
        assert fix.status == "found", fix.reasons
        error = errors(fix, truth)
        squares.append(error @ np.linalg.inv(np.array(fix.covariance)) @ error)
        halves.append(half_difference(frame, fix))
    assert 1.2 < np.mean(squares) < 6.0  # three degrees of freedom
    assert np.mean(halves) < 3.0


def half_difference(frame, fix):
    """Ball placement scatter is the same in both pictures of one part, so halves are compared against it."""
    xy = frame.to_um(np.array([(ball.x_px, ball.y_px) for ball in fix.balls]))
    one, two = (fit_rigid(SMALL.xy_um[k::2], xy[k::2]) for k in (0, 1))
    sigma = np.sqrt(np.diag(one.covariance) + np.diag(two.covariance))
    return np.abs((np.array([one.x_um - two.x_um, one.y_um - two.y_um, one.theta_deg - two.theta_deg])) / sigma).max()


def test_light_from_one_side_does_not_move_the_array():
    frame, truth = small_part(1).draw(100.0, 50.0, 1.0, tilt=(0.2, 0.0), **SMALL_OPTICS)
    fix = inspect_package(frame, SMALL)
    assert np.abs(errors(fix, truth)[:2]).max() < 0.2


def test_noise_defocus_and_gradient_are_survived():
    for optics in ({"noise": 16.0}, {"blur_px": 3.0}, {"gradient": 0.6}):
        frame, truth = small_part(2).draw(-150.0, 80.0, -2.0, **optics, **SMALL_OPTICS)
        fix = inspect_package(frame, SMALL)
        assert fix.status == "found", (optics, fix.reasons)
        assert np.abs(errors(fix, truth)[:2]).max() < 0.3, optics


def test_heavy_substrate_is_found_or_refused_but_never_wrong():
    found = 0
    for seed in range(4):
        frame, truth = small_part(seed).draw(
            60.0, 20.0, 3.0, shape=(900, 960), level=60.0, low=8.0, traces=150, trace_level=25.0
        )
        fix = inspect_package(frame, SMALL)
        if fix.status == "found":
            found += 1
            assert np.abs(errors(fix, truth)[:2]).max() < 0.5
    assert found >= 3


def test_shifted_picture_moves_the_answer_by_exactly_as_much(dry):
    frame, _ = dry
    one = inspect_package(frame, POP_168)
    two = inspect_package(Frame(np.roll(frame.pixels, (5, -7), axis=(0, 1)), 8.0), POP_168)
    assert two.x_um - one.x_um == pytest.approx(-56.0, abs=0.01)
    assert two.y_um - one.y_um == pytest.approx(-40.0, abs=0.01)
    assert two.theta_deg == pytest.approx(one.theta_deg, abs=1e-4)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_turned_picture_turns_the_answer_and_keeps_the_names(dry, quarter):
    frame, _ = dry
    one = inspect_package(frame, POP_168)
    two = inspect_package(Frame(np.ascontiguousarray(np.rot90(frame.pixels, quarter)), 8.0), POP_168)
    assert two.status == "found"
    assert (two.theta_deg - one.theta_deg - 90 * quarter + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-3)
    offsets = np.array([[a.offset_um, b.offset_um] for a, b in zip(one.balls, two.balls)])
    assert np.abs(offsets[:, 0] - offsets[:, 1]).max() < 0.6


def test_half_the_light_gives_the_same_answer(dry):
    frame, truth = dry
    dim = Frame((frame.pixels * 0.5).astype(np.uint8), 8.0)
    fix = inspect_package(dim, POP_168)
    assert fix.status == "found"
    assert np.abs(errors(fix, truth)[:2]).max() < 0.1
    assert states(fix, "missing", "bridged", "deformed", "extra") == set()


def test_painted_out_balls_are_exactly_those_reported_missing(dry):
    frame, truth = dry
    pixels = frame.pixels.copy()
    gone = [0, 22, 45, 90, 91, 167]
    for col, row in to_px(truth.centres_um[gone], pixels.shape, 8.0):
        r, c = int(row), int(col)
        pixels[r - 26 : r + 27, c - 26 : c + 27] = 38
    before, after = inspect_package(frame, POP_168), inspect_package(Frame(pixels, 8.0), POP_168)
    assert after.status == "found"
    assert states(after, "missing") == {POP_168.names[k] for k in gone}
    moved = [abs(a.x_px - b.x_px) + abs(a.y_px - b.y_px) for a, b in zip(before.balls, after.balls)
             if b.state == "ok"]  # fmt: skip
    assert max(moved) < 0.02


@pytest.mark.parametrize(("every", "is_looked_for_again"), [(8, False), (2, True)])
def test_a_part_that_lost_some_balls_is_looked_for_once_and_one_that_lost_many_again(
    dry, monkeypatch, every, is_looked_for_again
):
    frame, truth = dry
    pixels, lost = frame.pixels.copy(), POP_168.names[5:160:every]
    for name in lost:
        col, row = np.rint(frame.to_px(truth.centres_um)[POP_168.names.index(name)]).astype(int)
        cv2.circle(pixels, (int(col), int(row)), 22, 60, -1)
    calls = []
    monkeypatch.setattr(inspection, "ring_blobs", lambda *given: calls.append(given) or np.empty((0, 2)))
    fix = inspect_package(Frame(pixels, 8.0), POP_168)
    assert bool(calls) == is_looked_for_again
    if not is_looked_for_again:
        assert fix.status == "found"
        assert states(fix, "missing") == set(lost)


def test_bridge_extra_ball_and_pad_are_told_apart():
    part = PackagePart(POP_168, seed=8, missing=("R23C5",))
    frame, _ = part.draw(0.0, 0.0, 0.5, bridges=[("R10C1", "R9C1")], extras_um=[(500.0, 1000.0)])
    fix = inspect_package(frame, POP_168)
    assert states(fix, "bridged") == {"R10C1", "R9C1"}
    assert states(fix, "missing") == {"R23C5"}
    assert len(states(fix, "extra")) == 1


def test_missing_side_is_refused_and_named():
    left = [name for name, x in zip(SMALL.names, SMALL.x_um) if x < -2200.0]
    frame, _ = small_part(4, missing=tuple(left[1:])).draw(**SMALL_OPTICS)
    fix = inspect_package(frame, SMALL)
    assert fix.status == "refused"
    assert any("left side: 1 of 10" in reason for reason in fix.reasons)
    assert np.isnan(fix.x_um)


def test_another_part_of_the_same_pitch_is_refused_by_its_count():
    other = perimeter_map(10, 2, 500.0, 320.0)
    frame, _ = PackagePart(other, seed=1, body_um=6200.0).draw(**SMALL_OPTICS)
    fix = inspect_package(frame, SMALL)
    assert fix.status == "refused"
    frame, _ = PackagePart(perimeter_map(9, 2, 600.0, 320.0), seed=1, body_um=6200.0).draw(**SMALL_OPTICS)
    assert inspect_package(frame, SMALL).status == "refused"


def test_array_partly_outside_the_picture_is_refused(dry):
    frame, _ = dry
    cut = Frame(np.ascontiguousarray(frame.pixels[:, 700:]), 8.0)
    fix = inspect_package(cut, POP_168)
    assert fix.status == "refused"


def test_one_free_corner_tells_the_turn_and_its_loss_does_not_mislead():
    for theta_deg in (91.0, 179.0):
        frame, truth = small_part(6).draw(0.0, 0.0, theta_deg, **SMALL_OPTICS)
        fix = inspect_package(frame, SMALL)
        assert fix.status == "found"
        assert abs(errors(fix, truth)[2]) < 0.01
        assert fix.turn_margin == pytest.approx(4.0)  # a missing ball and one where none belongs
    frame, _ = small_part(6, missing=("R1C11",)).draw(0.0, 0.0, 91.0, **SMALL_OPTICS)
    fix = inspect_package(frame, SMALL)
    assert fix.status == "ambiguous"
    assert "turn undecided" in fix.reasons[0]
    frame, _ = small_part(6, missing=("R1C11", "R6C1")).draw(0.0, 0.0, 91.0, **SMALL_OPTICS)
    known = inspect_package(frame, SMALL, expected=Pose(0.0, 0.0, 90.0), turn_known=True)
    assert known.status == "found"
    assert states(known, "missing") == {"R1C11", "R6C1"}


def test_dirt_on_the_free_corner_and_a_lost_ball_elsewhere_never_name_a_wrong_turn():
    corner = SMALL.xy_um.min(axis=0)
    free_um = (corner[0], corner[1])
    assert not (np.hypot(*(SMALL.xy_um - free_um).T) < 1.0).any()
    seen = set()
    for seed in range(6):
        part = small_part(seed, missing=("R1C11",))
        frame, truth = part.draw(0.0, 0.0, 91.0, **SMALL_OPTICS)
        pixels = frame.pixels.copy()
        at = to_px(turned(np.array([free_um]), 91.0), pixels.shape, 8.0)[0]
        cv2.circle(pixels, (round(at[0]), round(at[1])), 6 + 3 * seed, 120 + 20 * seed, -1)
        fix = inspect_package(Frame(cv2.GaussianBlur(pixels, (0, 0), 0.8), 8.0), SMALL)
        seen.add(fix.status)
        assert fix.status != "found" or abs(errors(fix, truth)[2]) < 1.0
    assert "ambiguous" in seen


def scattered_map(seed, count=50):
    """Balls on no lattice, nowhere closer than 480 um."""
    rng = np.random.default_rng(seed)
    places = []
    while len(places) < count:
        place = rng.uniform(-2400, 2400, 2)
        if all(np.hypot(*(place - other)) > 480 for other in places):
            places.append(place)
    x, y = np.array(places).T
    return BallMap(tuple(str(k) for k in range(count)), x, y, np.full(count, 320.0))


@pytest.mark.parametrize("theta_deg", [3.0, 137.0, -101.0])
def test_balls_on_no_lattice_are_found_in_any_turn(theta_deg):
    ball_map = scattered_map(4)
    part = PackagePart(ball_map, seed=2, body_um=6800.0, missing=("7", "21"))
    frame, truth = part.draw(-210.0, 160.0, theta_deg, **SMALL_OPTICS)
    fix = inspect_package(frame, ball_map)
    assert fix.status == "found", fix.reasons
    assert np.abs(errors(fix, truth)[:2]).max() < 0.1
    assert states(fix, "missing") == {"7", "21"}
    assert inspect_package(frame, scattered_map(5)).status == "refused"


@pytest.mark.parametrize("scale", [0.97, 1.03])
def test_a_scale_off_by_three_per_cent_is_measured(scale):
    frame, truth = small_part(3).draw(150.0, -90.0, 17.0, **SMALL_OPTICS)
    fix = inspect_package(Frame(frame.pixels, 8.0 * scale), SMALL, scale_tolerance=0.035)
    assert fix.status == "found", fix.reasons
    assert fix.scale_ratio == pytest.approx(scale, abs=5e-4)  # the balls scatter
    assert fix.x_um / scale == pytest.approx(truth.x_um, abs=0.1)
    assert fix.y_um / scale == pytest.approx(truth.y_um, abs=0.1)
    assert inspect_package(Frame(frame.pixels, 8.0 * scale), SMALL).status == "refused"


def test_an_origin_beside_the_balls_is_claimed_only_as_well_as_their_size_is_known():
    away_um = np.array([1500.0, 800.0])
    drawing = dataclasses.replace(SMALL, x_um=SMALL.x_um - away_um[0], y_um=SMALL.y_um - away_um[1])
    squares = []
    for seed in range(12):
        frame, truth = small_part(seed).draw(100.0, -60.0, 4.0, noise=2.0, **SMALL_OPTICS)
        fix = inspect_package(Frame(frame.pixels, 8.0 * 1.008), drawing)
        assert fix.status == "found", fix.reasons
        origin_um = 1.008 * turned(away_um[None], truth.theta_deg, truth.x_um, truth.y_um)[0]
        off_um = np.array([fix.x_um, fix.y_um]) - origin_um
        squares.append(off_um @ np.linalg.solve(np.array(fix.covariance)[:2, :2], off_um) / 2)
    assert 0.4 < np.mean(squares) < 2.0, squares


@pytest.mark.parametrize("number", [2_000_264, 1_000_234, 2_625])
def test_an_array_whose_first_look_lies_a_row_off_or_lacks_a_corner_is_found(number):
    """A full array and five rows about the rim on copper as bright as balls; a corner ball beside a blob."""
    tally = attempt(number)
    assert tally.status == "found"
    assert not tally.is_silent_failure
    assert (tally.balls_missed, tally.balls_false) == (0, 0)


def test_a_placement_whole_pitches_off_is_put_in_step_and_a_right_one_stays():
    rng = np.random.default_rng(4)
    true = CoarsePose(Pose(130.0, -70.0, 12.0), 1.01, 1.0)
    blobs_um = apply_pose(true.pose, 1.01 * SMALL.xy_um) + rng.normal(0, 8.0, (SMALL.count, 2))
    blobs_um = np.vstack([blobs_um[5:], rng.uniform(-4000, 4000, (150, 2))])
    assert in_step(true, blobs_um, SMALL).pose == true.pose
    away = apply_pose(true.pose, 1.01 * np.array([[2000.0, -1500.0]]))[0]
    found = in_step(CoarsePose(Pose(away[0], away[1], 12.0), 1.01, 0.4), blobs_um, SMALL)
    assert (found.pose.x_um, found.pose.y_um) == pytest.approx((130.0, -70.0), abs=1e-6)


def test_symmetric_array_without_a_readable_mark_is_ambiguous(part):
    frame, _ = part.draw(0.0, 0.0, 1.0, mark_level=0.0)
    fix = inspect_package(frame, POP_168)
    assert fix.status == "ambiguous"
    assert fix.turn_margin == 0.0
    plain = dataclasses.replace(POP_168, a1_x_um=None, a1_y_um=None, a1_diameter_um=None)
    assert inspect_package(frame, plain).status == "ambiguous"


def test_two_discs_that_could_be_the_turn_mark_are_ambiguous(dry):
    frame, truth = dry
    pixels = frame.pixels.copy()
    rival = turned(np.array([[3500.0, 3500.0]]), truth.theta_deg, truth.x_um, truth.y_um)
    col, row = to_px(rival, pixels.shape, 8.0)[0]
    cv2.circle(pixels, (round(col), round(row)), 31, 125, -1)
    assert inspect_package(frame, POP_168).status == "found"
    fix = inspect_package(Frame(pixels, 8.0), POP_168)
    assert fix.status == "ambiguous"
    assert "not readable" in fix.reasons[0]


@pytest.mark.parametrize(
    ("level", "word"), [(0, "dark"), (255, "saturated"), (120, "without content"), (None, "no array")]
)
def test_picture_without_a_package_is_refused_in_plain_words(level, word):
    rng = np.random.default_rng(0)
    pixels = (
        rng.integers(20, 200, (900, 960), dtype=np.uint8) if level is None else np.full((900, 960), level, np.uint8)
    )
    fix = inspect_package(Frame(pixels, 8.0), SMALL)
    assert fix.status == "refused"
    assert word in fix.reasons[0]


def test_blurred_picture_is_refused_in_plain_words():
    frame, _ = small_part(2).draw(blur_px=9.0, **SMALL_OPTICS)
    fix = inspect_package(frame, SMALL)
    assert fix.status == "refused"
    assert any("blurred" in reason for reason in fix.reasons)


def test_senseless_requests_are_errors(dry):
    frame, _ = dry
    with pytest.raises(BadRequest, match="scale"):
        inspect_package(frame, POP_168, scale_tolerance=float("nan"))
    with pytest.raises(BadRequest, match="turn"):
        inspect_package(frame, POP_168, turn_known=True)
    with pytest.raises(BadRequest, match="finite"):
        inspect_package(frame, POP_168, expected=Pose(float("nan"), 0.0, 0.0))


def test_an_extra_ball_in_the_dim_part_of_an_uneven_field_is_named():
    """The fast look takes spots from a third of the typical light: the array's own balls are found without it there."""
    frame, _ = PackagePart(POP_168, seed=5, body_um=13_500.0).draw(0.0, 0.0, 1.0, extras_um=[(-6100.0, -5900.0)])
    rows, cols = frame.pixels.shape
    y, x = np.mgrid[1 : -1 : rows * 1j, -1 : 1 : cols * 1j]
    pixels = np.round(frame.pixels * (0.6 + 0.2 * (x + y))).clip(0, 255).astype(np.uint8)
    for lit in (frame, Frame(pixels, frame.um_per_px)):
        fix = inspect_package(lit, POP_168)
        assert fix.status == "found", fix.reasons
        (extra,) = (ball for ball in fix.balls if ball.state == "extra")
        at = to_px(turned(np.array([[-6100.0, -5900.0]]), 1.0), frame.pixels.shape, 8.0)[0]
        assert (extra.x_px, extra.y_px) == pytest.approx(at, abs=1.0)


@pytest.mark.parametrize("seed", [1, 3])
def test_a_dull_ball_lit_from_one_side_in_the_dim_part_of_an_uneven_field_is_whole(seed):
    """Half as bright as the typical ball of the picture, and no brighter than a bare land in the bright part."""
    part = PackagePart(POP_168, seed=seed, missing=("R9C22",))
    dull = [POP_168.names.index(name) for name in ("R11C1", "R14C1", "R6C2")]
    part.reflect[dull] = 0.85
    tilts = np.full((POP_168.count, 1), 0.02)
    tilts[dull] = 0.2
    for gradient in (0.0, 0.8):
        frame, _ = part.draw(40.0, -60.0, 1.7, shape=(1700, 1700), gradient=gradient, tilt_scatter=tilts)
        fix = inspect_package(frame, POP_168)
        assert fix.status == "found", fix.reasons
        assert {ball.name: ball.state for ball in fix.balls if ball.state != "ok"} == {"R9C22": "missing"}


def test_what_is_searched_of_a_huge_picture_of_noise_is_bounded(monkeypatch):
    """40 million pixels of noise with balls of 4 px took 8 s; time itself belongs to the benchmarks."""
    searched, search = [], cv2.matchTemplate

    def counted(picture, *rest):
        searched.append(picture.size)
        return search(picture, *rest)

    monkeypatch.setattr(cv2, "matchTemplate", counted)
    noise = np.random.default_rng(3).integers(0, 256, (4000, 6000), dtype=np.uint8)
    fix = inspect_package(Frame(noise, 40.0), POP_168, polarity="auto")
    assert fix.status == "refused"
    assert len(searched) >= 4, "both looks at both polarities"
    assert max(searched) <= 6_000_000
    assert sum(searched) <= 24_000_000
