"""What the down camera would have measured: discs, lands, outline of a placed package, marks in the film, glass dots.

Nothing here renders. The rules of `observation` hold: image frame, nominal scale, everything in view.
"""

from __future__ import annotations

from math import cos, hypot, radians, sin

import numpy as np
from numpy.typing import NDArray

from sim_hardware.optics.film import DRY_BELOW_UM
from sim_hardware.optics.lens import Floats, ImagePose, Lens
from sim_hardware.optics.measured import SIGMAS, fit, inside_view
from sim_hardware.optics.noise import DOWN_DEAD_LOSS_RATIO
from sim_hardware.optics.observation_common import Observation, empty, is_usable, observe_dots, pose_fields
from sim_hardware.optics.scenes import BoardView, BottomView, DownScene, FilmView, TopView
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.things import BottomType, FiducialSite

DOWN_UM_PER_PX = 10.0
DATUM_DIAMETER_UM = 1_000.0
MARK_VISIBLE_RATIO = 0.2
"""contrast of a film mark below which it is not found"""

STACK_REACH_UM = 2_000.0
"""packages whose centres are nearer than this belong to one stack"""

Rng = np.random.Generator | None


def observe_down(scene: DownScene, camera: CameraTruth, fidelity: Fidelity, rng: np.random.Generator) -> Observation:
    """Everything the down camera sees, measured with the noise of `measured.SIGMAS`; `ideal` measures perfectly."""
    seen = empty(DOWN_UM_PER_PX)
    lens = Lens(camera, looks_up=False, dz_um=scene.surface_dz_um)
    if not is_usable(scene.light, lens):
        return seen
    noise: Rng = None if fidelity is Fidelity.IDEAL else rng
    seen["fiducials"] = _fiducials(lens, scene, noise)
    bottom, top = _nearest_stack(lens, scene)
    if bottom is not None:
        seen["bottom"] = _lands(lens.farther(bottom.depth_um), scene, bottom, noise)
    if top is not None:
        at = lens.farther(top.depth_um)
        seen["top"] = _outline(at, top, _pose(at, scene, *_body_centre(top), top.theta_deg), noise)
    if scene.film is not None:
        seen["imprint"] = _imprint(lens.farther(scene.film.depth_um), scene, scene.film, noise)
    if scene.glass is not None:
        glass, at = scene.glass, lens.farther(scene.glass.depth_um)
        seen["dots"] = observe_dots(
            at, _pose(at, scene, glass.x_um, glass.y_um, glass.theta_deg), DOWN_UM_PER_PX, noise
        )
    if scene.light.dead_segment_deg is not None:
        seen["dark"] = {"at_deg": scene.light.dead_segment_deg, "level_ratio": 1.0 - DOWN_DEAD_LOSS_RATIO}
    return seen


def _pose(lens: Lens, scene: DownScene, x_um: float, y_um: float, theta_deg: float) -> ImagePose:
    return lens.pose(x_um - scene.camera_x_um, y_um - scene.camera_y_um, theta_deg)


def _in_view(lens: Lens, x_px: Floats, y_px: Floats, radius_um: float) -> NDArray[np.bool_]:
    camera = lens.camera
    return inside_view(x_px, y_px, camera.width_px, camera.height_px, radius_um / camera.um_per_px)


def _fiducials(lens: Lens, scene: DownScene, rng: Rng) -> list[dict[str, object]]:
    """Every mark wholly in view, nearest to the image centre first. A mark without a shape is a disc."""
    marks: list[tuple[float, float, float, FiducialSite | None]] = []
    on_board = lens
    if scene.board is not None:
        marks += _board_marks(scene, scene.board)
        on_board = lens.farther(scene.board.depth_um)
    if scene.datum is not None:
        marks.append((scene.datum.x_um, scene.datum.y_um, DATUM_DIAMETER_UM, None))
    found: list[tuple[float, dict[str, object]]] = []
    for x_um, y_um, diameter_um, drawn in marks:
        if _is_hidden(scene, x_um, y_um):
            continue
        by = lens if drawn is None else on_board
        at = _pose(by, scene, x_um, y_um, 0.0)
        x_px, y_px = by.to_image_px(np.array([at.x_um]), np.array([at.y_um]))
        if not _in_view(by, x_px, y_px, diameter_um / 2)[0]:
            continue
        seen_x_um, seen_y_um = float(x_px[0]) * DOWN_UM_PER_PX, float(y_px[0]) * DOWN_UM_PER_PX
        sigma_um = 0.0
        if rng is not None:
            sigma_um = SIGMAS.fiducial_um
            dx, dy = (rng.standard_normal(2) * sigma_um).tolist()
            seen_x_um, seen_y_um = seen_x_um + dx, seen_y_um + dy
        mark: dict[str, object] = {
            "status": "found",
            "reasons": [],
            "x_um": seen_x_um,
            "y_um": seen_y_um,
            "sigma_um": max(sigma_um, 1e-3),
            "polarity": "bright" if drawn is None or drawn.is_bright else "dark",
            "diameter_um": diameter_um * DOWN_UM_PER_PX / by.camera.um_per_px,
        }
        if drawn is not None and drawn.shape != "disc":
            mark["shape"] = drawn.shape
        found.append((hypot(seen_x_um, seen_y_um), mark))
    found.sort(key=lambda item: item[0])
    return [mark for _, mark in found]


