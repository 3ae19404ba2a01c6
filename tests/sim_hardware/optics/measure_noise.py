"""Measures how well the station's finders do on rendered frames, for the table in `sim_hardware.optics.measured`.

Run `python -m tests.sim_hardware.optics.measure_noise [frames]`; it prints bias and standard deviation against the
truth for every row. It is a tool, not a test: it takes about half a second per frame.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from recipes import load
from sim_hardware.optics import down, observation, up
from sim_hardware.optics.scenes import (
    BoardView,
    BottomView,
    DownScene,
    FilmView,
    ImprintMark,
    TopView,
    UpScene,
)
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.packages import make_package
from sim_hardware.world.things import (
    BallSite,
    BoardTruth,
    BoardType,
    BottomType,
    FiducialSite,
    LandSite,
    PackageType,
)
from vision import imprint, inspection, lands, outline
from vision.fiducials import locate_fiducial
from vision.frame import Frame
from vision.maps import BallMap
from vision.predicted import Shot
from vision.results import Pose

UP = CameraTruth(2448, 2048, 8.0)
DOWN = CameraTruth(1280, 1024, 10.0)
SHOTS = ((-3_500.0, -3_500.0), (3_500.0, -3_500.0), (3_500.0, 3_500.0), (-3_500.0, 3_500.0))
REAL, IDEAL = Fidelity.REAL, Fidelity.IDEAL

Row = dict[str, float]


def _types(name: str = "pop_12x12_168") -> tuple[PackageType, BottomType]:
    recipe = load(name)
    top, below = recipe.package, recipe.bottom
    balls = tuple(BallSite(b.name, b.x_um, b.y_um, b.diameter_um, b.height_um) for b in top.balls)
    mark = top.a1_mark
    kind = PackageType(
        top.name,
        top.body_x_um,
        top.body_y_um,
        top.body_height_um,
        top.mass_g,
        balls,
        mark.x_um,
        mark.y_um,
        mark.diameter_um,
    )
    sites = tuple(LandSite(n.name, n.x_um, n.y_um, n.diameter_um) for n in below.lands)
    bottom = BottomType(
        below.name,
        below.body_x_um,
        below.body_y_um,
        below.body_height_um,
        sites,
        below.a1_mark.x_um,
        below.a1_mark.y_um,
    )
    return kind, bottom


def _map(sites: Any, mark: tuple[float, float, float]) -> BallMap:
    columns = [np.array([getattr(s, f) for s in sites]) for f in ("x_um", "y_um", "diameter_um")]
    return BallMap(tuple(s.name for s in sites), *columns, *mark)


def _errors(found: Any, true: Any) -> Row:
    return {
        "x": found.x_um - true["x_um"],
        "y": found.y_um - true["y_um"],
        "theta mdeg": (found.theta_deg - true["theta_deg"]) * 1e3,
    }


def packages(kind: PackageType, rng: np.random.Generator) -> Row:
    """A dry package: pose, single balls, diameter, scale."""
    part = make_package(kind, "P", rng, REAL)
    scene = UpScene(part, *rng.uniform(-500, 500, 2).tolist(), float(rng.uniform(-2, 2)))
    fix = inspection.inspect_package(
        Frame(up.render(scene, UP, REAL, rng), 8.0), _map(kind.balls, (kind.a1_x_um, kind.a1_y_um, kind.a1_diameter_um))
    )
    true: Any = observation.observe_up(scene, UP, IDEAL, rng)["package"]
    if fix.status != "found":
        return {"failures": 1.0}
    ball_x = [(b.x_px - x) * 8.0 for b, x in zip(fix.balls, true["balls"]["x_px"], strict=True)]
    size = [b.diameter_um - d for b, d in zip(fix.balls, true["balls"]["diameter_um"], strict=True)]
    errors = _errors(fix, true)
    errors |= {"scale 1e-6": (fix.scale_ratio - true["scale_ratio"]) * 1e6}
    return errors | {"ball x": float(np.std(ball_x)), "diameter": float(np.std(size))}


def fiducials(rng: np.random.Generator) -> Row:
    kind = BoardType("b", 100_000.0, 80_000.0, 1_600.0, (FiducialSite("F", 50_000.0, 40_000.0, 1_000.0),), ())
    view = BoardView(
        BoardTruth("B", kind, [], texture_seed=int(rng.integers(1 << 30))), 0.0, 0.0, float(rng.uniform(-1, 1))
    )
    c, d = np.cos(np.radians(view.theta_deg)), np.sin(np.radians(view.theta_deg))
    mark_x, mark_y = float(c * 50_000.0 - d * 40_000.0), float(d * 50_000.0 + c * 40_000.0)
    scene = DownScene(mark_x + float(rng.uniform(-500, 500)), mark_y + float(rng.uniform(-500, 500)), board=view)
    true: Any = observation.observe_down(scene, DOWN, IDEAL, rng)["fiducials"][0]
    found = locate_fiducial(Frame(down.render(scene, DOWN, REAL, rng), 10.0), 1_000.0, search_um=2_000.0)
    if found.status != "found":
        return {"failures": 1.0}
    return {"x": found.x_um - true["x_um"], "y": found.y_um - true["y_um"]}


def _shots(make: Any, rng: np.random.Generator) -> list[Shot]:
    return [Shot(Frame(down.render(make(x, y), DOWN, REAL, rng), 10.0), x, y) for x, y in SHOTS]


def sites(bottom: BottomType, rng: np.random.Generator) -> Row:
    """Four pictures of one bottom package, joint fit."""
    view = BottomView(
        bottom, *rng.uniform(-60, 60, 2).tolist(), float(rng.uniform(-0.5, 0.5)), int(rng.integers(1 << 30))
    )
    land_map = _map(bottom.lands, (bottom.a1_x_um, bottom.a1_y_um, 400.0))
    found = lands.locate_site(_shots(lambda x, y: DownScene(x, y, bottoms=(view,)), rng), land_map)
    if found.status != "found":
        return {"failures": 1.0}
    return _errors(found, {"x_um": view.x_um, "y_um": view.y_um, "theta_deg": view.theta_deg})


def outlines(kind: PackageType, bottom: BottomType, rng: np.random.Generator) -> Row:
    """Four pictures of one placed package on its bottom package and board, joint fit."""
    part = make_package(kind, "P", rng, REAL)
    part.body_dx_um = part.body_dy_um = 0.0
    board = BoardTruth(
        "B", BoardType("b", 100_000.0, 80_000.0, 1_600.0, (), ()), [], texture_seed=int(rng.integers(1 << 30))
    )
    below = BottomView(bottom, 0.0, 0.0, 0.0, 1)
    top = TopView(part, *rng.uniform(-30, 30, 2).tolist(), float(rng.uniform(-0.3, 0.3)))
    view = BoardView(board, -50_000.0, -40_000.0, 0.0)
    shots = _shots(lambda x, y: DownScene(x, y, board=view, bottoms=(below,), tops=(top,)), rng)
    found = outline.verify_placed(shots, kind.body_x_um, kind.body_y_um, expected=Pose(0.0, 0.0, 0.0))
    if found.status != "found":
        return {"failures": 1.0}
    return _errors(found, {"x_um": top.x_um, "y_um": top.y_um, "theta_deg": top.theta_deg})


def imprints(kind: PackageType, rng: np.random.Generator) -> Row:
    """Four pictures of the print of one dip, joint fit."""
    x_um, y_um = rng.uniform(-60, 60, 2).tolist()
    marks = tuple(
        ImprintMark(x_um - b.x_um + float(rng.normal(0, 8)), y_um + b.y_um + float(rng.normal(0, 8)), 310.0)
        for b in kind.balls
    )
    film = FilmView(0.0, 0.0, 60_000.0, 120.0, int(rng.integers(1 << 30)), marks)
    ball_map = _map(kind.balls, (kind.a1_x_um, kind.a1_y_um, kind.a1_diameter_um))
    found = imprint.check_imprint(_shots(lambda x, y: DownScene(x, y, film=film), rng), ball_map.mirrored())
    if found.status != "found":
        return {"failures": 1.0}
    true_x = float(np.mean([m.x_um + b.x_um for m, b in zip(marks, kind.balls, strict=True)]))
    true_y = float(np.mean([m.y_um - b.y_um for m, b in zip(marks, kind.balls, strict=True)]))
    return {"x": found.x_um - true_x, "y": found.y_um - true_y, "missing": float(len(found.missing))}


def _rows(frames: int) -> Iterator[tuple[str, list[Row]]]:
    kind, bottom = _types()
    rng = np.random.default_rng(2026)
    yield "dry package", [packages(kind, rng) for _ in range(frames)]
    yield "fiducial", [fiducials(rng) for _ in range(2 * frames)]
    yield "site, 4 pictures", [sites(bottom, rng) for _ in range(frames)]
    yield "outline, 4 pictures", [outlines(kind, bottom, rng) for _ in range(frames)]
    yield "imprint, 4 pictures", [imprints(kind, rng) for _ in range(frames)]


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for title, rows in _rows(frames):
        keys = sorted({key for row in rows for key in row})
        for key in keys:
            values = np.array([row[key] for row in rows if key in row])
            print(f"{title:22s} {key:12s} n {len(values):4d}  mean {values.mean():9.4f}  sigma {values.std():9.4f}")


if __name__ == "__main__":
    main()
