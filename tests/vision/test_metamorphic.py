"""What is done to a picture must be found again in the answer: no truth is needed, so it holds for any renderer."""

import cv2
import numpy as np
import pytest

from tests.vision.scenes import PackagePart, perimeter_map, to_px
from vision.frame import Frame
from vision.inspection import inspect_package
from vision.maps import BallMap
from vision.pose import fit_rigid

UM_PER_PX = 8.0
MAP = perimeter_map(11, 2, 500.0, 320.0, without=("R11C1",))


def drawn(seed=1, pose=(60.0, -35.0, 2.5), shape=(900, 960), **optics):
    return PackagePart(MAP, seed=seed, body_um=6200.0).draw(*pose, shape=shape, traces=30, **optics)


def found(pixels, um_per_px=UM_PER_PX, ball_map=MAP, **request):
    fix = inspect_package(Frame(np.ascontiguousarray(pixels), um_per_px), ball_map, **request)
    assert fix.status == "found", fix.reasons
    return fix


def turned_by(one, two):
    return (two.theta_deg - one.theta_deg + 180.0) % 360.0 - 180.0


@pytest.fixture(scope="module")
def picture():
    return drawn()[0].pixels


@pytest.fixture(scope="module")
def plain(picture):
    return found(picture)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_quarter_turn_of_the_picture_turns_pose_and_every_ball_with_it(picture, plain, quarter):
    fix = found(np.rot90(picture, quarter))
    assert abs((turned_by(plain, fix) - 90.0 * quarter + 180) % 360 - 180) < 2e-4
    x, y = plain.x_um, plain.y_um
    wanted = ((-y, x), (-x, -y), (y, -x))[quarter - 1]
    assert (fix.x_um, fix.y_um) == pytest.approx(wanted, abs=0.01)
    assert [ball.state for ball in fix.balls] == [ball.state for ball in plain.balls]


def test_an_angle_between_quarter_turns_is_followed_within_what_resampling_costs(picture, plain):
    picture = np.pad(picture, 200, constant_values=8)
    rows, cols = picture.shape
    turn = cv2.getRotationMatrix2D(((cols - 1) / 2, (rows - 1) / 2), 31.0, 1.0)
    fix = found(cv2.warpAffine(picture, turn, (cols, rows), flags=cv2.INTER_CUBIC, borderValue=8))
    assert turned_by(plain, fix) == pytest.approx(31.0, abs=1e-3)
    cos, sin = np.cos(np.radians(31.0)), np.sin(np.radians(31.0))
    wanted = (cos * plain.x_um - sin * plain.y_um, sin * plain.x_um + cos * plain.y_um)
    assert (fix.x_um, fix.y_um) == pytest.approx(wanted, abs=0.03)


def test_a_shift_by_whole_pixels_moves_the_answer_by_exactly_as_much(picture, plain):
    for down, right in ((5, -7), (-20, 11)):
        fix = found(np.roll(picture, (down, right), axis=(0, 1)))
        assert fix.x_um - plain.x_um == pytest.approx(right * UM_PER_PX, abs=1e-3)
        assert fix.y_um - plain.y_um == pytest.approx(-down * UM_PER_PX, abs=1e-3)
        assert turned_by(plain, fix) == pytest.approx(0.0, abs=5e-5)


@pytest.mark.parametrize("shift_px", [0.25, 0.5, 0.8])
def test_a_shift_by_a_part_of_a_pixel_is_followed_to_a_thousandth(picture, plain, shift_px):
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(picture.shape[1]) * shift_px)
    moved = np.fft.irfft(np.fft.rfft(picture.astype(float), axis=1) * phase, picture.shape[1], axis=1)
    fix = found(np.clip(np.round(moved), 0, 255).astype(np.uint8))
    assert (fix.x_um - plain.x_um) / UM_PER_PX == pytest.approx(shift_px, abs=2e-3)
    assert (fix.y_um - plain.y_um) / UM_PER_PX == pytest.approx(0.0, abs=1e-3)


def test_another_scale_scales_positions_and_is_measured(picture, plain):
    fix = found(picture, UM_PER_PX * 1.02, scale_tolerance=0.03)
    assert fix.scale_ratio / plain.scale_ratio == pytest.approx(1.02, abs=1e-4)
    assert (fix.x_um / 1.02, fix.y_um / 1.02) == pytest.approx((plain.x_um, plain.y_um), abs=0.02)


