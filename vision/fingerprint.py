"""Which vision this is, as one hash: it changes whenever anything changes that a verdict is made of.

It judges nothing. An approval of a recipe and every placement record name it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np

PACKAGE = Path(__file__).resolve().parent
SOURCES = (".py", ".c", ".h")


@cache
def fingerprint() -> str:
    """`sha256:<hex>` of the vision that runs: every source of this package, and the libraries that it computes with.

    Taken once, from the files as they lie there at the first call. The compiled loops count by their source: they see
    what numpy sees, so a computer without a compiler has the same vision.
    """
    sources = {
        path.relative_to(PACKAGE).as_posix(): path.read_bytes()
        for path in PACKAGE.rglob("*")
        if path.suffix in SOURCES and path.is_file()
    }
    return fingerprint_of(sources, {"numpy": np.__version__, "opencv": cv2.__version__})


def fingerprint_of(sources: dict[str, bytes], libraries: dict[str, str]) -> str:
    """The hash over named contents and named versions, in the order of the names."""
    digest = hashlib.sha256()
    for name, version in sorted(libraries.items()):
        digest.update(f"{name} {version}\n".encode())
    for name, content in sorted(sources.items()):
        # The length keeps a line that moves from one file to the next from going unnoticed.
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"
