"""Stories of `station recipe`: what a process engineer and a script get from it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
from typer.testing import CliRunner, Result

import recipes
from recipes import library
from station.cli.recipe import app, schema_text
from tests.support import real_input_file

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "docs" / "recipe_schema.json"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_good_recipes_give_0_and_their_hash() -> None:
    result = run("validate", *recipes.library_names())
    assert result.exit_code == 0
    assert recipes.load("pop_12x12_168").content_hash in result.stdout


def test_a_bad_recipe_gives_3_and_every_problem_on_stderr(tmp_path: Path) -> None:
    text = library.recipe_path("pop_12x12_168").read_text(encoding="utf-8")
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace("target_um = 120 ", "target_um = 12e9 ").replace("strokes = 1 ", "strokes = 0 "))
    result = run("validate", "pop_12x12_168", bad)
    assert result.exit_code == 3
    assert "bad.toml:30: film.target_um" in result.stderr
    assert "film.strokes = 0: out of range. Allowed: 1 to 10." in result.stderr
    lines = [json.loads(line) for line in run("validate", "pop_12x12_168", bad, "--json").stdout.splitlines()]
    assert [line["valid"] for line in lines] == [True, False]
    assert {problem["key"] for problem in lines[1]["problems"]} == {"film.target_um", "film.strokes"}


def test_wrong_usage_gives_2_and_an_unknown_recipe_3() -> None:
    assert run("validate").exit_code == 2
    assert run("show", "no_such").exit_code == 3


def test_show_tells_the_recipe_to_people_and_to_programs() -> None:
    assert "168 of 320 um" in run("show", "pop_12x12_168").stdout
    shown = json.loads(run("show", "pop_12x12_168", "--json").stdout)
    assert shown.pop("content_hash") == recipes.from_data(shown).content_hash


def test_the_published_schema_is_the_one_that_the_program_prints() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "run: station recipe schema -o docs/recipe_schema.json"
    )
    assert run("schema").stdout == schema_text()


def test_the_schema_takes_every_worked_recipe_and_refuses_unknown_keys() -> None:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    for name in recipes.library_names():
        data = tomllib.loads(library.recipe_path(name).read_text(encoding="utf-8"))
        assert list(checker.iter_errors(data)) == []
        assert list(checker.iter_errors(recipes.load(name).as_data())) == []
        data["film"]["target_mm"] = 0.12
        assert len(list(checker.iter_errors(data))) == 1


def test_a_board_file_becomes_a_draft_that_validate_accepts(tmp_path: Path) -> None:
    board = real_input_file("boards/pocketbeagle/PocketBeagle.kicad_pcb")
    draft = tmp_path / "pb.toml"
    words = ("import", board, "--site", "U1", "--package", "pop_12x12_168", "-o", draft)
    result = run(*words)
    assert result.exit_code == 0
    assert "FUD1, fiducial, disc of 1016 um" in result.stderr
    assert "origin" in result.stderr
    assert run("validate", draft).exit_code == 0
    again = run(*words)
    assert again.exit_code == 2
    assert "exists" in again.stderr
    assert run(*words, "--force").exit_code == 0


def test_a_board_file_that_cannot_be_used_gives_3_and_writes_nothing(tmp_path: Path) -> None:
    board = tmp_path / "no.kicad_pcb"
    board.write_text("Designator,Mid X\n")
    result = run("import", board, "--site", "U1", "-o", tmp_path / "out.toml")
    assert result.exit_code == 3
    assert "not a KiCad board" in result.stderr
    assert not (tmp_path / "out.toml").exists()
