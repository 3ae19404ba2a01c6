"""What the observations of both cameras share: the empty observation, poses with their noise, the glass dots.

Nothing here looks at packages or boards.
"""

from __future__ import annotations

import numpy as np

from sim_hardware.optics import glass
from sim_hardware.optics.lens import ImagePose, Lens
from sim_hardware.optics.measured import SIGMAS, covariance, fit, inside_view, pose_sigmas, wrapped_deg
from sim_hardware.optics.noise import light_gain
from sim_hardware.optics.scenes import Light

LIGHT_USABLE = (0.15, 4.0)
"""light against nominal outside which nothing is found: too dark, or everything saturated"""
BLUR_MOST_PX = 4.5
"""sigma of the point spread above which a picture is refused as out of focus"""
MARK_EVIDENCE = 20.0
"""worth of a turn mark in balls"""

Observation = dict[str, object]


def empty(um_per_px: float) -> Observation:
    """Nothing in view."""
    return {
        "um_per_px": um_per_px,
        "package": None,
        "dots": None,
        "tip": None,
        "fiducials": [],
        "bottom": None,
        "top": None,
        "imprint": None,
    }


def is_usable(light: Light, lens: Lens) -> bool:
    """Whether anything would be found in such a picture."""
    gain = light_gain(light, lens.camera, looks_up=lens.looks_up)
    return LIGHT_USABLE[0] <= gain <= LIGHT_USABLE[1] and lens.sigma_px <= BLUR_MOST_PX


def observe_dots(
    lens: Lens, pose: ImagePose, um_per_px: float, rng: np.random.Generator | None
) -> dict[str, object] | None:
    """Pose of the glass part, of the dots in view, and every dot."""
    drawn_x, drawn_y = glass.dots_from_below() if lens.looks_up else glass.dots_from_above()
    x_px, y_px = lens.to_image_px(*pose.apply(drawn_x, drawn_y))
    radius_px = glass.DOT_DIAMETER_UM / 2 / lens.camera.um_per_px
    view = inside_view(x_px, y_px, lens.camera.width_px, lens.camera.height_px, radius_px)
    if int(view.sum()) < len(view) // 3:
        return None
    found = fit(drawn_x[view], drawn_y[view], x_px[view] * um_per_px, y_px[view] * um_per_px)
    fields = pose_fields(found.x_um, found.y_um, found.theta_deg, SIGMAS.array_um, found.radius_um, rng)
    place_px = np.column_stack([x_px[view], -y_px[view]])
    if rng is not None:
        place_px += SIGMAS.dot_um / lens.camera.um_per_px * rng.standard_normal(place_px.shape)
    place_px += ((lens.camera.width_px - 1) / 2, (lens.camera.height_px - 1) / 2)
    count = len(place_px)
    return {
        **fields,
        "balls": {
            "name": [f"D{i}" for i in np.flatnonzero(view).tolist()],
            "state": ["ok"] * count,
            "x_px": np.round(place_px[:, 0], 5).tolist(),
            "y_px": np.round(place_px[:, 1], 5).tolist(),
            "diameter_um": [glass.DOT_DIAMETER_UM * um_per_px / lens.camera.um_per_px] * count,
            "offset_um": [0.0] * count,
        },
        "scale_ratio": noisy(found.scale_ratio, SIGMAS.scale_ratio, rng),
        "turn_margin": MARK_EVIDENCE,
        "found_count": int(view.sum()),
        "expected_count": len(view),
    }


def noisy(value: float, sigma: float, rng: np.random.Generator | None) -> float:
    """The value with one draw of normal noise; `rng` None = as it is."""
    return value if rng is None else value + sigma * float(rng.standard_normal())


def pose_fields(
    x_um: float, y_um: float, theta_deg: float, sigma_um: float, radius_um: float, rng: np.random.Generator | None
) -> dict[str, object]:
    """Status, pose with noise, and covariance of a thing that was found; `rng` None = measured perfectly."""
    place_sigma, turn_sigma = pose_sigmas(sigma_um, radius_um)
    if rng is None:
        place_sigma = turn_sigma = 0.0
    else:
        x, y, turn = rng.standard_normal(3).tolist()
        x_um, y_um, theta_deg = x_um + place_sigma * x, y_um + place_sigma * y, theta_deg + turn_sigma * turn
    return {
        "status": "found",
        "reasons": [],
        "x_um": x_um,
        "y_um": y_um,
        "theta_deg": wrapped_deg(theta_deg),
        "covariance": covariance(place_sigma, turn_sigma),
    }
