"""The second renderer: other optics for the same scenes, against agreeing with oneself.

Every ball is a small sphere before a camera at a finite distance; every light-emitting diode of the ring is mirrored
as a spot of its own, where the half-way vector between camera and diode meets the sphere. The point spread is an
astigmatic core with a wide halo, the substrate is woven glass with vias, the sensor has fixed-pattern gain. No tables,
no radial profile, no line shared with the first renderer; only scene and ball positions are the same. Distances and
ratios are estimates.

Mirror images lie off the balls' centres by an amount that grows with the distance from the optical axis: a camera is
calibrated for that once, so figures are given as seen and after one such calibration on tuning scenes.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from tests.benchmarks.vision.scene import Scene, Sensor
from tests.benchmarks.vision.truth import Balls, balls_of, to_px, turned

CAMERA_UM = 220_000.0
"""from the balls' equator to the entrance pupil"""
DIODES = 12
ROWS = ((58_000.0, 43_000.0), (62_000.0, 30_000.0))
"""radius of a row of diodes and its height above the balls, um"""
LOBE = math.radians(2.4)
"""slope of the solder's grain, one standard deviation"""
SPOT_DN_UM2 = 45_000.0
"""grey level times area of one diode's image on a ball of 115 um radius, before the point spread"""
DOME_DN, PUPIL_DN, DOME_FALL, PUPIL_RATIO = 34.0, 10.0, 0.75, 0.13
"""the room and the camera's pupil as mirrored: levels, loss at the limb, width of the pupil in ball radii"""
CORE_SHARE, HALO_WIDTH = 0.9, 2.3
ASTIGMATISM, ASTIGMATIC_DEG = 0.08, 25.0
PIXEL_VARIANCE = 1.0 / 12.0
FIXED_PATTERN = 0.002
"""pixel gain, one standard deviation"""


def _diodes() -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 3) um and brightness (n,), which differs from diode to diode."""
    places, angles = [], []
    for number, (radius_um, height_um) in enumerate(ROWS):
        angle = 2 * np.pi * (np.arange(DIODES) + 0.5 * number) / DIODES
        places.append(np.column_stack([radius_um * np.cos(angle), radius_um * np.sin(angle),
                                       np.full(DIODES, height_um)]))  # fmt: skip
        angles.append(angle)
    bins = np.random.Generator(np.random.PCG64(4242)).normal(1.0, 0.06, 2 * DIODES)
    return np.concatenate(places), bins


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _spread(sensor: Sensor) -> list[tuple[float, np.ndarray]]:
    """The point spread as shares and 2 x 2 covariances, px^2, column and row up."""
    sigma, angle = sensor.psf_sigma_px, math.radians(ASTIGMATIC_DEG)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    core = turn @ np.diag([(sigma * (1 + ASTIGMATISM)) ** 2, (sigma * (1 - ASTIGMATISM)) ** 2]) @ turn.T
    pixel = PIXEL_VARIANCE * np.eye(2)
    return [(CORE_SHARE, core + pixel), (1 - CORE_SHARE, (HALO_WIDTH * sigma) ** 2 * np.eye(2) + pixel)]


def patches(
    balls: Balls, shown: np.ndarray, sensor: Sensor, shift_px: tuple[float, float] = (0.0, 0.0)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Level and cover of the balls `shown`, each in a square of its own; as the first renderer's, by other physics."""
    scale = sensor.um_per_px
    radius_px = balls.radius_um[shown] / scale
    half = math.ceil(float(radius_px.max()) * 1.15 + 5.0 * sensor.psf_sigma_px + 2)
    corner = np.floor(balls.centres_px[shown]).astype(np.int64) - half
    offset = (balls.centres_px[shown] + shift_px - corner).astype(np.float32)
    grid = np.arange(2 * half + 2, dtype=np.float32)
    dx = np.broadcast_to(grid[None, None, :] - offset[:, 0, None, None], (len(shown), len(grid), len(grid)))
    dy = np.broadcast_to(offset[:, 1, None, None] - grid[None, :, None], dx.shape)
    ratio, angle = np.sqrt(balls.axis_ratio[shown]), balls.axis_rad[shown]
    cos, sin = np.cos(angle), np.sin(angle)
    cover = _cover(dx, dy, radius_px, ratio, cos, sin, sensor)
    u, v = _round(dx, dy, ratio, cos, sin)
    level = _dome(u * u + v * v, radius_px, sensor) * cover
    _add_spots(level, balls, shown, offset, radius_px, (ratio, cos, sin), sensor)
    return corner, level * balls.reflectivity[shown].astype(np.float32)[:, None, None], cover


