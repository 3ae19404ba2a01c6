"""Every alarm of the catalogue is raised by something that can be run, and the page of alarms says by what."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from station.alarms.catalogue import all_definitions
from station.alarms.document import as_markdown
from station.alarms.raised_by import CELLS, STORIES, shown_by
from tests.campaign.matrix import SEED, schedule_of
from tests.campaign.run import run

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"


def test_every_alarm_says_what_raises_it_and_nothing_else_is_listed() -> None:
    assert as_markdown().count("**Shown by:**") == len(all_definitions())
    assert sorted([*CELLS, *STORIES]) == [row.number for row in all_definitions()]
    assert all(shown_by(row.number) for row in all_definitions())


@pytest.mark.campaign
@pytest.mark.parametrize("number", CELLS)
def test_the_cell_raises_the_alarm(number: int) -> None:
    assert number in run(schedule_of(CELLS[number]), SEED).reaction.alarms


@cache
def functions(file: str) -> dict[str, str]:
    """Every test of a file with its source; what they share counts as theirs."""
    text = (SCENARIOS / file).read_text(encoding="utf-8")
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    helpers = "\n".join(ast.unparse(node) for node in found if not node.name.startswith("test_"))
    return {node.name: ast.unparse(node) + helpers for node in found if node.name.startswith("test_")}


@pytest.mark.parametrize("number", STORIES)
def test_the_story_is_there_and_names_the_alarm(number: int) -> None:
    file, name = STORIES[number].split("::")
    assert str(number) in functions(file)[name]
