"""The down camera's picture: board, bottom packages, placed packages, the film with its imprints, glass part, datum.

Nothing here measures. Levels are 8-bit grey at nominal light; the truth behind every pixel is the `DownScene`.
"""

from __future__ import annotations

from math import hypot

import numpy as np
from numpy.typing import NDArray

from sim_hardware.optics import bodies, glass
from sim_hardware.optics.film import draw_film
from sim_hardware.optics.layers import lay_body, lay_rectangle, seen_tiled, whole
from sim_hardware.optics.lens import Floats32, ImagePose, Lens
from sim_hardware.optics.marks import draw_fiducials
from sim_hardware.optics.noise import expose
from sim_hardware.optics.scenes import BoardView, BottomView, DownScene, GlassView, TopView
from sim_hardware.optics.stamps import draw_discs
from sim_hardware.optics.texture import TILE_PX, tile_with_traces
from sim_hardware.world.machine import CameraTruth, Fidelity

BED_LEVEL = 25.0
BOARD_LEVEL = 60.0
BOARD_SLOW_DN = 3.0
BOARD_GRAIN_DN = 1.5
BOARD_TRACE_DN = 6.0
BOARD_TRACES = 90
LAND_LEVEL = 175.0
LAND_SPREAD_DN = 4.0
BOTTOM_A1_LEVEL = 205.0
BOTTOM_A1_DIAMETER_UM = 400.0
DATUM_LEVEL = 200.0
DATUM_GROUND_LEVEL = 30.0
DATUM_DIAMETER_UM = 1_000.0
DATUM_PLATE_UM = 6_000.0
_TILE_UM_PER_PX = 10.0


