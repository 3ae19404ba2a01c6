"""`station people ...`: who may command the station. Works beside a running station, which follows at once.

Only here, at the machine, by whoever may write in the data directory: nobody is added or revoked over the network.
Exit codes: 0 done, 2 wrong usage, 3 the file of people is damaged, 4 it cannot be written. The key goes to stdout,
everything for people to stderr.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import EXIT_INVALID, EXIT_UNREACHABLE, EXIT_USAGE
from station.people.roles import Role

if TYPE_CHECKING:
    from station.people.register import Register

app = typer.Typer(help="Who may command the station.", no_args_is_help=True)

DataDir = Annotated[Path, typer.Option("--data-dir", envvar="STATION_DATA_DIR", help="Data directory of the station.")]
Name = Annotated[str, typer.Argument(help="Letters, digits, '_', '.', '-'; the log knows the person by it.")]
USUAL = Path("data")


@app.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help="What they may do.")],
    days: Annotated[
        float | None, typer.Option("--expires-days", help="The key opens nothing after so many days.", min=0.001)
    ] = None,
    data_dir: DataDir = USUAL,
) -> None:
    """Add somebody and show their key, this once."""
    now = datetime.now(UTC)
    expires_at = None if days is None else (now + timedelta(days=days)).replace(microsecond=0)
    with _register(data_dir) as register:
        key = register.add(name, role, now, expires_at)
    until = "" if expires_at is None else f" until {expires_at:%Y-%m-%d %H:%M} UTC"
    typer.echo(f"{name} is {role.value}{until}. The key, shown this once and kept nowhere:", err=True)
    typer.echo(key)


@app.command("list")
def list_people(data_dir: DataDir = USUAL) -> None:
    """Everybody with role and key, also who was revoked."""
    with _register(data_dir) as register:
        people = register.read()
    now = datetime.now(UTC)
    for person in people:
        words = person.why_not(now) or (
            "the key does not expire" if person.expires_at is None else f"until {person.expires_at:%Y-%m-%d %H:%M} UTC"
        )
        typer.echo(f"{person.name:20} {person.role.value:12} key {person.key_id}  {words}")
    if not people:
        typer.echo(f"Nobody has been added in {data_dir}. Add somebody: station people add NAME --role admin", err=True)


@app.command()
def revoke(name: Name, data_dir: DataDir = USUAL) -> None:
    """Take somebody's key away; a running station refuses it from now on."""
    with _register(data_dir) as register:
        register.revoke(name, datetime.now(UTC))
    typer.echo(f"{name} is revoked.", err=True)


@app.command("role")
def give_role(
    name: Name,
    role: Annotated[Role, typer.Argument(help="What they may do from now on.")],
    data_dir: DataDir = USUAL,
) -> None:
    """Give somebody another role; their key stays."""
    with _register(data_dir) as register:
        register.give_role(name, role)
    typer.echo(f"{name} is {role.value}.", err=True)


@contextmanager
def _register(data_dir: Path) -> Iterator[Register]:
    from station.people.register import Damaged, NotPossible, Register

    try:
        yield Register(data_dir)
    except NotPossible as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_USAGE) from None
    except Damaged as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    except OSError as problem:
        typer.echo(f"{problem.filename}: {problem.strerror}. Run this as the user of the station.", err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from None
