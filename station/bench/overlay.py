"""The picture with the answer drawn over it, to be read at a glance: balls coloured by state, names of those that are
not as they should be, the axes of the part, and beside the picture the answer in words with a legend.

Small pictures are enlarged, so that words fit; nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from station.bench.errors import BadInput
from station.bench.looks import Answer, Spot

Canvas = NDArray[np.uint8]
Colour = tuple[int, int, int]
"""blue, green, red"""

GOOD: Colour = (90, 200, 60)
BAD: Colour = (60, 60, 255)
WARN: Colour = (0, 190, 255)
COLOURS: dict[str, Colour] = {
    "ok": GOOD, "wet": GOOD, "present": GOOD, "found": GOOD,
    "missing": BAD, "dry": BAD, "refused": BAD,
    "partial": WARN, "deformed": WARN, "ambiguous": WARN,
    "debris": (255, 150, 190),
    "bridged": (255, 80, 255), "excess": (255, 80, 255),
    "extra": (255, 220, 60),
    "unsure": (190, 190, 190), "unseen": (190, 190, 190),
}  # fmt: skip
QUIET = frozenset({"ok", "wet", "present", "found", "unsure"})
"""States that need no name beside the ball."""

WORST = {
    "missing": 0,
    "dry": 0,
    "bridged": 1,
    "extra": 2,
    "excess": 3,
    "deformed": 3,
    "debris": 3,
    "partial": 4,
    "unseen": 5,
}

WORD_COLUMNS = 10
"""Lines for people begin with a word in so many columns."""

PAPER: Colour = (32, 28, 26)
INK: Colour = (235, 235, 235)
FAINT: Colour = (170, 160, 150)
SIDE_LEAST_PX = 1000
"""A picture narrower than this is enlarged by a whole factor."""

NAMES_MOST = 60
FONT = cv2.FONT_HERSHEY_SIMPLEX


def save_overlay(answer: Answer, title: str, path: Path) -> None:
    """Draw and write a PNG.  raises BadInput when it cannot be written"""
    good, data = cv2.imencode(".png", drawn(answer, title))
    try:
        if not good:
            raise OSError(None, "the picture could not be encoded")
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise BadInput(f"{path}: the overlay cannot be written: {error.strerror}.") from None


def drawn(answer: Answer, title: str) -> Canvas:
    """The picture, enlarged where small, with a panel of words below it; (rows, columns, 3)."""
    pixels = answer.frame.pixels
    factor = max(1, math.ceil(SIDE_LEAST_PX / pixels.shape[1]))
    grey = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST) if factor > 1 else pixels
    canvas = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    unit = canvas.shape[1] / 1000.0
    for spot in answer.spots:
        _draw_spot(canvas, spot, factor, unit)
    _draw_links(canvas, answer, factor, unit)
    _draw_axes(canvas, answer, factor, unit)
    _draw_names(canvas, answer.spots, factor, unit)
    return np.vstack([canvas, _panel(answer, title, canvas.shape[1], unit)])


def _at(x_px: float, y_px: float, factor: int) -> tuple[int, int]:
    """A place of the picture on the canvas."""
    return round((x_px + 0.5) * factor - 0.5), round((y_px + 0.5) * factor - 0.5)


def _draw_spot(canvas: Canvas, spot: Spot, factor: int, unit: float) -> None:
    colour = COLOURS.get(spot.state, INK)
    centre, radius = _at(spot.x_px, spot.y_px, factor), max(2, round(spot.radius_px * factor * 1.12))
    is_quiet = spot.state in QUIET
    cv2.circle(canvas, centre, radius, colour, max(1, round((1.0 if is_quiet else 2.2) * unit)), cv2.LINE_AA)
    if spot.state in ("missing", "dry"):  # told without colour as well
        arm = round(0.7 * radius)
        for x, y in ((arm, arm), (arm, -arm)):
            ends = (centre[0] - x, centre[1] - y), (centre[0] + x, centre[1] + y)
            cv2.line(canvas, *ends, colour, max(1, round(1.6 * unit)), cv2.LINE_AA)


def _draw_axes(canvas: Canvas, answer: Answer, factor: int, unit: float) -> None:
    """Origin, x and y of the part, a third of its reach long."""
    if answer.pose is None:
        return
    pose, length_um = answer.pose, max(0.35 * answer.reach_um, 60 * answer.frame.um_per_px)
    turn = math.radians(pose.theta_deg)
    ends_um = np.array([
        (pose.x_um, pose.y_um),
        (pose.x_um + length_um * math.cos(turn), pose.y_um + length_um * math.sin(turn)),
        (pose.x_um - length_um * math.sin(turn), pose.y_um + length_um * math.cos(turn)),
    ])  # fmt: skip
    origin, x_end, y_end = (_at(x, y, factor) for x, y in answer.frame.to_px(ends_um).tolist())
    for end, name in ((x_end, "x"), (y_end, "y")):
        cv2.arrowedLine(canvas, origin, end, (0, 0, 0), max(3, round(5 * unit)), cv2.LINE_AA, tipLength=0.08)
        cv2.arrowedLine(canvas, origin, end, (255, 200, 0), max(1, round(2.2 * unit)), cv2.LINE_AA, tipLength=0.08)
        _write(canvas, name, (end[0] + round(6 * unit), end[1]), 0.6 * unit, (255, 200, 0), unit, outlined=True)


def _draw_links(canvas: Canvas, answer: Answer, factor: int, unit: float) -> None:
    places = {spot.name: _at(spot.x_px, spot.y_px, factor) for spot in answer.spots}
    for first, second in answer.links:
        if first in places and second in places:
            cv2.line(canvas, places[first], places[second], COLOURS["bridged"], max(2, round(5 * unit)), cv2.LINE_AA)


def _draw_names(canvas: Canvas, spots: tuple[Spot, ...], factor: int, unit: float) -> None:
    """Names of what needs attention, the worst first, clear of balls and of each other, on the outer side of the array
    where there is room; A1 always, so that the turn is seen."""
    wanted = sorted((spot for spot in spots if spot.state not in QUIET), key=lambda spot: WORST.get(spot.state, 9))
    wanted = wanted[:NAMES_MOST] + [spot for spot in spots if spot.name == "A1" and spot.state in QUIET]
    if not wanted:
        return
    middle = np.mean([_at(spot.x_px, spot.y_px, factor) for spot in spots], axis=0)
    taken = np.array([_box_about(spot, factor) for spot in spots])
    for spot in wanted:
        x, y = _at(spot.x_px, spot.y_px, factor)
        reach = spot.radius_px * factor * 1.25 + 3 * unit
        (width, height), _ = cv2.getTextSize(spot.name, FONT, 0.45 * unit, max(1, round(unit)))
        half = np.array([width, height]) / 2
        for away, side in _ways_out(np.array([x, y]) - middle):
            centre = np.array([x, y]) + side * (reach * away + half)
            box = np.concatenate([centre - half - unit, centre + half + unit])
            inside = (box[:2] >= 0).all() and box[2] < canvas.shape[1] and box[3] < canvas.shape[0]
            apart = (box[0] > taken[:, 2]) | (box[2] < taken[:, 0]) | (box[1] > taken[:, 3]) | (box[3] < taken[:, 1])
            if not inside or not apart.all():
                continue
            taken = np.vstack([taken, box])
            colour = COLOURS.get(spot.state, INK) if spot.state not in QUIET else INK
            if away > 1:
                near, far = (np.array([x, y]) + side * reach * share for share in (0.9, away))
                ends = tuple(tuple(int(v) for v in np.round(end)) for end in (near, far))
                cv2.line(canvas, ends[0], ends[1], colour, max(1, round(0.8 * unit)), cv2.LINE_AA)
            foot = round(float(centre[0] - half[0])), round(float(centre[1] + half[1]))
            _write(canvas, spot.name, foot, 0.45 * unit, colour, unit, outlined=True)
            break


def _ways_out(outwards: NDArray[np.float64]) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Distances and directions to try for a name: outwards first, near before far."""
    sides = [np.array(side, dtype=np.float64) for side in ((1, 0), (-1, 0), (0, -1), (0, 1))]
    sides.sort(key=lambda side: -float(side @ outwards))
    for away in (1.0, 2.5, 4.0, 6.0, 9.0):
        for side in sides:
            yield away, side