def render(scene: DownScene, camera: CameraTruth, fidelity: Fidelity, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One frame, (rows, columns) uint8. The same scene, camera, fidelity and generator state give the same bytes."""
    lens = Lens(camera, looks_up=False, dz_um=scene.surface_dz_um)
    image = np.full((camera.height_px, camera.width_px), BED_LEVEL, dtype=np.float32)
    if scene.film is not None:
        draw_film(image, lens, scene, scene.film, fidelity)
    if scene.datum is not None:
        _draw_datum(image, lens, pose_of(lens, scene, scene.datum.x_um, scene.datum.y_um, 0.0))
    if scene.glass is not None:
        _draw_glass(image, lens.farther(scene.glass.depth_um), scene, scene.glass)
    if scene.board is not None:
        _draw_board(image, lens.farther(scene.board.depth_um), scene, scene.board, fidelity)
    for bottom in scene.bottoms:
        if in_reach(scene, camera, bottom.x_um, bottom.y_um, hypot(bottom.type.body_x_um, bottom.type.body_y_um) / 2):
            _draw_bottom(image, lens.farther(bottom.depth_um), scene, bottom, fidelity)
    for top in scene.tops:
        kind = top.package.type
        if in_reach(scene, camera, top.x_um, top.y_um, hypot(kind.body_x_um, kind.body_y_um) / 2 + 500.0):
            _draw_top(image, lens.farther(top.depth_um), scene, top, fidelity)
    return expose(image, camera, scene.light, fidelity, rng, looks_up=False)


def pose_of(lens: Lens, scene: DownScene, x_um: float, y_um: float, theta_deg: float) -> ImagePose:
    """Machine pose of a thing -> pose in the picture."""
    return lens.pose(x_um - scene.camera_x_um, y_um - scene.camera_y_um, theta_deg)


def in_reach(scene: DownScene, camera: CameraTruth, x_um: float, y_um: float, radius_um: float) -> bool:
    """Whether a thing of this radius can be in view at all."""
    view_um = hypot(camera.width_px, camera.height_px) / 2 * camera.um_per_px + 500.0
    return hypot(x_um - scene.camera_x_um, y_um - scene.camera_y_um) < view_um + radius_um


def _draw_board(image: Floats32, lens: Lens, scene: DownScene, view: BoardView, fidelity: Fidelity) -> None:
    board = view.truth
    corner = pose_of(lens, scene, view.x_um, view.y_um, view.theta_deg)
    size_x_um, size_y_um = board.type.size_x_um * board.scale_ratio, board.type.size_y_um * board.scale_ratio
    middle = corner.apply(np.array(size_x_um / 2), np.array(size_y_um / 2))
    pose = ImagePose(float(middle[0]), float(middle[1]), corner.theta_deg)
    seen: Floats32 | float = BOARD_LEVEL
    if fidelity is not Fidelity.IDEAL:
        tile = tile_with_traces(board.texture_seed, BOARD_SLOW_DN, BOARD_GRAIN_DN, BOARD_TRACE_DN, BOARD_TRACES)
        seen = seen_tiled(lens, whole(lens), _shifted(pose, board.texture_seed), tile, _TILE_UM_PER_PX)
        seen += np.float32(BOARD_LEVEL)
    lay_rectangle(image, lens, pose, size_x_um, size_y_um, seen)
    draw_fiducials(image, lens, corner, view, fidelity)


def _shifted(pose: ImagePose, seed: int) -> ImagePose:
    """Two boards share the pool of tiles but not the place on them."""
    shift_um = (seed * 7_919 % TILE_PX) * _TILE_UM_PER_PX
    x_um, y_um = pose.apply(np.array(shift_um), np.array(-0.37 * shift_um))
    return ImagePose(float(x_um), float(y_um), pose.theta_deg)


def _draw_bottom(image: Floats32, lens: Lens, scene: DownScene, view: BottomView, fidelity: Fidelity) -> None:
    kind = view.type
    pose = pose_of(lens, scene, view.x_um, view.y_um, view.theta_deg)
    scale, sigma_px = lens.camera.um_per_px, round(lens.sigma_px, 2)
    seed = None if fidelity is Fidelity.IDEAL else view.texture_seed
    body = bodies.bottom_surface(kind.name, kind.body_x_um, kind.body_y_um, seed, scale, sigma_px)
    lay_body(image, lens, pose, body, scale)
    if kind.lands:
        lands = np.array([(land.x_um, land.y_um, land.diameter_um) for land in kind.lands])
        level = np.full(len(lands), LAND_LEVEL)
        if seed is not None:
            level += LAND_SPREAD_DN * np.random.Generator(np.random.PCG64([19, seed])).standard_normal(len(lands))
        column, row = lens.to_sensor_px(*pose.apply(lands[:, 0], lands[:, 1]))
        draw_discs(image, column, row, lands[:, 2] / 2 / scale, level, lens.sigma_px)
    at = lens.to_sensor_px(*pose.apply(np.array([kind.a1_x_um]), np.array([kind.a1_y_um])))
    radius_px = np.array([BOTTOM_A1_DIAMETER_UM / 2 / scale])
    draw_discs(image, *at, radius_px, np.array([BOTTOM_A1_LEVEL]), lens.sigma_px)


def _draw_top(image: Floats32, lens: Lens, scene: DownScene, view: TopView, fidelity: Fidelity) -> None:
    package = view.package
    ball_frame = pose_of(lens, scene, view.x_um, view.y_um, view.theta_deg)
    # The outline is given as seen from below; from above its offset is mirrored in x.
    centre = ball_frame.apply(np.array(-package.body_dx_um), np.array(package.body_dy_um))
    pose = ImagePose(float(centre[0]), float(centre[1]), ball_frame.theta_deg)
    scale = lens.camera.um_per_px
    body = bodies.mould_surface(
        package.type.name,
        package.serial,
        package.type.body_x_um,
        package.type.body_y_um,
        None if fidelity is Fidelity.IDEAL else package.texture_seed,
        scale,
        round(lens.sigma_px, 2),
        fidelity is Fidelity.REAL,
    )
    lay_body(image, lens, pose, body, scale)


def _draw_glass(image: Floats32, lens: Lens, scene: DownScene, view: GlassView) -> None:
    pose = pose_of(lens, scene, view.x_um, view.y_um, view.theta_deg)
    lay_rectangle(image, lens, pose, glass.GLASS_SIZE_UM, glass.GLASS_SIZE_UM, glass.GLASS_LEVEL)
    column, row = lens.to_sensor_px(*pose.apply(*glass.dots_from_above()))
    radius_px = np.full(len(column), glass.DOT_DIAMETER_UM / 2 / lens.camera.um_per_px)
    draw_discs(image, column, row, radius_px, np.full(len(column), glass.DOT_LEVEL), lens.sigma_px)


def _draw_datum(image: Floats32, lens: Lens, pose: ImagePose) -> None:
    lay_rectangle(image, lens, pose, DATUM_PLATE_UM, DATUM_PLATE_UM, DATUM_GROUND_LEVEL)
    column, row = lens.to_sensor_px(np.array([pose.x_um]), np.array([pose.y_um]))
    radius_px = np.array([DATUM_DIAMETER_UM / 2 / lens.camera.um_per_px])
    draw_discs(image, column, row, radius_px, np.array([DATUM_LEVEL]), lens.sigma_px)
