"""From a recipe file to a checked recipe: everything wrong is found in one go, with file, line, key and allowed range.

Checking order: text, keys and ranges, drawings, process rules. A later stage still runs over every table that passed
the earlier one. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from recipes import library, rules, toml_text
from recipes.model import Recipe
from recipes.problems import Path, Problem, RecipeProblems, Severity, dotted, explain, find_field, near_names, shown
from recipes.toml_text import Document

PART_TABLES = ("package", "bottom")
PROBLEMS_TOLD = 200
"""a file with more wrong in it is no recipe; telling all would only take time"""


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of looking at a recipe; `recipe` is None exactly when there are errors."""

    recipe: Recipe | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    def required(self) -> Recipe:
        """The recipe.  raises RecipeProblems with every error when there are some"""
        if self.recipe is None:
            raise RecipeProblems(self.errors, self.warnings)
        return self.recipe


def load(path_or_name: str | FilePath) -> Recipe:
    """Read a recipe file, or a worked recipe of the library by its name.

    raises  RecipeProblems with all that is wrong: file, line, key, value, allowed range
    """
    return examine(path_or_name).required()


def parse(text: str, file: str = "recipe.toml") -> Recipe:
    """A recipe from TOML text, such as one sent by a browser; it can name library parts but no files.

    raises  RecipeProblems
    """
    return examine_text(text, file).required()


def from_data(data: Mapping[str, Any], file: str = "recipe") -> Recipe:
    """A recipe from plain values, such as stored JSON.  raises RecipeProblems"""
    return examine_data(data, file).required()


def examine_data(data: Mapping[str, Any], file: str = "recipe") -> Examination:
    """Look at plain values without raising; they can name library parts but no files."""
    try:
        return _examine(Document(file, dict(data), {}), None)
    except RecipeProblems as refused:
        return Examination(None, refused.problems, refused.warnings)


def examine(path_or_name: str | FilePath) -> Examination:
    """Look at a recipe file or library name without raising."""
    try:
        path = _find(path_or_name)
        return _examine(toml_text.parse(toml_text.read_text(path), path.name), path.parent)
    except RecipeProblems as refused:
        return Examination(None, refused.problems, refused.warnings)


def examine_text(text: str, file: str = "recipe.toml") -> Examination:
    """Look at TOML text without raising; it can name library parts but no files."""
    try:
        return _examine(toml_text.parse(text, file), None)
    except RecipeProblems as refused:
        return Examination(None, refused.problems, refused.warnings)


def _find(path_or_name: str | FilePath) -> FilePath:
    path = FilePath(path_or_name)
    if isinstance(path_or_name, str) and path.suffix == "" and path.name == path_or_name and not path.exists():
        if path_or_name not in library.names():
            near = near_names(path_or_name, library.names())
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            message = f"no such recipe; {hint}The library has {', '.join(library.names())}."
            raise RecipeProblems([Problem(path_or_name or '""', 0, "", "", message)])
        return library.recipe_path(path_or_name)
    return path


