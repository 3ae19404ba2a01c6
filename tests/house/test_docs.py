"""The pages tell the truth: what they name exists, links lead somewhere, generated pages equal their generators."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from sim_hardware.faults import KINDS
from station.alarms.catalogue import all_definitions
from station.alarms.translate import CATALOGUE_MODULES
from station.demo.pages import PAGES, SCENARIO, scenario_text
from station.process.sheet import ALL_STEPS, SITE_STEPS
from station.run.schedule import PACKAGE

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("station", "drivers", "vision", "recipes", "sim_hardware", "tests")
WRITTEN = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md"))
    if path.name not in PAGES
)
SHEET = DOCS / "process_sheet.md"
WALK = DOCS / "one_package_through_the_machine.md"

_PATH = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'docs'))})/[\w./-]*)`")
_MODULE = re.compile(rf"python -m ((?:{'|'.join(PACKAGES)})[\w.]*)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
_WORD = re.compile(r"`(_?[A-Za-z]\w*(?:\.\w+)?)`")
_NAMED_FILE = re.compile(r"`([\w/]+/\w+\.py)`")


def named(pages: list[Path]) -> list[object]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


@pytest.mark.parametrize("page", named(WRITTEN))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    modules = [name.replace(".", "/") for name in _MODULE.findall(text)]
    missing = [path for path in _PATH.findall(text) if not (ROOT / path).exists()]
    missing += [name for name in modules if not ((ROOT / f"{name}.py").exists() or (ROOT / name).is_dir())]
    assert not missing


@pytest.mark.parametrize("page", named(WRITTEN))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


def test_the_simulators_usual_scenario_is_made_from_the_recipe_library() -> None:
    assert SCENARIO.read_text(encoding="utf-8") == scenario_text(), "run: make docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_equals_its_generator(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), f"run: make docs (docs/{name} is behind)"


def test_the_sheet_has_a_row_for_every_step() -> None:
    rows = sheet_rows()
    assert sorted(rows) == sorted(step.id for step in ALL_STEPS)
    assert {step.id: rows[step.id][1] for step in ALL_STEPS} == {step.id: step.title for step in ALL_STEPS}


def test_the_sheet_marks_the_irreversible_steps() -> None:
    marked = [step for step, cells in sheet_rows().items() if "**!**" in cells[0]]
    assert sorted(marked) == sorted(step.id for step in ALL_STEPS if step.irreversible)


def test_the_sheet_says_lane_and_waits_as_the_schedule_does() -> None:
    rows, ids = sheet_rows(), [step.id for step in SITE_STEPS]
    for slot in PACKAGE:
        assert slot.step.id in ids
        cells = rows[slot.step.id]
        assert cells[2] == slot.lane, slot.step.id
        assert cells[3].replace("`", "") == ", ".join(slot.after).replace("film_ready", "film ready"), slot.step.id


def test_the_sheet_names_the_file_in_which_each_step_is() -> None:
    rows = sheet_rows()
    for step in ALL_STEPS:
        file = Path(step.run.__code__.co_filename).name
        assert f"`{file}`" in " ".join(rows[step.id]), f"{step.id} is in {file}"


def test_every_alarm_number_that_a_page_names_is_in_the_catalogue() -> None:
    assert CATALOGUE_MODULES
    known = {row.number for row in all_definitions()}
    for page in (SHEET, DOCS / "operator.md", WALK):
        text = re.sub(r"\d[\d,.]*\d,\d+|[\d.]+ (?:um|mm|deg|N)\b", "", page.read_text(encoding="utf-8"))
        numbers = {int(number) for number in re.findall(r"(?<![\d:.,/])[1-9]\d\d(?![\d,.]\d|\d)", text)}
        assert numbers <= known, page.name


def test_the_readme_counts_the_kinds_of_faults_and_the_steps() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{len(KINDS)} kinds of faults" in " ".join(text.split())
    assert f"{len(SITE_STEPS)} steps for one package" in text


def test_every_name_of_the_walk_is_defined_in_the_code() -> None:
    unknown = [name for name in _WORD.findall(WALK.read_text(encoding="utf-8")) if name not in definitions()]
    assert unknown == []


def test_the_walk_meets_every_file_of_the_process() -> None:
    met = set(_NAMED_FILE.findall(WALK.read_text(encoding="utf-8")))
    files = {Path(step.run.__code__.co_filename).relative_to(ROOT).as_posix() for step in ALL_STEPS}
    assert files - met <= {"station/process/board_in.py", "station/process/board_out.py"}


def sheet_rows() -> dict[str, list[str]]:
    """Cells of every row of the sheet that begins with a step id, by that id."""
    rows = {}
    for line in SHEET.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        step = re.match(r"`(\w+)`", cells[0])
        if line.startswith("| `") and step is not None:
            rows[step[1]] = cells
    return rows


@cache
def definitions() -> frozenset[str]:
    """Every function, class, method (`Class.method`), attribute and constant of the code, and every one-word string."""
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            found |= set(defined_in(ast.parse(path.read_text(encoding="utf-8"))))
    return frozenset(found)


def defined_in(tree: ast.AST, owner: str = "") -> list[str]:
    names = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names += [node.name, f"{owner}{node.name}"]
            names += defined_in(node, f"{node.name}." if isinstance(node, ast.ClassDef) else owner)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
            names += defined_in(node, owner)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            names.append(node.value)
        else:
            names += defined_in(node, owner)
    return names
