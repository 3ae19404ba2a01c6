"""KiCad boards (.kicad_pcb, from KiCad 4 on) as plain facts: outline, footprints, pads, sides.

Everything stays in the file's frame (y downwards) in um. What becomes a fiducial or a site is decided in `draft`.
"""

from __future__ import annotations

import hashlib
import math
import stat
from dataclasses import dataclass
from pathlib import Path

from recipes.importers import sexpr
from recipes.importers.outline import UM_PER_FILE_UNIT, Box, Spot, outline_box, spot_of
from recipes.importers.sexpr import Node
from recipes.problems import Problem, RecipeProblems

FILE_LIMIT_BYTES = 64 * 1024 * 1024
OLDEST_VERSION = 4
FRONT, BACK = "front", "back"
DEFAULT_THICKNESS_UM = 1_600.0


@dataclass(frozen=True, slots=True)
class Pad:
    """One pad as drawn in the unturned footprint, y downwards."""

    name: str
    shape: str
    x_um: float
    y_um: float
    size_x_um: float
    size_y_um: float
    layers: tuple[str, ...]
    purpose: str
    """KiCad's own note such as pad_prop_fiducial_glob, "" when there is none"""


@dataclass(frozen=True, slots=True)
class Footprint:
    """One part on the board. The angle is anticlockwise as displayed."""

    line: int
    reference: str
    name: str
    value: str
    side: str
    """front, back, or "" when its layer is no copper layer"""
    x_um: float
    y_um: float
    angle_deg: float
    pads: tuple[Pad, ...]
    drawn: tuple[tuple[str, Spot], ...]
    """ends of lines drawn in the unturned footprint, with their layer"""

    def on_board(self, spot: Spot) -> Spot:
        """A spot of the unturned footprint in the file's frame."""
        cos, sin = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        return self.x_um + spot[0] * cos + spot[1] * sin, self.y_um - spot[0] * sin + spot[1] * cos


@dataclass(frozen=True, slots=True)
class KicadBoard:
    """What a board file says."""

    file: str
    sha256: str
    format: str
    thickness_um: float
    outline: Box
    footprints: tuple[Footprint, ...]
    copper: dict[str, str]
    """layer name of each side"""


def read(path: Path) -> KicadBoard:
    """Read a board file.  raises RecipeProblems: absent, too big, not KiCad, too old, no outline"""
    raw = _read_bytes(path)
    try:
        root = sexpr.parse(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _refused(path, f"not a KiCad board: byte {error.start + 1} is no text.") from None
    except sexpr.NotSexpr as error:
        raise _refused(path, f"not a KiCad board: {error.reason}.", error.line) from None
    if root.head != "kicad_pcb":
        raise _refused(path, f"not a KiCad board: it starts with ({root.head[:40]}, wanted (kicad_pcb.", root.line)
    version, host = root.child("version"), root.child("host") or root.child("generator")
    numbers = version.numbers() if version is not None else []
    if not numbers or numbers[0] < OLDEST_VERSION:
        said = f"{numbers[0]:g}" if numbers else "absent"
        raise _refused(path, f"file version {said}; boards from KiCad {OLDEST_VERSION} on are read.", root.line)
    copper = _copper_layers(root)
    footprints = [_footprint(node, copper) for node in root.children("module", "footprint")]
    outline = outline_box(root, [(node, made.on_board) for node, made in footprints])
    if outline is None:
        raise _refused(path, "the board has no outline: nothing is drawn on layer Edge.Cuts.")
    writer = " ".join(host.words()) if host is not None else "unknown"
    return KicadBoard(
        file=path.name,
        sha256=hashlib.sha256(raw).hexdigest(),
        format=f"KiCad board {numbers[0]:.0f}, written by {writer}"[:400],
        thickness_um=_thickness_um(root),
        outline=outline,
        footprints=tuple(made for _, made in footprints),
        copper=copper,
    )


def _read_bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refused(path, "this is not a plain file; name a .kicad_pcb file.")
        if status.st_size > FILE_LIMIT_BYTES:
            raise _refused(path, f"the file has {status.st_size:,} bytes; at most {FILE_LIMIT_BYTES:,} are read.")
        with path.open("rb") as opened:
            return opened.read(FILE_LIMIT_BYTES)
    except FileNotFoundError:
        raise _refused(path, "there is no such file.") from None
    except OSError as error:
        raise _refused(path, f"the file cannot be read: {error.strerror}.") from None


def _refused(path: Path, message: str, line: int = 0) -> RecipeProblems:
    return RecipeProblems([Problem(path.name, line, "", "", message)])


def _copper_layers(root: Node) -> dict[str, str]:
    """Outer copper layers: KiCad's own names, or in KiCad 4 and 5 whatever the user called layers 0 and 31."""
    layers = root.child("layers")
    named = {node.head: node.word() for node in layers.children()} if layers is not None else {}
    if "F.Cu" in named.values() or "0" not in named:
        return {FRONT: "F.Cu", BACK: "B.Cu"}
    return {FRONT: named["0"], BACK: named.get("31", "B.Cu")}


def _thickness_um(root: Node) -> float:
    general = root.child("general")
    thickness = general.child("thickness") if general is not None else None
    numbers = thickness.numbers() if thickness is not None else []
    return round(numbers[0] * UM_PER_FILE_UNIT, 3) if numbers else DEFAULT_THICKNESS_UM


def _footprint(node: Node, copper: dict[str, str]) -> tuple[Node, Footprint]:
    place = node.child("at")
    numbers = place.numbers() if place is not None else []
    x_um, y_um = spot_of(place) or (0.0, 0.0)
    layer = node.child("layer")
    side = next((side for side, name in copper.items() if layer is not None and layer.word() == name), "")
    made = Footprint(
        line=node.line,
        reference=_text_of(node, "reference"),
        name=node.word(),
        value=_text_of(node, "value"),
        side=side if place is not None else "",
        x_um=x_um,
        y_um=y_um,
        angle_deg=numbers[2] if len(numbers) > 2 else 0.0,
        pads=tuple(pad for child in node.children("pad") if (pad := _pad(child)) is not None),
        drawn=tuple(_drawn(node)),
    )
    return node, made


def _text_of(node: Node, kind: str) -> str:
    """Reference or value: `(fp_text reference U1)` up to KiCad 7, `(property "Reference" "U1")` after."""
    for child in node.children("fp_text", "property"):
        if child.word().lower() == kind:
            return child.word(1)
    return ""


def _pad(node: Node) -> Pad | None:
    words, spot = node.words(), spot_of(node.child("at"))
    size, layers, note = spot_of(node.child("size")), node.child("layers"), node.child("property")
    if len(words) < 3 or spot is None or size is None:
        return None
    purpose = note.word() if note is not None else ""
    return Pad(words[0], words[2], *spot, *size, tuple(layers.words()) if layers is not None else (), purpose)


def _drawn(node: Node) -> list[tuple[str, Spot]]:
    found: list[tuple[str, Spot]] = []
    for shape in node.children("fp_line", "fp_rect"):
        layer = shape.child("layer")
        for end in ("start", "end"):
            spot = spot_of(shape.child(end))
            if layer is not None and spot is not None:
                found.append((layer.word(), spot))
    return found
