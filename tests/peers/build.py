"""Builds the foreign peers: our C sources on Debian's libmodbus, into a folder of the test run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent
HEADERS = (Path("/usr/include/modbus/modbus.h"), Path("/usr/local/include/modbus/modbus.h"))


def built(name: str, folder: Path) -> Path:
    """The program `name`.c as an executable; the test is skipped where compiler or library are not at hand."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    header = next((path for path in HEADERS if path.exists()), None)
    if compiler is None:
        pytest.skip("no C compiler is installed: the foreign peer cannot be built")
    if header is None:
        pytest.skip("libmodbus-dev is not installed: the foreign peer cannot be built")
    program = folder / name
    command = [compiler, "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-O1"]
    command += [f"-I{header.parent}", str(SOURCES / f"{name}.c"), "-o", str(program), "-lmodbus"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return program
