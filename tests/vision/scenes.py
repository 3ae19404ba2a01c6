"""Small synthetic pictures with known truth, for the tests of vision only.

Everything is drawn from formulas on a grid finer than a pixel, averaged down and blurred as a whole picture; nothing
here shares a line with vision or with the product renderer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from vision.frame import Frame
from vision.maps import BallMap
from vision.predicted import Shot

UP_SHAPE = (2048, 2448)
DOWN_SHAPE = (1024, 1280)
FINE = 3


def perimeter_map(side: int, rows: int, pitch_um: float, diameter_um: float, without=(), **mark) -> BallMap:
    names, xs, ys = [], [], []
    for i in range(side):
        for j in range(side):
            ring = min(i, j, side - 1 - i, side - 1 - j)
            name = f"R{side - j}C{i + 1}"
            if ring < rows and name not in without:
                names.append(name)
                xs.append((i - (side - 1) / 2) * pitch_um)
                ys.append((j - (side - 1) / 2) * pitch_um)
    return BallMap(tuple(names), np.array(xs), np.array(ys), np.full(len(xs), diameter_um), **mark)


A1 = {"a1_x_um": -3500.0, "a1_y_um": 3500.0, "a1_diameter_um": 500.0}
POP_168 = perimeter_map(23, 2, 500.0, 320.0, **A1)
POP_216 = perimeter_map(29, 2, 400.0, 250.0, **A1)
POP_152 = perimeter_map(21, 2, 650.0, 450.0, **A1)


def turned(points, theta_deg, x_um=0.0, y_um=0.0):
    t = np.deg2rad(theta_deg)
    return points @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) + [x_um, y_um]


def to_px(points_um, shape, um_per_px):
    rows, cols = shape
    return np.column_stack([points_um[:, 0] / um_per_px + (cols - 1) / 2, (rows - 1) / 2 - points_um[:, 1] / um_per_px])


def rigid_truth(model, seen):
    """Least-squares frame of the true centres, by singular values."""
    m, s = model - model.mean(0), seen - seen.mean(0)
    u, _, vt = np.linalg.svd(m.T @ s)
    rotation = vt.T @ np.diag([1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
    shift = seen.mean(0) - rotation @ model.mean(0)
    return float(shift[0]), float(shift[1]), float(np.rad2deg(np.arctan2(rotation[1, 0], rotation[0, 0])))


@dataclass
class Truth:
    """What was drawn."""

    x_um: float
    y_um: float
    theta_deg: float
    centres_um: np.ndarray
    present: np.ndarray
    strength: np.ndarray = field(default_factory=lambda: np.zeros(0))


def ball_level(x, y, *, reflect, tilt, ring, width, wet, cap=1.0, peak=200.0):
    """Brightness of a ring-lit ball at (x, y) in units of its radius; `wet` is the share of a full coat's effect."""
    r = np.hypot(x, y)
    centre = ring * (1 - 0.25 * wet)
    sigma = width * (1 + 0.6 * wet)
    shape = np.exp(-(((r - centre) / sigma) ** 4) / 1.5)
    lamp = 1 + 0.06 * np.cos(12 * np.arctan2(y, x) + 0.7)
    side = 1 + (tilt[0] * x + tilt[1] * y) / np.maximum(r, 0.2)
    diffuse = 16 * (1 - 0.5 * wet) * np.sqrt(np.clip(1 - 0.9 * r**2, 0, 1))
    rim = 40 * wet * np.exp(-(((r - cap) / 0.07) ** 2))
    return reflect * (peak - 16) * (1 - 0.35 * wet) * shape * lamp * side + diffuse + 5 + rim


