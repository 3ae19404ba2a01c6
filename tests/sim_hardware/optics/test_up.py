"""Where things land in the up camera's picture, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim_hardware.optics import tip, up
from sim_hardware.optics.lens import Lens, undistorted_px
from sim_hardware.optics.scenes import Light, TipView, UpScene
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.things import PackageTruth
from tests.sim_hardware.optics.parts import UP, centroid_um, dip, level_at, package, package_type, ring_means, square


def picture(scene: UpScene, camera: CameraTruth = UP, fidelity: Fidelity = Fidelity.IDEAL) -> np.ndarray:
    return up.render(scene, camera, fidelity, np.random.default_rng(1))


def one_ball(x_um: float, y_um: float) -> PackageTruth:
    return package(package_type({"A1": (x_um, y_um)}, 3_000.0))


def test_at_theta_zero_a_ball_appears_where_the_drawing_from_below_has_it() -> None:
    image = picture(UpScene(one_ball(503.7, -307.1)))
    assert centroid_um(image, UP, 503.7, -307.1, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx((503.7, -307.1), abs=0.1)


def test_a_ball_out_of_its_place_is_drawn_where_it_truly_is() -> None:
    part = one_ball(503.7, -307.1)
    part.balls[0].dx_um, part.balls[0].dy_um = 21.3, -13.7
    image = picture(UpScene(part))
    assert centroid_um(image, UP, 525.0, -320.8, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx((525.0, -320.8), abs=0.1)


def test_a_move_to_machine_right_is_a_move_to_image_left() -> None:
    image = picture(UpScene(one_ball(0.0, 0.0), x_um=200.0, y_um=120.0))
    assert centroid_um(image, UP, -200.0, 120.0, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx((-200.0, 120.0), abs=0.1)


def test_a_turn_anticlockwise_from_above_is_a_clockwise_turn_of_the_picture() -> None:
    # A ball at image right (600, 0). Nozzle turned by +90: the picture turns by -90, the ball comes to (0, -600).
    image = picture(UpScene(one_ball(600.0, 0.0), theta_deg=90.0))
    assert centroid_um(image, UP, 0.0, -600.0, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx((0.0, -600.0), abs=0.1)
    # By hand for +30: (600 cos 30, -600 sin 30) = (519.615, -300).
    image = picture(UpScene(one_ball(600.0, 0.0), theta_deg=30.0))
    assert centroid_um(image, UP, 519.6, -300.0, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx((519.615, -300.0), abs=0.1)


def test_hidden_camera_errors_move_turn_and_stretch_the_picture() -> None:
    camera = replace(UP, centre_dx_um=50.0, centre_dy_um=-30.0)
    image = picture(UpScene(one_ball(0.0, 0.0)), camera)
    assert centroid_um(image, UP, 50.0, 30.0, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx((50.0, 30.0), abs=0.1)
    # The sensor turned by +10 seen from above is turned by -10 in its own view, so the picture turns by +10:
    # (600 cos 10, 600 sin 10) = (590.885, 104.189).
    image = picture(UpScene(one_ball(600.0, 0.0)), replace(UP, rotation_deg=10.0))
    expected = (590.885, 104.189)
    assert centroid_um(image, UP, *expected, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx(expected, abs=0.1)
    # 600 um at 8.08 um per px are 74.257 px, which a camera believed to have 8 um per px reads as 594.06 um.
    image = picture(UpScene(one_ball(600.0, 0.0)), replace(UP, um_per_px=8.08))
    assert centroid_um(image, UP, 594.06, 0.0, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx((594.06, 0.0), abs=0.1)


def test_distortion_moves_balls_and_substrate_alike() -> None:
    # Half diagonal 256.1 px; at 1,000 um = 125 px: 1 + 0.01 * (125 / 256.1)^2 = 1.002382, so 2.38 um outwards.
    camera = replace(UP, distortion_k1=0.01)
    image = picture(UpScene(one_ball(1_000.0, 0.0)), camera)
    assert centroid_um(image, UP, 1_002.4, 0.0, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx((1_002.38, 0.0), abs=0.15)
    straight, bent = (
        picture(UpScene(package(package_type({}, 2_000.0)))),
        picture(UpScene(package(package_type({}, 2_000.0))), camera),
    )
    row = UP.height_px // 2
    width_px = float((straight[row].astype(float) - up.VOID_LEVEL).sum()) / (up.SUBSTRATE_LEVEL - up.VOID_LEVEL)
    bent_px = float((bent[row].astype(float) - up.VOID_LEVEL).sum()) / (up.SUBSTRATE_LEVEL - up.VOID_LEVEL)
    assert (bent_px - width_px) * UP.um_per_px == pytest.approx(2 * 2.38, abs=0.6)


def test_a_lens_off_the_middle_of_the_sensor_bends_about_its_own_centre() -> None:
    # Centre 25 px = 200 um to the right: a ball there stays, one 1,000 um farther on goes out by 2.38 um as above.
    camera = replace(UP, distortion_k1=0.01, distortion_dx_px=25.0)
    for x_um, seen_um in ((200.0, 200.0), (1_200.0, 1_202.38)):
        image = picture(UpScene(one_ball(x_um, 0.0)), camera)
        assert centroid_um(image, UP, seen_um, 0.0, 260.0, up.SUBSTRATE_LEVEL) == pytest.approx(
            (seen_um, 0.0), abs=0.15
        )
    # Surfaces and stamps agree: the mark of the substrate's middle follows the same law.
    x_px, y_px = undistorted_px(camera)
    lens = Lens(camera, looks_up=True)
    back = lens.to_image_px(x_px * UP.um_per_px, y_px * UP.um_per_px)
    columns = np.arange(UP.width_px) - (UP.width_px - 1) / 2
    assert np.abs(back[0] - columns[None, :]).max() < 2e-2


def test_a_ball_shows_a_bright_ring_between_a_dark_core_and_a_dark_limb() -> None:
    image = picture(UpScene(one_ball(0.0, 0.0)))
    rings = ring_means(image, UP, 0.0, 0.0, 160.0)
    # Mirror law: light from 50 to 72 deg shows at rho = sin 25 to sin 36 = 0.42 to 0.59.
    assert int(np.argmax(rings)) in (4, 5)
    assert rings[0] < 20.0
    assert rings[9] < 30.0
    assert 180.0 < image.max() < 230.0


def test_a_missing_ball_leaves_a_grey_pad_at_its_drawn_place() -> None:
    part = package(package_type(square(1_000.0)))
    part.balls[1].present = False
    part.balls[1].dx_um = 40.0
    image = picture(UpScene(part))
    assert level_at(image, UP, 500.0, 500.0) == pytest.approx(up.PAD_LEVEL, abs=1.0)
    assert centroid_um(image, UP, 500.0, 500.0, 200.0, up.SUBSTRATE_LEVEL) == pytest.approx((500.0, 500.0), abs=0.1)


def test_a_bridge_is_a_grey_neck_between_its_two_balls_only() -> None:
    part = package(package_type(square(800.0)))
    part.bridges.append(("upper left", "upper right"))
    image = picture(UpScene(part))
    assert level_at(image, UP, 0.0, 400.0) == pytest.approx(up.BRIDGE_LEVEL, abs=1.0)
    assert level_at(image, UP, 0.0, -400.0) == pytest.approx(up.SUBSTRATE_LEVEL, abs=1.0)


def test_the_turn_mark_and_the_outline_stand_where_the_part_has_them() -> None:
    kind = replace(package_type({}), a1_x_um=-700.0, a1_y_um=600.0, a1_diameter_um=400.0)
    part = package(kind)
    part.body_dx_um = 80.0
    image = picture(UpScene(part))
    found = centroid_um(image, UP, -700.0, 600.0, 260.0, up.SUBSTRATE_LEVEL)
    assert found == pytest.approx((-700.0, 600.0), abs=0.1)
    assert level_at(image, UP, -700.0, 600.0) == pytest.approx(up.A1_LEVEL, abs=1.0)
    # Outline: 1,200 um to both sides of a middle at +80.
    row = image[UP.height_px // 2].astype(float) - up.VOID_LEVEL
    middle = (row * np.arange(UP.width_px)).sum() / row.sum() - (UP.width_px - 1) / 2
    assert middle * UP.um_per_px == pytest.approx(80.0, abs=1.0)


def test_material_moves_the_ring_inwards_weakens_it_and_leaves_a_dry_ball_alone() -> None:
    part = package(package_type(square(1_000.0)))
    dry = picture(UpScene(part))
    dip(part)
    part.balls[0].immersion_um = part.balls[0].coat_volume_nl = 0.0
    wet = picture(UpScene(part))
    before, after = (ring_means(image, UP, 500.0, 500.0, 160.0) for image in (dry, wet))
    assert after[3] > before[3] + 20.0
    assert after[5] < before[5] - 50.0
    assert max(after) < max(before)
    assert wet[:, 210:].max() < dry[:, 210:].max() - 10
    assert ring_means(wet, UP, -500.0, 500.0, 160.0) == pytest.approx(ring_means(dry, UP, -500.0, 500.0, 160.0))


def test_a_shallow_dip_changes_only_what_the_cap_covers() -> None:
    # 10 um of a 320 um ball: outline of the cap at sqrt(1 - (1 - 20/320)^2) = 0.35 of the radius.
    part = package(package_type({"A1": (0.0, 0.0)}))
    dry = ring_means(picture(UpScene(part)), UP, 0.0, 0.0, 160.0)
    wet = ring_means(picture(UpScene(dip(part, immersion_um=10.0, coat_volume_nl=0.2))), UP, 0.0, 0.0, 160.0)
    change = np.abs(np.array(wet) - np.array(dry))
    assert change[2:4].max() > 2.0
    assert change[5:].max() < 1.0


def test_wetness_grows_with_the_dip() -> None:
    peaks = []
    for immersion_um in (0.0, 20.0, 60.0, 120.0):
        part = dip(package(package_type({"A1": (0.0, 0.0)})), immersion_um, 2.6 * immersion_um / 120.0)
        peaks.append(ring_means(picture(UpScene(part)), UP, 0.0, 0.0, 160.0)[5])
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] - peaks[3] > 50.0
    assert peaks[0] > peaks[1] + 2.0


def test_levels_follow_ring_light_and_exposure_and_saturate() -> None:
    part = package(package_type({}))
    nominal = level_at(picture(UpScene(part)), UP, 0.0, 0.0)
    half = level_at(picture(UpScene(part, light=Light(ring_ratio=0.25))), UP, 0.0, 0.0)
    double = level_at(picture(UpScene(part, light=Light(exposure_s=0.004))), UP, 0.0, 0.0)
    assert (half, double) == pytest.approx((nominal / 2, nominal * 2), abs=0.6)
    assert picture(UpScene(one_ball(0.0, 0.0), light=Light(ring_ratio=1.0))).max() == 255


def test_a_one_sided_ring_light_brightens_one_side_of_every_ball() -> None:
    image = picture(UpScene(one_ball(0.0, 0.0), light=Light(tilt_x_ratio=0.2)))
    right, left = level_at(image, UP, 80.0, 0.0), level_at(image, UP, -80.0, 0.0)
    assert right / left == pytest.approx(1.2 / 0.8, rel=0.1)


def test_out_of_focus_widens_the_ring() -> None:
    sharp = picture(UpScene(one_ball(0.0, 0.0)))
    soft = picture(UpScene(one_ball(0.0, 0.0), ball_plane_dz_um=-500.0))
    assert soft.max() < sharp.max() - 30


def test_the_glass_part_lacks_its_lower_left_dot_seen_from_below() -> None:
    camera = CameraTruth(1300, 1300, 8.0)
    image = picture(UpScene(is_calibration_part=True), camera)
    assert level_at(image, camera, 4_000.0, -4_000.0) == pytest.approx(190.0, abs=1.0)
    assert level_at(image, camera, -4_000.0, -4_000.0) == pytest.approx(35.0, abs=1.0)


def test_an_empty_nozzle_shows_black() -> None:
    assert picture(UpScene()).max() == round(up.VOID_LEVEL)


def test_a_bare_tip_is_a_bright_ring_where_the_tip_stands_mirrored_like_a_part() -> None:
    view = TipView(1_200.0, 2_000.0)
    image = picture(UpScene(x_um=200.0, y_um=120.0, tip=view))
    assert level_at(image, UP, -200.0, 120.0) == pytest.approx(tip.BORE_LEVEL, abs=1.0)
    assert level_at(image, UP, -200.0 + 770.0, 120.0) == pytest.approx(tip.FACE_LEVEL, abs=4.0)
    assert level_at(image, UP, -200.0 + 1_100.0, 120.0) == pytest.approx(up.VOID_LEVEL, abs=1.0)
    assert centroid_um(image, UP, -200.0, 120.0, 1_100.0, up.VOID_LEVEL) == pytest.approx((-200.0, 120.0), abs=0.1)


def test_wear_of_the_tip_turns_with_the_nozzle_and_a_part_hides_it() -> None:
    view = TipView(1_200.0, 1_600.0, texture_seed=3)
    still, turned = (picture(UpScene(theta_deg=t, tip=view), fidelity=Fidelity.REAL) for t in (0.0, 90.0))
    # The picture turns clockwise: what stood at image right comes to image bottom.
    assert np.abs(np.rot90(still[:, 40:360], -1).astype(float) - turned[:, 40:360]).mean() < 2.0
    assert np.abs(still.astype(float) - turned).max() > 30.0, "there is wear to turn"
    part = one_ball(0.0, 0.0)
    assert (picture(UpScene(part, tip=view)) == picture(UpScene(part))).all()
