"""`station demo`: the whole station builds boards on the simulated machine, and a report page shows what happened."""

from __future__ import annotations

import json as json_text
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from station.cli import progress
from station.cli.options import EXIT_INVALID, EXIT_REFUSED, Fidelity, Json, Seed, check_fidelity, exit_code

LIBRARY_ORDER = ("pop_12x12_168", "pop_12x12_216", "pop_14x14_152")
BOARDS_OF_ONE_RECIPE = 4
BOARDS_OF_EACH = 2


def demo(
    recipe: Annotated[
        str, typer.Option("--recipe", help="library name or file; default: all three library packages")
    ] = "",
    boards: Annotated[int | None, typer.Option("--boards", help="boards per recipe", min=1, max=1000)] = None,
    seed: Seed = 7,
    fidelity: Fidelity = "real",
    rendering: Annotated[str, typer.Option("--rendering", help="full (pictures) or observation")] = "full",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="KIND or KIND=VALUE, for example film_thin=20; repeatable")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="folder of the report")] = Path("report"),
    json: Json = False,
) -> None:
    """Build boards on the simulated machine in virtual time and write a report page."""
    check_fidelity(fidelity)
    if rendering not in ("full", "observation"):
        raise typer.BadParameter(f"{rendering!r}: allowed are full, observation", param_hint="--rendering")
    import recipes
    from recipes import RecipeProblems
    from station.demo.faults import FaultProblem, parse_fault
    from station.demo.run import Order, run
    from station.demo.summary import as_json, print_table, write_demo_report
    from station.store.errors import StoreError

    names = (recipe,) if recipe else LIBRARY_ORDER
    count = boards or (BOARDS_OF_ONE_RECIPE if recipe else BOARDS_OF_EACH)
    try:
        faults = tuple(parse_fault(text) for text in fault or ())
        sites = sum(len(recipes.load(name).board.sites) for name in names)
    except RecipeProblems as problems:
        typer.echo(str(problems), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    except FaultProblem as problem:
        raise typer.BadParameter(str(problem), param_hint="--fault") from None
    show = progress.make(count * sites, json=json)
    runs = []
    with tempfile.TemporaryDirectory(prefix="station-demo-") as folder:
        try:
            for number, name in enumerate(names):
                order = Order(
                    name,
                    count,
                    seed=seed,
                    fidelity=_fidelity(fidelity),
                    rendering=_rendering(rendering),
                    faults=faults,
                )
                runs.append(run(order, Path(folder) / f"run-{number}", show))
        except StoreError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(EXIT_REFUSED) from None
        finally:
            show.close()
        report = write_demo_report(runs, out)
    if json:
        typer.echo(json_text.dumps(as_json(runs)))
    else:
        print_table(runs, report)
    worst = max((exit_code(ran.state, 0, ran.job["unplaced"]) for ran in runs), default=0)
    raise typer.Exit(worst)


def _fidelity(value: str):  # type: ignore[no-untyped-def]
    from sim_hardware.world.machine import Fidelity

    return Fidelity(value)


def _rendering(value: str):  # type: ignore[no-untyped-def]
    from sim_hardware.scenario import Rendering

    return Rendering(value)
