"""`station recipe ...`: look at recipes, check them, make drafts from board files. It needs no running station.

Exit codes: 0 good, 2 wrong usage, 3 the recipe or board file is refused. With --json one object per line on stdout.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from recipes import Problem, Recipe
    from recipes.importers.draft import ImportReport

EXIT_USAGE = 2
EXIT_INVALID = 3
NAMES_PER_REASON = 12

app = typer.Typer(help="Check, show and import recipes.", no_args_is_help=True)

Recipes = Annotated[list[str], typer.Argument(help="Recipe files, or names of library recipes.")]
OneRecipe = Annotated[str, typer.Argument(help="A recipe file, or the name of a library recipe.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line on stdout.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")]


@app.command()
def validate(recipe: Recipes, as_json: AsJson = False) -> None:
    """Check recipes and print everything that is wrong with them, with file and line."""
    import recipes

    refused = False
    for name in recipe:
        found = recipes.examine(name)
        refused = refused or found.recipe is None
        if as_json:
            _say_json(
                {
                    "recipe": name,
                    "valid": found.recipe is not None,
                    "content_hash": found.recipe.content_hash if found.recipe else None,
                    "problems": [asdict(problem) for problem in (*found.errors, *found.warnings)],
                }
            )
            continue
        _say_problems(found.errors, found.warnings)
        if found.recipe is None:
            typer.echo(f"{name}: refused, {len(found.errors)} problem(s), {len(found.warnings)} warning(s).", err=True)
        else:
            typer.echo(f"{name}: good, {len(found.warnings)} warning(s). {found.recipe.content_hash}")
    if refused:
        raise typer.Exit(EXIT_INVALID)


@app.command()
def show(
    recipe: OneRecipe,
    as_json: AsJson = False,
    document: Annotated[
        bool, typer.Option("--document", help="Only the recipe, as JSON that PUT /v1/recipes/NAME takes.")
    ] = False,
) -> None:
    """Show what a recipe builds and how."""
    import recipes

    found = recipes.examine(recipe)
    if found.recipe is None:
        _refuse(found.errors, found.warnings, as_json)
    if document:
        _say_json(found.recipe.as_data())
        return
    if as_json:
        _say_json({**found.recipe.as_data(), "content_hash": found.recipe.content_hash})
        return
    for line in _summary(found.recipe):
        typer.echo(line)
    _say_problems((), found.warnings)


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """List the recipes and packages that come with the software."""
    from recipes import library

    kinds = {"recipe": library.names(), "package": library.package_names(), "bottom": library.bottom_names()}
    for kind, names in kinds.items():
        for name in names:
            if as_json:
                _say_json({"kind": kind, "name": name})
            else:
                typer.echo(f"{kind:<8} {name}")


@app.command("import")
def import_board(
    file: Annotated[Path, typer.Argument(help="A KiCad board (.kicad_pcb).")],
    site: Annotated[
        list[str], typer.Option("--site", help="Part on which a package is placed; give it once per part.")
    ],
    package: Annotated[
        str | None, typer.Option("--package", help="Library package; without it one is made from the pads.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the recipe.")] = None,
    output: Output = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a recipe draft from a board file, and report what was used, what was not, and why."""
    import recipes
    from recipes.importers.draft import import_board as make_draft

    if output is not None and output.exists() and not force:
        typer.echo(f"{output} exists; give --force to replace it, or another name.", err=True)
        raise typer.Exit(EXIT_USAGE)
    try:
        draft = make_draft(file, site, package, name)
    except recipes.RecipeProblems as refused:
        _refuse(refused.problems, refused.warnings, as_json)
    text = recipes.to_toml(draft.recipe)
    if output is not None:
        _write(output, text)
    if as_json:
        report = asdict(draft.report)
        warnings = [asdict(warning) for warning in draft.warnings]
        written = str(output) if output else None
        _say_json({"output": written, "report": report, "warnings": warnings, "recipe": draft.recipe.as_data()})
        return
    for line in _report_lines(draft.report):
        typer.echo(line, err=True)
    _say_problems((), draft.warnings)
    if output is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"{output}: draft of recipe {draft.recipe.name} written.")


@app.command()
def schema(output: Output = None) -> None:
    """Print the JSON Schema of recipe files."""
    text = schema_text()
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write(output, text)


def schema_text() -> str:
    """The published schema exactly as its file in the documentation holds it."""
    import recipes

    return json.dumps(recipes.schema(), indent=2, ensure_ascii=False) + "\n"


def _summary(recipe: Recipe) -> Iterable[str]:
    board, package, film, dip, place = recipe.board, recipe.package, recipe.film, recipe.dip, recipe.place
    yield f"{recipe.name}, revision {recipe.revision}, {recipe.state}"
    yield f"  hash      {recipe.content_hash}"
    yield f"  for       {recipe.description}"
    yield f"  package   {package.name}, {package.body_x_um:g} x {package.body_y_um:g} um"
    yield f"  balls     {len(package.balls)} of {package.ball_diameter_um:g} um, pitch {package.pitch_um:g} um"
    yield f"  on        {recipe.bottom.name}, {recipe.bottom.body_height_um:g} um high"
    yield f"  board     {board.name}, {board.size_x_um:g} x {board.size_y_um:g} um, boards: {board.boards_in_panel}"
    yield f"  fiducials {', '.join(mark.name for mark in board.fiducials)}"
    yield f"  sites     {', '.join(f'{site.name} at {site.theta_deg:g} deg' for site in board.sites)}"
    yield f"  film      {film.target_um:g} +- {film.tolerance_um:g} um of {recipe.material.name}"
    yield f"  dip       {dip.mode}, {dip.depth_um:g} um, {dip.dwell_s:g} s, {dip.hold_force_n:g} N"
    yield f"  place     {place.hold_force_n:g} N for {place.hold_s:g} s, within {place.offset_limit_um:g} um"
    if recipe.imported is not None:
        yield f"  from      {recipe.imported.file}, sha256 {recipe.imported.sha256}"


def _report_lines(report: ImportReport) -> Iterable[str]:
    yield f"{report.file}: {report.format}"
    yield f"  sha256  {report.sha256}"
    yield f"  unit    {report.unit}; side {report.side}"
    yield f"  origin  {report.origin}"
    yield f"  board   {report.size_x_um:g} x {report.size_y_um:g} um"
    for row in report.used:
        yield f"  used    line {row.line}: {row.reference}, {row.became}, {row.why}"
    reasons: dict[str, list[str]] = {}
    for row in report.ignored:
        reasons.setdefault(row.why, []).append(row.reference or "without a name")
    for why, names in reasons.items():
        more = f" and {len(names) - NAMES_PER_REASON} more" if len(names) > NAMES_PER_REASON else ""
        yield f"  left    {len(names)}: {', '.join(names[:NAMES_PER_REASON])}{more}: {why}"
    for note in report.notes:
        yield f"  note    {note}"


def _say_problems(errors: Iterable[Problem], warnings: Iterable[Problem]) -> None:
    for problem in errors:
        typer.echo(f"error: {problem}", err=True)
    for problem in warnings:
        typer.echo(f"warning: {problem}", err=True)


def _say_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _refuse(errors: Iterable[Problem], warnings: Iterable[Problem], as_json: bool) -> NoReturn:
    if as_json:
        _say_json({"valid": False, "problems": [asdict(problem) for problem in (*errors, *warnings)]})
    else:
        _say_problems(errors, warnings)
    raise typer.Exit(EXIT_INVALID)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        typer.echo(f"{path} cannot be written: {error.strerror}.", err=True)
        raise typer.Exit(EXIT_USAGE) from None
