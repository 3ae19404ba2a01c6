"""Stories of process rules: what is refused, what is only warned of, and by whose word."""

from __future__ import annotations

from typing import Any

import pytest

import recipes
from recipes import Examination

GOOD = {**recipes.load("pop_12x12_168").as_data(), "state": "draft"}
TMV = {**recipes.load("pop_12x12_216").as_data(), "state": "draft"}


def with_values(base: dict[str, Any], changes: dict[str, Any]) -> Examination:
    """The recipe with values changed by dotted key."""
    data = recipes.from_data(base).as_data()
    for key, value in changes.items():
        *way, last = key.split(".")
        holder: Any = data
        for part in way:
            holder = holder[int(part)] if part.isdigit() else holder[part]
        holder[int(last) if last.isdigit() else last] = value
    return recipes.examine_data(data)


REFUSED = [
    ("film.target_um", {"film.target_um": 250, "film.gap_start_um": 500, "dip.depth_um": 250}, "high as the 240 um"),
    ("film.target_um", {"film.target_um": 170, "film.gap_start_um": 300, "dip.depth_um": 170}, "0.71 of the 240 um"),
    ("film.target_um", {"film.target_um": 59, "dip.depth_um": 59}, "0.25 of the 240 um"),
    ("film.gap_start_um", {"film.gap_start_um": 120}, "always thinner than the gap"),
    ("film.measure_points[2]", {"film.measure_points.1": {"x_um": -2_330, "y_um": -4_890}}, "same point as number 1"),
    ("film.measure_points[2]", {"film.measure_points.1": {"x_um": 29_000, "y_um": 0}}, "not on the plate"),
    ("dip.depth_um", {"dip.depth_um": 121}, "deeper than the 120 um film"),
    ("dip.depth_um", {"dip.depth_um": 100}, "in bottom_out"),
    ("dip.hold_force_n", {"dip.hold_force_n": 4}, "force limit of 4 N"),
    ("dip.contact_force_n", {"dip.contact_force_n": 2}, "above the hold force of 1.5 N"),
    ("place.hold_force_n", {"place.hold_force_n": 7}, "force limit of 6 N"),
    ("place.force_limit_n", {"place.force_limit_n": 30.1}, "out of range"),
    ("place.offset_limit_um", {"place.offset_limit_um": 161}, "miss their lands"),
    ("place.z_window_um", {"place.z_window_um": 800}, "bare board would pass"),
    ("film.max_age_s", {"material.pot_life_s": 600, "film.max_age_s": 600}, "longer than the pot life"),
    ("pick.nozzle_diameter_um", {"pick.nozzle_diameter_um": 1_500}, "would stay in the film"),
    ("pick.nozzle_diameter_um", {"pick.nozzle_diameter_um": 12_500}, "wider than the package"),
    ("material.plate_min_degc", {"material.plate_min_degc": 30}, "no plate would ever be right"),
    ("inspect.up_ring_ratio", {"inspect.up_ring_ratio": 0}, "no light at all"),
    ("package.ball_map.count", {"package.ball_map.count": 169}, "the map gives 168"),
    ("package.ball_map", {"package.body_x_um": 11_200}, "outside the body"),
    ("package.ball_map.diameter_um", {"package.ball_map.diameter_um": 510}, "overlap"),
    ("package.ball_map.height_um", {"package.ball_map.height_um": 330}, "not higher than wide"),
    ("package.a1_mark", {"package.a1_mark.x_um": 5_000}, "lies on ball"),
    ("package.a1_mark", {"package.a1_mark.x_um": -4_000}, "not on the side of ball A1"),
    ("bottom.a1_mark", {"bottom.a1_mark.x_um": 4_000}, "another corner"),
    ("bottom", {"bottom.land_map.grid.perimeter_rows": 1, "bottom.land_map.count": 88}, "no land for"),
    ("board.sites[2].board_index", {"board.sites.1.board_index": 3}, "the panel has 2"),
    ("board.sites[2].level", {"board.sites.1.level": 2}, "nothing is placed on level 1"),
    ("board.sites[2]", {"board.sites.1.x_um": 40_000}, "would touch"),
    ("board.sites[1]", {"board.sites.0.x_um": 10_000, "board.sites.0.y_um": 10_000}, "cover fiducial FID1"),
    ("board.fiducials[2]", {"board.fiducials.1.x_um": 119_800}, "not on the board"),
    ("board.fiducials[2]", {"board.fiducials.1.x_um": 5_400}, "drawn where FID1 is"),
    ("board.fiducials[2].name", {"board.fiducials.1.name": "FID1"}, "has this name too"),
]


@pytest.mark.parametrize(("key", "changes", "said"), REFUSED, ids=[f"{key}-{said}" for key, _, said in REFUSED])
def test_it_is_refused_at_the_key_that_is_to_be_changed(key: str, changes: dict[str, Any], said: str) -> None:
    errors = {problem.key: problem.message for problem in with_values(GOOD, changes).errors}
    assert said in errors.get(key, f"nothing; but {errors}")