def test_a_crop_moves_the_origin_and_nothing_else(picture, plain):
    fix = found(picture[40:, 62:])
    assert fix.x_um - plain.x_um == pytest.approx(-31.0 * UM_PER_PX, abs=0.01)
    assert fix.y_um - plain.y_um == pytest.approx(20.0 * UM_PER_PX, abs=0.01)
    moved = [(a.x_px - b.x_px + 62.0, a.y_px - b.y_px + 40.0) for a, b in zip(fix.balls, plain.balls)]
    assert np.abs(moved).max() < 0.02


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (1.15, 0.0), (0.8, 20.0)])
def test_gain_and_black_level_change_nothing(picture, plain, gain, offset):
    fix = found(np.clip(picture * gain + offset, 0, 255).astype(np.uint8))
    sigma = np.sqrt(np.diag(np.array(plain.covariance)) + np.diag(np.array(fix.covariance)))
    difference = np.array([fix.x_um - plain.x_um, fix.y_um - plain.y_um, turned_by(plain, fix)])
    assert (np.abs(difference) < 5 * sigma).all()
    assert {ball.state for ball in fix.balls} == {"ok"}


def test_blur_does_not_move_the_array_and_raises_the_claimed_sigma(picture, plain):
    fix = found(cv2.GaussianBlur(picture, (0, 0), 2.0))
    assert (fix.x_um, fix.y_um) == pytest.approx((plain.x_um, plain.y_um), abs=0.06)
    assert turned_by(plain, fix) == pytest.approx(0.0, abs=1e-3)


def test_mirrored_negative_and_halved_light_at_once_still_find_their_own_map(picture, plain):
    negative = 255 - (picture // 2 + 20)
    fix = found(negative, polarity="auto")
    assert fix.polarity == "dark"
    assert plain.polarity == "bright"
    assert (fix.x_um, fix.y_um) == pytest.approx((plain.x_um, plain.y_um), abs=0.03)
    other_side = found(np.fliplr(picture), ball_map=MAP.mirrored())
    assert (other_side.x_um, other_side.y_um) == pytest.approx((-plain.x_um, plain.y_um), abs=0.01)


@pytest.mark.parametrize("count", [1, 5, 12])
def test_painted_out_balls_are_those_missing_and_the_others_stay(picture, plain, count):
    chosen = sorted(np.random.default_rng(count).choice(np.arange(4, MAP.count - 4), count, replace=False).tolist())
    painted = picture.copy()
    for k in chosen:
        col, row = round(plain.balls[k].x_px), round(plain.balls[k].y_px)
        cv2.circle(painted, (col, row), 25, 38, -1)
    fix = found(painted)
    assert {ball.name for ball in fix.balls if ball.state == "missing"} == {MAP.names[k] for k in chosen}
    moved = [np.hypot(a.x_px - b.x_px, a.y_px - b.y_px) for a, b in zip(fix.balls, plain.balls) if a.state == "ok"]
    assert len(moved) == MAP.count - count
    assert np.quantile(moved, 0.9) < 0.003
    assert max(moved) < 0.02


def test_two_halves_of_one_array_agree_within_the_claimed_sigma():
    """The same balls twice, in other places of the pixels: scatter of the part drops out, noise and model remain."""
    squares = []
    for seed in range(16):
        one, first = drawn(seed, (10.3 * seed, -7.1 * seed, 0.2 * seed), noise=2.0)
        two, second = drawn(seed, (-9.7 * seed, 5.3 * seed, -0.3 * seed), noise=2.0)
        fixes = [inspect_package(picture, MAP) for picture in (one, two)]
        errors = [
            positions(f, fix) - truth.centres_um for f, fix, truth in ((one, fixes[0], first), (two, fixes[1], second))
        ]
        for k, (fix, error) in enumerate(zip(fixes, errors)):
            half = np.arange(MAP.count) % 2 == k % 2
            parts = [fit_rigid(MAP.xy_um[rows], MAP.xy_um[rows] + error[rows]) for rows in (half, ~half)]
            # In x and y the halves share what light and size leave open: their turns are compared.
            squares.append((parts[0].theta_deg - parts[1].theta_deg) ** 2 / (4.0 * fix.covariance[2][2]))
    assert 0.5 < np.mean(squares) < 1.8, np.mean(squares)


def positions(frame, fix):
    return frame.to_um(np.array([(ball.x_px, ball.y_px) for ball in fix.balls[: MAP.count]]))


def test_balls_too_near_the_border_to_be_measured_are_not_called_good(picture):
    left = int(min(to_px(MAP.xy_um, picture.shape, UM_PER_PX)[:, 0]))
    for cut in range(left - 14, left + 16, 5):
        fix = inspect_package(Frame(np.ascontiguousarray(picture[:, cut:]), UM_PER_PX), MAP)
        if fix.status == "found":
            assert max(ball.offset_um for ball in fix.balls) < 60.0
            assert fix.found_count == MAP.count
        else:
            assert any("outside" in reason or "left side" in reason for reason in fix.reasons), fix.reasons


def test_negatives_refuse():
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 255, (900, 960), dtype=np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 12).astype(np.float32)
    clouds = np.clip((smooth - 127) * 30 + 120, 0, 255).astype(np.uint8)
    stripes = np.tile((60 + 120 * (np.arange(960) % 62 < 31)).astype(np.uint8), (900, 1))
    part = PackagePart(perimeter_map(9, 2, 560.0, 320.0), seed=1, body_um=6200.0)
    other = part.draw(shape=(900, 960), traces=30)[0].pixels
    for pixels in (noise, clouds, stripes, other):
        for polarity in ("bright", "dark", "auto"):
            fix = inspect_package(Frame(pixels, UM_PER_PX), MAP, polarity=polarity)
            assert fix.status == "refused"
            assert fix.reasons
            assert np.isnan(fix.x_um)


