"""The up camera's picture: the ball side of a package on the nozzle, the glass calibration part, or the bare tip.

Nothing here measures. Levels are 8-bit grey at nominal light; the truth behind every pixel is the `UpScene`.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from sim_hardware.optics import glass
from sim_hardware.optics.balls import BallArrays, arrays_of, cap_rho, shine_of, wet_strength
from sim_hardware.optics.layers import lay_body, reach, seen_centred
from sim_hardware.optics.lens import Floats, Floats32, ImagePose, Lens
from sim_hardware.optics.noise import expose
from sim_hardware.optics.profile import ball_profiles, blur, count_for, disc_cover
from sim_hardware.optics.scenes import Light, TipView, UpScene
from sim_hardware.optics.stamps import Sector, draw_discs, draw_radial
from sim_hardware.optics.texture import body_cover, body_shape, surface, traces
from sim_hardware.optics.tip import tip_surface
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.things import PackageTruth

VOID_LEVEL = 8.0
SUBSTRATE_LEVEL = 38.0
SUBSTRATE_SLOW_DN = 4.0
SUBSTRATE_GRAIN_DN = 1.5
SUBSTRATE_TRACE_DN = 6.0
SUBSTRATE_TRACES = 250
A1_LEVEL = 125.0
PAD_LEVEL = 70.0
PAD_RATIO = 0.8
"""pad / ball diameter"""
BRIDGE_LEVEL = 90.0
BRIDGE_WIDTH_RATIO = 0.45
"""neck / ball diameter"""
SEGMENT_HALF_RAD = radians(22.5)
"""a ring light of eight segments"""
SEGMENT_SOFT_RAD = radians(9.0)
"""how far the grain of the solder spreads the end of a segment round the ball, estimate"""
SEGMENT_LOSS_RATIO = 0.8
"""the rest is the light of the room and of the other segments, estimate"""


def render(scene: UpScene, camera: CameraTruth, fidelity: Fidelity, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One frame, (rows, columns) uint8. The same scene, camera, fidelity and generator state give the same bytes."""
    lens = Lens(camera, looks_up=True, dz_um=scene.ball_plane_dz_um)
    image = np.full((camera.height_px, camera.width_px), VOID_LEVEL, dtype=np.float32)
    pose = lens.pose(scene.x_um, scene.y_um, scene.theta_deg)
    if scene.is_calibration_part:
        _draw_glass(image, lens, pose)
    elif scene.package is not None:
        _draw_package(image, lens, pose, scene, scene.package, fidelity)
    elif scene.tip is not None:
        _draw_tip(image, lens, pose, scene.tip, fidelity)
    return expose(image, camera, scene.light, fidelity, rng, looks_up=True)


def _draw_tip(image: Floats32, lens: Lens, pose: ImagePose, tip: TipView, fidelity: Fidelity) -> None:
    scale = lens.camera.um_per_px
    if reach(lens, pose, tip.outer_um, tip.outer_um) is None:
        return
    seed = None if fidelity is Fidelity.IDEAL else tip.texture_seed
    is_worn = fidelity is Fidelity.REAL
    body = tip_surface(tip.bore_um, tip.outer_um, seed, is_worn, scale, round(lens.sigma_px, 2))
    lay_body(image, lens, pose, body, scale)


def _draw_glass(image: Floats32, lens: Lens, pose: ImagePose) -> None:
    texture = _glass_surface(lens.camera.um_per_px, round(lens.sigma_px, 2))
    _lay(image, lens, pose, texture)
    column, row = lens.to_sensor_px(*pose.apply(*glass.dots_from_below()))
    radius = np.full(len(column), glass.DOT_DIAMETER_UM / 2 / lens.camera.um_per_px)
    draw_discs(image, column, row, radius, np.full(len(column), glass.DOT_LEVEL), lens.sigma_px)


@lru_cache(maxsize=2)
def _glass_surface(um_per_px: float, sigma_px: float) -> Floats32:
    cover = body_cover(glass.GLASS_SIZE_UM, glass.GLASS_SIZE_UM, um_per_px, sigma_px, None)
    return np.asarray(VOID_LEVEL + (glass.GLASS_LEVEL - VOID_LEVEL) * cover)


def _lay(image: Floats32, lens: Lens, pose: ImagePose, texture: Floats32) -> None:
    scale = lens.camera.um_per_px
    box = reach(lens, pose, texture.shape[1] * scale, texture.shape[0] * scale)
    if box is not None:
        image[box[2] : box[3], box[0] : box[1]] = seen_centred(lens, box, pose, texture, scale, VOID_LEVEL)


def _draw_package(
    image: Floats32, lens: Lens, pose: ImagePose, scene: UpScene, package: PackageTruth, fidelity: Fidelity
) -> None:
    c, s = cos(radians(pose.theta_deg)), sin(radians(pose.theta_deg))
    body = ImagePose(
        pose.x_um + c * package.body_dx_um - s * package.body_dy_um,
        pose.y_um + s * package.body_dx_um + c * package.body_dy_um,
        pose.theta_deg,
    )
    kind = package.type
    plain = fidelity is Fidelity.IDEAL
    texture = _substrate(
        kind.name,
        kind.body_x_um,
        kind.body_y_um,
        None if plain else package.texture_seed,
        lens.camera.um_per_px,
        round(lens.sigma_px, 2),
        fidelity is Fidelity.REAL,
    )
    _lay(image, lens, body, texture)
    if kind.a1_diameter_um > 0.0:
        at = lens.to_sensor_px(*pose.apply(np.array([kind.a1_x_um]), np.array([kind.a1_y_um])))
        radius = np.array([kind.a1_diameter_um / 2 / lens.camera.um_per_px])
        draw_discs(image, *at, radius, np.array([A1_LEVEL]), lens.sigma_px)
    balls = arrays_of(package)
    column, row = lens.to_sensor_px(*pose.apply(balls.x_um, balls.y_um))
    _draw_pads(image, lens, pose, balls)
    _draw_bridges(image, lens, package, balls, column, row)
    _draw_balls(image, lens, pose, scene, package, balls, column, row, fidelity)