WARNED = [
    ("film.target_um", {"film.target_um": 150, "film.gap_start_um": 250, "dip.depth_um": 150}, "half of the ball"),
    ("film.range_um", {"film.range_um": 60}, "leave balls dry"),
    ("dip.approach_um_per_s", {"dip.approach_um_per_s": 5_000}, "reads as contact"),
    ("dip.lift_slow_um", {"dip.lift_slow_um": 50}, "close to the plate"),
    ("dip.imprint_check", {"dip.imprint_check": False}, "imprint only"),
    ("place.hold_force_n", {"place.hold_force_n": 20.5, "place.force_limit_n": 25}, "20 psi"),
    ("place.offset_limit_um", {"place.offset_limit_um": 100}, "0.31 of the 320 um"),
    ("material.pot_life_s", {"material.pot_life_s": 40_000}, "stand open"),
    ("material.msl_level", {"material.msl_level": "6"}, "baked first"),
    ("inspect.missing_allowed", {"inspect.missing_allowed": 1}, "solders nothing"),
    ("pick.nozzle_diameter_um", {"pick.nozzle_diameter_um": 2_000}, "little margin"),
    ("board.fiducials", {"board.fiducials": GOOD["board"]["fiducials"][:2]}, "two fiducials"),
    ("board.boards_in_panel", {"board.boards_in_panel": 3}, "board 3 of the panel has no site"),
    ("film.provenance", {"state": "approved"}, "approved on estimated values"),
]


@pytest.mark.parametrize(("key", "changes", "said"), WARNED, ids=[f"{key}-{said}" for key, _, said in WARNED])
def test_it_is_accepted_with_a_warning(key: str, changes: dict[str, Any], said: str) -> None:
    found = with_values(GOOD, changes)
    assert found.errors == ()
    assert said in {problem.key: problem.message for problem in found.warnings}.get(key, "nothing")


def test_paste_on_through_mould_vias_is_refused_in_air_and_taken_in_nitrogen() -> None:
    air = with_values(TMV, {"material.kind": "paste"})
    assert [problem.key for problem in air.errors] == ["material.reflow_atmosphere"]
    assert "https://" in air.errors[0].source
    assert with_values(TMV, {"material.kind": "paste", "material.reflow_atmosphere": "nitrogen"}).errors == ()
    assert with_values(GOOD, {"material.kind": "paste"}).errors == ()  # lands, no vias


def test_lands_drawn_as_seen_from_below_are_recognised_as_mirrored() -> None:
    package = recipes.from_data(GOOD).package
    mirrored = [{"name": ball.name, "x_um": ball.x_um, "y_um": ball.y_um} for ball in package.balls]
    land_map = {"count": 168, "diameter_um": 270, "places": mirrored}
    errors = with_values(GOOD, {"bottom.land_map": land_map, "bottom.a1_mark.x_um": 4_000}).errors
    assert any("from above x runs the other way" in problem.message for problem in errors)


def test_a_fiducial_pattern_that_looks_alike_turned_is_warned_of() -> None:
    corners = [(5_000, 5_000), (115_000, 75_000)]
    marks = [
        {"name": f"F{i}", "x_um": x_um, "y_um": y_um, "diameter_um": 1_000} for i, (x_um, y_um) in enumerate(corners)
    ]
    said = [problem.message for problem in with_values(GOOD, {"board.fiducials": marks}).warnings]
    assert any("half a turn" in message for message in said)


def test_turned_neighbours_are_measured_as_they_stand() -> None:
    close = {"board.sites.1.x_um": 46_500, "board.sites.1.y_um": 42_000}
    assert with_values(GOOD, {**close, "board.sites.1.theta_deg": 0}).errors == ()
    assert with_values(GOOD, {**close, "board.sites.1.theta_deg": 45}).errors == ()  # 6,000 + 8,485 < 14,500
    assert with_values(GOOD, {**close, "board.sites.1.x_um": 46_400, "board.sites.1.theta_deg": 45}).errors


def test_a_second_level_may_stand_on_the_first() -> None:
    sites = [
        {"name": "1.U1", "x_um": 32_000, "y_um": 42_000, "theta_deg": 0, "board_index": 1},
        {"name": "1.U1.top", "x_um": 32_000, "y_um": 42_000, "theta_deg": 0, "level": 2, "board_index": 1},
    ]
    assert with_values(GOOD, {"board.sites": sites}).errors == ()
    assert with_values(GOOD, {"board.sites": sites[::-1]}).errors


def test_every_rule_with_a_source_names_an_address_a_computation_or_an_estimate() -> None:
    for _, changes, _ in (*REFUSED, *WARNED):
        found = with_values(GOOD, changes)
        for problem in (*found.errors, *found.warnings):
            known = ("http", "estimate", "computed", "the drive does")
            assert not problem.source or any(word in problem.source for word in known)
