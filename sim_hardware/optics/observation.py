"""What a camera would have measured: the symbolic counterpart of a picture, through the same hidden camera errors.

Nothing here renders, and nothing here is asked a question: an observation holds everything in view. It is a JSON object
of one shape for both cameras; what is not in view is null (`fiducials`: an empty list). Poses are those of the image
frame (um about the image centre, x right, y up, deg anticlockwise) at the nominal scale `um_per_px`, so that a camera
of another true scale shows everything larger or smaller, exactly as its pixels would.

    um_per_px   8.0 (up) or 10.0 (down)
    package     status, reasons, x_um, y_um, theta_deg, covariance (3 x 3, of x, y, theta), scale_ratio, turn_margin,
                found_count, expected_count,
                balls {name[], state[] ok|missing|bridged|deformed, x_px[], y_px[] (column, row), diameter_um[],
                offset_um[]; the last two null for a missing ball}, bridges [[name, name]],
                wetting null for a package that never touched material, else {state[] dry|partial|wet|excess,
                probability_wet[], strength_ratio[], tilt_x, tilt_y, worst_probability}
    dots        glass part: status, reasons, x_um, y_um, theta_deg, covariance, scale_ratio, turn_margin, found_count,
                expected_count, balls (as of a package: the dots in view, D0 to D79 row by row); theta of the grid as
                this camera sees it (from above the drawing is mirrored in x)
    tip         bare nozzle tip wholly in view: x_um, y_um, sigma_um, diameter_um
    fiducials   every mark wholly in view, the datum mark too, nearest to the centre first:
                status, reasons, x_um, y_um, sigma_um, polarity, diameter_um, and its shape where it is no disc
    bottom      of the stack nearest to the centre, with 6 free lands or more in view: status, reasons, x_um, y_um,
                theta_deg, covariance, found_count, expected_count, seen [index of land in drawing order]
    top         the uppermost package of that stack, with two edges in view: status, reasons, x_um, y_um, theta_deg of
                its outline, covariance, body_x_um, body_y_um
    imprint     film in view: x_um[], y_um[], diameter_um[] of every visible mark
    dark        only where a segment of the light is dead: at_deg, its direction in the picture, and level_ratio, the
                light on that side against the other
"""

from __future__ import annotations

from sim_hardware.optics.observation_common import Observation
from sim_hardware.optics.observation_down import observe_down
from sim_hardware.optics.observation_up import observe_up

__all__ = ["Observation", "observe_down", "observe_up"]
