"""From the facts of a board file to a recipe draft and a report of what was used, what was not, and why.

Process values come from the worked recipe of the same package; nothing of them is read from the board file.
Sites on the back of a board are refused: stacks are placed on the side that the file shows from above.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipes import library, loading
from recipes.importers import kicad
from recipes.importers.kicad import BACK, FRONT, Footprint, KicadBoard, Pad
from recipes.importers.pads import map_from_pads, pad_centre, turn_to_site
from recipes.model import Recipe
from recipes.problems import Problem, RecipeProblems, near_names

FIDUCIAL_NAME = re.compile(r"(FID|FUD)[A-Z]*[-_]?\d*$", re.IGNORECASE)
FIDUCIAL_WORD = "fiducial"
LOCAL_FIDUCIAL = "pad_prop_fiducial_loc"
FIDUCIAL_UM = 300.0, 3_000.0
OFF_CENTRE_TOLD_UM = 50.0
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.+-]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One footprint of the file, and what became of it."""

    line: int
    reference: str
    became: str
    """fiducial, site, or "" when it was left out"""
    why: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What the importer did, for the engineer who has to confirm the draft."""

    file: str
    sha256: str
    format: str
    unit: str
    side: str
    origin: str
    size_x_um: float
    size_y_um: float
    used: tuple[Row, ...]
    ignored: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A recipe draft, its warnings and its report."""

    recipe: Recipe
    warnings: tuple[Problem, ...]
    report: ImportReport


@dataclass
class _Import:
    """One import; collects rows, notes and problems."""

    board: KicadBoard
    used: list[Row] = field(default_factory=list)
    ignored: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, message: str, line: int = 0) -> None:
        self.problems.append(Problem(self.board.file, line, "", "", message))

    def to_board(self, x_um: float, y_um: float) -> tuple[float, float]:
        """From the file, y downwards, to the board: lower left corner of the outline, y away."""
        outline = self.board.outline
        return round(x_um - outline.left_um, 3), round(outline.bottom_um - y_um, 3)


def import_board(path: Path, sites: Sequence[str], package: str | None = None, name: str | None = None) -> Draft:
    """Make a recipe draft from a KiCad board.

    sites    references of the parts on which packages are stacked, in the order of placing
    package  library name; None = the ball map is made from the pads of the first site, for a part placed on the board
    raises   RecipeProblems with everything that stands against it
    """
    work = _Import(kicad.read(path))
    if package is not None and package not in library.package_names():
        near = near_names(package, library.package_names())
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        work.refuse(f"unknown package {package!r}; {hint}The library has {', '.join(library.package_names())}.")
    fiducials = _fiducials(work)
    if len(fiducials) < 2:
        work.refuse(f"{len(fiducials)} fiducial(s) on the front of the board; at least 2 are needed, 3 wanted.")
    parts = _sites(work, sites)
    if work.problems:
        raise RecipeProblems(work.problems)
    base, data = _process_from(package, parts[0])
    made = loading.from_data(data).package if package is None else base.package
    data["board"] = {
        "name": _as_name(path.stem),
        "size_x_um": work.board.outline.size_x_um,
        "size_y_um": work.board.outline.size_y_um,
        "thickness_um": work.board.thickness_um,
        "source": f"imported from {work.board.file}"[:400],
        "fiducials": fiducials,
        "sites": [_site(work, part, [(ball.name, -ball.x_um, ball.y_um) for ball in made.balls]) for part in parts],
    }
    if package is not None:
        _compare(work, parts, base)
    return _finish(work, path, data, name or _as_name(f"{path.stem}_{package or parts[0].reference}"))


def _finish(work: _Import, path: Path, data: dict[str, Any], name: str) -> Draft:
    outline = work.board.outline
    report = ImportReport(
        file=work.board.file,
        sha256=work.board.sha256,
        format=work.board.format,
        unit="1,000 um, as in every KiCad board",
        side=FRONT,
        origin=f"lower left corner of the outline, in the file at ({outline.left_um:.1f}, {outline.bottom_um:.1f}) um",
        size_x_um=outline.size_x_um,
        size_y_um=outline.size_y_um,
        used=tuple(work.used),
        ignored=tuple(work.ignored),
        notes=tuple(work.notes),
    )
    data |= {
        "name": name,
        "revision": 1,
        "state": "draft",
        "description": f"Draft from {path.name}: confirm package, turn and every process value"[:400],
        "imported": {key: getattr(report, key) for key in ("file", "sha256", "format", "side", "origin", "unit")},
    }
    examination = loading.examine_data(data, path.name)
    return Draft(examination.required(), examination.warnings, report)


def _process_from(package: str | None, first: Footprint) -> tuple[Recipe, dict[str, Any]]:
    """The worked recipe of the package, or one scaled to the balls that the pads suggest."""
    if package is not None:
        known = (loading.load(each) for each in library.names())
        base = next(recipe for recipe in known if recipe.package.name == package)
        return base, base.as_data()
    base = loading.load(library.names()[0])
    return base, map_from_pads(first, base, _as_name(first.name.rsplit(":", 1)[-1]))


