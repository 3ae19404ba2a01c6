"""`station shift`: hours of machine time in virtual time, all real code, cameras sending observations."""

from __future__ import annotations

import json as json_text
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from station.cli import progress
from station.cli.options import EXIT_INVALID, EXIT_REFUSED, Json, Seed, exit_code


def shift(
    hours: Annotated[float, typer.Option("--hours", help="machine time", min=0.01, max=1000)] = 8.0,
    recipe: Annotated[str, typer.Option("--recipe", help="library name or file")] = "pop_12x12_168",
    seed: Seed = 7,
    json: Json = False,
) -> None:
    """Run a shift and say where its time went: that of the machine, and that of the processor."""
    from recipes import RecipeProblems
    from sim_hardware.scenario import Rendering
    from station.demo.processor_time import ProcessorTime
    from station.demo.run import Order, run
    from station.demo.shift_summary import as_json, print_shift
    from station.store.errors import StoreError

    order = Order(
        recipe,
        boards=100_000,
        seed=seed,
        rendering=Rendering.OBSERVATION,
        seconds=hours * 3600.0,
        keep_images=False,
        durability="normal",
    )
    show = None if json else progress.Hourly()
    with tempfile.TemporaryDirectory(prefix="station-shift-") as folder:
        try:
            with ProcessorTime() as spent:
                ran = run(order, Path(folder), show)
        except RecipeProblems as problems:
            typer.echo(str(problems), err=True)
            raise typer.Exit(EXIT_INVALID) from None
        except StoreError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(EXIT_REFUSED) from None
    if json:
        typer.echo(json_text.dumps(as_json(ran, spent)))
    else:
        print_shift(ran, spent)
    raise typer.Exit(exit_code(ran.state, 0, 0))
