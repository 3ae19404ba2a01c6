"""One fiducial or datum mark, bright or dark, to a fraction of a micrometre; refused when it is not there.

It proposes places on a shrunk copy, has their rims fitted by `vision.rim` and decides; fitting several fiducials to a
board is a matter of `vision.pose`.
"""

from __future__ import annotations

import math

import numpy as np

from vision.candidates import Candidate, likeness, mark_candidates
from vision.errors import BadRequest
from vision.frame import Frame
from vision.health import focus_reasons, health_reasons
from vision.marks import PART_RATIOS, SHAPES, Shape, thinnest_px
from vision.results import NAN, FiducialFix, Polarity
from vision.rim import RimFit, fit_rim

RIVAL_RATIO = 0.8
"""A second place that matches this well, against the mark found first, may be the mark as well ..."""

RIVAL_CONTRAST_RATIO = 0.5
"""... if it also has this share of its contrast."""

CONTRAST_LEAST = 6.0
"""Grey levels between mark and surroundings."""

RIM_LEAST_RATIO = 0.33
"""Share of the outline that must follow the model: scratches, dirt and copper together hide up to 0.6 of
it."""

SIZE_TOLERANCE = 0.12
LIKENESS_LEAST = 0.55
"""Correlation with the plain mark at the fitted place. Marks of 12 levels on a mottled board, and those with scratches,
dirt, copper and traces together, reach 0.84 or more; a polygon of scratches that passed for a rim reached 0.40."""

SHAPE_MARGIN = 0.01
"""Another shape that is more like what is seen by this is taken for it (a disc is 0.05 less like a square)."""

BORDER_PX = 4.0
"""Ground that must show all round the mark."""

HALF_LEAST_PX = 4.0
THIN_LEAST_PX = 2.5
"""Half of the thinnest part of a mark must be this wide for its edges to be told apart."""

HALF_MOST_RATIO = 0.45
"""Of the shorter side of the picture."""


def locate_fiducial(
    frame: Frame,
    size_um: float,
    *,
    shape: Shape = "disc",
    part_ratio: float | None = None,
    polarity: Polarity | None = None,
    expected_x_um: float = 0.0,
    expected_y_um: float = 0.0,
    search_um: float = 1000.0,
) -> FiducialFix:
    """Find one mark of known shape and size within `search_um` of the expected place.

    size_um      across the mark: diameter, side of a square, tip to tip of a diamond and of a cross. Squares, diamonds
                 and crosses may lie turned by a few degrees
    part_ratio   inner over outer diameter of a ring, arm width over length of a cross; None: usual values are tried
    polarity     mark against its surroundings; None: either
    returns      found; ambiguous when two places fit about equally well; refused when none does or when the mark is cut
                 by the border, with reasons. `sigma_um` per axis counts the mottle of the ground, not noise alone
    raises       BadRequest for values that are not finite, an unknown shape, a mark too small or large for the picture
    """
    half_px = 0.5 * size_um / frame.um_per_px
    _check(frame, size_um, half_px, shape, part_ratio, (expected_x_um, expected_y_um, search_um))
    unhealthy = health_reasons(frame)
    if unhealthy:
        return _refused(unhealthy)
    ratios = PART_RATIOS.get(shape, (0.0,)) if part_ratio is None else (part_ratio,)
    expected_um = np.array([[expected_x_um, expected_y_um]])
    at_px = frame.to_px(expected_um)[0]
    search_px = search_um / frame.um_per_px
    candidates = mark_candidates(frame.pixels, half_px, shape, ratios, at_px, search_px)
    if polarity is not None:
        candidates = [one for one in candidates if (one.contrast > 0) == (polarity == "bright")]
    if not candidates:
        what = shape if polarity is None else f"{polarity} {shape}"
        text = f"no {what} of {size_um:.0f} um within {search_um:.0f} um of the expected place"
        return _refused((*focus_reasons(frame), text))
    good: list[RimFit] = []
    first: Candidate | None = None
    problems: list[tuple[str, ...]] = []
    for one in candidates:
        if first is not None and not _is_rival(one, first):
            continue
        rim = fit_rim(
            frame.pixels, one.x_px, one.y_px, shape, 2 * half_px, one.part_ratio, math.copysign(1.0, one.contrast)
        )
        wrong = _rim_problems(frame, rim, one, half_px) or _other_shape(frame, rim, half_px, shape, ratios)
        if rim is None or wrong:
            problems.append(wrong)
        elif not any(math.hypot(rim.x_px - two.x_px, rim.y_px - two.y_px) < half_px for two in good):
            good.append(rim)
            first = first or one
    if not good:
        return _refused((*focus_reasons(frame), *(f"{shape} seen, but {reason}" for reason in problems[0])))
    good = [rim for rim in good if math.hypot(rim.x_px - at_px[0], rim.y_px - at_px[1]) <= search_px + 2.0]
    if not good:
        return _refused((f"the nearest {shape} is more than {search_um:.0f} um from the expected place",))
    rim = good[0]
    x_um, y_um = (float(value) for value in frame.to_um(np.array([[rim.x_px, rim.y_px]]))[0])
    seen_as: Polarity = "bright" if rim.step > 0 else "dark"
    sizes_um = (2.0 * (half_px + rim.growth_px)) * frame.um_per_px
    values = (x_um, y_um, rim.sigma_px * frame.um_per_px, seen_as, sizes_um)
    if len(good) > 1:
        return FiducialFix(
            "ambiguous", (f"{len(good)} marks of the wanted shape and size in the search range",), *values
        )
    return FiducialFix("found", (), *values)


