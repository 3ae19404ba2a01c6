"""Ball maps from files: grids, lists, both views, and a clear word on what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recipes import library
from station.bench.errors import BadInput
from station.bench.maps import load_map
from station.eyes import ball_map
from tests.bench.support import answer, balls

GRID = """name = "ours"
[ball_map]
diameter_um = 250
[ball_map.grid]
columns = 14
rows = 14
perimeter_rows = 0
pitch_um = 300
depopulated = ["A1"]
"""


@pytest.mark.parametrize("name", library.package_names())
def test_a_library_package_is_the_map_that_the_station_uses(name: str) -> None:
    import recipes

    package = next(recipes.load(r).package for r in recipes.library_names() if recipes.load(r).package.name == name)
    of_station = ball_map(package)
    _, of_bench = load_map(name)
    assert of_bench.names == of_station.names
    for field in ("x_um", "y_um", "diameter_um"):
        assert np.array_equal(getattr(of_bench, field), getattr(of_station, field))
    assert of_bench.a1_x_um == of_station.a1_x_um


def test_a_grid_lies_as_seen_from_below_with_a1_far_right(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(GRID)
    name, below = load_map(str(path))
    assert (name, below.count) == ("ours", 195)
    assert (below.x_um[0], below.y_um[0]) == (1650.0, 1950.0)  # A2: A1 is left empty
    path.write_text(GRID.replace('name = "ours"', 'name = "ours"\nview = "from_above"'))
    above = load_map(str(path))[1]
    assert dict(zip(above.names, above.x_um)) == pytest.approx(dict(zip(below.names, below.x_um)))


def test_a_list_is_the_same_in_toml_json_and_csv(tmp_path: Path) -> None:
    places = [{"name": f"P{i}", "x_um": 700.0 * i, "y_um": 90.0 * i * i, "diameter_um": 200.0 + i} for i in range(9)]
    texts = {
        "a.json": json.dumps({"name": "a", "ball_map": {"places": places}}),
        "a.csv": "name,x_um,y_um,diameter_um\n" + "".join(f"{','.join(str(v) for v in p.values())}\n" for p in places),
        "a.toml": 'name = "a"\n[ball_map]\nplaces = [\n'
        + "".join(f"  {{ {', '.join(f'{k} = {json.dumps(v)}' for k, v in p.items())} }},\n" for p in places)
        + "]\n",
    }
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
        name, made = load_map(str(tmp_path / file))
        assert name == "a"
        assert made.names == tuple(place["name"] for place in places)
        assert np.array_equal(made.xy_um, [[place["x_um"], place["y_um"]] for place in places])
        assert np.array_equal(made.diameter_um, [place["diameter_um"] for place in places])


def test_a_package_file_of_the_recipes_is_taken_as_it_is(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(library.part_path("package", "pop_12x12_168").read_text(encoding="utf-8"))
    assert answer(balls(folder / "whole.png", "--json", package=path))["found_count"] == 168


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("a.toml", 'name = "a"\n', "ball_map: this table is missing"),
        ("a.toml", 'name = "a"\n[ball_map]\ndiameter_um = 200\n', "either a grid or places"),
        ("a.toml", GRID.replace("pitch_um = 300", "pitch_um = -300"), "a.toml:8: ball_map.grid.pitch_um"),
        ("a.toml", GRID.replace("columns", "colums"), "colums"),
        (
            "a.toml",
            GRID.replace("diameter_um = 250", "count = 196\ndiameter_um = 250"),
            "195 balls, the drawing promises",
        ),
        ("a.toml", GRID.replace("diameter_um = 250\n", ""), "diameter_um is missing"),
        ("a.toml", "this is = = no toml", "a.toml"),
        ("a.json", "[1, 2", "no JSON"),
        ("a.json", '{"ball_map": {"places": []}}', "either a grid or places"),
        ("a.json", '{"ball_map": {"diameter_um": 9e999, "places": [{"x_um": 0, "y_um": 0}]}}', "not a finite number"),
        ("a.csv", "x,y\n1,2\n", "x_um,y_um,diameter_um"),
        ("a.csv", "x_um,y_um,diameter_um\n1,two,3\n", "no numbers in line 2"),
        ("a.csv", "x_um,y_um,diameter_um\n0,0,300\n1000,0,300\n0,1000,300\n0,1,300\n", "closer than half a diameter"),
        ("a.csv", "x_um,y_um,diameter_um\n", "either a grid or places"),
    ],
)
def test_a_file_without_a_usable_map_is_refused(
    tmp_path: Path, folder: Path, file: str, text: str, reason: str
) -> None:
    path = tmp_path / file
    path.write_text(text)
    with pytest.raises(BadInput) as refused:
        load_map(str(path))
    assert reason in str(refused.value)
    result = balls(folder / "whole.png", "--json", package=path)
    assert result.exit_code == 3
    assert answer(result)["status"] == "refused"


def test_an_unknown_name_is_answered_with_the_known_ones(folder: Path) -> None:
    result = balls(folder / "whole.png", package="pop_12x12_186")
    assert result.exit_code == 3
    assert "did you mean" in result.output
    assert "pop_12x12_168" in result.output
    assert balls(folder / "whole.png", package="nowhere.toml").exit_code == 3
