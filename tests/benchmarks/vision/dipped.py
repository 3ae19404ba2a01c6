"""Pairs of pictures of one package, before and after a dip, drawn on the first renderer's substrate, light and sensor.

Film strength f scales an assumed effect, no dipped ball has been measured: the ring moves inwards by 0.25 f, weakens by
0.35 f and widens by 0.6 f, the diffuse light darkens by 0.4 f, and where the material ends a bright rim stands. From
ball to ball reflectivity and roughness differ; between the two pictures grip, focus, exposure and the brighter side of
every highlight change. It shares no code with `vision` nor with the product's simulator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from tests.benchmarks.vision import renderer
from tests.benchmarks.vision.packages import PERIMETER_215
from tests.benchmarks.vision.scene import Pose, Scene, Sensor, Spread
from tests.benchmarks.vision.truth import Balls, balls_of

SENSOR = Sensor(1920, 1536, 8.0)
MOVE, WEAKER, WIDER, DARKER = 0.25, 0.35, 0.6, 0.4
RIM_DN, RIM_WIDTH = 60.0, 0.045
PASTE_DN = 70.0
"""level of a matt coat"""
ROUGHNESS_DEG = np.linspace(4.0, 8.6, 6)
"""spread of a reflected ray: slopes of 2 to 4.3 deg, doubled by the mirror; between these a ball is interpolated"""
STRENGTH_STEP = 0.005
"""spread strengths are drawn on this grid: every one needs tables of its own"""
STEPS_PER_PX = 16
FINE = 6


@dataclass(frozen=True)
class Film:
    """strength: on the wet half of the balls; cap_ratio: how far from the centre the material reaches, 1 = to the limb
    and beyond; paste_share: the mirror image gives way to a matt coat by this share; diodes: the ring light is twelve
    diodes, not a ring."""

    strength: float = 0.1
    cap_ratio: float = 1.0
    paste_share: float = 0.0
    focus_px: float = 0.15
    reflectivity_ratio: float = 0.12
    diodes: bool = False
    weakest: float | None = None
    """strengths are spread evenly from here to `strength`"""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures and which balls are wet, (count,), in the order of the map."""

    dry: np.ndarray
    wet: np.ndarray
    is_wet: np.ndarray
    strength: np.ndarray


def draw_pair(film: Film, seed: int) -> Pair:
    """The same film and seed give the same bytes."""
    spread = Spread(reflectivity_ratio=film.reflectivity_ratio)
    scene = Scene("dip", seed, PERIMETER_215, sensor=SENSOR, spread=spread)
    rng = scene.stream("dip")
    count = scene.package.count
    is_wet = rng.permutation(count) < count // 2
    low = film.strength if film.weakest is None else film.weakest
    drawn = rng.uniform(low, film.strength, count)
    strength = np.where(is_wet, np.ceil(drawn / STRENGTH_STEP) * STRENGTH_STEP if low < film.strength else drawn, 0.0)
    roughness_deg = rng.uniform(ROUGHNESS_DEG[0], ROUGHNESS_DEG[-1], count)
    ground = renderer.background(scene, replace_present(balls_of(scene)))
    pictures = []
    for number in range(2):
        pose = _grip(scene, rng)
        sigma_px = SENSOR.psf_sigma_px + (film.focus_px * rng.standard_normal() if number else 0.0)
        shot = replace(
            scene,
            seed=2 * seed + number,  # of the noise only: the balls are those of the one scene
            pose=pose,
            sensor=replace(SENSOR, psf_sigma_px=max(0.6, round(sigma_px, 2))),
            light=replace(scene.light, gain_ratio=1.0 + (0.04 * rng.standard_normal() if number else 0.0)),
        )
        balls = balls_of(replace(scene, pose=pose, sensor=shot.sensor))
        tilt = rng.normal(0, 0.08, (count, 2))
        picture = _moved(ground, pose)
        _draw_balls(picture, shot, balls, tilt, roughness_deg, strength if number else np.zeros(count), film)
        picture *= renderer.illumination(shot)
        pictures.append(renderer.expose(picture, shot))
    return Pair(pictures[0], pictures[1], is_wet, strength)


def _grip(scene: Scene, rng: np.random.Generator) -> Pose:
    """Within 0.3 mm and 1.7 deg of the middle; one that pushes a ball over the border of the picture is drawn again."""
    margin_px = 0.75 * scene.package.diameter_um / SENSOR.um_per_px
    while True:
        pose = Pose(*rng.uniform(-300, 300, 2).tolist(), float(rng.uniform(-1.7, 1.7)))
        at = balls_of(replace(scene, pose=pose)).centres_px
        if (at > margin_px).all() and (at < np.array([SENSOR.columns, SENSOR.rows]) - 1 - margin_px).all():
            return pose


def replace_present(balls: Balls) -> Balls:
    """No bare lands: every ball is there and is drawn later."""
    return replace(balls, present=np.ones(len(balls.present), dtype=bool))


