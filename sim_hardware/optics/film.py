"""The film on the dip plate as the down camera sees it: faint streaks of the blade, and the imprint of a dip.

Nothing here knows how a film flows; how deep or how faded a mark is comes with the scene.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sim_hardware.optics.layers import lay_rectangle, seen_tiled, whole
from sim_hardware.optics.lens import Floats32, Lens
from sim_hardware.optics.profile import STEP_PX, blur, count_for
from sim_hardware.optics.scenes import DownScene, FilmView
from sim_hardware.optics.stamps import draw_radial
from sim_hardware.optics.texture import TILE_PX, surface
from sim_hardware.world.machine import Fidelity

FILM_LEVEL = 105.0
FILM_SLOW_DN = 1.0
FILM_GRAIN_DN = 0.5
STREAK_DN = 1.5
DRY_PLATE_LEVEL = 160.0
DRY_BELOW_UM = 2.0
MARK_LEVEL = 70.0
RIM_LEVEL = 150.0
RIM_WIDTH_UM = 30.0
_TILE_UM_PER_PX = 12.0


def _streaks(seed: int) -> Floats32:
    """Level against the mean across the stroke, (TILE_PX, 1); the blade wipes along x, so streaks run along x."""
    rng = np.random.Generator(np.random.PCG64([23, seed & 0xFFFF_FFFF_FFFF]))
    fine = rng.standard_normal(TILE_PX)
    line = np.zeros(TILE_PX)
    for width, share in ((3, 0.6), (11, 0.6), (41, 0.6)):
        window = np.hanning(width + 2)
        part = np.convolve(fine, window / np.sqrt((window**2).sum()), mode="same")
        line += share * np.roll(part, width * 97)
    return np.asarray(line * (STREAK_DN / line.std()), dtype=np.float32)[:, None]


@lru_cache(maxsize=2)
def _film_tile(seed: int, is_dry: bool) -> Floats32:
    tile = surface((TILE_PX, TILE_PX), seed, FILM_SLOW_DN, FILM_GRAIN_DN)
    if not is_dry:
        tile += _streaks(seed)
    return tile


def draw_film(image: Floats32, lens: Lens, scene: DownScene, film: FilmView, fidelity: Fidelity) -> None:
    """The plate with its film, then the marks."""
    lens = lens.farther(film.depth_um)
    pose = lens.pose(film.x_um - scene.camera_x_um, film.y_um - scene.camera_y_um, 0.0)
    is_dry = film.height_um < DRY_BELOW_UM
    level = DRY_PLATE_LEVEL if is_dry else FILM_LEVEL
    seen: Floats32 | float = level
    if fidelity is not Fidelity.IDEAL:
        seen = seen_tiled(lens, whole(lens), pose, _film_tile(film.streak_seed, is_dry), _TILE_UM_PER_PX)
        seen += np.float32(level)
    lay_rectangle(image, lens, pose, film.size_um, film.size_um, seen)
    if not is_dry:
        _draw_marks(image, lens, scene, film)


def _draw_marks(image: Floats32, lens: Lens, scene: DownScene, film: FilmView) -> None:
    if not film.marks:
        return
    marks = np.array([(m.x_um, m.y_um, m.diameter_um, m.contrast_ratio) for m in film.marks])
    marks = marks[(marks[:, 2] > 0.0) & (marks[:, 3] > 0.0)]
    if len(marks) == 0:
        return
    axis = lens.pose(0.0, 0.0, 0.0)
    x_um, y_um = axis.apply(marks[:, 0] - scene.camera_x_um, marks[:, 1] - scene.camera_y_um)
    column, row = lens.to_sensor_px(x_um, y_um)
    scale = lens.camera.um_per_px
    radius_px, rim_px = marks[:, 2:3] / 2 / scale, RIM_WIDTH_UM / scale
    count = count_for(float(radius_px.max()) + rim_px, lens.sigma_px)
    r_px = (np.arange(count, dtype=np.float64) + 0.5)[None, :] * STEP_PX
    disc = np.clip((radius_px - r_px) / STEP_PX + 0.5, 0.0, 1.0)
    with_rim = np.clip((radius_px + rim_px - r_px) / STEP_PX + 0.5, 0.0, 1.0)
    light = (MARK_LEVEL * disc + RIM_LEVEL * (with_rim - disc)) * marks[:, 3:4]
    draw_radial(image, column, row, blur(light, lens.sigma_px), blur(with_rim * marks[:, 3:4], lens.sigma_px))