@dataclass
class _Examiner:
    """One look at one document; collects problems from every stage."""

    document: Document
    folder: FilePath | None
    data: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Document] = field(default_factory=dict)
    """documents of the tables that stand in other files"""
    broken: set[str] = field(default_factory=set)
    """tables that could not even be read"""
    kept: dict[Path, list[int]] = field(default_factory=dict)
    """positions of list entries as written, where broken ones were left out"""
    problems: list[Problem] = field(default_factory=list)
    refusals: list[Any] = field(default_factory=list)
    """what the model refused, in its own words"""

    def run(self) -> Examination:
        self.data = dict(self.document.data)
        for table in PART_TABLES:
            self._resolve(table)
        recipe = self._validate()
        tables: frozenset[str] | None = None
        subject = recipe
        if subject is None:
            subject, tables = self._what_is_sound()
        for finding in rules.check(subject, tables):
            if finding.severity == "warning" and any(path[:1] == finding.path[:1] for path in self.kept):
                continue  # what it misses may be an entry that was left out as broken
            path = self._as_written(finding.path)
            self._report(path, finding.message, finding.allowed, source=finding.source, severity=finding.severity)
        own = self.document.file
        ordered = sorted(self.problems, key=lambda problem: (problem.file != own, problem.file, problem.line))
        errors = tuple(problem for problem in ordered if problem.severity == "error")
        warnings = tuple(problem for problem in ordered if problem.severity == "warning")
        return Examination(recipe if not errors else None, errors, warnings)

    def _resolve(self, table: str) -> None:
        """Put the named library part or file in the place of its name."""
        named = self.data.get(table)
        if not isinstance(named, str):
            return
        try:
            path = self._part_path(table, named)
            part = toml_text.parse(toml_text.read_text(path), path.name)
        except RecipeProblems as refused:
            self.broken.add(table)
            for problem in refused.problems:
                if problem.key or problem.line:
                    self.problems.append(problem)
                else:
                    self._report((table,), problem.message)
            return
        self.parts[table] = part
        self.data[table] = part.data

    def _part_path(self, table: str, named: str) -> FilePath:
        known = library.part_names(table)
        if named in known:
            return library.part_path(table, named)
        if not named.endswith(".toml"):
            near = near_names(named, known)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise toml_text.refused(named, f"unknown {table}; {hint}The library has {', '.join(known)}.")
        if self.folder is None:
            raise toml_text.refused(named, "recipe text can name library parts only, or hold the table itself.")
        path = self.folder / named
        if "\0" in named or not path.resolve().is_relative_to(self.folder.resolve()):
            raise toml_text.refused(named, f"the {table} file must stand beside the recipe or in a folder below.")
        return path

    def _validate(self) -> Recipe | None:
        checked = {key: value for key, value in self.data.items() if key not in self.broken}
        try:
            recipe = Recipe.model_validate(checked)
        except ValidationError as refused:
            self.refusals = [
                error
                for error in refused.errors(include_url=False)
                if not (error["type"] == "missing" and error["loc"][0] in self.broken)
            ]
        else:
            return recipe if not self.broken else None
        for error in self.refusals[:PROBLEMS_TOLD]:
            saying = explain(error, Recipe)
            self._report(tuple(error["loc"]), saying.message, saying.allowed)
        if len(self.refusals) > PROBLEMS_TOLD:
            self._report((), f"and {len(self.refusals) - PROBLEMS_TOLD:,} more problems.")
        return None

    def _what_is_sound(self) -> tuple[Recipe, frozenset[str]]:
        """The tables that passed, less unknown keys and broken list entries, so that the rules can look at them too."""
        data = {key: deepcopy(value) for key, value in self.data.items() if key not in self.broken}
        entries: dict[Path, set[int]] = {}
        for error in self.refusals:
            loc: Path = tuple(error["loc"])
            position = next((at for at, part in enumerate(loc) if isinstance(part, int)), None)
            if error["type"] == "extra_forbidden" and position is None:
                _remove(data, loc)
            elif position is not None:
                entries.setdefault(loc[:position], set()).add(int(loc[position]))
        for path, bad in entries.items():
            values = _value_at(data, path)
            if isinstance(values, list):
                self.kept[path] = [index for index in range(len(values)) if index not in bad]
                values[:] = [values[index] for index in self.kept[path]]
        sound: dict[str, Any] = {}
        for name, info in Recipe.model_fields.items():
            owner, _ = find_field(Recipe, (name,))
            table = info.annotation
            if name not in data or owner is None:
                continue
            if isinstance(table, type) and issubclass(table, BaseModel):
                try:
                    sound[name] = table.model_validate(data[name])
                except ValidationError:
                    continue
            elif not any(error["loc"][:1] == (name,) for error in self.refusals):
                sound[name] = data[name]
        return Recipe.model_construct(**sound), frozenset(sound)

    def _as_written(self, path: Path) -> Path:
        for length in range(len(path)):
            if path[:length] in self.kept and isinstance(path[length], int):
                return (*path[:length], self.kept[path[:length]][int(path[length])], *path[length + 1 :])
        return path

    def _report(
        self, path: Path, message: str, allowed: str = "", *, source: str = "", severity: Severity = "error"
    ) -> None:
        document, inside = self.document, path
        if path and isinstance(path[0], str) and path[0] in self.parts:
            document, inside = self.parts[path[0]], path[1:]
        value = document.value_at(inside)
        said = "" if value is None else shown(value)
        line = document.line_of(inside)
        self.problems.append(Problem(document.file, line, dotted(path), said, message, allowed, source, severity))


def _examine(document: Document, folder: FilePath | None) -> Examination:
    return _Examiner(document, folder).run()


def _value_at(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _remove(data: dict[str, Any], path: Path) -> None:
    holder = _value_at(data, path[:-1])
    if isinstance(holder, dict):
        holder.pop(str(path[-1]), None)
