"""Observations are held to the limits that pictures are held to: what is absent, doubled or turned is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recipes.board import Fiducial
from station import observed
from station.calibrate.model import LensFound
from station.coordinates import ImagePoint
from vision.results import Pose

DRAWN = Fiducial(name="FID1", x_um=5000.0, y_um=5000.0, diameter_um=1000.0)
STRAIGHT = LensFound(10.0, 0.0, 0.0, 0.0, 0.0, 80)
HERE = Pose(0.0, 0.0, 0.0)
UNIT = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.01]]
NOTHING = {"package": None, "fiducials": [], "bottom": None, "top": None, "imprint": None, "dots": None}


def payload(**seen: Any) -> bytes:
    return json.dumps({**NOTHING, **seen}).encode()


def disc(x_um: float, diameter_um: float = 1000.0) -> dict[str, Any]:
    return {"x_um": x_um, "y_um": 0.0, "diameter_um": diameter_um, "sigma_um": 0.5, "polarity": "bright"}


@pytest.mark.parametrize(
    ("discs", "status"),
    [
        ([], "refused"),
        ([disc(100.0)], "found"),
        ([disc(100.0), disc(-200.0)], "ambiguous"),
        ([disc(5000.0)], "refused"),
        ([disc(100.0, 600.0)], "refused"),
        ([disc(100.0) | {"shape": "cross"}], "refused"),
        ([disc(100.0) | {"polarity": "dark"}], "refused"),
        ([disc(100.0), disc(-200.0) | {"shape": "ring"}], "found"),
    ],
)
def test_exactly_one_disc_of_the_right_size_in_reach_is_a_fiducial(discs: list[dict[str, Any]], status: str) -> None:
    fix = observed.fiducial(payload(fiducials=discs), 1.0, DRAWN, 1500.0, lens=STRAIGHT)
    assert fix.status == status
    if status != "found":
        assert fix.reasons
        assert fix.x_um != fix.x_um, "nothing that could be taken for a place"


def test_a_fiducial_is_straightened_about_where_its_lens_is_centred() -> None:
    # 900 um to the right of the centre: 900 * 1e-8 * 900^2 = 7.29 um farther out; nothing would be at 100 um.
    lens = LensFound(10.0, 0.0, 1e-8, 0.0, 0.0, 80, bend_um=(-800.0, 0.0))
    fix = observed.fiducial(payload(fiducials=[disc(100.0)]), 1.0, DRAWN, 1500.0, lens=lens)
    assert (fix.x_um, fix.y_um) == pytest.approx((107.29, 0.0), abs=1e-6)


def bottom(x_um: float, theta_deg: float = 0.0) -> dict[str, Any]:
    return {"x_um": x_um, "y_um": 0.0, "theta_deg": theta_deg, "covariance": UNIT, "seen": ["A1"], "found_count": 1}


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        ({"bottom": bottom(10.0)}, "found"),
        ({}, "empty"),
        ({"bottom": bottom(10.0), "top": bottom(0.0)}, "occupied"),
        ({"bottom": bottom(400.0)}, "refused"),
        ({"bottom": bottom(10.0, 90.0)}, "refused"),
    ],
)
def test_a_site_is_free_only_when_its_bottom_package_is_there_in_place_and_bare(
    seen: dict[str, Any], status: str
) -> None:
    fix = observed.site([payload(**seen)], [ImagePoint(0.0, 0.0)], 1.0, 168, HERE, 180.0)
    assert fix.status == status


def test_no_package_no_outline_and_no_film_are_refused_and_never_found() -> None:
    assert observed.package(payload(), 1.0, 168, HERE).status == "refused"
    assert observed.glass(payload(), 80).status == "refused"
    assert observed.placed([payload()], [ImagePoint(0.0, 0.0)], 1.0, HERE).status == "refused"
