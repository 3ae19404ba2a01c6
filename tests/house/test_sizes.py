"""House rules on files: no file over 400 lines, no machine path, no registry address, words that belong elsewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINE_LIMIT = 400
CODE = (".py", ".c", ".h", ".js", ".css", ".html")
# Written in two pieces each, so that this file does not name what it forbids.
ADDRESSES = re.compile(
    "|".join(
        a + b
        for a, b in (
            ("pypi", r"\.org"),
            ("python", "hosted"),
            ("npm", r"js\."),
            ("deb", r"\.debian"),
            ("/ho", "me/"),
            ("/ro", "ot/"),
        )
    )
)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix in CODE and (lines := path.read_text(encoding="utf-8").count("\n")) > LINE_LIMIT
    }
    assert not long


def test_no_file_names_a_package_registry_or_a_machine_path() -> None:
    found = []
    for path in tracked():
        if path.suffix in (".png", ".lock") or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in ADDRESSES.finditer(text)]
    assert not found


def test_locks_hold_hashes_and_no_index_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "--index-url" not in text
        assert "://" not in text
