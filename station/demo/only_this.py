"""The one recipe of a demonstration, under whatever name it is ordered and whatever its state.

On the simulated machine a draft is tried out; only the service asks for an approval.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipes import Recipe


@dataclass(frozen=True, slots=True)
class OnlyThis:
    """A `station.shelf.RecipeSource`."""

    recipe: Recipe

    def to_build(self, name: str, revision: str = "") -> Recipe:
        return self.recipe

    def begun_with(self, name: str, content_hash: str) -> Recipe | None:
        return self.recipe
