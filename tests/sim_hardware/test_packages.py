"""Parts, trays and boards made from drawings: ideal parts are the drawing, real ones spread as they should."""

from __future__ import annotations

import numpy as np
import pytest

from sim_hardware.faults import Faults, FaultSpec
from sim_hardware.scenario import Scenario
from sim_hardware.world.boards import bottom_pose, make_board
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.packages import make_package
from sim_hardware.world.tray import full_tray
from tests.sim_hardware.head_bench import POP_168

BOARD = Scenario().board


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_an_ideal_package_is_exactly_its_drawing() -> None:
    package = make_package(POP_168, "P1", rng(), Fidelity.IDEAL)
    assert package.bow_um == package.body_dx_um == 0.0
    for ball in package.balls:
        assert (ball.dx_um, ball.dy_um, ball.diameter_um, ball.height_um) == (0.0, 0.0, 320.0, 240.0)
        assert ball.reflectivity == 1.0
        assert ball.present


def test_real_balls_spread_by_8_um_in_place_2_percent_in_diameter_and_6_um_in_height() -> None:
    packages = [make_package(POP_168, f"P{i}", rng(i), Fidelity.REAL) for i in range(20)]
    balls = [ball for package in packages for ball in package.balls]
    assert np.std([ball.dx_um for ball in balls]) == pytest.approx(8.0, rel=0.05)
    assert np.std([ball.diameter_um / 320 for ball in balls]) == pytest.approx(0.02, rel=0.05)
    assert np.std([ball.height_um for ball in balls]) == pytest.approx(6.0, rel=0.05)
    assert np.std([ball.reflectivity for ball in balls]) == pytest.approx(0.06, rel=0.05)
    assert all(abs(package.bow_um) <= 20 for package in packages)
    assert np.std([package.body_dx_um for package in packages]) == pytest.approx(12, rel=0.5)


def test_the_same_seed_makes_the_same_part() -> None:
    assert make_package(POP_168, "P1", rng(3), Fidelity.REAL) == make_package(POP_168, "P1", rng(3), Fidelity.REAL)


def test_the_nth_package_misses_as_many_balls_as_the_fault_says() -> None:
    faults, stream = Faults([FaultSpec("ball_missing", nth=2, value=3)]), rng()
    packages = [make_package(POP_168, f"P{i}", stream, Fidelity.REAL, faults) for i in range(3)]
    assert [sum(not ball.present for ball in package.balls) for package in packages] == [0, 3, 0]


def test_undipped_balls_are_too_short_for_a_film_of_60_percent() -> None:
    package = make_package(POP_168, "P1", rng(), Fidelity.IDEAL, Faults([FaultSpec("ball_undipped", value=2)]))
    assert sum(240 - ball.height_um > 0.6 * 240 for ball in package.balls) == 2


def test_a_tray_is_full_and_its_parts_lie_within_the_play_of_their_pockets() -> None:
    machine = MachineTruth()
    tray = full_tray(machine, POP_168, 1, rng(), Fidelity.REAL)
    assert len(tray.pockets) == 66
    assert [pocket.package.serial for pocket in tray.pockets[:2] if pocket.package] == ["P000001", "P000002"]
    assert max(abs(pocket.dx_um) for pocket in tray.pockets) <= 100
    assert max(abs(pocket.dtheta_deg) for pocket in tray.pockets) <= 1
    assert np.std([pocket.dx_um for pocket in tray.pockets]) > 30
    last = tray.pockets[-1]
    assert tray.pocket_at(*tray.centre_um(last)) is last
    second = full_tray(machine, POP_168, 2, rng(), Fidelity.IDEAL)
    assert second.pockets[0].package is not None
    assert second.pockets[0].package.serial == "P000067"


def test_a_wrong_part_lies_turned() -> None:
    faults = Faults([FaultSpec("wrong_part", nth=3)])
    tray = full_tray(MachineTruth(), POP_168, 1, rng(), Fidelity.IDEAL, faults)
    assert [pocket.dtheta_deg for pocket in tray.pockets[:4]] == [0, 0, 90, 0]


def test_a_real_board_lies_in_the_nest_with_play_and_an_ideal_one_without() -> None:
    ideal = make_board(BOARD, 1, rng(), Fidelity.IDEAL)
    assert (ideal.nest_dx_um, ideal.nest_dtheta_deg, ideal.scale_ratio, ideal.height_um) == (0, 0, 1, 0)
    assert ideal.serial == "B0001"
    boards = [make_board(BOARD, i, rng(i), Fidelity.REAL) for i in range(40)]
    assert 100 < max(abs(board.nest_dx_um) for board in boards) <= 300
    assert 0.1 < max(abs(board.nest_dtheta_deg) for board in boards) <= 0.3
    assert 10 < max(abs(board.height_um) for board in boards) <= 30
    sites = [site for board in boards for site in board.sites]
    assert 20 < max(abs(site.bottom_dx_um) for site in sites) <= 60


def test_missing_fiducials_and_bottoms_follow_their_faults() -> None:
    faults = Faults([FaultSpec("fiducial_missing", nth=2, value=2), FaultSpec("bottom_missing", nth=3)])
    first, second = (make_board(BOARD, i + 1, rng(i), Fidelity.IDEAL, faults) for i in range(2))
    assert first.missing_fiducials == ()
    assert second.missing_fiducials == ("F1", "F2")
    assert [site.bottom_present for site in first.sites[:4]] == [True, True, False, True]


def test_a_turned_board_carries_its_sites_along() -> None:
    machine, board = MachineTruth(), make_board(BOARD, 1, rng(), Fidelity.IDEAL)
    board.nest_dx_um, board.nest_dtheta_deg = 100.0, 90.0
    x, y, theta = bottom_pose(machine, board, board.sites[0])
    site = board.sites[0].site
    assert (x, y) == pytest.approx((machine.nest_x_um + 100 - site.y_um, machine.nest_y_um + site.x_um))
    assert theta == 90
