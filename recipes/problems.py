"""What is wrong with a recipe, said so that the writer can mend it: file, line, key, value, allowed, next.

It turns the checker's findings into sentences; it finds nothing wrong by itself.
"""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]
"""Keys and list positions from the top of a file to a value."""

LONGEST_VALUE = 60
UNIT_WORDS = {
    "um_per_s": "um/s",
    "pa_s": "Pa.s",
    "um": "um",
    "n": "N",
    "s": "s",
    "deg": "deg",
    "kpa": "kPa",
    "g": "g",
    "ratio": "ratio",
}
"""Longest endings first, so that um_per_s is not taken for s."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `line` 0 = the whole file; `value` as written, shortened; `source` of a process rule."""

    file: str
    line: int
    key: str
    value: str
    message: str
    allowed: str = ""
    source: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.key} = {self.value}" if self.key and self.value else self.key
        parts = [f"{place}:", f"{subject}:" if subject else "", self.message]
        text = " ".join(part for part in parts if part)
        text += f" Allowed: {self.allowed}." if self.allowed else ""
        return text + (f" ({self.source})" if self.source else "")


class RecipeProblems(ValueError):
    """A recipe was refused. `problems` holds all that is wrong with it, `warnings` what else was noticed."""

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Saying:
    """A checker's finding in words."""

    message: str
    allowed: str = ""


def dotted(path: Path) -> str:
    """`board.sites[2].x_um`; list positions count from 1 as people do."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: Any) -> str:
    """A value as a person would have written it, never long."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, Mapping):
        text = "{...}" if value else "{}"
    elif isinstance(value, list | tuple):
        text = "[]" if not value else f"[{len(value)} items]"
    elif isinstance(value, float) and not math.isfinite(value):
        text = "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    elif isinstance(value, int) and abs(value) >= 10**30:
        text = "a number of more than 30 digits"
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def unit_of(key: str) -> str:
    """Unit named by the ending of a key, "" when it has none."""
    return next((word for ending, word in UNIT_WORDS.items() if key.endswith("_" + ending)), "")


def explain(error: Mapping[str, Any], root: type[BaseModel]) -> Saying:
    """Put one validation error into words, with the allowed range of the key read from the model."""
    path: Path = tuple(error["loc"])
    owner, info = find_field(root, path)
    allowed = allowed_for(path, info)
    kind: str = error["type"]
    value = error.get("input")
    match kind:
        case "missing":
            is_table = info is not None and _table_in(info.annotation) is not None
            return Saying("this table is missing." if is_table else "this key is missing.", allowed)
        case "extra_forbidden":
            return Saying(_unknown_key(path, owner))
        case "finite_number":
            return Saying("not a finite number.", allowed)
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            return Saying("out of range.", allowed)
        case "literal_error":
            return Saying(_near(value, str(error["ctx"]["expected"])), str(error["ctx"]["expected"]))
        case "too_short" | "too_long":
            return Saying(f"has {error['ctx']['actual_length']} entries.", allowed)
        case "string_too_short" | "string_too_long" | "string_pattern_mismatch":
            return Saying("not a usable name or text.", _text_rule(info))
    return Saying(f"wrong type: {_kind_of(value)} where {_wanted(kind)} belongs.", allowed)


def allowed_for(path: Path, info: FieldInfo | None) -> str:
    """Range, choice or length of a key in words; "" when the model says nothing more than the type."""
    if info is None:
        return ""
    bounds = {name: getattr(mark, name) for mark in info.metadata for name in ("ge", "le") if hasattr(mark, name)}
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    if "ge" in bounds and "le" in bounds:
        unit = unit_of(key)
        return f"{_plain(bounds['ge'])} to {_plain(bounds['le'])} {'' if unit == 'ratio' else unit}".rstrip()
    if typing.get_origin(info.annotation) is tuple:
        least = max((getattr(mark, "min_length", 0) for mark in info.metadata), default=0)
        most = max((getattr(mark, "max_length", 0) for mark in info.metadata), default=0)
        return f"{least} to {most:,} entries" if most else ""
    if typing.get_origin(info.annotation) is Literal:
        return ", ".join(repr(choice) for choice in typing.get_args(info.annotation))
    return "true, false" if info.annotation is bool else ""


def _plain(number: float) -> str:
    """A number as people write it: 10,000 or 0.00005."""
    text = f"{number:,.6f}"
    return text.rstrip("0").rstrip(".")


def find_field(root: type[BaseModel], path: Path) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The model that holds the last key of a path, and the field there; None where the model knows no such thing."""
    owner: type[BaseModel] | None = root
    info: FieldInfo | None = None
    for part in path:
        if isinstance(part, int):
            continue
        if info is not None:
            owner = _table_in(info.annotation)
        if owner is None:
            return None, None
        info = owner.model_fields.get(part)
        if info is None:
            return owner, None
    return owner, info


def near_names(wrong: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Names that somebody may have meant."""
    folded = {name.lower(): name for name in known}
    return [folded[name] for name in difflib.get_close_matches(wrong.lower(), folded, n=count, cutoff=0.6)]


def _unknown_key(path: Path, owner: type[BaseModel] | None) -> str:
    wrong = str(path[-1])
    known = list(owner.model_fields) if owner is not None else []
    inside = dotted(path[:-1])
    stems = {_stem(name): name for name in known if unit_of(name)}
    meant = next((stems[stem] for stem in _stems(wrong) if stem in stems), None)
    if meant is not None:
        where = f"{inside}.{meant}" if inside else meant
        return f"unknown key; this value is {where}, in {unit_of(meant)}."
    near = near_names(wrong, known)
    if near:
        return f"unknown key; did you mean {' or '.join(near)}?"
    return f"unknown key; {inside or 'the file'} has {', '.join(known)}." if known else "unknown key."


def _stem(key: str) -> str:
    ending = next((ending for ending in UNIT_WORDS if key.endswith("_" + ending)), "")
    return key.removesuffix("_" + ending) if ending else key


def _stems(wrong: str) -> list[str]:
    """The key without its unit, whatever unit that was: as written, then with endings cut off one by one."""
    parts = wrong.lower().split("_")
    return [_stem(wrong.lower()), *("_".join(parts[:count]) for count in range(len(parts), 0, -1))]


def _near(value: Any, expected: str) -> str:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    near = near_names(value, choices, 1) if isinstance(value, str) else []
    return f"not one of the choices; did you mean {near[0]!r}?" if near else "not one of the choices."


def _text_rule(info: FieldInfo | None) -> str:
    if info is not None and any("A-Za-z0-9" in str(getattr(mark, "pattern", "")) for mark in info.metadata):
        return "1 to 64 letters, digits and _ . + -, starting with a letter or digit"
    return "one line of text, at most 400 characters"


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number" if abs(value) < 10**30 else "a number too big to use"
    names = {float: "a number", str: "text", list: "a list", dict: "a table"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "a date or time")


def _wanted(kind: str) -> str:
    words = {
        "float": "a number",
        "int": "a whole number",
        "bool": "true or false",
        "string": "text",
        "tuple": "a list",
        "model": "a table",
    }
    return next((word for start, word in words.items() if kind.startswith(start)), "something else")


def _table_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as `tuple[Site, ...]` or `Grid | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (tuple, types.UnionType, typing.Union, typing.Annotated):
        return next((found for part in typing.get_args(annotation) if (found := _table_in(part)) is not None), None)
    return None
