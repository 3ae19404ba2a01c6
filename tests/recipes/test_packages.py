"""Stories of package drawings: how many balls, where, called what, and what stands under them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes import BottomPackage, Package, library, toml_text
from recipes.base import Mark
from recipes.package import BallMap, Grid, Land, ring_count, row_name

PUBLISHED = {
    "pop_12x12_168": (168, 500, 11_000),
    "pop_12x12_216": (216, 400, 11_200),
    "pop_14x14_152": (152, 650, 13_000),
}


def library_package(name: str) -> Package:
    path = library.part_path("package", name)
    return Package.model_validate(toml_text.parse(toml_text.read_text(path), path.name).data)


def library_bottom(name: str) -> BottomPackage:
    path = library.part_path("bottom", name)
    return BottomPackage.model_validate(toml_text.parse(toml_text.read_text(path), path.name).data)


def ring(columns: int, rows: int, perimeter_rows: int, depopulated: tuple[str, ...] = ()) -> Package:
    grid = Grid(columns=columns, rows=rows, perimeter_rows=perimeter_rows, pitch_um=500, depopulated=depopulated)
    return Package(
        name="drawn",
        interface="solder_ball",
        view="from_below",
        body_x_um=50_000,
        body_y_um=50_000,
        body_height_um=500,
        mass_g=0.2,
        a1_mark=Mark(x_um=4_000, y_um=4_000, diameter_um=400),
        ball_map=BallMap(count=100, diameter_um=320, height_um=240, grid=grid),
    )


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_library_packages_have_the_published_balls_pitch_and_span(name: str) -> None:
    count, pitch_um, span_um = PUBLISHED[name]
    balls = library_package(name).balls
    assert len(balls) == count
    assert max(ball.x_um for ball in balls) - min(ball.x_um for ball in balls) == span_um
    row_a = sorted(ball.x_um for ball in balls if ball.name.startswith("A") and ball.name[1:].isdigit())
    assert {after - before for before, after in pairwise(row_a)} == {pitch_um}


def test_rows_skip_the_letters_that_read_like_others() -> None:
    names = [row_name(row) for row in range(29)]
    assert names[19:23] == ["Y", "AA", "AB", "AC"]
    assert names[-1] == "AJ"
    assert not set("IOQSXZ") & set("".join(names))


def test_seen_from_below_ball_a1_is_far_right_and_the_last_one_near_left() -> None:
    places = {ball.name: (ball.x_um, ball.y_um) for ball in library_package("pop_12x12_168").balls}
    assert places["A1"] == (5_500, 5_500)
    assert places["A23"] == (-5_500, 5_500)
    assert places["AC1"] == (5_500, -5_500)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_land_seen_from_above_mirrors_its_ball_seen_from_below(name: str) -> None:
    balls = {ball.name: (-ball.x_um, ball.y_um) for ball in library_package(name).balls}
    bottom = library_bottom(name.replace("pop", "bottom"))
    assert {land.name: (land.x_um, land.y_um) for land in bottom.lands} == balls
    assert (bottom.a1_x_um, bottom.a1_y_um) == (-library_package(name).a1_mark.x_um, library_package(name).a1_mark.y_um)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_only_the_mark_tells_the_turn_of_a_full_ring(name: str) -> None:
    package = library_package(name)
    places = {(ball.x_um, ball.y_um) for ball in package.balls}
    assert {(-y_um, x_um) for x_um, y_um in places} == places  # a quarter turn changes nothing
    mark = package.a1_mark
    clear_um = min(math.dist((mark.x_um, mark.y_um), place) for place in places)
    assert clear_um > mark.diameter_um / 2 + package.ball_diameter_um / 2
    turned = (-mark.y_um, mark.x_um)
    assert math.dist((mark.x_um, mark.y_um), turned) > 2 * mark.diameter_um


@settings(max_examples=60, deadline=None)
@given(columns=st.integers(1, 40), rows=st.integers(1, 40), ring_rows=st.integers(0, 20))
def test_a_ring_has_the_balls_of_the_grid_less_its_inside(columns: int, rows: int, ring_rows: int) -> None:
    balls = ring(columns, rows, ring_rows).balls
    inside = 0 if ring_rows == 0 else max(0, columns - 2 * ring_rows) * max(0, rows - 2 * ring_rows)
    assert len(balls) == ring_count(columns, rows, ring_rows) == columns * rows - inside
    assert len({ball.name for ball in balls}) == len(balls)
    assert len({(ball.x_um, ball.y_um) for ball in balls}) == len(balls)
    assert abs(sum(ball.x_um for ball in balls)) < 1e-6 * len(balls)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_each_depopulated_name_takes_away_exactly_that_ball(data: st.DataObject) -> None:
    full = [ball.name for ball in ring(9, 7, 2).balls]
    empty = data.draw(st.lists(st.sampled_from(full), unique=True, max_size=10))
    left = [ball.name for ball in ring(9, 7, 2, tuple(empty)).balls]
    assert left == [name for name in full if name not in empty]


def test_a_package_made_from_pads_mirrors_them_and_marks_the_corner_of_a1() -> None:
    pads = [Land("A1", -1_000, 1_000, 400), Land("A2", 1_000, 1_000, 400), Land("B1", -1_000, -1_000, 400)]
    package = Package.from_pads("seen", pads, body_x_um=4_000, body_y_um=4_000)
    assert package.balls[0] == ("A1", 1_000, 1_000, 500, 375)
    assert package.ball_diameter_um == 500
    assert package.a1_mark.x_um > 0
    assert package.a1_mark.y_um > 0
    assert package.provenance == package.ball_map.provenance == "estimate"