def _board_marks(scene: DownScene, board: BoardView) -> list[tuple[float, float, float, FiducialSite | None]]:
    truth = board.truth
    c, s = cos(radians(board.theta_deg)), sin(radians(board.theta_deg))
    marks: list[tuple[float, float, float, FiducialSite | None]] = []
    for mark in truth.marks:
        x_um, y_um = mark.x_um * truth.scale_ratio, mark.y_um * truth.scale_ratio
        place_x, place_y = board.x_um + c * x_um - s * y_um, board.y_um + s * x_um + c * y_um
        if abs(place_x - scene.camera_x_um) + abs(place_y - scene.camera_y_um) < 30_000.0:
            marks.append((place_x, place_y, mark.diameter_um * truth.scale_ratio, mark))
    return marks


def _body_centre(top: TopView) -> tuple[float, float]:
    """Machine place of the middle of the outline; its offset is given as seen from below."""
    c, s = cos(radians(top.theta_deg)), sin(radians(top.theta_deg))
    dx_um, dy_um = -top.package.body_dx_um, top.package.body_dy_um
    return top.x_um + c * dx_um - s * dy_um, top.y_um + s * dx_um + c * dy_um


def _covers(top: TopView, x_um: Floats, y_um: Floats) -> NDArray[np.bool_]:
    """Which machine points lie under a placed package."""
    c, s = cos(radians(top.theta_deg)), sin(radians(top.theta_deg))
    middle_x, middle_y = _body_centre(top)
    dx, dy = x_um - middle_x, y_um - middle_y
    kind = top.package.type
    return (np.abs(c * dx + s * dy) < kind.body_x_um / 2) & (np.abs(c * dy - s * dx) < kind.body_y_um / 2)


def _is_hidden(scene: DownScene, x_um: float, y_um: float) -> bool:
    return any(bool(_covers(top, np.array(x_um), np.array(y_um))) for top in scene.tops)


def _nearest_stack(lens: Lens, scene: DownScene) -> tuple[BottomView | None, TopView | None]:
    """What stands nearest to the image centre: its bottom package and, of what lies on it, the uppermost."""
    reach_um = hypot(lens.camera.width_px, lens.camera.height_px) / 2 * lens.camera.um_per_px + 2_000.0
    place: tuple[float, float] | None = None
    things: list[BottomView | TopView] = [*scene.bottoms, *scene.tops]
    for thing in things:
        distance_um = hypot(thing.x_um - scene.camera_x_um, thing.y_um - scene.camera_y_um)
        if distance_um < reach_um:
            place, reach_um = (thing.x_um, thing.y_um), distance_um
    if place is None:
        return None, None
    bottoms = [bottom for bottom in scene.bottoms if _is_near(bottom, place)]
    tops = [top for top in scene.tops if _is_near(top, place)]
    return (bottoms[0] if bottoms else None), (tops[-1] if tops else None)


def _is_near(thing: BottomView | TopView, place: tuple[float, float]) -> bool:
    return hypot(thing.x_um - place[0], thing.y_um - place[1]) < STACK_REACH_UM


_ALONG, _HALF = np.linspace(-0.45, 0.45, 9), np.full(9, 0.5)
_EDGES = np.array([[*_ALONG, *_ALONG, *_HALF, *-_HALF], [*_HALF, *-_HALF, *_ALONG, *_ALONG]])
"""x and y of nine points on each edge of a body, in its sizes; two edges along x, then two along y"""


