"""What lies at another height than the camera's map is for is told as if it lay there: scale and lean taken out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic_core import to_json

from drivers.devices.camera import CameraFrame
from drivers.wire.camera_frame import FrameHeader, PixelFormat
from sim_hardware.optics import down, observation
from sim_hardware.optics.scenes import BoardView, DownScene, on_board
from sim_hardware.scenario import Rendering
from sim_hardware.world.boards import make_board
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.packages import make_package
from sim_hardware.world.things import PlacedTruth
from station.coordinates import AffineMap, ImagePoint, Shift
from station.eyes import Eyes
from station.profile import reference_profile
from tests.scenarios.bench import recipe
from tests.station.test_calibration import calibrated, true_k1_per_um2
from tests.support import virtual
from vision.results import Pose

VIEWS_UM = ((-3_500.0, -3_500.0), (3_500.0, -3_500.0), (3_500.0, 3_500.0), (-3_500.0, 3_500.0))


def frame_of(scene: DownScene, camera: CameraTruth, rendering: Rendering) -> CameraFrame:
    rng = np.random.default_rng(1)
    if rendering is Rendering.FULL:
        pixel_format, payload = PixelFormat.MONO8, down.render(scene, camera, Fidelity.IDEAL, rng).tobytes()
    else:
        pixel_format = PixelFormat.OBSERVATION
        payload = to_json(observation.observe_down(scene, camera, Fidelity.IDEAL, rng))
    header = FrameHeader(2, 1, 1, 0, 2_000, camera.width_px, camera.height_px, pixel_format, 1_000, len(payload), 0)
    return CameraFrame(header, payload, 0.0)


@pytest.mark.parametrize("rendering", list(Rendering))
@virtual
async def test_fiducial_lands_and_outline_are_told_as_seen_in_the_plane_of_the_map(
    tmp_path: Path, rendering: Rendering
) -> None:
    async with calibrated(tmp_path, 11, Rendering.OBSERVATION) as (plant, found):
        # Ten times the lean and fall of scale of any simulated machine, and a station that knows them.
        camera = plant.machine.down_camera
        camera = replace(camera, scale_per_um=-2e-6, lean_x_ratio=0.012, lean_y_ratio=-0.009)
        lens = replace(
            found.down_lens,
            um_per_px=camera.um_per_px,
            k1_per_um2=true_k1_per_um2(camera),
            bend_um=(camera.distortion_dx_px * camera.um_per_px, camera.distortion_dy_px * camera.um_per_px),
            scale_per_um=camera.scale_per_um,
        )
        c, s = np.cos(np.radians(camera.rotation_deg)), np.sin(np.radians(camera.rotation_deg))
        known = replace(
            found,
            down=AffineMap(float(c), float(-s), float(s), float(c)),
            down_lens=lens,
            offset=replace(found.offset, lean_x_ratio=camera.lean_x_ratio, lean_y_ratio=camera.lean_y_ratio),
        )
        scenario, profile, made = plant.scenario, plant.machine, recipe()
        eyes = Eyes(reference_profile())
        eyes.use(known)

        def at(x_um: float, y_um: float) -> Shift:
            """What the station makes of a place in the picture: from the axis, where it meets the plane of the map."""
            return known.down.shift_of(ImagePoint(x_um, y_um)) + Shift(camera.centre_dx_um, camera.centre_dy_um)

        truth = make_board(scenario.board, 1, np.random.default_rng(2), Fidelity.IDEAL)
        view = BoardView(truth, 0.0, 0.0, 0.0, profile.board_z_um - profile.holder_z_um)
        mark, site = made.board.fiducials[0], made.board.sites[0]

        scene = DownScene(mark.x_um - 300.0, mark.y_um + 200.0, board=view)
        fiducial = await eyes.locate_fiducial(frame_of(scene, camera, rendering), mark, 1_500.0, profile.board_z_um)
        seen = at(fiducial.x_um, fiducial.y_um)
        assert (seen.x_um, seen.y_um) == pytest.approx((300.0, -200.0), abs=0.2)

        package = make_package(scenario.top, "P1", np.random.default_rng(3), Fidelity.IDEAL)
        centres, about = [], (site.x_um, site.y_um)
        for dx_um, dy_um in VIEWS_UM:
            axis = Shift(dx_um + camera.centre_dx_um, dy_um + camera.centre_dy_um)
            centres.append(ImagePoint(*known.down.inverse_shift(axis)))
        expected = Pose(0.0, 0.0, site.theta_deg - known.down.turn_deg)
        lands_z_um = profile.board_z_um - made.bottom.body_height_um

        def frames() -> list[CameraFrame]:
            bottoms, tops = on_board(view, scenario.bottom)
            scenes = [
                DownScene(about[0] + dx_um, about[1] + dy_um, board=view, bottoms=bottoms, tops=tops)
                for dx_um, dy_um in VIEWS_UM
            ]
            return [frame_of(scene, camera, rendering) for scene in scenes]

        lands = await eyes.locate_site(frames(), centres, made.bottom, expected, 180.0, lands_z_um)
        assert lands.status == "found", lands.reasons
        assert (lands.x_um, lands.y_um) == pytest.approx((0.0, 0.0), abs=0.2)

        truth.sites[0].placed.append(PlacedTruth("P1", package, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0))
        body, top_z_um = made.package, lands_z_um - made.package.height_um
        outline = await eyes.verify_placed(frames(), centres, body.body_x_um, body.body_y_um, expected, top_z_um)
        assert outline.status == "found", outline.reasons
        # An edge is seen to 1 um; the lean moves it by several.
        assert (outline.x_um, outline.y_um) == pytest.approx((0.0, 0.0), abs=1.5)
