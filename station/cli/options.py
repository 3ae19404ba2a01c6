"""Options and small things that several verbs share. No heavy import here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXIT_REJECTS = 1
EXIT_USAGE = 2
EXIT_INVALID = 3
EXIT_UNREACHABLE = 4
EXIT_REFUSED = 5
EXIT_ABORTED = 6
EXIT_INTERNAL = 70

Seed = Annotated[int, typer.Option("--seed", help="the same seed gives the same run, byte for byte", min=0)]
Json = Annotated[bool, typer.Option("--json", help="machine-readable: the last line is one JSON object")]
Fidelity = Annotated[str, typer.Option("--fidelity", help="ideal, calibrated or real")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="where records go; default: a new temporary folder")]

FIDELITIES = ("ideal", "calibrated", "real")


def check_fidelity(value: str) -> str:
    if value not in FIDELITIES:
        raise typer.BadParameter(f"{value!r}: allowed are {', '.join(FIDELITIES)}", param_hint="--fidelity")
    return value


def exit_code(state: str, rejected: int, unplaced: int) -> int:
    """From how a job ended to the exit code of the verb."""
    if state == "Aborted":
        return EXIT_ABORTED
    if state != "Complete":
        return EXIT_REFUSED
    return EXIT_REJECTS if rejected or unplaced else 0