def substrate(rng, shape, um_per_px, pose, body_um, level=38.0, low=4.0, traces=120, trace_level=6.0):
    rows, cols = shape
    wave = cv2.resize(rng.normal(0, 1, (12, 14)).astype(np.float32), (cols, rows), interpolation=cv2.INTER_CUBIC)
    picture = level + low * wave
    for sign in (-1.0, 1.0):
        layer = np.zeros(shape, np.uint8)
        for _ in range(traces // 2):
            a = rng.uniform([0, 0], [cols, rows])
            b = a + rng.normal(0, 150, 2)
            cv2.line(layer, tuple(int(v) for v in a), tuple(int(v) for v in b), 1, int(rng.integers(3, 9)))
        picture += np.float32(sign * trace_level) * layer
    corners = turned(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * body_um / 2, pose[2], pose[0], pose[1])
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(to_px(corners, shape, um_per_px)).astype(np.int32)], 1)
    return np.where(mask > 0, picture, 8.0).astype(np.float32)


def stamp(picture, centre_px, half_px, paint):
    """Replace a window by what `paint(x_px, y_px) -> (level, coverage)` gives on the fine grid, area averaged."""
    c0, r0 = int(np.floor(centre_px[0] - half_px)), int(np.floor(centre_px[1] - half_px))
    size = int(np.ceil(2 * half_px)) + 2
    r1, c1 = max(r0, 0), max(c0, 0)
    r2, c2 = min(r0 + size, picture.shape[0]), min(c0 + size, picture.shape[1])
    if r1 >= r2 or c1 >= c2:
        return
    sub = (np.arange(size * FINE) + 0.5) / FINE - 0.5
    x = (c0 + sub - centre_px[0])[None, :]
    y = -(r0 + sub - centre_px[1])[:, None]
    level, cover = paint(x, y)
    cover = np.broadcast_to(cover, (size * FINE, size * FINE)).astype(np.float64)

    def mean(values):
        return values.reshape(size, FINE, size, FINE).mean(axis=(1, 3))[r1 - r0 : r2 - r0, c1 - c0 : c2 - c0]

    area = mean(cover)
    picture[r1:r2, c1:c2] = picture[r1:r2, c1:c2] * (1 - area) + mean(level * cover)


@lru_cache(maxsize=1)
def noise_store():
    """Normal noise to cut from at a random place: drawing it anew takes longer than all the rest."""
    return np.random.default_rng(99).standard_normal(7_200_000, dtype=np.float32)


