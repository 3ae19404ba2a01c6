"""The command `station`: one verb per purpose, heavy imports inside the verbs so that help comes at once.

Exit codes: 0 ok, 1 ended with rejects or unplaced sites, 2 usage, 3 recipe or configuration invalid, 4 cannot reach
station or device, 5 refused, 6 aborted, 70 internal, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from station.cli import demo, people, recipe, records, registers, replay, service, shift, vision
from station.version import SOFTWARE_VERSION

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Dip-and-place station: stacks packages on packages.",
)
app.command("demo")(demo.demo)
app.command("shift")(shift.shift)
app.command("run")(service.run)
app.command("replay")(replay.replay)
app.add_typer(recipe.app, name="recipe", help="Check, show, import and describe recipes.")
app.add_typer(records.app, name="records", help="Show and export placement records.")
app.add_typer(people.app, name="people", help="Who may command the station: add, list, role, revoke.")
app.add_typer(vision.app, name="vision", help="Balls, wetting, fiducials and imprints in picture files.")
app.add_typer(registers.app, name="registers", help="The wire: registers, commands, frames.")


@app.command("alarms")
def alarms(json: Annotated[bool, typer.Option("--json", help="one JSON object per line")] = False) -> None:
    """The alarm catalogue."""
    from station.alarms.document import as_lines

    for line in as_lines(json=json):
        typer.echo(line)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(SOFTWARE_VERSION)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="print the version and end", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Dip-and-place station."""


def main() -> None:
    """Entry point; turns what nobody caught into one sentence and exit code 70."""
    # Small matrices only: threads of the linear algebra cost more than they save, seconds on a busy computer.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