def _check(
    frame: Frame, size_um: float, half_px: float, shape: str, part_ratio: float | None, place: tuple[float, ...]
) -> None:
    if not np.isfinite([size_um, *place]).all() or place[-1] < 0:
        raise BadRequest("size, expected place and search range of a fiducial must be finite")
    if shape not in SHAPES:
        raise BadRequest(f"no fiducial shape {shape!r}: {', '.join(SHAPES)} are known")
    if part_ratio is not None and not 0.1 <= part_ratio <= 0.9:
        raise BadRequest(f"inner part of {part_ratio} of the size: 0.1 to 0.9 can be told apart")
    if not HALF_LEAST_PX <= half_px <= HALF_MOST_RATIO * min(frame.size_px):
        raise BadRequest(f"a mark of {size_um:.0f} um has a half size of {half_px:.1f} px in this picture")
    thin_px = thinnest_px(shape, 2 * half_px, part_ratio or PART_RATIOS.get(shape, (0.0,))[0])
    if thin_px < THIN_LEAST_PX:
        raise BadRequest(f"the {shape} of {size_um:.0f} um is {2 * thin_px:.1f} px thin, {2 * THIN_LEAST_PX} px needed")


def _refused(reasons: tuple[str, ...]) -> FiducialFix:
    return FiducialFix("refused", reasons, NAN, NAN, NAN, None, NAN)


def _is_rival(one: Candidate, first: Candidate) -> bool:
    strong = abs(one.contrast) > RIVAL_CONTRAST_RATIO * abs(first.contrast)
    return strong and one.match > RIVAL_RATIO * first.match


def _other_shape(
    frame: Frame, rim: RimFit | None, half_px: float, shape: Shape, ratios: tuple[float, ...]
) -> tuple[str, ...]:
    """Marks of other shapes share part of their outline with the wanted one; the whole picture of them tells."""
    if rim is None:
        return ()
    usual = tuple((one, ratio) for one in SHAPES if one != shape for ratio in PART_RATIOS.get(one, (0.0,)))
    marks = (*((shape, ratio) for ratio in ratios), *usual)
    like = likeness(frame.pixels, rim.x_px, rim.y_px, half_px, marks)
    wanted, other = float(like[: len(ratios)].max()), len(ratios) + int(np.argmax(like[len(ratios) :]))
    if wanted < LIKENESS_LEAST:
        return (f"what stands there is little like one: likeness {wanted:.2f}, at least {LIKENESS_LEAST} wanted",)
    if like[other] > wanted + SHAPE_MARGIN:
        return (f"it is rather a {marks[other][0]}: likeness {like[other]:.3f} against {wanted:.3f}",)
    return ()


def _rim_problems(frame: Frame, rim: RimFit | None, one: Candidate, half_px: float) -> tuple[str, ...]:
    cols, rows = frame.size_px
    if min(one.x_px, one.y_px, cols - 1 - one.x_px, rows - 1 - one.y_px) < half_px + BORDER_PX:
        return ("it is cut by the border of the picture or too near to it",)
    if rim is None:
        return ("its rim cannot be followed",)
    problems = []
    if rim.good_ratio < RIM_LEAST_RATIO:
        problems.append(f"its rim is clear on {rim.good_ratio:.0%} of the way round, {RIM_LEAST_RATIO:.0%} wanted")
    if abs(rim.growth_px) > SIZE_TOLERANCE * half_px:
        measured_um, wanted_um = (2 * half * frame.um_per_px for half in (half_px + rim.growth_px, half_px))
        problems.append(f"it measures {measured_um:.0f} um, wanted {wanted_um:.0f}")
    if abs(rim.step) < CONTRAST_LEAST:
        problems.append(f"it differs from the board by {abs(rim.step):.1f} levels, {CONTRAST_LEAST:.0f} wanted")
    return tuple(problems)
