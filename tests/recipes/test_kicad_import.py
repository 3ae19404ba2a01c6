"""Stories of board files: what becomes of fiducials, sites, turns and outlines of real and drawn boards."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest

import recipes
from recipes.importers.draft import Draft, import_board
from tests.support import real_input_file

OUTLINE = (
    "(gr_line (start 100 50) (end 160 50) (layer Edge.Cuts)) (gr_line (start 160 50) (end 160 90) (layer Edge.Cuts))"
)
FIDUCIALS = ((105, 55), (155, 55), (105, 85))


def fiducial(name: str, x: float, y: float, *, layer: str = "F.Cu", pad: str = "circle", size: float = 1) -> str:
    return (
        f'(footprint "Fiducial:Fiducial_1" (layer "{layer}") (at {x} {y}) (property "Reference" "{name}" (at 0 0))'
        f' (pad "" smd {pad} (at 0 0) (size {size} {size}) (layers "{layer}" "F.Mask")))'
    )


def part(name: str, x: float, y: float, angle: float = 0, *, layer: str = "F.Cu", a1: str = "far left") -> str:
    """A four-pad part; y runs downwards in the file, so "far" is negative."""
    corners = {"far left": (-4, -4), "far right": (4, -4), "near right": (4, 4), "near left": (-4, 4)}
    others = [spot for corner, spot in corners.items() if corner != a1]
    pads = zip(("A1", "A2", "B1", "B2"), [corners[a1], *others], strict=True)
    drawn = " ".join(
        f'(pad "{pad}" smd circle (at {at[0]} {at[1]} {angle}) (size 0.5 0.5) (layers "{layer}" "F.Mask"))'
        for pad, at in pads
    )
    return f'(footprint "lib:BGA" (layer "{layer}") (at {x} {y} {angle}) (fp_text reference "{name}" (at 0 0)) {drawn})'


def board(tmp_path: Path, *items: str, outline: str = OUTLINE, fiducials: bool = True, head: str = "kicad_pcb") -> Path:
    marks = [fiducial(f"FID{number}", *spot) for number, spot in enumerate(FIDUCIALS, 1)] if fiducials else []
    layers = '(layers (0 "F.Cu" signal) (31 "B.Cu" signal) (44 "Edge.Cuts" user))'
    text = f"({head} (version 20221018) (generator pcbnew)\n(general (thickness 1.2))\n{layers}\n{outline}\n"
    path = tmp_path / "drawn.kicad_pcb"
    path.write_text(text + "\n".join((*marks, *items)) + "\n)\n", encoding="utf-8")
    return path


def made(path: Path, *sites: str, package: str | None = "pop_12x12_168") -> Draft:
    draft = import_board(path, sites, package)
    assert recipes.parse(recipes.to_toml(draft.recipe)) == draft.recipe
    return draft


def refusals(path: Path, *sites: str, package: str | None = "pop_12x12_168") -> str:
    with pytest.raises(recipes.RecipeProblems) as refused:
        import_board(path, sites, package)
    return str(refused.value)


def test_the_pocketbeagle_gives_its_outline_its_three_fiducials_and_its_one_site() -> None:
    path = real_input_file("boards/pocketbeagle/PocketBeagle.kicad_pcb")
    draft = made(path, "U1")
    drawn = draft.recipe.board
    assert (drawn.size_x_um, drawn.size_y_um, drawn.thickness_um) == (55_000, 35_000, 1_600)
    assert {mark.name: (mark.x_um, mark.y_um, mark.diameter_um) for mark in drawn.fiducials} == {
        "FUD1": (50_699.0, 26_424.8, 1_016),
        "FUD2": (9_690.1, 7_581.9, 1_016),
        "FUD3": (49_954.2, 11_567.9, 1_016),
    }
    (site,) = drawn.sites
    assert (site.name, site.x_um, site.y_um) == ("U1", 22_098.0, 17_526.0)
    assert site.theta_deg == 180  # turned 90 deg in the file, and its A1 is drawn near left
    assert draft.recipe.imported is not None
    assert draft.recipe.imported.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(draft.report.used) + len(draft.report.ignored) == 50
    assert any("256 pads" in note for note in draft.report.notes)


def test_without_a_package_the_pocketbeagle_gives_the_256_balls_of_its_pads() -> None:
    path = real_input_file("boards/pocketbeagle/PocketBeagle.kicad_pcb")
    recipe = made(path, "U1", package=None).recipe
    assert len(recipe.package.balls) == 256
    assert recipe.package.pitch_um == pytest.approx(1_270, abs=5)
    assert recipe.board.sites[0].theta_deg == 90  # the drawing is the footprint's own, so only the file's turn counts
    assert recipe.package.body_x_um == pytest.approx(21_000, abs=10)
    assert recipe.film.target_um == pytest.approx(recipe.package.ball_height_um / 2, abs=1)


def test_y_is_turned_up_and_the_origin_is_the_lower_left_corner(tmp_path: Path) -> None:
    draft = made(board(tmp_path, part("U1", 120, 60)), "U1")
    assert (draft.recipe.board.size_x_um, draft.recipe.board.size_y_um) == (60_000, 40_000)
    assert draft.recipe.board.thickness_um == 1_200
    (site,) = draft.recipe.board.sites
    assert (site.x_um, site.y_um, site.theta_deg) == (20_000, 30_000, 0)
    assert draft.recipe.board.fiducials[2].y_um == 5_000


@pytest.mark.parametrize(
    ("a1", "angle_deg", "theta_deg"),
    [
        ("far left", 0, 0),
        ("far left", 90, 90),
        ("far left", -90, -90),
        ("far left", 30, 30),
        ("near left", 0, 90),
        ("near left", 90, 180),
        ("near right", 0, 180),
        ("far right", 0, -90),
        ("far right", 180, 90),
    ],
)
def test_the_corner_of_pad_a1_decides_the_turn(tmp_path: Path, a1: str, angle_deg: float, theta_deg: float) -> None:
    path = board(tmp_path, part("U1", 130, 70, angle_deg, a1=a1))
    draft = made(path, "U1")
    (site,) = draft.recipe.board.sites
    assert site.theta_deg == theta_deg
    # Where the file puts pad A1, the placed package must have ball A1, up to its own size.
    corners = {"far left": (-4, 4), "far right": (4, 4), "near right": (4, -4), "near left": (-4, -4)}
    pad = _turned(corners[a1], angle_deg)
    ball = next(ball for ball in draft.recipe.package.balls if ball.name == "A1")
    placed = _turned((-ball.x_um, ball.y_um), site.theta_deg)
    assert math.atan2(*pad) == pytest.approx(math.atan2(*placed), abs=1e-6)


def _turned(spot: tuple[float, float], angle_deg: float) -> tuple[float, float]:
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return spot[0] * cos - spot[1] * sin, spot[0] * sin + spot[1] * cos


def test_a_part_drawn_off_its_origin_is_placed_by_the_middle_of_its_pads(tmp_path: Path) -> None:
    shifted = part("U1", 120, 60, 90).replace("(at -4 -4 90)", "(at -3 -4 90)").replace("(at -4 4 90)", "(at -3 4 90)")
    draft = made(board(tmp_path, shifted), "U1")
    (site,) = draft.recipe.board.sites
    assert (site.x_um, site.y_um) == (20_000, 30_500)  # +x in the part is up on a board turned by 90 deg
    assert any("middle of the pads" in note for note in draft.report.notes)


def test_fiducials_on_the_back_square_ones_and_local_ones_are_left_out_with_the_reason(tmp_path: Path) -> None:
    local = fiducial("FID7", 140, 80).replace('(layers "F.Cu"', '(property pad_prop_fiducial_loc) (layers "F.Cu"')
    items = (fiducial("FID8", 150, 80, layer="B.Cu"), fiducial("FID9", 150, 70, pad="rect"), local, part("U1", 130, 70))
    draft = made(board(tmp_path, *items), "U1")
    assert [mark.name for mark in draft.recipe.board.fiducials] == ["FID1", "FID2", "FID3"]
    why = {row.reference: row.why for row in draft.report.ignored}
    assert "back of the board" in why["FID8"]
    assert "shape rect" in why["FID9"]
    assert "local fiducial" in why["FID7"]


def test_fiducials_without_a_name_of_their_own_are_given_one(tmp_path: Path) -> None:
    marks = [fiducial("REF**", x, y) for x, y in FIDUCIALS]
    draft = made(board(tmp_path, *marks, part("U1", 130, 70), fiducials=False), "U1")
    assert [mark.name for mark in draft.recipe.board.fiducials] == ["REF", "REF_2", "REF_3"]


def test_two_fiducials_are_taken_with_a_warning_and_one_is_refused(tmp_path: Path) -> None:
    marks = [fiducial(f"FID{number}", *spot) for number, spot in enumerate(FIDUCIALS, 1)]
    draft = made(board(tmp_path, *marks[:2], part("U1", 130, 70), fiducials=False), "U1")
    assert any("two fiducials" in warning.message for warning in draft.warnings)
    assert "1 fiducial(s)" in refusals(board(tmp_path, marks[0], part("U1", 130, 70), fiducials=False), "U1")


def test_everything_against_an_import_is_told_in_one_go(tmp_path: Path) -> None:
    path = board(tmp_path, part("U1", 120, 70), part("U1", 140, 70), part("U3", 130, 60, layer="B.Cu"), fiducials=False)
    said = refusals(path, "U1", "U2", "U3", "U2", package="pop_12x12_186")
    assert "2 parts called U1, in lines" in said
    assert "no part 'U2'; near names: U1, U3." in said
    assert "U3 stands on the back" in said
    assert "asked for more than once" in said
    assert "did you mean pop_12x12" in said
    assert "0 fiducial(s)" in said


def test_a_package_too_big_for_the_board_is_refused(tmp_path: Path) -> None:
    small = "(gr_rect (start 100 50) (end 111 90) (layer Edge.Cuts))"
    marks = [fiducial("FID1", 101, 52), fiducial("FID2", 110, 88)]
    path = board(tmp_path, *marks, part("U1", 105.5, 70), outline=small, fiducials=False)
    assert "too big for the board" in refusals(path, "U1")


@pytest.mark.parametrize(
    ("outline", "size"),
    [
        ("(gr_rect (start 100 50) (end 160 90) (layer Edge.Cuts))", (60_000, 40_000)),
        ('(gr_poly (pts (xy 100 50) (xy 160 50) (xy 130 90)) (layer "Edge.Cuts"))', (60_000, 40_000)),
        ("(gr_circle (center 130 70) (end 130 100) (layer Edge.Cuts))", (60_000, 60_000)),
        # three quarters of a circle as KiCad 4 and as KiCad 6 write it
        ("(gr_arc (start 130 70) (end 130 40) (angle 270) (layer Edge.Cuts))", (60_000, 60_000)),
        ("(gr_arc (start 130 40) (mid 151.2132 91.2132) (end 100 70) (layer Edge.Cuts))", (60_000, 60_000)),
        # the quarter that does not pass the right and near extremes
        ("(gr_arc (start 130 40) (mid 108.7868 48.7868) (end 100 70) (layer Edge.Cuts))", (30_000, 30_000)),
        ('(footprint "edge" (layer "F.Cu") (at 130 70 90) (fp_line (start -20 -30) (end 20 30) (layer "Edge.Cuts")))',
         (60_000, 40_000)),
    ],
)  # fmt: skip
def test_outlines_of_every_kind_give_their_box(tmp_path: Path, outline: str, size: tuple[float, float]) -> None:
    from recipes.importers import kicad

    box = kicad.read(board(tmp_path, outline=outline)).outline
    assert (box.size_x_um, box.size_y_um) == pytest.approx(size, abs=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        ("Designator,Mid X\n", ":1: not a KiCad board: the text does not start"),
        ("(kicad_sch (version 20221018))", "starts with (kicad_sch"),
        ("(kicad_pcb (version 3))", "file version 3"),
        ("(kicad_pcb)", "file version absent"),
        ("(kicad_pcb (version 20221018))", "no outline"),
        ("(kicad_pcb\n(version 20221018)\n(general", ":3: not a KiCad board: the list (general has no closing"),
        ("(kicad_pcb (version 20221018)) (more)", "after the end"),
        ('(kicad_pcb "open', "a quoted text has no end"),
        ("(" * 1_000, "nested deeper"),
    ],
)
def test_files_that_are_no_kicad_board_are_told_why(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "other.kicad_pcb"
    path.write_text(text, encoding="utf-8")
    assert said in refusals(path, "U1")


def test_a_board_that_is_absent_a_directory_or_no_text_is_told_so(tmp_path: Path) -> None:
    assert "no such file" in refusals(tmp_path / "absent.kicad_pcb", "U1")
    assert "not a plain file" in refusals(tmp_path, "U1")
    (tmp_path / "zip.kicad_pcb").write_bytes(b"PK\x03\x04\xff\xfe")
    assert "byte 5 is no text" in refusals(tmp_path / "zip.kicad_pcb", "U1")
