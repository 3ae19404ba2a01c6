"""The first renderer: a telecentric camera under a ring light, Gaussian point spread, photon noise.

A ball is a mirror: at rho = r / R the surface slope asin(rho) reflects the line of sight to light at twice that angle.
The profile is blurred in two dimensions on a grid eight times finer than a pixel, together with the pixel's square,
and kept as a radial table. It shares no code with `vision` nor with the product's simulator. A 5 MP picture takes
about a tenth of a second; numbers below without a source are estimates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from tests.benchmarks.vision.scene import Faults, Light, Scene, Sensor, Substrate
from tests.benchmarks.vision.truth import Balls, balls_of, to_px, turned

RING_DEG = (50.0, 72.0)
"""the ring light, from the optical axis"""
LOBE_DEG = 6.0
"""spread of a reflected ray: slopes of oxide and grain of 3 deg, doubled by the mirror"""
RING_DN, DIFFUSE_DN, CORE_DN = 135.0, 40.0, 8.0
"""levels at reflectivity 1, chosen so that the bound of one ball is the usual 0.026 um at 7 um/px and 1.2 px"""
LAND_DN, NECK_DN, GROUND_DN = 58.0, 95.0, 8.0
"""a bare land, material between two bridged balls, and what lies beside the body"""
FINE = 8
STEPS_PER_PX = 16
SHIFT_BITS = 6
"""sub-pixel places of drawn shapes: 1/64 px"""


@dataclass(frozen=True, eq=False)
class Tables:
    """Radial tables of a ball at STEPS_PER_PX: (steps, 3) of cover, level and first harmonic of the ring."""

    radius_px: float
    reach_px: float
    rows: np.ndarray


def radiance(rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ring and remaining light of a ball at r / R, DN; zero outside."""
    light_deg = 2 * np.degrees(np.arcsin(np.clip(rho, 0, 1)))
    below = np.vectorize(lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2))), otypes=[float])
    ring = RING_DN * (below((light_deg - RING_DEG[0]) / LOBE_DEG) - below((light_deg - RING_DEG[1]) / LOBE_DEG))
    outside_core = below((light_deg - 18.0) / 5.0)
    rest = DIFFUSE_DN * np.cos(np.radians(light_deg / 2)) * outside_core + CORE_DN * (1 - outside_core)
    return np.where(rho <= 1, ring, 0.0), np.where(rho <= 1, rest, 0.0)


@lru_cache(maxsize=32)
def tables(radius_px: float, sigma_px: float) -> Tables:
    """Blurred profile of a ball; the square of a pixel is part of the blur, averaged over directions."""
    reach_px = radius_px * 1.12 + 4.2 * sigma_px + 1.0
    half = math.ceil((reach_px + 4 * sigma_px + 2) * FINE)
    axis = np.arange(-half, half + 1) / FINE
    x, y = np.meshgrid(axis, axis)
    r = np.hypot(x, y)
    law = np.linspace(0, 1.2, 1024)
    ring_law, rest_law = radiance(law)
    ring, rest = np.interp(r / radius_px, law, ring_law), np.interp(r / radius_px, law, rest_law)
    cover = np.clip((radius_px - r) * FINE + 0.5, 0, 1)
    pixel = np.array([0.5, *[1.0] * (FINE - 1), 0.5]) / FINE
    angles = np.arange(64) * (2 * np.pi / 64)
    radii = np.arange(math.ceil(reach_px * STEPS_PER_PX) + 2) / STEPS_PER_PX
    map_x = (half + FINE * radii[:, None] * np.cos(angles)).astype(np.float32)
    map_y = (half + FINE * radii[:, None] * np.sin(angles)).astype(np.float32)

    def along(plane: np.ndarray, weight: np.ndarray) -> np.ndarray:
        blurred = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), sigma_px * FINE)
        blurred = cv2.sepFilter2D(blurred, cv2.CV_32F, pixel, pixel)
        return np.asarray((cv2.remap(blurred, map_x, map_y, cv2.INTER_LINEAR) * weight).mean(axis=1))

    even, harmonic = np.ones(64), 2 * np.cos(angles)
    rows = [along(cover, even), along(ring + rest, even), along(ring * x / np.maximum(r, 1e-9), harmonic)]
    return Tables(radius_px, reach_px, np.column_stack(rows).astype(np.float32))


