"""The worked recipes and packages that come with the software.

It knows where they are and how they are called; reading and checking is done elsewhere.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "library"
KINDS = {"package": FOLDER / "packages", "bottom": FOLDER / "bottoms"}


def names() -> tuple[str, ...]:
    """Names of the worked recipes, sorted."""
    return _stems(FOLDER)


def package_names() -> tuple[str, ...]:
    """Names of the top packages, sorted."""
    return _stems(KINDS["package"])


def bottom_names() -> tuple[str, ...]:
    """Names of the bottom packages, sorted."""
    return _stems(KINDS["bottom"])


def part_names(kind: str) -> tuple[str, ...]:
    """Names of the parts of one kind: "package" or "bottom"."""
    return _stems(KINDS[kind])


def recipe_path(name: str) -> Path:
    """File of a worked recipe; it exists only for `names()`."""
    return FOLDER / f"{name}.toml"


def part_path(kind: str, name: str) -> Path:
    """File of a library part; it exists only for `part_names(kind)`."""
    return KINDS[kind] / f"{name}.toml"


def _stems(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))
