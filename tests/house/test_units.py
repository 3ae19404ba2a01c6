"""Units live in names: every number of the public data says in which unit it is."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("station", "drivers", "vision", "recipes", "sim_hardware")
DRAWING = "station/report/"
"""Lengths on paper, in the units of the picture."""

ALLOWED_ENDINGS = ("_n_per_mm", "_um_per_mm")
"""Stiffness and slope as the trade gives them."""
FORBIDDEN_ENDINGS = (
    "_mm",
    "_ms",
    "_us_",
    "_micron",
    "_microns",
    "_inch",
    "_mil",
    "_sec",
    "_secs",
    "_degrees",
    "_rad_s",
)
"""Other units for the same thing: one length is one unit everywhere."""
BARE = {
    "height",
    "width_of",
    "length",
    "distance",
    "depth",
    "force",
    "speed",
    "acceleration",
    "pressure",
    "temperature",
    "duration",
    "timeout",
    "delay",
    "angle",
    "radius",
    "diameter",
    "pitch",
    "gap",
    "dwell",
    "vacuum",
}
"""Names of quantities that say nothing without a unit."""
NUMBERS = {"int", "float", "Number", "Floats", "FloatArray"}
WITHOUT_UNIT = {
    ("sim_hardware/world/machine.py", "speed"),
    ("sim_hardware/world/motion.py", "speed"),
    ("sim_hardware/world/motion.py", "distance"),
    ("drivers/devices/travel.py", "distance"),
    ("drivers/wire/camera_frame.py", "height"),
    ("vision/wetting.py", "radius"),
    ("sim_hardware/virtual_time.py", "delay"),
}
"""An axis in um or in deg, a count of pixels on the wire, a radius in units of the ball's own."""


def annotated_names() -> list[tuple[str, int, str, str]]:
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            where = str(path.relative_to(ROOT))
            if where.startswith(DRAWING):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    found.append((where, node.lineno, node.target.id, ast.unparse(node.annotation)))
                elif isinstance(node, ast.arg) and node.annotation is not None:
                    found.append((where, node.lineno, node.arg, ast.unparse(node.annotation)))
    return found


def test_no_quantity_has_a_second_unit() -> None:
    wrong = [
        f"{where}:{line} {name}"
        for where, line, name, _ in annotated_names()
        if name.lower().endswith(FORBIDDEN_ENDINGS) and not name.lower().endswith(ALLOWED_ENDINGS)
    ]
    assert not wrong


def test_every_quantity_says_its_unit() -> None:
    wrong = [
        f"{where}:{line} {name}: {kind}"
        for where, line, name, kind in annotated_names()
        if name.lower() in BARE and kind in NUMBERS and (where, name) not in WITHOUT_UNIT
    ]
    assert not wrong