def _fiducials(work: _Import) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in work.board.footprints:
        if not _looks_like_fiducial(part):
            continue
        discs = [pad for pad in part.pads if work.board.copper[FRONT] in pad.layers or "*.Cu" in pad.layers]
        reason = _why_no_fiducial(part, discs)
        if reason:
            work.ignored.append(Row(part.line, part.reference, "", reason))
            continue
        x_um, y_um = work.to_board(*part.on_board((discs[0].x_um, discs[0].y_um)))
        taken = {mark["name"] for mark in found}
        wanted = _as_name(part.reference) or "FID"
        fresh = next(each for each in (wanted, *(f"{wanted}_{n}" for n in range(2, 1_000))) if each not in taken)
        if fresh != part.reference:
            work.notes.append(f"The fiducial {part.reference!r} in line {part.line} is called {fresh}.")
        found.append({"name": fresh, "x_um": x_um, "y_um": y_um, "diameter_um": round(discs[0].size_x_um, 3)})
        why = f"disc of {discs[0].size_x_um:.0f} um at ({x_um:.1f}, {y_um:.1f}) um"
        work.used.append(Row(part.line, part.reference, "fiducial", why))
    return found


def _looks_like_fiducial(part: Footprint) -> bool:
    words = f"{part.name} {part.value}".lower()
    return bool(FIDUCIAL_NAME.match(part.reference)) or FIDUCIAL_WORD in words


def _why_no_fiducial(part: Footprint, discs: list[Pad]) -> str:
    if part.side == BACK:
        return "fiducial on the back of the board, which the camera does not see"
    if part.side != FRONT:
        return "fiducial on no copper layer of the board"
    if len(discs) != 1:
        return f"fiducial with {len(discs)} pads on the front; one disc is wanted"
    disc = discs[0]
    if disc.purpose == LOCAL_FIDUCIAL:
        return "local fiducial of a part, not of the board"
    if disc.shape != "circle" or abs(disc.size_x_um - disc.size_y_um) > 1:
        return f"fiducial of shape {disc.shape}; a round disc is wanted"
    if not FIDUCIAL_UM[0] <= disc.size_x_um <= FIDUCIAL_UM[1]:
        return f"fiducial of {disc.size_x_um:.0f} um; {FIDUCIAL_UM[0]:.0f} to {FIDUCIAL_UM[1]:.0f} um are wanted"
    return ""


def _sites(work: _Import, wanted: Sequence[str]) -> list[Footprint]:
    parts: list[Footprint] = []
    references = list(dict.fromkeys(part.reference for part in work.board.footprints if part.reference))
    if not wanted:
        work.refuse("no site was named.")
    for twice in sorted(name for name, times in Counter(wanted).items() if times > 1):
        work.refuse(f"site {twice} was asked for more than once.")
    for name in dict.fromkeys(wanted):
        found = [part for part in work.board.footprints if part.reference == name]
        if not found:
            kin = [each for each in references if each.rstrip("0123456789") == name.rstrip("0123456789")]
            near = near_names(name, references) or kin[:5]
            work.refuse(f"there is no part {name!r}" + (f"; near names: {', '.join(near)}." if near else "."))
        elif len(found) > 1:
            lines = ", ".join(str(part.line) for part in found)
            work.refuse(f"the file has {len(found)} parts called {name}, in lines {lines}.", found[1].line)
        elif found[0].side != FRONT:
            where = "the back of the board" if found[0].side == BACK else "no copper layer"
            work.refuse(f"{name} stands on {where}; packages are placed on the front.", found[0].line)
        elif not found[0].pads:
            work.refuse(f"{name} has no pads: not a part that a package could stand on.", found[0].line)
        else:
            parts.append(found[0])
    for part in work.board.footprints:
        if part.reference not in wanted and not _looks_like_fiducial(part):
            work.ignored.append(Row(part.line, part.reference or part.name, "", "neither a fiducial nor asked for"))
    return parts


def _site(work: _Import, part: Footprint, map_from_above: list[tuple[str, float, float]]) -> dict[str, Any]:
    middle = pad_centre(part.pads)
    if math.hypot(*middle) > OFF_CENTRE_TOLD_UM:
        work.notes.append(
            f"The pads of {part.reference} lie ({middle[0]:.0f}, {-middle[1]:.0f}) um off the part's origin; "
            "the middle of the pads is taken as the site."
        )
    else:
        middle = (0.0, 0.0)
    x_um, y_um = work.to_board(*part.on_board(middle))
    turn_deg, told = turn_to_site(part, map_from_above)
    theta_deg = round((part.angle_deg + turn_deg + 180.0) % 360.0 - 180.0, 4) or 0.0
    theta_deg = 180.0 if theta_deg == -180.0 else theta_deg
    work.notes.append(
        f"{part.reference} is turned {part.angle_deg:g} deg in the file; {told}: site turn {theta_deg:g} deg."
    )
    why = f"at ({x_um:.1f}, {y_um:.1f}) um, turned {theta_deg:g} deg"
    work.used.append(Row(part.line, part.reference, "site", why))
    return {"name": _as_name(part.reference), "x_um": x_um, "y_um": y_um, "theta_deg": theta_deg}


def _compare(work: _Import, parts: Sequence[Footprint], base: Recipe) -> None:
    """Tell what the pads say about package and bottom package; a drawing of a stack names only the lower part."""
    for part in parts:
        pads = [pad for pad in part.pads if pad.name]
        span_um = max(max(pad.x_um for pad in pads) - min(pad.x_um for pad in pads), 0.0) if pads else 0.0
        if len(pads) != len(base.package.balls):
            work.notes.append(
                f"{part.reference} has {len(pads)} pads, {base.package.name} {len(base.package.balls)} balls: "
                "the pads are taken as those of the package below."
            )
        if span_um > min(base.bottom.body_x_um, base.bottom.body_y_um):
            work.notes.append(
                f"The pads of {part.reference} span {span_um:.0f} um, more than {base.bottom.name} "
                f"({base.bottom.body_x_um:.0f} um): name the bottom package that really stands there."
            )


def _as_name(text: str) -> str:
    """Text as a name for records: blanks and signs become underscores."""
    return NOT_IN_A_NAME.sub("_", text).strip("_.+-")[:64]
