"""`station vision ...`: the eyes of the station on picture files. It needs no running station.

Exit codes: 0 found, 2 wrong usage, 3 a picture or package file cannot be used, 5 refused or ambiguous: the reasons are
given and no number is to be trusted. With --json the last line of stdout is one JSON object, whatever the exit code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from station.cli.options import EXIT_INVALID, EXIT_REFUSED, EXIT_USAGE, Json

if TYPE_CHECKING:
    from station.bench.looks import Answer, PolarityWanted

app = typer.Typer(help="Balls, wetting, fiducials and imprints in picture files.", no_args_is_help=True)

POLARITIES = ("auto", "bright", "dark")
SHAPE_NAMES = "disc, ring, cross, square or diamond"

Image = Annotated[Path, typer.Argument(help="PNG, TIFF or JPEG, 8 or 16 bit, grey or colour.")]
PackageName = Annotated[
    str, typer.Option("--package", help="A library package, or a file with a ball map (.toml, .json, .csv).")
]
Scale = Annotated[float, typer.Option("--um-per-px", help="Micrometres per pixel at the balls.")]
Polarity = Annotated[str, typer.Option("--polarity", help=f"Balls against the ground: {', '.join(POLARITIES)}.")]
Tolerance = Annotated[
    float, typer.Option("--scale-tolerance", help="Allowed difference of the array's size from its drawing, ratio.")
]
Overlay = Annotated[Path | None, typer.Option("--overlay", help="Write the picture with the answer over it (PNG).")]


@app.command()
def balls(
    package: PackageName,
    um_per_px: Scale,
    image: Annotated[Path | None, typer.Argument(help="PNG, TIFF or JPEG, 8 or 16 bit, grey or colour.")] = None,
    shots: Annotated[
        Path | None,
        typer.Option("--shots", help="A CSV file image,x_um,y_um: several pictures and where their centres lie."),
    ] = None,
    position_sigma_um: Annotated[
        float, typer.Option("--position-sigma-um", help="One sigma of the positions of the shots, per axis.")
    ] = 0.0,
    polarity: Polarity = "auto",
    scale_tolerance: Tolerance = 0.03,
    as_json: Json = False,
    overlay: Overlay = None,
) -> None:
    """Find a ball array and judge every ball."""

    def look() -> Answer:
        from station.bench.errors import BadNumber
        from station.bench.looks import look_at_balls
        from station.bench.maps import load_map
        from station.bench.pictures import load_picture
        from station.bench.shots import load_shots, look_at_shots

        wanted = _polarity(polarity)
        _tolerance(scale_tolerance)
        name, ball_map = load_map(package)
        if image is not None and shots is None:
            return look_at_balls(load_picture(image, um_per_px), name, ball_map, wanted, scale_tolerance)
        if shots is not None and image is None:
            pictures = load_shots(shots, um_per_px)
            return look_at_shots(pictures, name, ball_map, wanted, scale_tolerance, position_sigma_um)
        raise BadNumber("give one IMAGE, or several with --shots FILE.")

    _answer(look, image or shots or Path(), as_json, overlay)


@app.command()
def wetting(
    dry: Annotated[Path, typer.Argument(help="Picture before the dip; the only picture with --after-only.")],
    package: PackageName,
    um_per_px: Scale,
    wet: Annotated[Path | None, typer.Argument(help="Picture of the same package after the dip.")] = None,
    after_only: Annotated[
        bool, typer.Option("--after-only", help="There is no picture before the dip: a weaker answer, or unsure.")
    ] = False,
    polarity: Polarity = "auto",
    scale_tolerance: Tolerance = 0.03,
    as_json: Json = False,
    overlay: Overlay = None,
) -> None:
    """Which balls took material, from the pictures before and after the dip."""

    def look() -> Answer:
        from station.bench.errors import BadNumber
        from station.bench.looks import look_at_wetting
        from station.bench.maps import load_map
        from station.bench.pictures import load_picture

        if (wet is None) != after_only:
            raise BadNumber("give DRY and WET, or one picture with --after-only.")
        wanted = _polarity(polarity)
        _tolerance(scale_tolerance)
        name, ball_map = load_map(package)
        before = None if after_only else load_picture(dry, um_per_px)
        after = load_picture(wet or dry, um_per_px)
        return look_at_wetting(before, after, name, ball_map, wanted, scale_tolerance)

    _answer(look, wet or dry, as_json, overlay)


@app.command()
def fiducial(
    image: Image,
    size_um: Annotated[
        float,
        typer.Option(
            "--size-um", help="Across the mark: diameter, side of a square, tip to tip of a cross or diamond."
        ),
    ],
    um_per_px: Scale,
    shape: Annotated[str, typer.Option("--shape", help=f"{SHAPE_NAMES}.")] = "disc",
    as_json: Json = False,
    overlay: Overlay = None,
) -> None:
    """Find one fiducial mark anywhere in the picture."""

    def look() -> Answer:
        from station.bench.errors import BadNumber
        from station.bench.looks import look_at_fiducial
        from station.bench.pictures import load_picture
        from vision.marks import SHAPES

        wanted = next((known for known in SHAPES if known == shape), None)
        if wanted is None:
            raise BadNumber(f"--shape {shape!r}: allowed are {', '.join(SHAPES)}.")
        if not (math.isfinite(size_um) and size_um > 0):
            raise BadNumber(f"--size-um {size_um}: a finite size above 0 um is wanted.")
        return look_at_fiducial(load_picture(image, um_per_px), size_um, wanted)

    _answer(look, image, as_json, overlay)


@app.command()
def imprint(
    image: Annotated[Path, typer.Argument(help="The film after the dip, seen from above.")],
    package: PackageName,
    um_per_px: Scale,
    as_json: Json = False,
    overlay: Overlay = None,
) -> None:
    """Which balls left a mark in the film."""

    def look() -> Answer:
        from station.bench.looks import look_at_imprint
        from station.bench.maps import load_map
        from station.bench.pictures import load_picture

        name, ball_map = load_map(package)
        return look_at_imprint(load_picture(image, um_per_px), name, ball_map)

    _answer(look, image, as_json, overlay)


def _polarity(value: str) -> PolarityWanted:
    from station.bench.errors import BadNumber

    known: dict[str, PolarityWanted] = {"auto": "auto", "bright": "bright", "dark": "dark"}
    if value in known:
        return known[value]
    raise BadNumber(f"--polarity {value!r}: allowed are {', '.join(POLARITIES)}.")


def _tolerance(value: float) -> None:
    from station.bench.errors import BadNumber

    if not (math.isfinite(value) and 0 < value < 0.2):
        raise BadNumber(f"--scale-tolerance {value}: a ratio between 0 and 0.2 is wanted.")


def _answer(look: Callable[[], Answer], image: Path, as_json: bool, overlay: Path | None) -> None:
    """Ask, draw, say, and end with the exit code of the status."""
    from station.bench.errors import BadInput, BadNumber
    from station.bench.overlay import save_overlay
    from vision.errors import VisionError

    try:
        answer = look()
        title = f"{image.name}, {answer.frame.size_px[0]} x {answer.frame.size_px[1]} px"
        if overlay is not None:
            save_overlay(answer, title, overlay)
    except (BadNumber, VisionError) as wrong:
        _refuse(str(wrong), EXIT_USAGE, as_json)
    except BadInput as wrong:
        _refuse(str(wrong), EXIT_INVALID, as_json)
    typer.echo(f"{answer.status.upper():<9} {title}", err=as_json)
    for line in answer.lines:
        typer.echo(line, err=as_json)
    if overlay is not None:
        typer.echo(f"overlay   {overlay}", err=as_json)
    if as_json:
        size = {"width_px": answer.frame.size_px[0], "height_px": answer.frame.size_px[1]}
        typer.echo(json.dumps({**answer.data, "image": size}, allow_nan=False))
    if answer.status != "found":
        raise typer.Exit(EXIT_REFUSED)


def _refuse(text: str, code: int, as_json: bool) -> NoReturn:
    typer.echo(text, err=True)
    if as_json:
        typer.echo(json.dumps({"status": "refused", "reasons": text.split("\n")}))
    raise typer.Exit(code)
