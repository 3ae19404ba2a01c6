"""`station records ...`: show and export placement records, and say whether the hash chain over them is sound.

`verify` also compares the log with what was told outside: a log that was cut or written anew has a sound chain too.

It reads beside a running station and changes nothing. Exit codes: 0 good, 2 wrong usage, 3 the hash chain is broken,
4 no readable station database there. People's text goes to stderr, data to stdout or to the file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from station.cli.options import EXIT_INVALID, EXIT_UNREACHABLE, EXIT_USAGE
from station.cli.unread import UNREAD, why

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from station.store.reading import RecordFilter

app = typer.Typer(help="Show and export placement records.", no_args_is_help=True)

PAGE = 500
RESULTS = ("placed", "rejected", "unplaced", "placed_unverified", "ambiguous")
COLUMNS: tuple[tuple[str, str], ...] = (
    ("ended_at", "ended_at"),
    ("record_id", "record_id"),
    ("station", "station"),
    ("job_id", "job_id"),
    ("board_serial", "board.serial"),
    ("site", "site"),
    ("level", "level"),
    ("result", "result"),
    ("reason_code", "reason.code"),
    ("reason", "reason.text"),
    ("recipe", "recipe.name"),
    ("recipe_revision", "recipe.revision"),
    ("recipe_hash", "recipe.hash"),
    ("vision_hash", "vision_hash"),
    ("below_serial", "below.serial"),
    ("package", "package.name"),
    ("part_lot", "lots.part"),
    ("material_lot", "lots.material"),
    ("film_mean_um", "film.mean_um"),
    ("film_range_um", "film.range_um"),
    ("film_age_at_dip_s", "film.age_at_dip_s"),
    ("dip_depth_um", "dip.depth_um"),
    ("dip_dwell_s", "dip.dwell_s"),
    ("dip_peak_force_n", "dip.peak_force_n"),
    ("balls_found", "vision.wet.found"),
    ("balls_expected", "vision.wet.expected"),
    ("place_peak_force_n", "place.peak_force_n"),
    ("place_hold_force_n", "place.hold_force_n"),
    ("seated_z_um", "place.seated_z_um"),
    ("offset_x_um", "verify.offset_x_um"),
    ("offset_y_um", "verify.offset_y_um"),
    ("offset_theta_deg", "verify.offset_theta_deg"),
    ("hash", "hash"),
)
"""Columns of the CSV file: name, and where the value stands in a record."""

DataDir = Annotated[Path, typer.Option("--data-dir", envvar="STATION_DATA_DIR", help="Data directory of the station.")]
Board = Annotated[str | None, typer.Option("--board", help="Only this board's serial number.")]
Site = Annotated[str | None, typer.Option("--site", help="Only this site.")]
Result = Annotated[str | None, typer.Option("--result", help=f"Only {', '.join(RESULTS)}.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line on stdout.")]


@app.command()
def show(
    board: Board = None,
    site: Site = None,
    result: Result = None,
    as_json: AsJson = False,
    data_dir: DataDir = Path("data"),
) -> None:
    """Show records, oldest first, and the state of the hash chain."""
    wanted = _filter(board, site, result)
    with _reading(data_dir) as connection:
        count = 0
        for record in _records(connection, wanted):
            count += 1
            typer.echo(json.dumps(record, ensure_ascii=False) if as_json else _line(record))
        _say_chain(connection, f"{count} records shown.")


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="Write to this file; - for stdout.")],
    file_format: Annotated[
        Literal["json", "csv"], typer.Option("--format", help="json: whole records as one list; csv: one line each.")
    ] = "json",
    board: Board = None,
    site: Site = None,
    result: Result = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """Write records to a file, and say the state of the hash chain."""
    wanted = _filter(board, site, result)
    with _reading(data_dir) as connection:
        count = 0

        def counted() -> Iterator[dict[str, Any]]:
            nonlocal count
            for record in _records(connection, wanted):
                count += 1
                yield record

        lines = _csv_lines(counted()) if file_format == "csv" else _json_lines(counted())
        if str(output) == "-":
            for line in lines:
                typer.echo(line, nl=False)
        else:
            try:
                with output.open("w", encoding="utf-8", newline="") as file:
                    file.writelines(lines)
            except OSError as error:
                typer.echo(f"{output} cannot be written ({error.strerror}). Name another file.", err=True)
                raise typer.Exit(EXIT_USAGE) from error
        _say_chain(connection, f"{count} records written to {output}.")


@app.command()
def verify(
    told: Annotated[
        Path | None,
        typer.Option("--told", help="Events as MQTT or the event stream told them: JSON lines with seq and hash."),
    ] = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """Walk both hash chains, and compare the log with what was told outside."""
    from station.store.reading import untold

    heads = _heads(told) if told is not None else []
    with _reading(data_dir) as connection:
        _say_chain(connection, "Verified.")
        wrong = untold(connection, heads)
        if wrong is not None:
            typer.echo(f"Not the log that was told: {wrong} Restore the newest backup, keep this copy.", err=True)
            raise typer.Exit(EXIT_INVALID)
        typer.echo(f"{len(heads)} told events are there as they were told.", err=True)


def _heads(path: Path) -> list[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as lines:
            found = [json.loads(line) for line in lines if line.strip()]
        return [(int(event["seq"]), str(event["hash"])) for event in found]
    except UNREAD as error:
        typer.echo(f"{path}: {why(error)}; wanted lines of JSON, each with seq and hash.", err=True)
        raise typer.Exit(EXIT_USAGE) from error


@contextmanager
def _reading(data_dir: Path) -> Iterator[Connection]:
    from station.store.database import DATABASE_NAME, connect_read_only
    from station.store.errors import StoreError

    try:
        connection = connect_read_only(data_dir / DATABASE_NAME)
    except StoreError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from error
    try:
        yield connection
    finally:
        connection.close()


def _filter(board: str | None, site: str | None, result: str | None) -> RecordFilter:
    from station.store.reading import RecordFilter

    if result is not None and result not in RESULTS:
        typer.echo(f"There is no result {result!r}. Results are {', '.join(RESULTS)}.", err=True)
        raise typer.Exit(EXIT_USAGE)
    return RecordFilter(board, site, result)


def _records(connection: Connection, wanted: RecordFilter) -> Iterator[dict[str, Any]]:
    from station.store.reading import record_page

    after: int | None = 0
    while after is not None:
        page = record_page(connection, after, PAGE, wanted)
        yield from page.items
        after = page.next_after


def _say_chain(connection: Connection, summary: str) -> None:
    from station.store.reading import verify

    report = verify(connection)
    typer.echo(f"{summary} {report.sentence}", err=True)
    if not report.is_sound:
        raise typer.Exit(EXIT_INVALID)


def _at(record: dict[str, Any], path: str) -> Any:
    value: Any = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _line(record: dict[str, Any]) -> str:
    offset = record.get("verify") or {}
    words = [
        str(record.get("ended_at") or "-"),
        f"board {_at(record, 'board.serial') or '-'}",
        f"site {record.get('site') or '-'}",
        f"level {record.get('level') or '-'}",
        str(record.get("result")),
    ]
    if offset.get("offset_x_um") is not None and offset.get("offset_y_um") is not None:
        words.append(f"offset {offset['offset_x_um']:+.1f} {offset['offset_y_um']:+.1f} um")
    if _at(record, "reason.text"):
        words.append(str(_at(record, "reason.text")))
    return "  ".join(words)


def _json_lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "["
    separator = "\n"
    for record in records:
        yield separator + json.dumps(record, ensure_ascii=False)
        separator = ",\n"
    yield "\n]\n"


def _csv_lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield _csv_line([name for name, _ in COLUMNS])
    for record in records:
        yield _csv_line([_cell(_at(record, path)) for _, path in COLUMNS])


def _csv_line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    # A spreadsheet would run a text that begins like a formula: barcodes come from outside.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return str(value)
