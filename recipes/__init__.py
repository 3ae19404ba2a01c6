"""What to build: recipes as checked, frozen data. It knows no machine and moves nothing.

recipe = recipes.load("pop_12x12_168")          # a library name or a file
recipe.film.target_um, recipe.package.balls, recipe.content_hash
"""

from __future__ import annotations

from typing import Any

from recipes import library
from recipes.loading import Examination, examine, examine_data, examine_text, from_data, load, parse
from recipes.model import Recipe
from recipes.package import BottomPackage, Package
from recipes.problems import Problem, RecipeProblems

__all__ = [
    "BottomPackage",
    "Examination",
    "Package",
    "Problem",
    "Recipe",
    "RecipeProblems",
    "examine",
    "examine_data",
    "examine_text",
    "from_data",
    "library_names",
    "load",
    "parse",
    "schema",
    "to_toml",
]


def library_names() -> tuple[str, ...]:
    """Names of the worked recipes that come with the software, sorted."""
    return library.names()


def schema() -> dict[str, Any]:
    """JSON Schema of a recipe file, for editors and for those who write recipes by program."""
    from recipes.json_schema import recipe_schema

    return recipe_schema()


def to_toml(recipe: Recipe) -> str:
    """The recipe as a commented file that `parse` reads back to an equal recipe."""
    from recipes.writing import to_toml as write

    return write(recipe)
