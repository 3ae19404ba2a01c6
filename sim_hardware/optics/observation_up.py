"""What the up camera would have measured: pose of the ball array, every ball, and the material on it.

Nothing here renders. The rules of `observation` hold: image frame, nominal scale, everything in view.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim_hardware.optics.balls import BallArrays, arrays_of, coat_um, wet_strength
from sim_hardware.optics.lens import Floats, ImagePose, Lens
from sim_hardware.optics.measured import (
    EXCESS_COAT_UM,
    PARTIAL_SHARE,
    SIGMAS,
    call_wetting,
    fit,
    inside_view,
    plane_tilt,
)
from sim_hardware.optics.observation_common import (
    MARK_EVIDENCE,
    Observation,
    empty,
    is_usable,
    noisy,
    observe_dots,
    pose_fields,
)
from sim_hardware.optics.scenes import TipView, UpScene
from sim_hardware.optics.up import SEGMENT_LOSS_RATIO
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.things import PackageTruth, PackageType

UP_UM_PER_PX = 8.0
DEFORMED_RATIO = 0.2
"""diameter against the drawing beyond which a ball is called deformed"""

_QUARTER_TURNS = ((0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))

Flags = NDArray[np.bool_]


def observe_up(scene: UpScene, camera: CameraTruth, fidelity: Fidelity, rng: np.random.Generator) -> Observation:
    """Everything the up camera sees, measured with the noise of `measured.SIGMAS`; `ideal` measures perfectly."""
    seen = empty(UP_UM_PER_PX)
    lens = Lens(camera, looks_up=True, dz_um=scene.ball_plane_dz_um)
    if not is_usable(scene.light, lens):
        return seen
    pose = lens.pose(scene.x_um, scene.y_um, scene.theta_deg)
    noise = None if fidelity is Fidelity.IDEAL else rng
    if scene.is_calibration_part:
        seen["dots"] = observe_dots(lens, pose, UP_UM_PER_PX, noise)
    elif scene.package is not None:
        seen["package"] = _package(lens, pose, scene.package, noise)
    elif scene.tip is not None:
        seen["tip"] = _tip(lens, pose, scene.tip, noise)
    if scene.light.dead_segment_deg is not None:
        seen["dark"] = {"at_deg": scene.light.dead_segment_deg, "level_ratio": 1.0 - SEGMENT_LOSS_RATIO}
    return seen


def _tip(lens: Lens, pose: ImagePose, tip: TipView, rng: np.random.Generator | None) -> dict[str, object] | None:
    camera = lens.camera
    x_px, y_px = lens.to_image_px(np.array([pose.x_um]), np.array([pose.y_um]))
    radius_px = tip.outer_um / 2 / camera.um_per_px
    if not inside_view(x_px, y_px, camera.width_px, camera.height_px, radius_px)[0]:
        return None
    return {
        "x_um": noisy(float(x_px[0]) * UP_UM_PER_PX, SIGMAS.tip_um, rng),
        "y_um": noisy(float(y_px[0]) * UP_UM_PER_PX, SIGMAS.tip_um, rng),
        "sigma_um": 0.0 if rng is None else SIGMAS.tip_um,
        "diameter_um": tip.outer_um * UP_UM_PER_PX / camera.um_per_px,
    }


def _package(
    lens: Lens, pose: ImagePose, package: PackageTruth, rng: np.random.Generator | None
) -> dict[str, object] | None:
    balls = arrays_of(package)
    camera = lens.camera
    x_px, y_px = lens.to_image_px(*pose.apply(balls.x_um, balls.y_um))
    radius_px = float(balls.drawn_diameter_um.max()) / 2 / camera.um_per_px
    view = balls.present & inside_view(x_px, y_px, camera.width_px, camera.height_px, radius_px)
    found_count, expected_count = int(view.sum()), len(view)
    if found_count < max(4, expected_count // 3):
        return None
    found = fit(balls.drawn_x_um[view], balls.drawn_y_um[view], x_px[view] * UP_UM_PER_PX, y_px[view] * UP_UM_PER_PX)
    fields = pose_fields(found.x_um, found.y_um, found.theta_deg, SIGMAS.array_um, found.radius_um, rng)
    margin = turn_evidence(package.type) - (expected_count - found_count)
    if margin <= 0:
        fields["status"] = "ambiguous"
        fields["reasons"] = ["the balls found fit more than one quarter turn and there is no mark"]
    offset_x, offset_y = np.zeros(expected_count), np.zeros(expected_count)
    offset_x[view], offset_y[view] = found.residual_x_um, found.residual_y_um
    diameter_um = balls.diameter_um * (UP_UM_PER_PX / camera.um_per_px)
    if rng is not None:
        noise = rng.standard_normal((3, expected_count))
        offset_x += SIGMAS.ball_um * noise[0]
        offset_y += SIGMAS.ball_um * noise[1]
        diameter_um = diameter_um + SIGMAS.ball_diameter_um * noise[2]
    bridged = {name for pair in package.bridges for name in pair}
    names = _names(package.type)
    fields["scale_ratio"] = noisy(found.scale_ratio, SIGMAS.scale_ratio, rng)
    fields["turn_margin"] = max(0.0, margin)
    fields["found_count"] = found_count
    fields["expected_count"] = expected_count
    fields["balls"] = {
        "name": names,
        "state": _states(names, balls, view, bridged),
        "x_px": np.round(x_px + (camera.width_px - 1) / 2, 2).tolist(),
        "y_px": np.round((camera.height_px - 1) / 2 - y_px, 2).tolist(),
        "diameter_um": _or_none(diameter_um, view),
        "offset_um": _or_none(np.hypot(offset_x, offset_y), view),
    }
    fields["bridges"] = [list(pair) for pair in package.bridges]
    fields["wetting"] = _wetting(names, balls, view, bridged, rng) if balls.immersion_um.any() else None
    return fields


def _or_none(values: Floats, view: Flags) -> list[float | None]:
    rounded: list[float | None] = np.round(values, 2).tolist()
    if not view.all():
        for i in np.flatnonzero(~view).tolist():
            rounded[i] = None
    return rounded


def _states(names: list[str], balls: BallArrays, view: Flags, bridged: set[str]) -> list[str]:
    states = ["ok"] * len(names)
    for i in np.flatnonzero(np.abs(balls.diameter_um / balls.drawn_diameter_um - 1.0) > DEFORMED_RATIO).tolist():
        states[i] = "deformed"
    if bridged:
        for i, name in enumerate(names):
            if name in bridged:
                states[i] = "bridged"
    for i in np.flatnonzero(~view).tolist():
        states[i] = "missing"
    return states


def _wetting(
    names: list[str], balls: BallArrays, view: Flags, bridged: set[str], rng: np.random.Generator | None
) -> dict[str, object]:
    calls = call_wetting(wet_strength(balls), balls.immersion_um / balls.height_um, rng)
    thick = coat_um(balls) > EXCESS_COAT_UM
    states = np.where(
        calls.probability_wet < 0.5,
        "dry",
        np.where(thick, "excess", np.where(calls.share < PARTIAL_SHARE, "partial", "wet")),
    ).tolist()
    if bridged:
        states = ["excess" if name in bridged else state for name, state in zip(names, states, strict=True)]
    tilt_x, tilt_y = plane_tilt(calls.strength_ratio[view], balls.drawn_x_um[view], balls.drawn_y_um[view])
    return {
        "state": states,
        "probability_wet": np.round(calls.probability_wet, 6).tolist(),
        "strength_ratio": np.round(calls.strength_ratio, 4).tolist(),
        "tilt_x": tilt_x,
        "tilt_y": tilt_y,
        "worst_probability": float(calls.probability_wet[view].min()),
    }


class _TypeFacts:
    """What a drawing says once and for all; kept by identity, because hashing 200 balls costs more than a look."""

    def __init__(self, kind: PackageType) -> None:
        self.kind = kind
        self.names = [ball.name for ball in kind.balls]
        places = {(round(ball.x_um), round(ball.y_um)) for ball in kind.balls}
        unmatched = [len(places - {(a * x + b * y, c * x + d * y) for x, y in places}) for a, b, c, d in _QUARTER_TURNS]
        self.turn_evidence = float(min(unmatched)) + (MARK_EVIDENCE if kind.a1_diameter_um > 0.0 else 0.0)


_facts: list[_TypeFacts] = []


def _facts_of(kind: PackageType) -> _TypeFacts:
    for facts in _facts:
        if facts.kind is kind:
            return facts
    facts = _TypeFacts(kind)
    _facts.insert(0, facts)
    del _facts[8:]
    return facts


def _names(kind: PackageType) -> list[str]:
    return _facts_of(kind).names


def turn_evidence(kind: PackageType) -> float:
    """Balls that stand elsewhere after the most similar quarter turn, plus the worth of the A1 mark."""
    return _facts_of(kind).turn_evidence
