"""Which recipe an order builds: stories of revisions stored, approved and retired, and of a vision that changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import recipes
from recipes import Recipe
from station.shelf import RecipeRefused, RecipeUnknown, Shelf, worked_recipes
from station.store import Store, open_store
from station.store.chain import canonical
from station.store.database import DATABASE_NAME
from tests.store.support import HandClock

NAME = "pop_12x12_168"
VISION, OTHER = "sha256:" + "7" * 64, "sha256:" + "8" * 64


def came() -> Recipe:
    return recipes.load(NAME)


def changed(revision: int, name: str = NAME) -> Recipe:
    """A revision of our own: held a little longer with every number."""
    data = came().as_data()
    place = {**data["place"], "hold_s": data["place"]["hold_s"] + 0.01 * revision}
    return recipes.from_data({**data, "name": name, "revision": revision, "place": place, "state": "draft"})


@contextmanager
def memory(folder: Path) -> Iterator[tuple[Store, Shelf]]:
    store = open_store(folder, HandClock(), durability="normal")
    try:
        yield store, Shelf(store.recipes, VISION)
    finally:
        store.close()


def put(store: Store, recipe: Recipe) -> str:
    return store.recipes.put(
        recipe.name, str(recipe.revision), recipe.content_hash, canonical(recipe.as_data())
    ).hash  # fmt: skip


def refused(shelf: Shelf, name: str, revision: str = "") -> RecipeRefused:
    with pytest.raises(RecipeRefused) as error:
        shelf.to_build(name, revision)
    return error.value


def test_a_name_stands_for_the_newest_approved_revision_and_for_the_librarys_where_none_is(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, shelf):
        assert shelf.to_build(NAME).content_hash == came().content_hash
        hashes = [put(store, changed(number)) for number in (2, 3, 4)]
        assert shelf.to_build(NAME).content_hash == came().content_hash, "a draft is not built"
        for one in hashes[:2]:
            store.recipes.approve(one, VISION)
        assert shelf.to_build(NAME).content_hash == hashes[1]
        store.recipes.retire(hashes[1])
        assert shelf.to_build(NAME).content_hash == hashes[0]
        store.recipes.retire(hashes[0])
        assert shelf.to_build(NAME).content_hash == came().content_hash


def test_an_order_may_insist_on_a_revision_and_gets_that_one_or_none(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, shelf):
        old, new, draft = (put(store, changed(number)) for number in (2, 3, 4))
        store.recipes.approve(old, VISION)
        store.recipes.approve(new, VISION)
        for wanted in (old, new, came().content_hash):
            assert shelf.to_build(NAME, wanted).content_hash == wanted
        assert refused(shelf, NAME, draft).code == "recipe-not-approved"
        unknown = refused(shelf, NAME, OTHER)
        assert isinstance(unknown, RecipeUnknown)
        assert f"{new} (approved)" in str(unknown)


def test_a_draft_and_a_retired_recipe_are_refused_and_told_what_to_do(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, shelf):
        one = put(store, changed(1, "ours"))
        draft = refused(shelf, "ours")
        assert draft.code == "recipe-not-approved"
        assert "is a draft; only an approved revision is built" in str(draft)
        assert f'POST /v1/recipes/ours/revisions/{one}/actions with {{"action": "approve"}}' in str(draft)
        store.recipes.retire(one)
        assert "is retired" in str(refused(shelf, "ours"))


def test_a_library_recipe_that_its_file_calls_a_draft_is_refused(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, _):
        shelf = Shelf(store.recipes, VISION, library=lambda: (changed(1),))
        assert refused(shelf, NAME).code == "recipe-not-approved"


def test_what_was_approved_under_another_vision_is_refused_until_it_is_approved_anew(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, shelf):
        old, new = put(store, changed(2)), put(store, changed(3))
        store.recipes.approve(old, VISION)
        store.recipes.approve(new, OTHER)
        said = refused(shelf, NAME)
        assert said.code == "recipe-other-vision", "an older one is not built in its place by itself"
        assert f"approved under vision {OTHER[:19]}, and vision {VISION[:19]} runs here" in str(said)
        assert f"approve it anew: POST /v1/recipes/{NAME}/revisions/{new}/actions" in str(said)
        assert shelf.to_build(NAME, old).content_hash == old
        store.recipes.approve(new, VISION)
        assert shelf.to_build(NAME).content_hash == new


def test_an_approval_of_before_that_names_no_vision_is_refused(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, shelf):
        one = put(store, changed(2))
        store.recipes.approve(one, "")
        assert refused(shelf, NAME).code == "recipe-other-vision"
        assert "was approved without one named" in str(refused(shelf, NAME))


def test_a_stored_copy_of_a_library_recipe_stands_for_both(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, shelf):
        store.recipes.retire(put(store, came()))
        assert [one.origin for one in shelf.revisions(NAME)] == ["station"]
        assert refused(shelf, NAME).code == "recipe-not-approved"


def test_a_name_that_is_not_here_is_refused_with_those_that_are_and_never_read_as_a_path(tmp_path: Path) -> None:
    with memory(tmp_path) as (_, shelf):
        said = refused(shelf, "pop_12x12_618")
        assert isinstance(said, RecipeUnknown)
        assert "did you mean" in str(said)
        assert all(recipe.name in str(said) for recipe in worked_recipes())
        file = tmp_path / "own.toml"
        file.write_text(recipes.to_toml(came()), encoding="utf-8")
        assert isinstance(refused(shelf, str(file)), RecipeUnknown)


def test_a_content_that_was_changed_in_the_memory_is_no_longer_what_was_approved(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, shelf):
        one = put(store, changed(2))
        store.recipes.approve(one, VISION)
        assert shelf.to_build(NAME).content_hash == one
    other = sqlite3.connect(tmp_path / DATABASE_NAME)
    longer = changed(9).as_data()["place"]["hold_s"]
    shorter = changed(2).as_data()["place"]["hold_s"]
    other.execute(
        "UPDATE recipes SET document = replace(document, ?, ?)", (f'"hold_s":{shorter}', f'"hold_s":{longer}')
    )
    assert other.total_changes == 1
    other.commit()
    other.close()
    with memory(tmp_path) as (_, shelf):
        said = refused(shelf, NAME)
        assert said.code == "recipe-reads-otherwise"
        assert "changed in the memory" in str(said)


def test_what_a_job_was_begun_with_is_found_whatever_became_of_its_approval(tmp_path: Path) -> None:
    with memory(tmp_path) as (store, shelf):
        old, new = put(store, changed(2)), put(store, changed(3))
        store.recipes.approve(new, VISION)
        store.recipes.retire(old)
        found = shelf.begun_with(NAME, old)
        assert found is not None
        assert found.content_hash == old
        assert shelf.begun_with(NAME, OTHER) is None
