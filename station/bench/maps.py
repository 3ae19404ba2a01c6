"""Ball maps for the bench: a package of the library, or any file that says where the balls are.

TOML and JSON files hold a package as recipes know it, or only its ball map; a CSV file lists x, y, diameter.
docs/vision_files.md describes them.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from recipes import library, toml_text
from recipes.base import ItemName, Mark, ShortText, Table
from recipes.package import Grid, Package, PlaceMap, places_of
from recipes.problems import Problem, RecipeProblems, dotted, explain, near_names, shown
from station.bench.errors import BadInput
from vision.errors import BadMap
from vision.maps import BallMap

PLACES_MOST = 10_000
ROWS_TOLD = 5


class ListedBall(Table):
    """One ball of a map that no generator describes."""

    name: ItemName | None = Field(default=None, description="as in the drawing; without it B1, B2 ... in file order")
    x_um: float = Field(ge=-50_000, le=50_000, description="from the body centre")
    y_um: float = Field(ge=-50_000, le=50_000, description="from the body centre")
    diameter_um: float | None = Field(default=None, ge=20, le=3_000, description="of this ball")


class DrawnMap(Table):
    """Either a grid or a list."""

    count: int | None = Field(default=None, ge=3, le=PLACES_MOST, description="as the drawing says; checked")
    diameter_um: float | None = Field(default=None, ge=20, le=3_000, description="of every ball that names no other")
    grid: Grid | None = Field(default=None, description="a regular map")
    places: Annotated[tuple[ListedBall, ...], Field(strict=False, max_length=PLACES_MOST)] = Field(
        default=(), description="an irregular map, ball by ball"
    )
    height_um: float | None = Field(default=None, ge=0, description="not used here")
    provenance: ShortText = Field(default="", description="not used here")

    @model_validator(mode="after")
    def is_one_map(self) -> DrawnMap:
        if (self.grid is None) == (not self.places):
            raise ValueError("a ball map holds either a grid or places, and not both")
        if self.diameter_um is None and (self.grid is not None or any(b.diameter_um is None for b in self.places)):
            raise ValueError("diameter_um is missing: give one for all balls, or one for each place")
        return self


class Drawing(Table):
    """What the bench needs of a package."""

    name: ItemName = Field(default="package", description="for people")
    view: Literal["from_below", "from_above"] = Field(
        default="from_below", description="the side that the drawing shows; from_below is what an up camera sees"
    )
    a1_mark: Mark | None = Field(default=None, description="bright disc that tells the turn of a full ring")
    ball_map: DrawnMap = Field(description="the balls")


def load_map(name_or_file: str) -> tuple[str, BallMap]:
    """Name and ball map, as the up camera sees the balls: from below, x right, y up, origin at the body centre.

    raises  BadInput with everything that is wrong
    """
    try:
        return _load(name_or_file)
    except RecipeProblems as refused:
        raise BadInput("\n".join(str(problem) for problem in refused.problems)) from None
    except BadMap as refused:
        raise BadInput(f"{name_or_file}: {refused}.") from None


def _load(name_or_file: str) -> tuple[str, BallMap]:
    known = library.package_names()
    if name_or_file in known:
        path = library.part_path("package", name_or_file)
    elif Path(name_or_file).suffix in (".toml", ".json", ".csv"):
        path = Path(name_or_file)
    else:
        near = near_names(name_or_file, known)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise BadInput(
            f"{name_or_file}: unknown package; {hint}The library has {', '.join(known)}. "
            "A file ends with .toml, .json or .csv."
        )
    text = toml_text.read_text(path)
    if path.suffix == ".csv":
        return path.stem, _map_of(_checked(_from_csv(text, path.name), toml_text.Document(path.name, {}, {})))
    document = toml_text.parse(text, path.name) if path.suffix == ".toml" else _from_json(text, path.name)
    unused = set(Package.model_fields) - set(Drawing.model_fields)
    drawing = _checked({key: value for key, value in document.data.items() if key not in unused}, document)
    return drawing.name, _map_of(drawing)


def _from_json(text: str, file: str) -> toml_text.Document:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: no JSON: {error}.") from None
    if not isinstance(data, dict):
        raise BadInput(f"{file}: a JSON object with a ball_map is wanted.")
    return toml_text.Document(file, data, {})


def _from_csv(text: str, file: str) -> dict[str, Any]:
    """Columns x_um, y_um, diameter_um and, if there is one, name; the first line names them."""
    rows = csv.DictReader(text.splitlines())
    columns = set(rows.fieldnames or ())
    if not {"x_um", "y_um", "diameter_um"} <= columns <= {"name", "x_um", "y_um", "diameter_um"}:
        raise BadInput(f"{file}: the first line names the columns x_um,y_um,diameter_um and, if wanted, name.")
    places, wrong = [], []
    for number, row in enumerate(rows, start=2):
        try:
            ball: dict[str, Any] = {key: float(row[key]) for key in ("x_um", "y_um", "diameter_um")}
        except (TypeError, ValueError):
            wrong.append(str(number))
            continue
        if row.get("name"):
            ball["name"] = row["name"]
        places.append(ball)
    if wrong:
        more = f" and {len(wrong) - ROWS_TOLD} more" if len(wrong) > ROWS_TOLD else ""
        raise BadInput(f"{file}: no numbers in line {', '.join(wrong[:ROWS_TOLD])}{more}.")
    return {"ball_map": {"places": places}}


def _checked(data: dict[str, Any], document: toml_text.Document) -> Drawing:
    try:
        return Drawing.model_validate(data)
    except ValidationError as refused:
        problems = []
        for error in refused.errors(include_url=False):
            path = tuple(error["loc"])
            value = document.value_at(path)
            said = "" if value is None else shown(value)
            saying = explain(error, Drawing)
            message = str(error["ctx"]["error"]) + "." if error["type"] == "value_error" else saying.message
            problems.append(Problem(document.file, document.line_of(path), dotted(path), said, message, saying.allowed))
        raise RecipeProblems(problems[:20]) from None


def _map_of(drawing: Drawing) -> BallMap:
    """The drawing as the up camera sees it."""
    drawn = drawing.ball_map
    if drawn.grid is not None and drawn.diameter_um is not None:
        grid = PlaceMap.model_construct(diameter_um=drawn.diameter_um, grid=drawn.grid, places=())
        rows = [(place.name, place.x_um, place.y_um, drawn.diameter_um) for place in places_of(grid, drawing.view)]
    else:
        rows = [
            (ball.name or f"B{number}", ball.x_um, ball.y_um, ball.diameter_um or drawn.diameter_um or 0.0)
            for number, ball in enumerate(drawn.places, start=1)
        ]
    if not rows:
        raise BadInput(f"{drawing.name}: the ball map is empty: every place of the grid is depopulated.")
    if drawn.count is not None and drawn.count != len(rows):
        raise BadInput(f"{drawing.name}: the ball map has {len(rows)} balls, the drawing promises {drawn.count}.")
    names, x_um, y_um, diameter_um = zip(*rows, strict=True)
    mark = drawing.a1_mark
    of_mark = (mark.x_um, mark.y_um, mark.diameter_um) if mark else (None, None, None)
    ball_map = BallMap(tuple(names), np.array(x_um), np.array(y_um), np.array(diameter_um), *of_mark)
    return ball_map.mirrored() if drawing.view == "from_above" else ball_map
