"""How a rule across several keys reports: what is wrong, at which key, what is allowed, and who says so.

The rules themselves stand in `rules` and `drawing_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from recipes.model import Recipe
from recipes.problems import Path, Severity

ESTIMATE = "estimate"
"""source of a limit that is an engineering estimate"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found at one key; an error refuses the recipe, a warning is shown beside it."""

    severity: Severity
    path: Path
    message: str
    allowed: str = ""
    source: str = ""


Findings = Iterator[Finding]
RuleFunction = Callable[[Recipe], Findings]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, and the tables of the recipe that it reads."""

    needs: tuple[str, ...]
    check: RuleFunction


def rule(*needs: str) -> Callable[[RuleFunction], Rule]:
    """Mark a function as a rule over the named tables."""

    def wrap(check: RuleFunction) -> Rule:
        return Rule(needs, check)

    return wrap


def error(path: Path, message: str, allowed: str = "", source: str = "") -> Finding:
    """The recipe is refused."""
    return Finding("error", path, message, allowed, source)


def warning(path: Path, message: str, allowed: str = "", source: str = "") -> Finding:
    """The recipe may run; somebody should know."""
    return Finding("warning", path, message, allowed, source)


def run(rules: Sequence[Rule], recipe: Recipe, tables: frozenset[str] | None = None) -> list[Finding]:
    """Run every rule whose tables are at hand; `tables` None = all."""
    return [
        finding
        for each in rules
        if tables is None or all(need in tables for need in each.needs)
        for finding in each.check(recipe)
    ]
