"""The fingerprint of the vision: every source counts, by name and content, and nothing else does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vision import fingerprint as module
from vision.fingerprint import SOURCES, fingerprint, fingerprint_of

SOURCE = {"a.py": b"x = 1\n", "b.py": b"y = 2\n"}
LIBRARIES = {"numpy": "2.4.6"}


@pytest.mark.parametrize(
    ("sources", "libraries"),
    [
        ({**SOURCE, "b.py": b"y = 3\n"}, LIBRARIES),
        ({"a.py": SOURCE["a.py"], "c.py": SOURCE["b.py"]}, LIBRARIES),
        ({"a.py": b"", "b.py": b"x = 1\ny = 2\n"}, LIBRARIES),
        ({"a.py": SOURCE["a.py"]}, LIBRARIES),
        (SOURCE, {"numpy": "2.4.7"}),
    ],
    ids=["a value", "a name", "a line that moves", "a file less", "a library"],
)
def test_whatever_changes_changes_it(sources: dict[str, bytes], libraries: dict[str, str]) -> None:
    assert fingerprint_of(sources, libraries) != fingerprint_of(SOURCE, LIBRARIES)


def test_the_order_in_which_files_are_found_is_nothing() -> None:
    assert fingerprint_of(dict(reversed(SOURCE.items())), LIBRARIES) == fingerprint_of(SOURCE, LIBRARIES)


def test_every_source_of_the_package_counts_and_nothing_that_is_made_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "vision"
    shutil.copytree(module.PACKAGE, copy)
    monkeypatch.setattr(module, "PACKAGE", copy)
    taken = fingerprint.__wrapped__
    whole = taken()
    assert whole == fingerprint(), "the same sources elsewhere are the same vision"
    shutil.rmtree(copy / "__pycache__", ignore_errors=True)
    for built in copy.glob("*.so"):
        built.unlink()
    assert taken() == whole
    sources = [path for path in copy.rglob("*") if path.suffix in SOURCES]
    assert {path.suffix for path in sources} == set(SOURCES)
    for path in sources:
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert taken() != whole, path.name
        path.write_bytes(content)
    assert taken() == whole


def test_two_processes_with_other_hash_seeds_agree() -> None:
    code = "from vision.fingerprint import fingerprint; print(fingerprint())"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert said == {fingerprint()}
