"""The recipes of this station, those that came with the software and those stored here, and which of them may be built.

An approval is worth what was approved: a content, named by its hash, and the vision that judges what is built by it.
Nothing here moves, stores or approves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol

import recipes
from recipes import Recipe
from recipes.problems import near_names
from station.store.recipe_store import RecipeState, RecipeStore, StoredRecipe

HASH_SHOWN = len("sha256:") + 12
"""so much of a hash is enough for people to tell two apart"""


class RecipeRefused(Exception):
    """The order names what may not be built; nothing was ordered. The message says what, why, what is allowed, next.

    code   stable word for programs
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RecipeUnknown(RecipeRefused):
    """The order names nothing that is here."""


class RecipeSource(Protocol):
    """Where the controller gets recipes from."""

    def to_build(self, name: str, revision: str = "") -> Recipe:
        """What an order of this name builds. revision: hash of the revision that it insists on.

        raises   RecipeRefused, RecipeProblems
        """

    def begun_with(self, name: str, content_hash: str) -> Recipe | None:
        """The recipe of an earlier job, whatever has become of its approval; None where it is not here any more.

        raises   RecipeRefused, RecipeProblems: it cannot be read as it was
        """


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a recipe as people see it.

    approved_vision   fingerprint of the vision under which it was approved; empty: it was not, or none was named
    kept              its content, as it is kept
    """

    name: str
    revision: str
    hash: str
    state: RecipeState
    origin: Literal["library", "station"]
    approved_vision: str
    stored_at: str | None
    kept: Recipe | StoredRecipe

    @property
    def document(self) -> dict[str, Any]:
        """Its content as plain values; read when it is asked for, there may be hundreds of revisions."""
        content = json.loads(self.kept.document) if isinstance(self.kept, StoredRecipe) else self.kept.as_data()
        return {**content, "state": self.state}

    @property
    def called(self) -> str:
        return f"Recipe {self.name} revision {self.revision} ({self.hash[:HASH_SHOWN]})"

    @property
    def approval(self) -> str:
        """Where it is approved."""
        return f'POST /v1/recipes/{self.name}/revisions/{self.hash}/actions with {{"action": "approve"}}'


@cache
def worked_recipes() -> Sequence[Recipe]:
    """Those that come with the software, read once."""
    return tuple(recipes.load(name) for name in recipes.library_names())


class Shelf:
    """All revisions as one list, and the one that an order builds.

    vision    fingerprint of the vision that runs
    library   what came with the software; where its file says approved, it is so under the vision that it came with
    """

    def __init__(
        self, stored: RecipeStore, vision: str, library: Callable[[], Sequence[Recipe]] = worked_recipes
    ) -> None:
        self._stored, self.vision, self._library = stored, vision, library

    def revisions(self, name: str | None = None) -> list[Revision]:
        """Library first, then stored ones in their order; a stored copy of a library recipe stands for both."""
        stored = [_of_stored(one) for one in self._stored.revisions()]
        known = {one.hash for one in stored}
        came = [self._of_library(one) for one in self._library() if one.content_hash not in known]
        return [one for one in (*came, *stored) if name is None or one.name == name]

    def to_build(self, name: str, revision: str = "") -> Recipe:
        """As `RecipeSource`. Without `revision`: the newest approved one, those stored here before the library's."""
        found = self.revisions(name)
        wanted = [one for one in found if one.hash == revision] if revision else found
        if not wanted:
            raise self._unknown(name, revision, found)
        one = named_by(wanted)
        if (refusal := self.refusal(one)) is not None:
            raise refusal
        return _read(one)

    def begun_with(self, name: str, content_hash: str) -> Recipe | None:
        """As `RecipeSource`."""
        return next((_read(one) for one in self.revisions(name) if one.hash == content_hash), None)

    def refusal(self, one: Revision) -> RecipeRefused | None:
        """Why an order of this revision is refused; None where it is taken."""
        if one.state == "draft":
            return RecipeRefused(
                "recipe-not-approved",
                f"{one.called} is a draft; only an approved revision is built. Approve it: {one.approval}.",
            )
        if one.state == "retired":
            return RecipeRefused(
                "recipe-not-approved",
                f"{one.called} is retired; only an approved revision is built. Order another, or store a new one.",
            )
        if one.approved_vision != self.vision:
            under = f"under vision {one.approved_vision[:HASH_SHOWN]}" if one.approved_vision else "without one named"
            return RecipeRefused(
                "recipe-other-vision",
                f"{one.called} was approved {under}, and vision {self.vision[:HASH_SHOWN]} runs here; only what was "
                f"approved under this one is built. Look at what it judges, then approve it anew: {one.approval}.",
            )
        return None

    def _of_library(self, one: Recipe) -> Revision:
        under = self.vision if one.state == "approved" else ""
        return Revision(one.name, str(one.revision), one.content_hash, one.state, "library", under, None, one)

    def _unknown(self, name: str, revision: str, found: Sequence[Revision]) -> RecipeUnknown:
        if found:
            has = ", ".join(f"{one.hash} ({one.state})" for one in found)
            return RecipeUnknown("recipe-unknown", f"recipe {name} has no revision {revision}; it has {has}.")
        known = sorted({one.name for one in self.revisions()})
        near = near_names(name, known)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        return RecipeUnknown("recipe-unknown", f"there is no recipe {name}; {hint}There is {', '.join(known)}.")


def named_by(revisions: Sequence[Revision]) -> Revision:
    """Which of the revisions of one recipe, in their order, its name alone stands for: the newest that is approved,
    else the newest."""
    approved = [one for one in revisions if one.state == "approved"]
    return (approved or revisions)[-1]


def _of_stored(one: StoredRecipe) -> Revision:
    return Revision(one.name, one.revision, one.hash, one.state, "station", one.approved_vision, one.stored_at, one)


def _read(one: Revision) -> Recipe:
    if isinstance(one.kept, Recipe):
        return one.kept
    recipe = recipes.from_data(one.document, one.name)
    if recipe.content_hash != one.hash:
        raise RecipeRefused(
            "recipe-reads-otherwise",
            f"{one.called} reads as {recipe.content_hash[:HASH_SHOWN]} here: it was stored by another version of the "
            "software, or changed in the memory. Store it as a new revision, look at it and approve that.",
        )
    return recipe
