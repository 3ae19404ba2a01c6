"""Stories of bad recipes: each is answered at once, with file, line, key, value and what is allowed."""

from __future__ import annotations

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

import recipes
from recipes import Problem, library, toml_text
from recipes.model import Recipe
from recipes.problems import dotted, find_field

GOOD = library.recipe_path("pop_12x12_168").read_text(encoding="utf-8")
DATA = toml_text.parse(GOOD, "good.toml").data


def problems_of(text: str) -> tuple[Problem, ...]:
    found = recipes.examine_text(text, "bad.toml")
    assert (found.recipe is None) == bool(found.errors)
    return found.errors


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def only(text: str) -> Problem:
    (problem,) = problems_of(text)
    return problem


def leaf_paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaf_paths(inner, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in leaf_paths(inner, (*path, index))]
    return [path]


SLOW = settings(max_examples=60, deadline=None)
"""each example checks a whole recipe, 10 to 20 ms on an idle core"""

LEAVES = leaf_paths(DATA)
DOCUMENT = toml_text.parse(GOOD, "good.toml")
NUMBERS = [path for path in LEAVES if type(DOCUMENT.value_at(path)) in (int, float)]


def mutated(path: tuple[str | int, ...], **change: Any) -> str:
    data = deepcopy(DATA)
    holder: Any = data
    for part in path[:-1]:
        holder = holder[part]
    if "value" in change:
        holder[path[-1]] = change["value"]
    elif "rename" in change:
        holder[change["rename"]] = holder.pop(path[-1])
    else:
        del holder[path[-1]]
    return tomli_w.dumps(data)


@SLOW
@given(path=st.sampled_from(LEAVES))
def test_every_key_with_a_value_of_another_kind_is_named_with_its_line(path: tuple[str | int, ...]) -> None:
    text = mutated(path, value=["not", "this"])
    named = [problem for problem in problems_of(text) if problem.key == dotted(path)]
    assert named
    assert str(path[-1]) in text.split("\n")[named[0].line - 1]


@given(
    path=st.sampled_from(NUMBERS), value=st.sampled_from([1e12, -1e12, float("nan"), float("inf"), 10**400, True, "7"])
)
def test_every_number_out_of_its_range_or_not_finite_is_named_with_the_range(path: tuple[Any, ...], value: Any) -> None:
    named = [problem for problem in problems_of(mutated(path, value=value)) if problem.key == dotted(path)]
    assert named
    assert " to " in named[0].allowed


@SLOW
@given(path=st.sampled_from(LEAVES))
def test_every_missing_key_is_named_unless_the_model_has_a_default(path: tuple[str | int, ...]) -> None:
    _, info = find_field(Recipe, path)
    assert info is not None
    errors = problems_of(mutated(path))
    if info.is_required():
        assert [problem.message for problem in errors if problem.key == dotted(path)] == [
            "this table is missing." if path in {("package",), ("bottom",)} else "this key is missing."
        ]


@SLOW
@given(path=st.sampled_from(LEAVES), letter=st.sampled_from("qxz"))
def test_every_misspelt_key_is_named_with_what_was_meant(path: tuple[str | int, ...], letter: str) -> None:
    wrong = f"{str(path[-1])[:-1]}{letter}" if "_" not in str(path[-1]) else f"{letter}{path[-1]}"
    named = [
        problem
        for problem in problems_of(mutated(path, rename=wrong))
        if problem.key == dotted((*path[:-1], wrong)) and "unknown key" in problem.message
    ]
    assert len(named) == 1
    if len(str(path[-1])) > 4:
        assert str(path[-1]) in named[0].message


@SLOW
@given(raw=st.binary(max_size=200), at=st.integers(0, len(GOOD)))
def test_bytes_thrown_into_a_recipe_never_give_anything_but_problems_or_a_recipe(raw: bytes, at: int) -> None:
    spoilt = GOOD.encode()[:at] + raw + GOOD.encode()[at:]
    recipe, problems = None, ()
    try:
        recipe = recipes.parse(toml_text.decode(spoilt, "bad.toml"), "bad.toml")
    except recipes.RecipeProblems as refused:
        problems = refused.problems
    assert (recipe is None) == bool(problems)
    assert all(problem.file == "bad.toml" and problem.message for problem in problems)


def test_a_length_in_a_foreign_unit_is_told_the_right_key() -> None:
    errors = problems_of(changed("target_um = 120 ", "target_mm = 0.12 "))
    said = {problem.key: problem.message for problem in errors}
    assert said["film.target_mm"] == "unknown key; this value is film.target_um, in um."
    assert said["film.target_um"] == "this key is missing."


