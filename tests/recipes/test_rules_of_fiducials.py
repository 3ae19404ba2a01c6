"""What a recipe may say of a fiducial: shapes, polarity and parts that a camera can tell apart."""

from __future__ import annotations

import pytest

import recipes
from recipes.board import Fiducial


def fiducial(**given: object) -> Fiducial:
    return Fiducial.model_validate({"name": "F1", "x_um": 5000.0, "y_um": 5000.0, "diameter_um": 1000.0, **given})


def test_a_fiducial_of_which_nothing_is_said_is_a_bright_disc() -> None:
    mark = fiducial()
    assert (mark.shape, mark.polarity, mark.part_ratio, mark.reach_um) == ("disc", "bright", None, 500.0)
    assert fiducial(shape="square").reach_um == pytest.approx(707.1, abs=0.1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shape": "star"}, "'disc', 'ring', 'cross', 'square' or 'diamond'"),
        ({"polarity": "grey"}, "'bright' or 'dark'"),
        ({"part_ratio": 0.5}, "a disc has no part_ratio; only ring and cross"),
        ({"shape": "ring", "part_ratio": 0.95}, "less than or equal to 0.9"),
        ({"shape": "ring", "part_ratio": 0.9}, "its ring is 50 um wide, at least 60 um"),
        ({"shape": "cross", "diameter_um": 300.0, "part_ratio": 0.15}, "its cross is 45 um wide"),
    ],
)
def test_marks_that_cannot_be_seen_are_refused_with_the_reason(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fiducial(**given)


def test_shapes_survive_a_recipe_file() -> None:
    data = recipes.load("pop_12x12_168").as_data()
    data["board"]["fiducials"][0] |= {"shape": "cross", "part_ratio": 0.25, "polarity": "dark"}
    built = recipes.from_data(data)
    assert recipes.parse(recipes.to_toml(built)).board.fiducials[0] == built.board.fiducials[0]
    assert built.content_hash != recipes.load("pop_12x12_168").content_hash
