"""The guard's conditions: what is not known lets nothing pass that the truth, whatever it is, might forbid."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import inf, nan
from typing import Any

import pytest

from station.guard.conditions import Condition
from station.guard.facts import Place, place_at
from station.guard.guard import CONDITIONS
from station.profile import reference_profile

PLACES: tuple[Any, ...] = tuple(Place)
YES_NO: tuple[Any, ...] = (True, False)


class Asked:
    """Facts that note what is asked of them; what is not given is not known."""

    def __init__(self, known: dict[str, Any]) -> None:
        self._known = known
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return self._known.get(name)


def inputs_of(condition: Condition) -> list[str]:
    """Every fact that this condition may ask, found by asking it with all values of those found so far."""
    names: list[str] = []
    while True:
        more: set[str] = set()
        for known in assignments(names):
            asked = Asked(known)
            condition.holds(asked)  # type: ignore[arg-type]
            more |= asked.names
        if more <= set(names):
            return names
        names = sorted(more | set(names))


def values_of(name: str) -> tuple[Any, ...]:
    return PLACES if name == "place" else YES_NO


def assignments(names: list[str]) -> Iterator[dict[str, Any]]:
    for values in product(*((*values_of(name), None) for name in names)):
        yield dict(zip(names, values, strict=True))


def holds(condition: Condition, known: dict[str, Any]) -> bool:
    return condition.holds(Asked(known))  # type: ignore[arg-type]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.id)
def test_a_condition_that_holds_with_a_fact_unknown_holds_whatever_that_fact_is(condition: Condition) -> None:
    names = inputs_of(condition)
    assert names, "it asks nothing"
    assert not holds(condition, {}), "nothing is known, and it holds"
    for known in assignments(names):
        unknown = [name for name in names if known[name] is None]
        if not unknown or not holds(condition, known):
            continue
        for values in product(*(values_of(name) for name in unknown)):
            truth = known | dict(zip(unknown, values, strict=True))
            assert holds(condition, truth), f"{condition.title}: holds with {known}, and not in truth: {truth}"


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.id)
def test_a_condition_can_hold_and_can_be_broken(condition: Condition) -> None:
    found = {holds(condition, known) for known in assignments(inputs_of(condition))}
    assert found == {True, False}


@pytest.mark.parametrize(("x_um", "y_um"), [(nan, 0.0), (0.0, nan), (inf, 0.0), (0.0, -inf)])
def test_a_position_that_is_no_number_is_no_place(x_um: float, y_um: float) -> None:
    assert place_at(reference_profile(), x_um, y_um) is None
