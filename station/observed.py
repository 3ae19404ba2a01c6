"""Reading observations: the answers of `vision`, taken from a camera that sends what it would have measured.

Used where thousands of packages are run without pixels; the limits that vision applies to a picture are applied here
as well, so that the process sees the same refusals. It renders and measures nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import cos, hypot, radians, sin
from typing import Any

import numpy as np
from pydantic_core import from_json

from recipes import Package
from recipes.board import Fiducial
from station.calibrate.model import LensFound
from station.coordinates import ImagePoint
from vision.calibration import undistorted
from vision.light import dark_side_text, dead_segment_text
from vision.results import (
    NAN,
    UNKNOWN,
    ArrayFix,
    BallFinding,
    BallWetting,
    DippedFinding,
    FiducialFix,
    ImprintFinding,
    Matrix3,
    PlacedFix,
    Pose,
    SiteFix,
)

TURN_LIMIT_DEG = 20.0
"""a package turned further than this against its tray lies wrong in its pocket"""
MARK_SEARCH_UM = 120.0
"""a film mark belongs to a ball when it lies this near"""
SITE_TURN_LIMIT_DEG = 5.0

Payload = bytes


def _seen(payload: Payload) -> dict[str, Any]:
    data: dict[str, Any] = from_json(payload)
    return data


def _matrix(rows: Sequence[Sequence[float]]) -> Matrix3:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return (a, b, c), (d, e, f), (g, h, i)


def _refused(expected_count: int, *reasons: str) -> ArrayFix:
    return ArrayFix("refused", reasons, NAN, NAN, NAN, NAN, UNKNOWN, (), 0.0, 0, expected_count)


def _array(data: dict[str, Any] | None, scale: float, expected_count: int, what: str) -> ArrayFix:
    if data is None:
        return _refused(expected_count, f"no {what} found")
    columns = data.get("balls")
    balls: tuple[BallFinding, ...] = ()
    if columns:
        balls = tuple(
            BallFinding(name, state, x_px, y_px, NAN if size is None else size * scale, NAN if off is None else off)
            for name, state, x_px, y_px, size, off in zip(
                columns["name"],
                columns["state"],
                columns["x_px"],
                columns["y_px"],
                columns["diameter_um"],
                columns["offset_um"],
                strict=True,
            )
        )
    return ArrayFix(
        data["status"],
        tuple(data["reasons"]),
        data["x_um"] * scale,
        data["y_um"] * scale,
        data["theta_deg"],
        data["scale_ratio"] * scale,
        _matrix(data["covariance"]),
        balls,
        data["turn_margin"],
        data["found_count"],
        data["expected_count"],
    )


def _turned(theta_deg: float, expected_deg: float) -> float:
    return (theta_deg - expected_deg + 180.0) % 360.0 - 180.0


def glass(payload: Payload, expected_count: int) -> ArrayFix:
    """At the nominal scale: what the lens does to it is for the dots to say."""
    return _array(_seen(payload)["dots"], 1.0, expected_count, "glass part")


def tip(payload: Payload, scale: float, search_um: float) -> FiducialFix:
    """The bare nozzle tip."""
    seen = _seen(payload)["tip"]
    if seen is None or hypot(seen["x_um"], seen["y_um"]) * scale > search_um:
        reason = f"no nozzle tip within {search_um:.0f} um of the image centre"
        return FiducialFix("refused", (reason,), NAN, NAN, NAN, None, NAN)
    size_um = seen["diameter_um"] * scale
    return FiducialFix("found", (), seen["x_um"] * scale, seen["y_um"] * scale, seen["sigma_um"], "bright", size_um)


def package(payload: Payload, scale: float, expected_count: int, expected: Pose) -> ArrayFix:
    seen = _seen(payload)
    return replace(_package(seen["package"], scale, expected_count, expected), notes=_dark(seen, dead_segment_text))


def _dark(seen: dict[str, Any], text: Callable[[float, float], str]) -> tuple[str, ...]:
    dark = seen.get("dark")
    return (text(dark["at_deg"], dark["level_ratio"]),) if dark else ()


def _package(data: dict[str, Any] | None, scale: float, expected_count: int, expected: Pose) -> ArrayFix:
    fix = _array(data, scale, expected_count, "array of balls")
    turn_deg = _turned(fix.theta_deg, expected.theta_deg)
    if fix.status == "found" and abs(turn_deg) > TURN_LIMIT_DEG:
        return _refused(expected_count, f"package is turned by {turn_deg:.1f} deg against its tray")
    return fix


def dipped(payload: Payload, scale: float, expected_count: int, expected: Pose) -> DippedFinding:
    seen = _seen(payload)
    unlit = _dark(seen, dead_segment_text)
    if unlit:
        return DippedFinding(_refused(expected_count, *unlit), (), (), NAN, NAN, 0.0)
    data = seen["package"]
    fix = _package(data, scale, expected_count, expected)
    wetting = data and data["wetting"]
    if data is None or not wetting:
        dry = tuple(BallWetting(ball.name, "dry", 0.0, 0.0) for ball in fix.balls)
        return DippedFinding(fix, dry, (), 0.0, 0.0, 0.0)
    return DippedFinding(
        fix,
        tuple(
            BallWetting(name, state, probability, strength)
            for name, state, probability, strength in zip(
                data["balls"]["name"],
                wetting["state"],
                wetting["probability_wet"],
                wetting["strength_ratio"],
                strict=True,
            )
        ),
        tuple((a, b) for a, b in data["bridges"]),
        wetting["tilt_x"],
        wetting["tilt_y"],
        wetting["worst_probability"],
    )


def fiducial(payload: Payload, scale: float, drawn: Fiducial, search_um: float, *, lens: LensFound) -> FiducialFix:
    near = [
        mark
        for mark in _seen(payload)["fiducials"]
        if hypot(mark["x_um"], mark["y_um"]) * scale <= search_um
        and abs(mark["diameter_um"] * scale / drawn.diameter_um - 1.0) < 0.2
        and (mark.get("shape", "disc"), mark["polarity"]) == (drawn.shape, drawn.polarity)
    ]
    if len(near) != 1:
        what = f"{drawn.polarity} marks ({drawn.shape}) of {drawn.diameter_um:.0f} um"
        reason = f"{len(near)} {what} within {search_um:.0f} um"
        return FiducialFix("ambiguous" if near else "refused", (reason,), NAN, NAN, NAN, None, NAN)
    mark = near[0]
    x_um, y_um = mark["x_um"] * scale, mark["y_um"] * scale
    ((x_um, y_um),) = undistorted(np.array([[x_um, y_um]]), lens.k1_per_um2, lens.bend_um).tolist()
    return FiducialFix(
        "found",
        (),
        x_um,
        y_um,
        mark["sigma_um"],
        mark["polarity"],
        mark["diameter_um"] * scale,
    )


def site(
    payloads: Sequence[Payload],
    centres: Sequence[ImagePoint],
    scale: float,
    expected_count: int,
    expected: Pose,
    search_um: float,
) -> SiteFix:
    seen = [_seen(payload) for payload in payloads]
    if any(data["top"] is not None for data in seen):
        return SiteFix("occupied", ("a package lies at this site",), NAN, NAN, NAN, UNKNOWN, 0, expected_count)
    shots = [data["bottom"] for data in seen]
    if all(shot is None for shot in shots):
        return SiteFix("empty", ("no lands found",), NAN, NAN, NAN, UNKNOWN, 0, expected_count)
    joined = _joined(shots, centres, scale)
    lands: set[int] = set()
    for shot in shots:
        if shot is not None:
            lands.update(shot["seen"])
    unlit = tuple(dict.fromkeys(text for data in seen for text in _dark(data, dark_side_text)))
    if unlit:
        return SiteFix("refused", unlit, NAN, NAN, NAN, UNKNOWN, len(lands), expected_count, unlit)
    x_um, y_um, theta_deg, covariance = joined
    off_deg = _turned(theta_deg, expected.theta_deg)
    if abs(off_deg) > SITE_TURN_LIMIT_DEG or max(abs(x_um), abs(y_um)) > search_um:
        reason = f"bottom package ({x_um:.0f}, {y_um:.0f}) um and {off_deg:.1f} deg off its place"
        return SiteFix("refused", (reason,), NAN, NAN, NAN, UNKNOWN, len(lands), expected_count)
    return SiteFix("found", (), x_um, y_um, theta_deg, covariance, len(lands), expected_count)


def placed(payloads: Sequence[Payload], centres: Sequence[ImagePoint], scale: float, expected: Pose) -> PlacedFix:
    shots = [_seen(payload)["top"] for payload in payloads]
    if all(shot is None for shot in shots):
        return PlacedFix("refused", ("no outline of a package found",), NAN, NAN, NAN, UNKNOWN)
    x_um, y_um, theta_deg, covariance = _joined(shots, centres, scale)
    return PlacedFix("found", (), x_um, y_um, theta_deg, covariance)


def _joined(
    shots: Sequence[dict[str, Any] | None], centres: Sequence[ImagePoint], scale: float
) -> tuple[float, float, float, Matrix3]:
    """Mean pose of several pictures in their common frame; each counts by the number of lands it shows."""
    weight_sum = x_um = y_um = theta_deg = 0.0
    first_deg: float | None = None
    covariance: list[list[float]] = []
    for shot, at in zip(shots, centres, strict=True):
        if shot is None:
            continue
        weight = float(shot.get("found_count", 1))
        first_deg = shot["theta_deg"] if first_deg is None else first_deg
        weight_sum += weight
        x_um += weight * (shot["x_um"] * scale + at.x_um)
        y_um += weight * (shot["y_um"] * scale + at.y_um)
        theta_deg += weight * _turned(shot["theta_deg"], first_deg)
        covariance = shot["covariance"]
    assert first_deg is not None
    return x_um / weight_sum, y_um / weight_sum, first_deg + theta_deg / weight_sum, _matrix(covariance)


def imprint(
    payloads: Sequence[Payload], centres: Sequence[ImagePoint], scale: float, of: Package, expected: Pose
) -> ImprintFinding:
    """Matches marks to balls; the balls are drawn from below and print as seen from above."""
    marks: list[tuple[float, float]] = []
    fields: list[tuple[float, float]] = []
    for payload, at in zip(payloads, centres, strict=True):
        data = _seen(payload)["imprint"]
        if data is None:
            continue
        fields.append((at.x_um, at.y_um))
        marks += [(x * scale + at.x_um, y * scale + at.y_um) for x, y in zip(data["x_um"], data["y_um"], strict=True)]
    count = len(of.balls)
    if not fields:
        return ImprintFinding("refused", ("no film in view",), 0, count, (), (), NAN, NAN, NAN)
    cells: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for x_um, y_um in marks:
        cells.setdefault((int(x_um // MARK_SEARCH_UM), int(y_um // MARK_SEARCH_UM)), []).append((x_um, y_um))
    c, s = cos(radians(expected.theta_deg)), sin(radians(expected.theta_deg))
    missing = []
    for ball in of.balls:
        x_um = expected.x_um - c * ball.x_um - s * ball.y_um
        y_um = expected.y_um - s * ball.x_um + c * ball.y_um
        column, row = int(x_um // MARK_SEARCH_UM), int(y_um // MARK_SEARCH_UM)
        near = any(
            hypot(mx - x_um, my - y_um) <= MARK_SEARCH_UM
            for dc in (0, -1, 1)
            for dr in (0, -1, 1)
            for mx, my in cells.get((column + dc, row + dr), ())
        )
        if not near:
            missing.append(ball.name)
    found = count - len(missing)
    return ImprintFinding(
        "found", (), found, count, tuple(missing), (), expected.x_um, expected.y_um, expected.theta_deg
    )
