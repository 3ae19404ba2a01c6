"""Writes the pages that are made from code: registers, alarms, recipe schema. Tests compare them with the code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import recipes
from drivers.wire.document import registers_document
from station.alarms.document import as_markdown

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _schema() -> str:
    return json.dumps(recipes.schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "registers.md": registers_document,
    "alarms.md": as_markdown,
    "recipe_schema.json": _schema,
}


def main() -> None:
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