def finish(picture, rng, blur_px=1.2, noise=1.0, gain=1.0):
    picture = cv2.GaussianBlur(picture, (0, 0), blur_px) * gain
    sigma = np.sqrt(np.maximum(picture, 0) / 39 + 0.04) * np.sqrt(noise)
    start = int(rng.integers(0, 1 << 21))
    picture = picture + sigma * noise_store()[start : start + picture.size].reshape(picture.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


@dataclass
class PackagePart:
    """One package as it came from the tray; draw it several times (dry, wet, turned) with the same balls."""

    ball_map: BallMap
    seed: int = 0
    scatter_um: float = 8.0
    missing: tuple = ()
    body_um: float = 12000.0

    def __post_init__(self):
        rng = np.random.default_rng([self.seed, 1])
        n = self.ball_map.count
        self.local = self.ball_map.xy_um + rng.normal(0, self.scatter_um, (n, 2))
        self.size = 1 + rng.normal(0, 0.02, n)
        self.reflect = 1 + rng.normal(0, 0.06, n)
        self.rough = 1 + rng.normal(0, 0.1, n)
        self.present = np.array([name not in self.missing for name in self.ball_map.names])

    def draw(
        self,
        x_um=0.0,
        y_um=0.0,
        theta_deg=0.0,
        *,
        seed=0,
        tilt=(0.0, 0.0),
        tilt_scatter=0.02,
        wet=None,
        cap=1.0,
        mark_level=125.0,
        bridges=(),
        bridge_level=90.0,
        extras_um=(),
        shape=UP_SHAPE,
        um_per_px=8.0,
        blur_px=1.2,
        noise=1.0,
        gain=1.0,
        gradient=0.0,
        **background,
    ):
        rng = np.random.default_rng([self.seed, 2, seed])
        pose = (x_um, y_um, theta_deg)
        picture = substrate(rng, shape, um_per_px, pose, self.body_um, **background)
        seen = turned(self.local, theta_deg, x_um, y_um)
        centres = to_px(seen, shape, um_per_px)
        radius = self.ball_map.radius_um / um_per_px
        if mark_level and self.ball_map.a1_x_um is not None:
            mark = np.array([[self.ball_map.a1_x_um, self.ball_map.a1_y_um]])
            at = to_px(turned(mark, theta_deg, x_um, y_um), shape, um_per_px)[0]
            edge = self.ball_map.a1_diameter_um / 2 / um_per_px
            stamp(picture, at, edge + 2, lambda x, y: (mark_level, x**2 + y**2 <= edge**2))
        names = {name: k for k, name in enumerate(self.ball_map.names)}
        for a, b in bridges:
            p, q = centres[names[a]], centres[names[b]]
            axis = (q - p) / np.hypot(*(q - p))
            span = np.hypot(*(q - p))

            def neck(x, y, axis=axis, span=span):
                along, across = x * axis[0] - y * axis[1], x * axis[1] + y * axis[0]
                return bridge_level, (np.abs(along) <= span / 2) & (np.abs(across) <= 0.35 * radius)

            stamp(picture, (p + q) / 2, np.hypot(*(q - p)) / 2 + 2, neck)
        strength = np.zeros(len(centres)) if wet is None else np.broadcast_to(wet, (len(centres),)).astype(float)
        caps = np.broadcast_to(cap, (len(centres),))
        spread = rng.normal(0, tilt_scatter, (len(centres), 2)) + tilt
        for k, at in enumerate(centres):
            r_px = radius * self.size[k]
            if not self.present[k]:
                stamp(picture, at, r_px, lambda x, y: (70.0, x**2 + y**2 <= (0.8 * radius) ** 2))
                continue

            def ball(x, y, k=k, r_px=r_px):
                u, v = x / r_px, y / r_px
                level = ball_level(
                    u,
                    v,
                    reflect=self.reflect[k],
                    tilt=spread[k],
                    ring=0.50,
                    width=0.085 * self.rough[k],
                    wet=strength[k],
                    cap=caps[k],
                )
                return level, u**2 + v**2 <= (1.0 if strength[k] == 0 else 1.0 + 0.1 * min(1, strength[k])) ** 2

            stamp(picture, at, r_px * 1.15 + 1, ball)
        for extra in np.atleast_2d(np.array(extras_um, float)) if len(extras_um) else ():
            at = to_px(turned(extra[None], theta_deg, x_um, y_um), shape, um_per_px)[0]
            stamp(
                picture,
                at,
                radius + 1,
                lambda x, y: (
                    ball_level(x / radius, y / radius, reflect=1, tilt=(0, 0), ring=0.5, width=0.085, wet=0),
                    x**2 + y**2 <= radius**2,
                ),
            )
        if gradient:
            picture *= np.linspace(1 - gradient / 2, 1 + gradient / 2, shape[1], dtype=np.float32)[None, :]
        pixels = finish(picture, rng, blur_px, noise, gain)
        ok = self.present
        frame = rigid_truth(self.ball_map.xy_um[ok], seen[ok])
        return Frame(pixels, um_per_px), Truth(*frame, seen, ok, strength)


def board(rng, shape=DOWN_SHAPE, level=60.0, texture=3.0):
    rows, cols = shape
    weave = 1.5 * np.sin(np.arange(cols) / 9.0)[None, :] * np.sin(np.arange(rows) / 7.0)[:, None]
    coarse = cv2.resize(
        rng.normal(0, 1, (rows // 40, cols // 40)).astype(np.float32), (cols, rows), interpolation=cv2.INTER_CUBIC
    )
    return (level + texture * coarse + weave).astype(np.float32)


def disc(picture, centre_px, radius_px, level):
    stamp(picture, centre_px, radius_px + 2, lambda x, y: (level, x**2 + y**2 <= radius_px**2))


def mark_depth(kind, x, y, half, part_ratio):
    """Distance inside the outline of a fiducial mark, negative outside; exact off its corners."""
    far, near, part = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y)), half * part_ratio
    return {
        "disc": half - np.hypot(x, y),
        "ring": np.minimum(half - np.hypot(x, y), np.hypot(x, y) - part),
        "square": half - far,
        "diamond": (half - far - near) / np.sqrt(2),
        "cross": np.minimum(half - far, part - near),
    }[kind]


def fiducial_scene(seed, x_um, y_um, *, diameter_um=1000.0, level=190.0, ground=60.0, um_per_px=10.0, others=(),
                   dirt=0, scratches=0, copper=0, gradient=0.0, absent=False, shape=(512, 512), kind="disc",
                   part_ratio=0.5, turn_deg=0.0, **optics):  # fmt: skip
    rng = np.random.default_rng([seed, 3])
    picture = board(rng, shape, ground)
    half = diameter_um / 2 / um_per_px
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))

    def mark(x, y):
        depth = mark_depth(kind, c * x + s * y, c * y - s * x, half, part_ratio)
        return level, np.clip(FINE * depth + 0.5, 0, 1)

    for at_um in [*([] if absent else [(x_um, y_um)]), *others]:
        stamp(picture, to_px(np.array([at_um]), shape, um_per_px)[0], half * 1.1 + 2, mark)
    centre = to_px(np.array([(x_um, y_um)]), shape, um_per_px)[0]
    for _ in range(copper):
        angle = rng.uniform(0, 2 * np.pi)
        at = centre + rng.uniform(1.5, 1.9) * half * np.array([np.cos(angle), np.sin(angle)])
        cv2.rectangle(picture, tuple(int(v) for v in at - 8), tuple(int(v) for v in at + 8), level, -1)
    for _ in range(dirt):
        angle = rng.uniform(0, 2 * np.pi)
        at = centre + half * np.array([np.cos(angle), np.sin(angle)])
        disc(picture, at, rng.uniform(3, 7), rng.uniform(10, 220))
    for _ in range(scratches):
        a, b = centre + rng.uniform(-60, 60, (2, 2))
        cv2.line(picture, tuple(int(v) for v in a), tuple(int(v) for v in b), float(rng.uniform(20, 220)), 2)
    if gradient:
        picture *= np.linspace(1 - gradient / 2, 1 + gradient / 2, shape[1], dtype=np.float32)[None, :]
    return Frame(finish(picture, rng, **optics), um_per_px)