def test_bare_lands_are_no_balls():
    for blur_px in (1.0, 2.0):
        picture = np.full((900, 960), 38.0, np.float32)
        for col, row in to_px(MAP.xy_um, picture.shape, UM_PER_PX):
            cv2.circle(picture, (round(col * 16), round(row * 16)), 16 * 16, 70.0, -1, cv2.LINE_AA, 4)
        noise = np.random.default_rng(1).normal(0, 1.0, picture.shape)
        pixels = np.clip(np.round(cv2.GaussianBlur(picture, (0, 0), blur_px) + noise), 0, 255).astype(np.uint8)
        fix = inspect_package(Frame(pixels, UM_PER_PX), MAP)
        assert fix.status == "refused"
        assert "bare lands" in fix.reasons[0], fix.reasons


def test_balls_too_small_for_the_pixels_are_refused_not_guessed():
    """0.24 mm pitch and 0.12 mm wires: enough pixels at 7 um, not at 40."""
    bva = perimeter_map(21, 3, 240.0, 120.0, without=("R21C1",))
    part = PackagePart(bva, seed=1, body_um=5400.0, scatter_um=3.0)
    frame, truth = part.draw(20.0, 30.0, 1.0, shape=(900, 960), um_per_px=7.0, traces=20)
    fix = found(frame.pixels, 7.0, bva)
    assert np.hypot(fix.x_um - truth.x_um, fix.y_um - truth.y_um) < 0.1
    coarse, _ = part.draw(20.0, 30.0, 1.0, shape=(180, 192), um_per_px=40.0, traces=2, blur_px=0.8)
    assert inspect_package(coarse, bva).status == "refused"


def test_a_map_keeps_its_answer_when_its_sites_are_listed_in_another_order(picture, plain):
    order = np.random.default_rng(0).permutation(MAP.count)
    shuffled = BallMap(tuple(MAP.names[k] for k in order), MAP.x_um[order], MAP.y_um[order], MAP.diameter_um[order])
    fix = found(picture, ball_map=shuffled)
    assert (fix.x_um, fix.y_um, fix.theta_deg) == pytest.approx((plain.x_um, plain.y_um, plain.theta_deg), abs=1e-3)
    places = {ball.name: (ball.x_px, ball.y_px) for ball in plain.balls}
    assert all((ball.x_px, ball.y_px) == pytest.approx(places[ball.name], abs=1e-3) for ball in fix.balls)
