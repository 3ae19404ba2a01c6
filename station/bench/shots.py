"""A part larger than the field: several pictures with the machine's positions, one answer about all of them.

The list of pictures is a CSV file with the columns image, x_um, y_um: where the centre of each picture lies in a common
frame, x right, y up as in the pictures. Paths are taken from the folder of the list.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Literal

import numpy as np

from recipes import toml_text
from recipes.problems import RecipeProblems
from station.bench.errors import BadInput
from station.bench.looks import Answer, PolarityWanted, Spot, array_answer, as_bright, ball_spots
from station.bench.pictures import PIXELS_MOST, load_picture
from vision.frame import Frame
from vision.inspection import inspect_shots
from vision.maps import BallMap
from vision.predicted import Shot
from vision.results import ArrayFix, Pose

SHOTS_MOST = 64
COLUMNS = ["image", "x_um", "y_um"]


def load_shots(path: Path, um_per_px: float) -> list[Shot]:
    """The pictures of a list.  raises BadInput naming the line, BadNumber for the scale"""
    try:
        text = toml_text.read_text(path)
    except RecipeProblems as refused:
        raise BadInput("\n".join(str(problem) for problem in refused.problems)) from None
    rows = list(csv.reader(text.splitlines()))
    if not rows or [cell.strip() for cell in rows[0]] != COLUMNS:
        raise BadInput(f"{path.name}: the first line names the columns {','.join(COLUMNS)}.")
    if not 1 <= len(rows) - 1 <= SHOTS_MOST:
        raise BadInput(f"{path.name}: {len(rows) - 1} pictures, 1 to {SHOTS_MOST} wanted.")
    shots = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            image, x_um, y_um = row[0].strip(), float(row[1]), float(row[2])
        except (ValueError, IndexError):
            raise BadInput(
                f"{path.name}:{number}: an image and two numbers are wanted, got {','.join(row)!r}."
            ) from None
        if not (math.isfinite(x_um) and math.isfinite(y_um)):
            raise BadInput(f"{path.name}:{number}: the position is not finite.")
        shots.append(Shot(load_picture(path.parent / image, um_per_px), x_um, y_um))
    return shots


def look_at_shots(
    shots: list[Shot],
    package: str,
    ball_map: BallMap,
    polarity: PolarityWanted,
    scale_tolerance: float,
    position_sigma_um: float,
) -> Answer:
    """One joint answer in the common frame of the shots; every ball names the shot that its pixels belong to."""
    fix, seen_as = _joined(shots, ball_map, polarity, scale_tolerance, position_sigma_um)
    whole = _mosaic(shots)
    spots = []
    for spot, ball in zip(ball_spots(fix, ball_map, whole.frame), fix.balls):
        at_um = shots[ball.shot - 1].to_common(np.array([[spot.x_px, spot.y_px]]))
        x_px, y_px = whole.to_px(at_um)[0].tolist()
        spots.append(Spot(x_px, y_px, spot.radius_px, spot.state, spot.name))
    pose = None
    if fix.status != "refused":
        pose = Pose(fix.x_um - whole.centre_x_um, fix.y_um - whole.centre_y_um, fix.theta_deg)
    return array_answer(whole.frame, fix, seen_as, package, ball_map, tuple(spots), pose)


def _joined(
    shots: list[Shot], ball_map: BallMap, polarity: PolarityWanted, scale_tolerance: float, position_sigma_um: float
) -> tuple[ArrayFix, Literal["bright", "dark"]]:
    looks: list[tuple[ArrayFix, Literal["bright", "dark"]]] = []
    wanted: tuple[Literal["bright", "dark"], ...] = ("bright", "dark") if polarity == "auto" else (polarity,)
    for one in wanted:
        lit = [Shot(as_bright(shot.frame, one), shot.centre_x_um, shot.centre_y_um) for shot in shots]
        fix = inspect_shots(lit, ball_map, scale_tolerance=scale_tolerance, position_sigma_um=position_sigma_um)
        if fix.status != "refused":
            return fix, one
        looks.append((fix, one))
    return max(looks, key=lambda look: look[0].found_count)


def _mosaic(shots: list[Shot]) -> Shot:
    """All pictures laid side by side at their positions, to the nearest pixel: for the overlay only."""
    scale = shots[0].frame.um_per_px
    corners = [(shot, *np.round((shot.centre_x_um / scale, -shot.centre_y_um / scale)).astype(int)) for shot in shots]
    boxes = [
        (x - shot.frame.size_px[0] // 2, y - shot.frame.size_px[1] // 2, *shot.frame.size_px) for shot, x, y in corners
    ]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    width, height = max(b[0] + b[2] for b in boxes) - left, max(b[1] + b[3] for b in boxes) - top
    if width * height > 2 * PIXELS_MOST:
        raise BadInput(f"the shots span {width} x {height} px: check the positions, they are in um.")
    pixels = np.zeros((height, width), dtype=np.uint8)
    for shot, (x, y, columns, rows) in zip(shots, boxes, strict=True):
        pixels[y - top : y - top + rows, x - left : x - left + columns] = shot.frame.pixels
    first, (x, y, columns, rows) = shots[0], boxes[0]
    # Where the mosaic's centre lies, from the centre of the first shot.
    across = (left + (width - 1) / 2) - (x + (columns - 1) / 2)
    down = (top + (height - 1) / 2) - (y + (rows - 1) / 2)
    return Shot(Frame(pixels, scale), first.centre_x_um + across * scale, first.centre_y_um - down * scale)