def _box_about(spot: Spot, factor: int) -> tuple[float, float, float, float]:
    x, y = _at(spot.x_px, spot.y_px, factor)
    radius = spot.radius_px * factor * 1.15
    return x - radius, y - radius, x + radius, y + radius


def _panel(answer: Answer, title: str, width: int, unit: float) -> Canvas:
    """The answer in words and the legend, on dark paper."""
    size, margin, step, indent = 0.5 * unit, round(14 * unit), round(20 * unit), round(90 * unit)
    rows = [
        (text[:WORD_COLUMNS].strip() if number == 0 else "", part)
        for text in answer.lines
        for number, part in enumerate(_wrapped(text[WORD_COLUMNS:], width - 2 * margin - indent, size, unit))
    ]
    panel = np.full(
        (margin * 2 + round(step * (len(rows) + 1.5 + 1.4 * bool(answer.counts))), width, 3), PAPER, dtype=np.uint8
    )
    foot = margin + step
    status = answer.status.upper()
    _write(panel, status, (margin, foot), 0.75 * unit, COLOURS.get(answer.status, INK), 1.6 * unit)
    (used, _), _ = cv2.getTextSize(status, FONT, 0.75 * unit, max(1, round(1.6 * unit)))
    _write(panel, title, (margin + used + round(16 * unit), foot), size, INK, unit)
    foot += round(0.5 * step)
    for word, text in rows:
        foot += step
        _write(panel, word, (margin, foot), size, FAINT, unit)
        _write(panel, text, (margin + indent, foot), size, INK, unit)
    foot += round(1.4 * step)
    left = margin
    for state, count in answer.counts.items():
        text = f"{count} {state}"
        cv2.circle(panel, (left + round(6 * unit), foot - round(5 * unit)), round(6 * unit), COLOURS.get(state, INK),
                   max(1, round(2 * unit)), cv2.LINE_AA)  # fmt: skip
        _write(panel, text, (left + round(18 * unit), foot), size, INK, unit)
        left += round(40 * unit) + cv2.getTextSize(text, FONT, size, max(1, round(unit)))[0][0]
    return panel


def _wrapped(text: str, width: int, size: float, unit: float) -> list[str]:
    """Lines no wider than the panel."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cv2.getTextSize(longer, FONT, size, max(1, round(unit)))[0][0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _write(
    canvas: Canvas,
    text: str,
    at: tuple[int, int],
    size: float,
    colour: Colour,
    weight: float,
    *,
    outlined: bool = False,
) -> None:
    plain = text.encode("ascii", "replace").decode()
    if outlined:
        cv2.putText(canvas, plain, at, FONT, size, (0, 0, 0), max(2, round(3.5 * weight)), cv2.LINE_AA)
    cv2.putText(canvas, plain, at, FONT, size, colour, max(1, round(weight)), cv2.LINE_AA)