def patches(balls: Balls, shown: np.ndarray, sensor: Sensor, shift_px: tuple[float, float] = (0.0, 0.0)) -> tuple[
    np.ndarray, np.ndarray, np.ndarray
]:  # fmt: skip
    """Level and cover of the balls `shown` (indices), each in a square of its own.

    shift_px   every ball moved by (column, row) within its square, for derivatives
    returns    corners (n, 2) column, row of the squares; level and cover (n, side, side)
    """
    nominal_px = round(float(np.median(balls.radius_um)) / sensor.um_per_px, 2)
    table = tables(nominal_px, sensor.psf_sigma_px)
    size = (balls.radius_um[shown] / sensor.um_per_px / nominal_px).astype(np.float32)
    half = math.ceil(table.reach_px * max(1.0, float(size.max())))
    corner = np.floor(balls.centres_px[shown]).astype(np.int64) - half
    offset = (balls.centres_px[shown] + shift_px - corner).astype(np.float32)
    grid = np.arange(2 * half + 2, dtype=np.float32)
    dx = grid[None, None, :] - offset[:, 0, None, None]
    dy = offset[:, 1, None, None] - grid[None, :, None]  # y points up
    r2 = dx * dx + dy * dy
    # An ellipse of the same area: longer along its direction, shorter across it.
    ratio, angle = balls.axis_ratio[shown].astype(np.float32), balls.axis_rad[shown].astype(np.float32)
    stretch = np.sqrt(ratio)[:, None, None]
    along = dx * np.cos(angle)[:, None, None] + dy * np.sin(angle)[:, None, None]
    a2 = along * along
    r_px = np.sqrt(a2 * (stretch * stretch) + np.maximum(r2 - a2, 0) / (stretch * stretch))
    # The table of the nominal ball is read at a stretched radius: the blur of a ball 2 % larger is 2 % larger, too.
    position = r_px * (STEPS_PER_PX / size)[:, None, None]
    last = len(table.rows) - 2
    lower = np.minimum(position.astype(np.int32), last)
    part = np.minimum(position - lower, np.float32(1.0))
    cover, even, harmonic = (_between(table.rows[:, k], lower, part) for k in range(3))
    for values in (cover, even, harmonic):
        values[position >= last] = 0.0
    tilt = balls.tilt[shown].astype(np.float32)
    shine = balls.reflectivity[shown].astype(np.float32)[:, None, None]
    if tilt.any():
        cosine = (dx * tilt[:, 0, None, None] + dy * tilt[:, 1, None, None]) / np.maximum(np.sqrt(r2), np.float32(1e-3))
        even = even + harmonic * cosine
    return corner, even * shine, cover


def _between(table: np.ndarray, lower: np.ndarray, part: np.ndarray) -> np.ndarray:
    step = np.append(np.diff(table), np.float32(0))
    return np.asarray(table.take(lower) + part * step.take(lower))


def illumination(scene: Scene) -> np.ndarray:
    """Gain of the light over the picture, (rows, columns)."""
    return _illumination(scene.sensor.columns, scene.sensor.rows, scene.light)


@lru_cache(maxsize=4)
def _illumination(columns: int, rows: int, light: Light) -> np.ndarray:
    x = np.linspace(-1, 1, columns, dtype=np.float32)
    y = np.linspace(1, -1, rows, dtype=np.float32) * np.float32(rows / columns)
    loss, steep = light.vignetting_ratio / (1 + (rows / columns) ** 2), light.gradient_ratio / 2
    angle = math.radians(light.gradient_deg)
    field = np.float32(light.gain_ratio) * ((1 - np.float32(loss) * y * y)[:, None] - (np.float32(loss) * x * x)[None])
    along_x, along_y = np.float32(steep * math.cos(angle)) * x, np.float32(steep * math.sin(angle)) * y
    field *= along_x[None, :] + (1 + along_y)[:, None]
    return np.asarray(field, dtype=np.float32)


