"""`station vision ...` in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from station.cli.main import app
from tests.bench.conftest import PACKAGE, UM_PER_PX


def vision(*arguments: str | Path | float) -> Result:
    result = CliRunner().invoke(app, ["vision", *(str(argument) for argument in arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def balls(image: Path, *more: str | Path | float, package: str | Path = PACKAGE, scale: float = UM_PER_PX) -> Result:
    return vision("balls", image, "--package", package, "--um-per-px", scale, *more)


def answer(result: Result) -> dict[str, Any]:
    """The JSON object on the last line."""
    data: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return data