LANDS_168 = perimeter_map(23, 2, 500.0, 280.0, a1_x_um=-4100.0, a1_y_um=4100.0, a1_diameter_um=400.0)
FOUR_SHOTS = ((-2200.0, -2600.0), (2200.0, -2600.0), (2200.0, 2600.0), (-2200.0, 2600.0))


def site_shots(seed, x_um, y_um, theta_deg, *, lands=LANDS_168, body_um=12000.0, centres=FOUR_SHOTS, um_per_px=10.0,
               mark_turn=0, mark=True, bare=False, top=None, without=(), wells=None, bleed=0.0, neighbour_um=None,
               **optics):  # fmt: skip
    """Several pictures of one site; `top` = (x, y, theta, size) of a mould standing on it.

    wells         (level of the mould, level of the well, level of the ball in it or None): solder in moulded wells
    bleed         share of the right and upper edge of the top where flux has run out, up to 250 um
    neighbour_um  gap to a body as bright as the top on its right
    """
    shots = []
    for number, centre in enumerate(centres):
        rng = np.random.default_rng([seed, 4, number])
        picture = board(rng)

        def px(points, centre=centre):
            return to_px(points - np.array(centre), DOWN_SHAPE, um_per_px)

        def body(size, pose, level, picture=picture, px=px):
            corners = px(turned(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2, *pose))
            x = np.arange(DOWN_SHAPE[1], dtype=np.float32)[None, :]
            y = np.arange(DOWN_SHAPE[0], dtype=np.float32)[:, None]
            cover = np.ones(DOWN_SHAPE, np.float32)
            for a, b in zip(corners, np.roll(corners, -1, axis=0)):
                normal = np.array([b[1] - a[1], a[0] - b[0]]) / np.hypot(*(b - a))
                normal = (normal * np.sign((corners.mean(axis=0) - a) @ normal)).astype(np.float32)
                reach = np.float32(0.5 - a @ normal)
                cover *= np.clip(x * normal[0] + (y * normal[1] + reach), 0, 1)
            picture += (np.float32(level) - picture) * cover

        if not bare:
            body(body_um, (theta_deg, x_um, y_um), 45.0 if wells is None else wells[0])
            for name, at in zip(lands.names, px(turned(lands.xy_um, theta_deg, x_um, y_um))):
                if wells is not None:
                    disc(picture, at, 1.35 * lands.radius_um / um_per_px, wells[1])
                level = 175.0 if wells is None else wells[2]
                if name not in without and level is not None:
                    disc(picture, at, lands.radius_um / um_per_px, level)
            if mark:
                spot = np.array([[lands.a1_x_um, lands.a1_y_um]])
                at = px(turned(turned(spot, 90.0 * mark_turn), theta_deg, x_um, y_um))[0]
                disc(picture, at, lands.a1_diameter_um / 2 / um_per_px, 205.0)
        if top is not None and bleed:
            edge = np.random.default_rng([seed, 7])
            for step in np.flatnonzero(edge.uniform(size=100) < bleed):
                along, side = (step % 50 + 0.5) / 50 - 0.5, step // 50
                at = px(turned(top[3] * np.array([[(0.5, along), (along, 0.5)][side]]), top[2], top[0], top[1]))[0]
                disc(picture, at, edge.uniform(100, 250) / um_per_px, edge.uniform(60, 150))
        if top is not None and neighbour_um is not None:
            gap = turned(np.array([[top[3] + neighbour_um, 0.0]]), top[2], top[0], top[1])[0]
            body(top[3], (top[2], gap[0], gap[1]), 125.0)
        if top is not None:
            body(top[3], (top[2], top[0], top[1]), 125.0)
            text = px(turned(np.array([[-2500.0, 0.0]]), top[2], top[0], top[1]))[0]
            at = (int(text[0]), int(text[1]))
            layer = np.zeros(DOWN_SHAPE, np.uint8)
            cv2.putText(layer, "POP 0815", at, cv2.FONT_HERSHEY_SIMPLEX, 3.0, 1, 6)
            picture += 25.0 * (layer > 0)
        shots.append(Shot(Frame(finish(picture, rng, **optics), um_per_px), *centre))
    return shots


