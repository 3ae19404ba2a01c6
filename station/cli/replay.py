"""`station replay JOURNAL`: what a station wrote down in the field is run again on the simulated machine.

Exit codes: 0 the same outcome, 1 another one, 2 usage, 3 recipe invalid, 4 no readable journal there.
"""

from __future__ import annotations

import json as json_text
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from station.cli.options import EXIT_INVALID, EXIT_REJECTS, EXIT_UNREACHABLE, EXIT_USAGE, Fidelity, Json, Seed
from station.cli.options import check_fidelity as check


def replay(
    journal: Annotated[Path, typer.Argument(help="data directory of a station, or its database file; it is only read")],
    schedule: Annotated[
        Path | None, typer.Option("--schedule", help="write faults, buttons and answers as a schedule (JSON) here")
    ] = None,
    seed: Seed = 7,
    fidelity: Fidelity = "ideal",
    recipe: Annotated[str, typer.Option("--recipe", help="where the journal names none")] = "pop_12x12_168",
    tries: Annotated[int, typer.Option("--tries", help="runs at most to find the faults", min=1)] = 400,
    json: Json = False,
) -> None:
    """Run a field journal again in virtual time, find the faults behind it, and say whether the outcome is the same."""
    check(fidelity)
    from recipes import RecipeProblems
    from sim_hardware.schedule import dump_plan
    from sim_hardware.world.machine import Fidelity as Fidelities
    from station.demo.field_journal import read_journal
    from station.demo.replay import CannotReplay, Replay
    from station.store.errors import StoreError

    try:
        made = Replay(read_journal(journal), seed=seed, fidelity=Fidelities(fidelity), library=recipe)
    except (StoreError, CannotReplay) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from None
    except RecipeProblems as problems:
        typer.echo(str(problems), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    began_s = time.process_time()
    ran = made.search(lambda done, agreed, words: _tell(done, agreed, words, quiet=json), tries)
    plan = dump_plan(made.plan(ran))
    if schedule is not None:
        try:
            schedule.write_text(json_text.dumps(plan, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            typer.echo(f"{schedule} cannot be written ({error.strerror}). Name another file.", err=True)
            raise typer.Exit(EXIT_USAGE) from None
    if json:
        typer.echo(json_text.dumps({**_as_data(ran), "plan": plan}))
    else:
        _print(ran, time.process_time() - began_s)
        if schedule is not None:
            typer.echo(f"schedule      {schedule}")
    raise typer.Exit(0 if ran.is_same else EXIT_REJECTS)


def _tell(done: int, agreed: int, words: int, *, quiet: bool) -> None:
    if not quiet and done % 20 == 0:
        typer.echo(f"{done} runs, {agreed} of {words} words agree", err=True)


def _as_data(ran: Any) -> dict[str, Any]:
    return {
        "same": ran.is_same,
        "agreed": ran.agreed,
        "words": ran.words,
        "runs": ran.tries,
        "lives": len(ran.journal),
        "faults": [fault.kind for faults in ran.guess.faults for fault in faults],
        "difference": None if ran.difference is None else ran.difference[1].sentence,
        "notes": ran.notes,
    }


def _print(ran: Any, seconds: float) -> None:
    for number, (outcome, lived, faults) in enumerate(zip(ran.journal, ran.lives, ran.guess.faults, strict=True), 1):
        end = "cut off" if lived.killed_in is not None else "ended"
        typer.echo(f"life {number}, {end}")
        for kind in ("states", "alarms", "packages"):
            words = [word.text for word in outcome.lines[kind]]
            typer.echo(f"  {kind:<12}{', '.join(words) if words else '-'}")
        for fault in faults:
            about = f" {fault.value:g}" if fault.value else ""
            at = f" at {fault.target}" if fault.target else ""
            typer.echo(
                f"  fault       {fault.kind}{about}{at}, {fault.step} number {fault.step_nth} + {fault.after_s:g} s"
            )
    for note in ran.notes:
        typer.echo(f"note          {note}")
    typer.echo(f"runs          {ran.tries}, {seconds:.1f} s of processor time, {ran.agreed} of {ran.words} words agree")
    if ran.difference is None:
        typer.echo("outcome       the same: states, alarms and packages")
    else:
        typer.echo(f"outcome       another: life {ran.difference[0] + 1}, {ran.difference[1].sentence}")