def _dome(r2_px: np.ndarray, radius_px: np.ndarray, sensor: Sensor) -> np.ndarray:
    """The room mirrored in the ball, darker towards the limb, and the camera's own pupil in its middle, both blurred:
    a paraboloid and a normal density stay what they are."""
    radius2 = (radius_px.astype(np.float32) ** 2)[:, None, None]
    dome = np.zeros_like(r2_px)
    for part, spread in _spread(sensor):
        sigma2 = np.float32(0.5 * np.trace(spread))
        pupil2 = np.float32(PUPIL_RATIO**2) * radius2
        room = 1 - np.float32(DOME_FALL) * (r2_px + 2 * sigma2) / radius2
        pupil = pupil2 / (pupil2 + sigma2) * np.exp(-r2_px / (2 * (pupil2 + sigma2)))
        dome += np.float32(part) * (np.float32(DOME_DN) * room - np.float32(DOME_DN - PUPIL_DN) * pupil)
    return dome


def _round(dx: np.ndarray, dy: np.ndarray, ratio: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> tuple[
    np.ndarray, np.ndarray
]:  # fmt: skip
    """Places on the flattened ball as places on the round one of the same area."""
    c, s, k = (a.astype(np.float32)[:, None, None] for a in (cos, sin, ratio))
    return (dx * c + dy * s) * k, (dy * c - dx * s) / k


def _cover(dx: np.ndarray, dy: np.ndarray, radius_px: np.ndarray, ratio: np.ndarray, cos: np.ndarray, sin: np.ndarray,
           sensor: Sensor) -> np.ndarray:  # fmt: skip
    """Share of every pixel that the ball covers: a straight edge through each part of the point spread."""
    u, v = _round(dx, dy, ratio, cos, sin)
    inside = radius_px.astype(np.float32)[:, None, None] - np.sqrt(u * u + v * v)
    length = np.maximum(np.hypot(dx, dy), np.float32(1e-3))
    nx, ny = dx / length, dy / length
    cover = np.zeros_like(inside)
    for part, spread in _spread(sensor):
        width = np.sqrt(spread[0, 0] * nx * nx + 2 * spread[0, 1] * nx * ny + spread[1, 1] * ny * ny)
        # Normal distribution function by tanh, within 2e-4.
        z = inside / width
        cover += np.float32(part * 0.5) * (1 + np.tanh(np.float32(0.7978846) * (z + np.float32(0.044715) * z**3)))
    return cover


def _add_spots(level: np.ndarray, balls: Balls, shown: np.ndarray, offset: np.ndarray, radius_px: np.ndarray,
               shape: tuple[np.ndarray, np.ndarray, np.ndarray], sensor: Sensor) -> None:  # fmt: skip
    """The image of every diode on every ball, as normal densities; `level` is changed."""
    places, bins = _diodes()
    at = np.column_stack([balls.centres_um[shown], np.zeros(len(shown))])
    view = _unit(np.array([0.0, 0.0, CAMERA_UM]) - at)
    scale, radius_um = sensor.um_per_px, balls.radius_um[shown]
    ratio, cos, sin = shape
    size = level.shape[1]
    for place, brightness in zip(places, bins):
        normal = _unit(view + _unit(place - at))
        # A mirror point nearer to the camera than the equator is seen larger by its height over the distance.
        nearer = CAMERA_UM / (CAMERA_UM - radius_um * normal[:, 2])
        spot_um = (at[:, :2] + radius_um[:, None] * normal[:, :2]) * nearer[:, None] - at[:, :2]
        along = (spot_um[:, 0] * cos + spot_um[:, 1] * sin) / ratio
        across = (spot_um[:, 1] * cos - spot_um[:, 0] * sin) * ratio
        x_px, y_px = (along * cos - across * sin) / scale, (along * sin + across * cos) / scale
        ring = np.arctan2(place[1], place[0])
        weight = brightness * (1 + balls.tilt[shown, 0] * np.cos(ring) + balls.tilt[shown, 1] * np.sin(ring))
        # The lobe is round in slope; the tilted surface shows it shortened towards the limb.
        out = normal[:, :2] / np.linalg.norm(normal[:, :2], axis=1, keepdims=True)
        lobe2 = (LOBE * radius_px) ** 2
        for part, spread in _spread(sensor):
            shorter = lobe2 * (normal[:, 2] ** 2 - 1)
            xx = lobe2 + spread[0, 0] + shorter * out[:, 0] ** 2
            yy = lobe2 + spread[1, 1] + shorter * out[:, 1] ** 2
            xy = spread[0, 1] + shorter * out[:, 0] * out[:, 1]
            det = xx * yy - xy**2
            area_px2 = SPOT_DN_UM2 * (radius_um / 115.0) ** 2 / scale**2
            peak = part * weight * area_px2 / (2 * np.pi * np.sqrt(det))
            reach = math.ceil(3.6 * math.sqrt(float(max(xx.max(), yy.max()))))
            left = np.clip(np.round(offset[:, 0] + x_px).astype(int) - reach, 0, size - 2 * reach - 1)
            top = np.clip(np.round(offset[:, 1] - y_px).astype(int) - reach, 0, size - 2 * reach - 1)
            step = np.arange(2 * reach + 1)
            gx = (left[:, None] + step - (offset[:, 0] + x_px)[:, None]).astype(np.float32)[:, None, :]
            gy = ((offset[:, 1] - y_px)[:, None] - top[:, None] - step).astype(np.float32)[:, :, None]
            a, b, c = ((q / (-2 * det)).astype(np.float32)[:, None, None] for q in (yy, -2 * xy, xx))
            spot = np.exp(a * gx * gx + b * gx * gy + c * gy * gy) * peak.astype(np.float32)[:, None, None]
            rows, columns = top[:, None] + step, left[:, None] + step
            level[np.arange(len(shown))[:, None, None], rows[:, :, None], columns[:, None, :]] += spot


def _background(scene: Scene, balls: Balls) -> np.ndarray:
    """Woven glass, blotches and vias, soft as the optics are."""
    sensor, ground, rng = scene.sensor, scene.substrate, scene.stream("weave")
    columns, rows = sensor.columns, sensor.rows
    x, y = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    picture = np.full((rows, columns), ground.level_dn, dtype=np.float32)
    for _ in range(5):
        period_px = rng.uniform(3000, 9000, 2) / sensor.um_per_px
        wave_x = np.cos(x * np.float32(2 * np.pi / period_px[0]) + np.float32(rng.uniform(0, 6.28)))
        wave_y = np.cos(y * np.float32(2 * np.pi / period_px[1]) + np.float32(rng.uniform(0, 6.28)))
        picture += np.float32(ground.slow_dn * 0.9) * wave_y[:, None] * wave_x[None, :]
    softness = math.exp(-0.5 * (2 * math.pi * sensor.psf_sigma_px * sensor.um_per_px / 120.0) ** 2)
    weave = np.float32(2 * np.pi * sensor.um_per_px / 120.0)
    picture += np.float32(1.4 * ground.grain_dn * softness) * (np.sin(y * weave)[:, None] * np.sin(x * weave)[None, :])
    layer = np.zeros((rows, columns), dtype=np.uint8)
    for _ in range(ground.trace_count):
        centre = np.round(rng.uniform([0, 0], [columns, rows]) * 16).astype(int)
        radius = round(float(rng.uniform(60, 260)) / sensor.um_per_px * 16)
        filled = -1 if rng.random() < 0.5 else max(1, round(40 / sensor.um_per_px))
        cv2.circle(layer, (int(centre[0]), int(centre[1])), radius, int(rng.integers(120, 256)), filled, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(layer, (0, 0), sensor.psf_sigma_px)
    picture = cv2.addWeighted(picture, 1.0, soft, ground.trace_dn / 255.0, 0.0, dtype=cv2.CV_32F)
    _lay_faults(picture, scene, balls)
    return np.asarray(picture)


def _lay_faults(picture: np.ndarray, scene: Scene, balls: Balls) -> None:
    """Mark, bare lands, necks and specks: soft ellipses."""
    sensor, package = scene.sensor, scene.package
    unit = scene.scale_ratio / sensor.um_per_px
    radius_px = 0.5 * package.diameter_um * unit
    if package.mark is not None:
        spot = to_px(turned(np.array([[package.mark.x_um, package.mark.y_um]]) * scene.scale_ratio, scene.pose), sensor)
        side = 0.5 * package.mark.diameter_um * unit
        _soft_ellipse(picture, spot[0], (side, side), 0.0, package.mark.level_dn, sensor)
    for at in balls.centres_px[~balls.present]:
        _soft_ellipse(picture, at, (0.75 * radius_px, 0.75 * radius_px), 0.0, 64.0, sensor)
    row = {name: i for i, name in enumerate(package.ball_names)}
    for first, second in scene.faults.bridged:
        a, b = balls.centres_px[row[first]], balls.centres_px[row[second]]
        turn = math.atan2(a[1] - b[1], b[0] - a[0])
        _soft_ellipse(picture, (a + b) / 2, (0.7 * float(np.hypot(*(b - a))), 0.5 * radius_px), turn, 88.0, sensor)
    rng = scene.stream("specks")
    reach = float(np.abs(package.xy_um).max()) + 2 * package.diameter_um
    for _ in range(scene.faults.debris_count):
        at = to_px(turned(rng.uniform(-reach, reach, (1, 2)), scene.pose), sensor)[0]
        axes = (float(rng.uniform(0.15, 0.5)) * radius_px, float(rng.uniform(0.15, 0.5)) * radius_px)
        _soft_ellipse(picture, at, axes, float(rng.uniform(0, 3.14)), float(rng.uniform(70, 200)), sensor)


def _soft_ellipse(picture: np.ndarray, at: np.ndarray, axes: tuple[float, float], turn_rad: float, level: float,
                  sensor: Sensor) -> None:  # fmt: skip
    reach = math.ceil(max(axes) + 4 * sensor.psf_sigma_px) + 1
    r0, r1 = max(int(at[1]) - reach, 0), min(int(at[1]) + reach + 1, picture.shape[0])
    c0, c1 = max(int(at[0]) - reach, 0), min(int(at[0]) + reach + 1, picture.shape[1])
    if r0 >= r1 or c0 >= c1:
        return
    dx, dy = np.arange(c0, c1)[None, :] - at[0], at[1] - np.arange(r0, r1)[:, None]
    u = (dx * math.cos(turn_rad) + dy * math.sin(turn_rad)) / axes[0]
    v = (dy * math.cos(turn_rad) - dx * math.sin(turn_rad)) / axes[1]
    inside = (1 - np.hypot(u, v)) * min(axes) / math.hypot(sensor.psf_sigma_px, 0.3)
    share = (0.5 * (1 + np.tanh(0.8 * inside))).astype(np.float32)
    window = picture[r0:r1, c0:c1]
    window += (np.float32(level) - window) * share


def illumination(scene: Scene) -> np.ndarray:
    """Natural vignetting and a gradient that grows by the same factor everywhere, (rows, columns)."""
    sensor = scene.sensor
    x = np.linspace(-1, 1, sensor.columns, dtype=np.float32)
    y = np.linspace(1, -1, sensor.rows, dtype=np.float32) * np.float32(sensor.rows / sensor.columns)
    light, corner2 = scene.light, 1 + (sensor.rows / sensor.columns) ** 2
    loss = (1 / math.sqrt(1 - light.vignetting_ratio) - 1) / corner2
    fall = (1 + np.float32(loss) * (x[None, :] ** 2 + y[:, None] ** 2)) ** -2
    steep, angle = math.atanh(min(light.gradient_ratio / 2, 0.99)), math.radians(light.gradient_deg)
    wide = np.exp(np.float32(steep * math.cos(angle)) * x)[None, :]
    high = np.exp(np.float32(steep * math.sin(angle)) * y)[:, None]
    return np.asarray(np.float32(light.gain_ratio / math.cosh(steep)) * fall * wide * high, dtype=np.float32)


def render(scene: Scene) -> np.ndarray:
    """The picture of a scene by the second optics, uint8 (rows, columns); the same scene gives the same bytes."""
    sensor, balls = scene.sensor, balls_of(scene)
    picture = _background(scene, balls)
    shown = np.flatnonzero(balls.present)
    corner, level, cover = patches(balls, shown, sensor)
    side = level.shape[1]
    for (left, top), one_level, one_cover in zip(corner.tolist(), level, cover):
        r0, r1 = max(top, 0), min(top + side, sensor.rows)
        c0, c1 = max(left, 0), min(left + side, sensor.columns)
        if r0 < r1 and c0 < c1:
            cut = (slice(r0 - top, r1 - top), slice(c0 - left, c1 - left))
            picture[r0:r1, c0:c1] = picture[r0:r1, c0:c1] * (1 - one_cover[cut]) + one_level[cut]
    picture *= illumination(scene)
    rng = scene.stream("second noise")
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    variance = picture * np.float32(sensor.noise_factor / sensor.electrons_per_dn)
    variance += np.float32(sensor.noise_factor * sensor.read_noise_dn**2)
    variance += (np.float32(FIXED_PATTERN) * picture) ** 2
    noise *= np.sqrt(variance)
    return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), dtype=np.uint8)
