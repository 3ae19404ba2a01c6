"""Which state of the code a line was measured on, where no version control can be asked: a digest of its sources."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tests.campaign.planted.model import ROOT

SOURCES = ("drivers", "recipes", "sim_hardware", "station", "vision", "tests/campaign", "tests/scenarios/bench.py")
"""what decides whether a bug is found: the code in which it is planted, the machine, and the campaign that hunts"""
SUFFIXES = (".py", ".c", ".toml")
DIGITS = 12


def state_of_code(root: Path = ROOT) -> str:
    """Digest over names and contents of all sources but tests, in a fixed order."""
    digest = sha256()
    for source in SOURCES:
        path = root / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in SUFFIXES and not file.name.startswith("test_"):
                digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:DIGITS]