def test_ten_faults_in_seven_tables_are_told_in_one_go() -> None:
    text = GOOD
    for old, new in (
        ('package = "pop_12x12_168"', 'package = "pop_12x12_186"'),
        ('name = "2.U1", x_um = 88_000', 'name = "1.U1", x_um = 149_000'),
        ("strokes = 1 ", "strokes = 1.5 "),
        ("hold_force_n = 1.5", "hold_force_n = 45"),
        ("dwell_s = 0.2", "dwell_s = nan"),
        ("vacuum_kpa = -60.0", "vacuum_kpa = 60.0"),
        ('kind = "flux"', 'kind = "fluks"'),
        ("[recovery]", "[recover]"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    keys = {problem.key for problem in problems_of(text)}
    assert keys >= {"package", "board.sites[2].name", "film.strokes", "dip.hold_force_n", "dip.dwell_s"}
    assert keys >= {"pick.vacuum_kpa", "material.kind", "recover", "recovery"}


def test_an_unknown_package_is_answered_with_the_known_ones() -> None:
    problem = only(changed('package = "pop_12x12_168"', 'package = "pop_9x9"'))
    assert problem.line == GOOD.split("\n").index(next(x for x in GOOD.split("\n") if x.startswith("package ="))) + 1
    assert all(name in problem.message for name in library.package_names())


def test_a_duplicate_site_and_one_off_the_board_are_told_with_their_lines() -> None:
    same = only(changed("x_um = 88_000, y_um = 38_000", "x_um = 32_010, y_um = 42_000"))
    assert "same place as site 1.U1" in same.message
    assert '"2.U1"' in GOOD.split("\n")[same.line - 1]
    off = only(changed("x_um = 88_000, y_um = 38_000", "x_um = 118_000, y_um = 38_000"))
    assert off.key == "board.sites[2]"
    assert off.allowed == "x 6000 to 114000 um, y 6000 to 74000 um"


def test_a_second_site_is_still_checked_when_the_first_one_is_broken() -> None:
    text = changed("x_um = 32_000, y_um = 42_000", 'x_um = "left", y_um = 42_000')
    errors = problems_of(text.replace("x_um = 88_000", "x_um = 118_000"))
    assert [problem.key for problem in errors] == ["board.sites[1].x_um", "board.sites[2]"]


def test_faults_in_a_drawing_of_its_own_file_are_told_with_that_file(tmp_path: Path) -> None:
    drawing = library.part_path("package", "pop_12x12_168").read_text(encoding="utf-8")
    (tmp_path / "ours.toml").write_text(drawing.replace("count = 168", "count = 167"), encoding="utf-8")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(changed('package = "pop_12x12_168"', 'package = "ours.toml"'), encoding="utf-8")
    (problem,) = recipes.examine(recipe).errors
    assert (problem.file, problem.key) == ("ours.toml", "package.ball_map.count")
    assert "count = 167" in (tmp_path / "ours.toml").read_text().split("\n")[problem.line - 1]
    assert "168" in problem.message


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("revision 1\n", "not TOML, column 10", 1),
        ("name = 'a'\nname = 'b'\n", "not TOML", 2),
        ("a = [\n1,\n", "not TOML", 3),
        ("x = " + "[" * 1_900, "nested deeper", 0),
        ("x = " + "[" * 30 + "]" * 30, "nested deeper", 0),
        (".".join("a" * 500) + " = 1", "a key of more than", 1),
        ("x = '" + "a" * 5_000 + "'", "characters", 1),
        ("a = 1\n" * 60_000, "at most 262,144", 0),
    ],
)
def test_text_that_is_no_recipe_at_all_is_told_where(text: str, said: str, line: int) -> None:
    problem = only(text)
    assert said in problem.message
    assert problem.line == line


def test_files_that_are_no_recipe_are_refused_by_what_they_are(tmp_path: Path) -> None:
    huge = tmp_path / "huge.toml"
    with huge.open("wb") as opened:
        os.truncate(opened.fileno(), 100_000_000)  # takes no space; would take long if it were read
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "zero.toml").write_bytes(b"name = 'a'\n\x00")
    (tmp_path / "no_text.toml").write_bytes(b"name = '\xff'\n")
    said = {
        path: recipes.examine(tmp_path / path).errors[0].message
        for path in ("huge.toml", "picture.toml", "zero.toml", "no_text.toml", "absent.toml", ".")
    }
    assert "100,000,000 bytes" in said["huge.toml"]
    assert "not a text file" in said["picture.toml"]
    assert "zero byte" in said["zero.toml"]
    assert "byte 9 is no UTF-8" in said["no_text.toml"]
    assert said["absent.toml"] == "there is no such file."
    assert "directory" in said["."]


def test_an_unknown_name_is_answered_with_near_ones_and_the_library() -> None:
    (problem,) = recipes.examine("pop_12x12_186").errors
    assert "did you mean" in problem.message
    assert all(name in problem.message for name in recipes.library_names())


def test_a_file_with_thousands_of_faults_is_answered_briefly() -> None:
    errors = problems_of("\n".join(f"key_{number} = 1" for number in range(12_000)))
    assert len(errors) < 250
    assert any("more problems" in problem.message for problem in errors)


def test_every_problem_reads_as_one_line() -> None:
    text = changed("dwell_s = 0.2", "dwell_s = 11").replace('name = "dip_flux_50"', 'name = "two\\nlines"')
    for problem in problems_of(text):
        assert "\n" not in str(problem)
    assert str(problems_of(changed("dwell_s = 0.2", "dwell_s = 11"))[0]).endswith(
        "dip.dwell_s = 11: out of range. Allowed: 0 to 10 s."
    )
