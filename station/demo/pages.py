"""Writes what is made from code: registers, alarms, interlocks, recipe schema, the simulator's usual scenario.

Tests compare each with the code that makes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import recipes
from drivers.wire.document import registers_document
from sim_hardware.scenario import dump
from station.alarms.document import as_markdown
from station.demo.scenario import scenario_for
from station.guard.document import as_markdown as interlocks_document

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SCENARIO = ROOT / "sim_hardware" / "scenarios" / "reference.json"


def _schema() -> str:
    return json.dumps(recipes.schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "registers.md": registers_document,
    "alarms.md": as_markdown,
    "interlocks.md": interlocks_document,
    "recipe_schema.json": _schema,
}


def scenario_text() -> str:
    """The world of `python -m sim_hardware`: the first library recipe on its panel, with everything a real one has."""
    scenario = scenario_for(recipes.load(recipes.library_names()[0]), seed=7)
    return json.dumps(dump(scenario), indent=1) + "\n"


def main() -> None:
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
    SCENARIO.write_text(scenario_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