def _moved(ground: np.ndarray, pose: Pose) -> np.ndarray:
    """The substrate belongs to the part and moves with it."""
    rows, columns = ground.shape
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), pose.theta_deg, 1.0)
    matrix[:, 2] += (pose.x_um / SENSOR.um_per_px, -pose.y_um / SENSOR.um_per_px)
    return np.asarray(
        cv2.warpAffine(ground, matrix, (columns, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    )


def radiance(rho: np.ndarray, roughness_deg: float, strength: float, film: Film) -> np.ndarray:
    """Ring and other light of a ball at r / R, (2, n), DN; 0 outside."""

    def law(f: float) -> np.ndarray:
        light_deg = 2 * np.degrees(np.arcsin(np.clip(rho, 0, 1)))
        low, high = renderer.RING_DEG
        middle, half = 0.5 * (low + high) * (1 - MOVE * f), 0.5 * (high - low) * (1 + WIDER * f)
        lobe = roughness_deg * (1 + WIDER * f)
        ring = _below((light_deg - middle + half) / lobe) - _below((light_deg - middle - half) / lobe)
        core = 1 - _below((light_deg - 18.0) / 5.0)
        rest = renderer.DIFFUSE_DN * (1 - DARKER * f) * np.cos(np.radians(light_deg / 2)) * (1 - core)
        return np.stack([renderer.RING_DN * (1 - WEAKER * f) * ring, rest + renderer.CORE_DN * core])

    light = law(0.0)
    if strength > 0:
        covered = _below((film.cap_ratio - rho) / 0.02)
        light = covered * law(strength) + (1 - covered) * light
        rim = strength * np.exp(-0.5 * ((rho - min(film.cap_ratio, 0.95)) / RIM_WIDTH) ** 2)
        light = light * (1 - rim) + np.stack([np.zeros_like(rho), RIM_DN * rim])
        matt = film.paste_share * covered
        light = light * (1 - matt) + np.stack([np.zeros_like(rho), PASTE_DN * matt])
    return np.where(rho <= 1, light, 0.0)


def _below(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))))


@lru_cache(maxsize=256)
def _table(radius_px: float, sigma_px: float, roughness_deg: float, strength: float, film: Film) -> np.ndarray:
    """Blurred cover, level and first harmonic of the ring over radius at STEPS_PER_PX, (3, steps)."""
    reach_px = radius_px * 1.1 + 4.2 * sigma_px + 1.0
    half = math.ceil((reach_px + 4 * sigma_px) * FINE)
    axis = np.arange(-half, half + 1) / FINE
    x, y = np.meshgrid(axis, axis)
    r = np.hypot(x, y)
    law = np.linspace(0, 1.05, 1500)
    ring, rest = (np.interp(r / radius_px, law, each) for each in radiance(law, roughness_deg, strength, film))
    lamp = 1 + 0.9 * np.cos(12 * np.arctan2(y, x)) if film.diodes else 1.0
    cover = np.clip((radius_px - r) * FINE + 0.5, 0, 1)
    sigma = math.sqrt(sigma_px**2 + 1 / 12) * FINE  # a pixel's own square is part of the blur
    radii = np.arange(math.ceil(reach_px * STEPS_PER_PX) + 2) / STEPS_PER_PX
    angles = np.arange(48) * (2 * np.pi / 48)
    at = [(half + FINE * radii[:, None] * turn).astype(np.float32) for turn in (np.cos(angles), np.sin(angles))]
    rows = []
    for plane, weight in (
        (cover, 1.0),
        (ring * lamp + rest, 1.0),
        (ring * x / np.maximum(r, 1e-9), 2 * np.cos(angles)),
    ):
        soft = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), sigma)
        rows.append((cv2.remap(soft, *at, cv2.INTER_LINEAR) * weight).mean(axis=1))
    return np.stack(rows).astype(np.float32)


def _draw_balls(
    picture: np.ndarray, shot: Scene, balls: Balls, tilt: np.ndarray, roughness_deg: np.ndarray,
    strength: np.ndarray, film: Film,
) -> None:  # fmt: skip
    """Composite every ball by its blurred cover."""
    scale, sigma_px = SENSOR.um_per_px, shot.sensor.psf_sigma_px
    nominal_px = round(0.5 * shot.package.diameter_um / scale, 3)
    step = ROUGHNESS_DEG[1] - ROUGHNESS_DEG[0]
    theta = math.radians(shot.pose.theta_deg)
    for number, centre in enumerate(balls.centres_px):
        place = (roughness_deg[number] - ROUGHNESS_DEG[0]) / step
        low = min(int(place), len(ROUGHNESS_DEG) - 2)
        level = round(float(strength[number]), 3)
        first, second = (_table(nominal_px, sigma_px, float(ROUGHNESS_DEG[k]), level, film) for k in (low, low + 1))
        table = first + np.float32(place - low) * (second - first)
        size = balls.radius_um[number] / scale / nominal_px
        half = math.ceil(table.shape[1] / STEPS_PER_PX * size)
        left, top = (int(v) for v in np.floor(centre) - half)
        grid = np.arange(2 * half + 2)
        x, y = np.meshgrid(grid + left - centre[0], centre[1] - grid - top)
        along = x * math.cos(balls.axis_rad[number] + theta) + y * math.sin(balls.axis_rad[number] + theta)
        ratio = balls.axis_ratio[number]
        r = np.sqrt(along**2 * ratio + np.maximum(x**2 + y**2 - along**2, 0) / ratio)
        radii = np.arange(table.shape[1]) / STEPS_PER_PX * size
        cover, even, harmonic = (np.interp(r, radii, row, right=0.0) for row in table)
        side = (x * tilt[number, 0] + y * tilt[number, 1]) / np.maximum(np.hypot(x, y), 1e-3)
        window, cut = renderer.clipped(picture, left, top, len(grid))
        window *= 1 - cover[cut]
        window += balls.reflectivity[number] * (even + harmonic * side)[cut]