@lru_cache(maxsize=3)
def _substrate(
    name: str, size_x_um: float, size_y_um: float, seed: int | None, um_per_px: float, sigma_px: float, rough: bool
) -> Floats32:
    """The ball side of one package without balls, edges and all, on the black around it."""
    cover = body_cover(size_x_um, size_y_um, um_per_px, sigma_px, seed if rough else None)
    shape = body_shape(size_x_um, size_y_um, um_per_px)
    if seed is None:
        return np.asarray(VOID_LEVEL + (SUBSTRATE_LEVEL - VOID_LEVEL) * cover)
    level = surface(shape, seed, SUBSTRATE_SLOW_DN, SUBSTRATE_GRAIN_DN)
    level += np.float32(SUBSTRATE_TRACE_DN) * traces(shape, name, SUBSTRATE_TRACES)
    level += np.float32(SUBSTRATE_LEVEL - VOID_LEVEL)
    level *= cover
    level += np.float32(VOID_LEVEL)
    return level


def _draw_pads(image: Floats32, lens: Lens, pose: ImagePose, balls: BallArrays) -> None:
    """Bare pads where balls are missing, at the drawn place: the copper belongs to the substrate, not to the ball."""
    bare = ~balls.present
    if not bare.any():
        return
    column, row = lens.to_sensor_px(*pose.apply(balls.drawn_x_um[bare], balls.drawn_y_um[bare]))
    radius = balls.drawn_diameter_um[bare] * (PAD_RATIO / 2 / lens.camera.um_per_px)
    draw_discs(image, column, row, radius, np.full(len(column), PAD_LEVEL), lens.sigma_px)


def _draw_bridges(
    image: Floats32, lens: Lens, package: PackageTruth, balls: BallArrays, column: Floats, row: Floats
) -> None:
    """Necks of material between pairs of balls, as a close row of discs from centre to centre under the balls."""
    if not package.bridges:
        return
    index = {ball.site.name: i for i, ball in enumerate(package.balls)}
    for first, second in package.bridges:
        a, b = index[first], index[second]
        radius_px = BRIDGE_WIDTH_RATIO / 2 * float(balls.diameter_um[[a, b]].min()) / lens.camera.um_per_px
        length_px = float(np.hypot(column[a] - column[b], row[a] - row[b]))
        along = np.linspace(0.0, 1.0, max(2, int(length_px) + 1))
        x, y = column[a] + along * (column[b] - column[a]), row[a] + along * (row[b] - row[a])
        draw_discs(image, x, y, np.full(len(x), radius_px), np.full(len(x), BRIDGE_LEVEL), lens.sigma_px)


def _draw_balls(
    image: Floats32,
    lens: Lens,
    pose: ImagePose,
    scene: UpScene,
    package: PackageTruth,
    balls: BallArrays,
    column: Floats,
    row: Floats,
    fidelity: Fidelity,
) -> None:
    here = balls.present
    if not here.any():
        return
    strength = wet_strength(balls)
    shine = shine_of(package, strength, fidelity)
    radius_px = balls.diameter_um[here] / 2 / lens.camera.um_per_px
    count = count_for(float(radius_px.max()) * 1.03, lens.sigma_px)
    light = ball_profiles(
        radius_px,
        count,
        wet_strength=strength[here],
        cap_rho=cap_rho(balls)[here],
        roughness_deg=shine.roughness_deg[here],
    )
    light *= shine.reflectivity[here, None]
    both = blur(np.concatenate([light, disc_cover(radius_px, count)]), lens.sigma_px)
    n = len(radius_px)
    c, s = cos(radians(pose.theta_deg)), sin(radians(pose.theta_deg))
    tilt_x, tilt_y = shine.tilt_x[here], shine.tilt_y[here]
    tilt = (c * tilt_x - s * tilt_y + scene.light.tilt_x_ratio, s * tilt_x + c * tilt_y + scene.light.tilt_y_ratio)
    e_cos, e_sin = shine.ellipse_cos[here], shine.ellipse_sin[here]
    c2, s2 = c * c - s * s, 2 * c * s
    stretch = (c2 * e_cos - s2 * e_sin, s2 * e_cos + c2 * e_sin) if e_cos.any() or e_sin.any() else None
    draw_radial(
        image,
        column[here],
        row[here],
        both[:n],
        both[n:],
        tilt=tilt if tilt[0].any() or tilt[1].any() else None,
        stretch=stretch,
        sector=_dead_sector(scene.light),
    )


def _dead_sector(light: Light) -> Sector | None:
    if light.dead_segment_deg is None:
        return None
    return Sector(radians(light.dead_segment_deg), SEGMENT_HALF_RAD, SEGMENT_SOFT_RAD, SEGMENT_LOSS_RATIO)