def _seed_cv(rng: np.random.Generator) -> None:
    cv2.setRNGSeed(int(rng.integers(1, 2**31 - 1)))


def background(scene: Scene, balls: Balls) -> np.ndarray:
    """Substrate, copper, mark, bare lands, necks and debris through the point spread, float32."""
    sensor, ground, rng = scene.sensor, scene.substrate, scene.stream("substrate")
    shape = (sensor.rows, sensor.columns)
    picture = np.empty(shape, dtype=np.float32)
    _seed_cv(rng)
    # Grain is white before the optics and `grain_dn` after a point spread of 1.2 px.
    cv2.randn(picture, ground.level_dn, ground.grain_dn * 2 * math.sqrt(math.pi) * 1.2)
    picture += _slow(rng, sensor, ground)
    if ground.trace_count:
        copper = _traces(rng, sensor, ground)
        picture = cv2.addWeighted(picture, 1.0, copper, ground.trace_dn / 255.0, 0.0, dtype=cv2.CV_32F)
    _features(picture, scene, balls)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sensor.psf_sigma_px), dtype=np.float32)


def _slow(rng: np.random.Generator, sensor: Sensor, ground: Substrate) -> np.ndarray:
    coarse = rng.standard_normal((12, 14)).astype(np.float32) * np.float32(ground.slow_dn)
    middle = cv2.resize(coarse, (sensor.columns // 16 + 1, sensor.rows // 16 + 1), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(middle, (sensor.columns, sensor.rows), interpolation=cv2.INTER_LINEAR))


def _traces(rng: np.random.Generator, sensor: Sensor, ground: Substrate) -> np.ndarray:
    """Buried copper: runs of three legs in multiples of 45 deg, 0 to 255."""
    layer = np.zeros((sensor.rows, sensor.columns), dtype=np.uint8)
    count = ground.trace_count
    corners = np.empty((count, 4, 2))
    corners[:, 0] = rng.uniform([0, 0], [sensor.columns, sensor.rows], (count, 2))
    heading = np.cumsum(np.column_stack([rng.integers(0, 8, count), rng.integers(-1, 2, (count, 2))]), axis=1)
    length_px = rng.uniform(200, 1600, (count, 3)) / sensor.um_per_px
    legs = length_px[..., None] * np.stack([np.cos(heading * np.pi / 4), np.sin(heading * np.pi / 4)], axis=-1)
    corners[:, 1:] = corners[:, :1] + np.cumsum(legs, axis=1)
    widths_px = np.maximum(1, np.round(rng.uniform(30, 70, count) / sensor.um_per_px)).astype(int)
    for line, width_px in zip(np.round(corners * 2**SHIFT_BITS).astype(np.int32), widths_px.tolist()):
        cv2.polylines(layer, [line], False, 255, width_px, cv2.LINE_AA, SHIFT_BITS)
    return layer


def _features(picture: np.ndarray, scene: Scene, balls: Balls) -> None:
    package, sensor, faults = scene.package, scene.sensor, scene.faults
    scale = scene.scale_ratio
    if package.body_um:
        half = 0.5 * package.body_um * scale
        square = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
        body = np.zeros(picture.shape, dtype=np.uint8)
        corners = np.round(to_px(turned(square, scene.pose), sensor) * 2**SHIFT_BITS).astype(np.int32)
        cv2.fillConvexPoly(body, corners, 1, cv2.LINE_8, SHIFT_BITS)
        np.copyto(picture, np.float32(GROUND_DN), where=body == 0)
    if package.mark is not None:
        at = to_px(turned(np.array([[package.mark.x_um, package.mark.y_um]]) * scale, scene.pose), sensor)[0]
        radius = 0.5 * package.mark.diameter_um * scale / sensor.um_per_px
        _blob(picture, at, (radius, radius), 0.0, package.mark.level_dn)
    land_px = 0.4 * package.diameter_um * scale / sensor.um_per_px
    for at in balls.centres_px[~balls.present]:
        _blob(picture, at, (land_px, land_px), 0.0, LAND_DN)
    row = {name: i for i, name in enumerate(package.ball_names)}
    for first, second in faults.bridged:
        a, b = balls.centres_px[row[first]], balls.centres_px[row[second]]
        long, across = 0.5 * float(np.hypot(*(b - a))), 0.45 * package.diameter_um / sensor.um_per_px / 2
        # An ellipse longer than the distance of the centres stays wide between them, as a neck of solder does.
        _blob(picture, (a + b) / 2, (1.3 * long, across), math.degrees(math.atan2(b[1] - a[1], b[0] - a[0])), NECK_DN)
    _debris(picture, scene, faults)


def _debris(picture: np.ndarray, scene: Scene, faults: Faults) -> None:
    rng, sensor = scene.stream("debris"), scene.sensor
    reach_um = float(np.abs(scene.package.xy_um).max()) + 2 * scene.package.diameter_um
    for _ in range(faults.debris_count):
        at = to_px(turned(rng.uniform(-reach_um, reach_um, (1, 2)), scene.pose), sensor)[0]
        axes = rng.uniform(0.15, 0.55, 2) * scene.package.diameter_um / 2 / sensor.um_per_px
        _blob(picture, at, (axes[0], axes[1]), rng.uniform(0, 180), rng.uniform(70, 210))


def _blob(picture: np.ndarray, at: np.ndarray, axes: tuple[float, float], turn_deg: float, level: float) -> None:
    """An ellipse laid over the picture, its edge shared out between the pixels it crosses."""
    half = math.ceil(max(axes)) + 2
    left, top = math.floor(at[0]) - half, math.floor(at[1]) - half
    mask = np.zeros((2 * half + 2, 2 * half + 2), dtype=np.uint8)
    unit = 2**SHIFT_BITS
    centre = (round((at[0] - left) * unit), round((at[1] - top) * unit))
    size = (round(axes[0] * unit), round(axes[1] * unit))
    cv2.ellipse(mask, centre, size, turn_deg, 0, 360, 255, -1, cv2.LINE_AA, SHIFT_BITS)
    window, cut = clipped(picture, left, top, len(mask))
    share = mask[cut].astype(np.float32) / np.float32(255)
    window += (np.float32(level) - window) * share


def clipped(picture: np.ndarray, left: int, top: int, side: int) -> tuple[np.ndarray, tuple[slice, slice]]:
    """The part of a square that lies in the picture, and the same part of the square's own array."""
    rows = slice(max(top, 0), max(min(top + side, picture.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + side, picture.shape[1]), 0))
    cut = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return picture[:0, :0], (slice(0, 0), slice(0, 0))
    return picture[rows, columns], cut


def clean_picture(scene: Scene) -> np.ndarray:
    """Expected grey levels before noise, float32 (rows, columns)."""
    balls = balls_of(scene)
    picture = background(scene, balls)
    shown = np.flatnonzero(balls.present)
    if len(shown):
        corner, level, cover = patches(balls, shown, scene.sensor)
        for (left, top), one_level, one_cover in zip(corner.tolist(), level, cover):
            window, cut = clipped(picture, left, top, level.shape[1])
            window *= 1 - one_cover[cut]
            window += one_level[cut]
    picture *= illumination(scene)
    return picture


def expose(picture: np.ndarray, scene: Scene) -> np.ndarray:
    """Photon and read noise, rounding and saturation: the 8-bit picture. `picture` is used up."""
    sensor, noise = scene.sensor, np.empty_like(picture)
    _seed_cv(scene.stream("noise"))
    cv2.randn(noise, 0.0, 1.0)
    variance = cv2.addWeighted(
        picture,
        sensor.noise_factor / sensor.electrons_per_dn,
        picture,
        0.0,
        sensor.noise_factor * sensor.read_noise_dn**2,
    )
    noise *= cv2.sqrt(variance)
    return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), dtype=np.uint8)


def render(scene: Scene) -> np.ndarray:
    """The picture of a scene, uint8 (rows, columns); the same scene gives the same bytes."""
    return expose(clean_picture(scene), scene)