BALLS_IN_FILM = POP_168.mirrored()


def imprint_shots(seed, x_um, y_um, theta_deg, *, balls=BALLS_IN_FILM, centres=FOUR_SHOTS, um_per_px=10.0,
                  without=(), dry_um=None, blank=False, **optics):  # fmt: skip
    """Marks of a dip in a film; `dry_um` = (x, y, radius) of a place where the film is missing."""
    shots = []
    for number, centre in enumerate(centres):
        rng = np.random.default_rng([seed, 5, number])
        streaks = cv2.GaussianBlur(rng.normal(0, 6, (1, DOWN_SHAPE[1])).astype(np.float32), (0, 0), 4)
        picture = np.full(DOWN_SHAPE, 105.0, np.float32) + streaks
        seen = to_px(turned(balls.xy_um, theta_deg, x_um, y_um) - np.array(centre), DOWN_SHAPE, um_per_px)
        radius = 0.85 * balls.radius_um / um_per_px
        jitter = np.random.default_rng([seed, 6]).normal(0, 0.04, balls.count)
        for k, (name, at) in enumerate(zip(balls.names, seen)):
            if name in without or blank:
                continue
            edge = radius * (1 + jitter[k])
            stamp(
                picture,
                at,
                edge * 1.3,
                lambda x, y, edge=edge: (
                    np.where(x**2 + y**2 <= edge**2, 70.0, 125.0),
                    x**2 + y**2 <= (1.2 * edge) ** 2,
                ),
            )
        if dry_um is not None:
            at = to_px(np.array([dry_um[:2]]) - np.array(centre), DOWN_SHAPE, um_per_px)[0]
            disc(picture, at, dry_um[2] / um_per_px, 160.0)
        shots.append(Shot(Frame(finish(picture, rng, **optics), um_per_px), *centre))
    return shots
