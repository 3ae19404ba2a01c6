"""A recipe as a file that a process engineer can read: grouped tables, and each key with meaning, unit and range.

The comments are the descriptions of the models, so they cannot drift. Nothing here checks anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from recipes import library, toml_text
from recipes.model import Recipe
from recipes.package import BottomPackage, Package
from recipes.problems import allowed_for, unit_of

COMMENT_COLUMN = 40


def to_toml(recipe: Recipe) -> str:
    """The whole recipe; parts that equal a library part are named, others stand in it as tables."""
    lines = [f"# Recipe {recipe.name}, revision {recipe.revision}. Every key carries its unit; lengths are in um."]
    lines += _pairs(recipe, skip=("package", "bottom"))
    inline = []
    for table, part in (("package", recipe.package), ("bottom", recipe.bottom)):
        if _is_in_library(table, part):
            lines.append(_pair(table, part.name, str(Recipe.model_fields[table].description)))
        else:
            inline.append((table, part))
    lines += _tables(recipe, (), skip=("package", "bottom"))
    for table, part in inline:
        lines += _table((table,), part, str(Recipe.model_fields[table].description))
    return "\n".join(lines) + "\n"


def part_to_toml(part: Package | BottomPackage) -> str:
    """A package as a file of its own, to stand beside the recipes that use it."""
    side = "below" if isinstance(part, Package) else "above"
    lines = [f"# {part.name}, drawn from {side}, origin at the body centre, x right, y up. Lengths are in um."]
    return "\n".join([*lines, *_pairs(part), *_tables(part, ())]) + "\n"


def _is_in_library(table: str, part: Package | BottomPackage) -> bool:
    if part.name not in library.part_names(table):
        return False
    path = library.part_path(table, part.name)
    return type(part).model_validate(toml_text.parse(toml_text.read_text(path), path.name).data) == part


def _table(path: tuple[str, ...], table: BaseModel, description: str) -> list[str]:
    return ["", f"[{'.'.join(path)}]  # {description}", *_pairs(table), *_tables(table, path)]


def _tables(owner: BaseModel, path: tuple[str, ...], skip: tuple[str, ...] = ()) -> Iterator[str]:
    for name, info in type(owner).model_fields.items():
        value = getattr(owner, name)
        if isinstance(value, BaseModel) and name not in skip:
            yield from _table((*path, name), value, str(info.description))


def _pairs(owner: BaseModel, skip: tuple[str, ...] = ()) -> list[str]:
    lines: list[str] = []
    for name, info in type(owner).model_fields.items():
        value = getattr(owner, name)
        if isinstance(value, BaseModel) or value in (None, "") or name in skip:
            continue
        comment = _comment(name, info)
        if isinstance(value, tuple):
            lines += _list(name, value, comment)
        else:
            lines.append(_pair(name, value, comment))
    return lines


def _comment(name: str, info: FieldInfo) -> str:
    """Meaning, then range or choices where the meaning does not tell them already."""
    allowed = allowed_for((name,), info)
    told = info.description or ""
    choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    if len(choices) == 1 or (choices and str(choices[0]) in told) or info.annotation is bool or not allowed:
        return told
    return f"{told}; {allowed}"


def _pair(name: str, value: Any, comment: str) -> str:
    text = f"{name} = {_scalar(name, value)}"
    return f"{text:<{COMMENT_COLUMN}}  # {comment}" if comment else text


def _list(name: str, values: tuple[Any, ...], comment: str) -> list[str]:
    if not values:
        return []
    rows = [_row(value) if isinstance(value, BaseModel) else _scalar(name, value) for value in values]
    return [f"{name} = [  # {comment}", *(f"    {row}," for row in rows), "]"]


def _row(owner: BaseModel) -> str:
    given = {key: getattr(owner, key) for key in type(owner).model_fields}
    pairs = (f"{key} = {_scalar(key, value)}" for key, value in given.items() if value is not None)
    return f"{{ {', '.join(pairs)} }}"


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 and (unit_of(name).startswith("um")):
        return f"{int(value):_}"
    return str(value)
