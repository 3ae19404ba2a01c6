"""Stories of the worked recipes, of hashes, and of files written and read back."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

import recipes
from recipes import library, toml_text

NAMES = recipes.library_names()


def test_there_is_a_worked_recipe_for_every_library_package() -> None:
    assert set(NAMES) >= {"pop_12x12_168", "pop_12x12_216", "pop_14x14_152"}
    assert {recipes.load(name).package.name for name in NAMES} == set(library.package_names())


@pytest.mark.parametrize("name", NAMES)
def test_a_worked_recipe_is_approved_and_warned_of_nothing_but_its_estimates(name: str) -> None:
    found = recipes.examine(name)
    assert found.errors == ()
    assert found.required().state == "approved"
    assert {warning.message for warning in found.warnings} == {"the recipe is approved on estimated values."}
    draft = recipes.examine_data({**found.required().as_data(), "state": "draft"})
    assert (draft.errors, draft.warnings) == ((), ())


@pytest.mark.parametrize("name", NAMES)
def test_the_worked_panel_holds_two_boards_with_a_site_each_and_three_fiducials(name: str) -> None:
    board = recipes.load(name).board
    assert board.boards_in_panel == 2
    assert [site.board_index for site in board.sites] == [1, 2]
    assert [mark.diameter_um for mark in board.fiducials] == [1_000, 1_000, 1_000]


@pytest.mark.parametrize("name", NAMES)
def test_every_table_of_process_values_says_that_it_is_estimated(name: str) -> None:
    document = toml_text.parse(toml_text.read_text(library.recipe_path(name)), name)
    told = {table: document.value_at((table, "provenance")) for table in ("film", "dip", "pick", "place", "material")}
    assert set(told.values()) == {"estimate"}


@pytest.mark.parametrize("kind", ["package", "bottom"])
def test_a_library_part_is_called_like_its_file(kind: str) -> None:
    for name in library.part_names(kind):
        path = library.part_path(kind, name)
        assert toml_text.parse(toml_text.read_text(path), path.name).data["name"] == name


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_written_as_a_file_or_as_plain_values_reads_back_the_same(name: str) -> None:
    recipe = recipes.load(name)
    assert recipes.parse(recipes.to_toml(recipe)) == recipe
    again = recipes.from_data(recipe.as_data())
    assert again == recipe
    assert again.content_hash == recipe.content_hash


def test_approving_keeps_the_hash_and_changing_any_value_does_not() -> None:
    recipe = recipes.load("pop_12x12_168")
    data = recipe.as_data()
    assert recipes.from_data({**data, "state": "retired"}).content_hash == recipe.content_hash
    assert recipes.from_data({**data, "revision": 2}).content_hash != recipe.content_hash
    thicker = {**data, "film": {**data["film"], "target_um": 121.0}, "dip": {**data["dip"], "depth_um": 121.0}}
    assert recipes.from_data(thicker).content_hash != recipe.content_hash


def test_the_hash_covers_the_ball_map_that_the_recipe_only_names() -> None:
    data = recipes.load("pop_12x12_168").as_data()
    other = {**data["package"], "mass_g": 0.151}
    assert recipes.from_data({**data, "package": other}).content_hash != recipes.from_data(data).content_hash


def test_whole_numbers_and_decimals_of_one_value_hash_alike() -> None:
    text = library.recipe_path("pop_12x12_168").read_text(encoding="utf-8")
    assert "target_um = 120 " in text
    decimal = text.replace("target_um = 120 ", "target_um = 120.0 ")
    assert recipes.parse(decimal).content_hash == recipes.parse(text).content_hash


def test_a_package_file_may_stand_beside_the_recipe_but_not_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "line"
    folder.mkdir()
    text = library.recipe_path("pop_12x12_168").read_text(encoding="utf-8")
    drawing = library.part_path("package", "pop_12x12_168").read_text(encoding="utf-8")
    (folder / "ours.toml").write_text(drawing, encoding="utf-8")
    (folder.parent / "theirs.toml").write_text(drawing, encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text(text.replace('package = "pop_12x12_168"', 'package = "ours.toml"'), encoding="utf-8")
    assert recipes.load(recipe) == recipes.load("pop_12x12_168")
    recipe.write_text(text.replace('package = "pop_12x12_168"', 'package = "../theirs.toml"'), encoding="utf-8")
    with pytest.raises(recipes.RecipeProblems, match="beside the recipe"):
        recipes.load(recipe)
    with pytest.raises(recipes.RecipeProblems, match="library parts only"):
        recipes.parse(text.replace('package = "pop_12x12_168"', 'package = "ours.toml"'))


leaves = st.one_of(st.integers(-5, 5), st.text(max_size=5), st.booleans(), st.floats(allow_nan=False))
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(data=st.dictionaries(st.text(max_size=5), values, max_size=4), multiline=st.booleans())
def test_every_key_of_any_toml_text_stands_on_the_line_that_is_told(data: dict[str, object], multiline: bool) -> None:
    text = tomli_w.dumps(data, multiline_strings=multiline)
    document = toml_text.parse(text, "any.toml")
    lines = text.replace("\r\n", "\n").split("\n")
    for key in data:
        line = document.line_of((key,))
        assert line > 0 or "\\" in text  # escaped keys are told by their table only
        if key.isalnum() and key.isascii():
            assert key in lines[line - 1]
