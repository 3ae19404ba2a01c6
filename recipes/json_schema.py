"""The published shape of a recipe file as JSON Schema. It adds nothing that the models do not say."""

from __future__ import annotations

from typing import Any

from recipes import library
from recipes.loading import PART_TABLES
from recipes.model import Recipe

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> dict[str, Any]:
    """JSON Schema of the file as written: a part may be a name instead of a table."""
    schema: dict[str, Any] = {"$schema": DIALECT, **Recipe.model_json_schema()}
    for table in PART_TABLES:
        drawn = schema["properties"][table]
        schema["properties"][table] = {
            "description": drawn.get("description", ""),
            "anyOf": [
                {"type": "string", "examples": list(library.part_names(table))},
                {"$ref": drawn["$ref"]},
            ],
        }
    _drop_titles(schema)
    schema["title"] = "Recipe of the dip-and-place station"
    return schema


def _drop_titles(node: Any) -> None:
    """Generated titles only repeat the keys."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for value in node.values():
            _drop_titles(value)
    elif isinstance(node, list):
        for value in node:
            _drop_titles(value)
