"""Small geometry shared by the steps that look with the down camera. No device is touched here."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from recipes import Recipe
from station.cell import Cell, Light
from station.coordinates import ImagePoint, MachinePoint, MachinePose, Shift

NO_NUMBER = "what was measured is no number"


def is_measured(*values: float) -> bool:
    """Whether every value is a number: a picture that was found well and measured as nothing proves nothing."""
    return all(isfinite(value) for value in values)


def up_light(recipe: Recipe) -> Light:
    inspect = recipe.inspect
    return Light(inspect.up_ring_ratio, inspect.up_coax_ratio, inspect.up_exposure_s)


def down_light(recipe: Recipe) -> Light:
    inspect = recipe.inspect
    return Light(inspect.down_ring_ratio, inspect.down_coax_ratio, inspect.down_exposure_s)


def lands_z_um(cell: Cell, recipe: Recipe) -> float:
    """Where a bare tip touches the lands of a bottom package."""
    return cell.profile.nest.z_um - recipe.bottom.body_height_um


def in_image_frame(cell: Cell, about: MachinePoint, gantry_places: Sequence[MachinePoint]) -> tuple[ImagePoint, ...]:
    """Picture centres relative to the machine point `about`, in the down camera's own axes.

    A joint fit over several pictures needs their places in one frame; the camera's turn against the machine is part of
    the calibration, so the machine's own positions are brought into the image frame rather than the other way round.
    """
    down = cell.known_calibration.down
    centres = []
    for place in gantry_places:
        axis_at = place.moved(Shift(down.x_um, down.y_um))
        centres.append(ImagePoint(*down.inverse_shift(axis_at - about)))
    return tuple(centres)


def from_image_frame(cell: Cell, about: MachinePoint, x_um: float, y_um: float, theta_deg: float) -> MachinePose:
    """The inverse: a pose of a joint fit about `about` in machine coordinates, seen from above."""
    down = cell.known_calibration.down
    return MachinePose(about.moved(down.shift_of(ImagePoint(x_um, y_um))), down.angle_of(theta_deg))