def _outline(lens: Lens, top: TopView, pose: ImagePose, rng: Rng) -> dict[str, object] | None:
    """Pose of the outline from points along its edges; needs two edges that are not parallel."""
    kind = top.package.type
    x_um, y_um = _EDGES[0] * kind.body_x_um, _EDGES[1] * kind.body_y_um
    x_px, y_px = lens.to_image_px(*pose.apply(x_um, y_um))
    view = _in_view(lens, x_px, y_px, 50.0)
    if int(view[:18].sum()) < 3 or int(view[18:].sum()) < 3:
        return None
    found = fit(x_um[view], y_um[view], x_px[view] * DOWN_UM_PER_PX, y_px[view] * DOWN_UM_PER_PX)
    fields = pose_fields(found.x_um, found.y_um, found.theta_deg, SIGMAS.outline_um, found.radius_um, rng)
    fields["body_x_um"] = kind.body_x_um * DOWN_UM_PER_PX / lens.camera.um_per_px
    fields["body_y_um"] = kind.body_y_um * DOWN_UM_PER_PX / lens.camera.um_per_px
    return fields


_last_lands: list[tuple[BottomType, Floats]] = []


def _land_table(kind: BottomType) -> Floats:
    """Places and diameters, (3, n); kept by identity, because hashing 200 lands costs more than a look."""
    for known, table in _last_lands:
        if known is kind:
            return table
    table = np.array([(land.x_um, land.y_um, land.diameter_um) for land in kind.lands]).reshape(-1, 3).T
    _last_lands.insert(0, (kind, np.ascontiguousarray(table)))
    del _last_lands[4:]
    return _last_lands[0][1]


def _lands(lens: Lens, scene: DownScene, bottom: BottomView, rng: Rng) -> dict[str, object] | None:
    """Pose of the land frame, of the lands that are in view and not under a placed package."""
    x_um, y_um, diameter_um = _land_table(bottom.type)
    pose = _pose(lens, scene, bottom.x_um, bottom.y_um, bottom.theta_deg)
    x_px, y_px = lens.to_image_px(*pose.apply(x_um, y_um))
    view = _in_view(lens, x_px, y_px, float(diameter_um.max()) / 2)
    if scene.tops:
        c, s = cos(radians(bottom.theta_deg)), sin(radians(bottom.theta_deg))
        machine_x, machine_y = bottom.x_um + c * x_um - s * y_um, bottom.y_um + s * x_um + c * y_um
        for top in scene.tops:
            if abs(top.x_um - bottom.x_um) + abs(top.y_um - bottom.y_um) < 60_000.0:
                view &= ~_covers(top, machine_x, machine_y)
    count = int(view.sum())
    if count < 6:
        return None
    found = fit(x_um[view], y_um[view], x_px[view] * DOWN_UM_PER_PX, y_px[view] * DOWN_UM_PER_PX)
    fields = pose_fields(found.x_um, found.y_um, found.theta_deg, SIGMAS.site_um, found.radius_um, rng)
    fields["found_count"] = count
    fields["expected_count"] = len(view)
    fields["seen"] = np.flatnonzero(view).tolist()
    return fields


def _imprint(lens: Lens, scene: DownScene, film: FilmView, rng: Rng) -> dict[str, object] | None:
    """Every mark in view as a point; which ball made it is for the station to say."""
    if film.height_um < DRY_BELOW_UM:
        return None
    marks = np.array(
        [(m.x_um, m.y_um, m.diameter_um) for m in film.marks if m.contrast_ratio >= MARK_VISIBLE_RATIO]
    ).reshape(-1, 3)
    axis = lens.pose(0.0, 0.0, 0.0)
    x_px, y_px = lens.to_image_px(*axis.apply(marks[:, 0] - scene.camera_x_um, marks[:, 1] - scene.camera_y_um))
    largest_um = float(marks[:, 2].max()) if len(marks) else 0.0
    view = _in_view(lens, x_px, y_px, largest_um / 2) & (marks[:, 2] > 0.0)
    x_um, y_um = x_px[view] * DOWN_UM_PER_PX, y_px[view] * DOWN_UM_PER_PX
    if rng is not None and len(x_um):
        noise = SIGMAS.mark_um * rng.standard_normal((2, len(x_um)))
        x_um, y_um = x_um + noise[0], y_um + noise[1]
    return {
        "x_um": np.round(x_um, 2).tolist(),
        "y_um": np.round(y_um, 2).tolist(),
        "diameter_um": np.round(marks[view, 2] * (DOWN_UM_PER_PX / lens.camera.um_per_px), 1).tolist(),
    }
