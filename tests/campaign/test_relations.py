"""A slice of the relations between runs, and that each of them is broken by code that breaks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim_hardware.optics import measured
from sim_hardware.servers.cable import Cable
from station.process import place
from station.run import record
from tests.campaign import relations
from tests.campaign.relations import judge

SEEDS = 2
"""one machine without noise, one with; 9 s on one core"""


@pytest.mark.campaign
@pytest.mark.parametrize("name", relations.relations())
def test_what_one_run_says_of_another_holds(name: str) -> None:
    found = list(judge(0, SEEDS, [name]))
    assert len(found) >= SEEDS
    assert [line for told in found if told[2].broken for line in relations.told(*told)] == []


def test_a_relation_that_is_none_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="no relation 'speed'; known: order, noise, place, latency"):
        list(judge(0, 1, ["speed"]))


# -- each can be broken ----------------------------------------------------------------------------------------------

Patch = pytest.MonkeyPatch
USUAL_SIGMA_UM = measured.SIGMAS.array_um


def _rewritten(patch: Patch, rewrite: Callable[[dict[str, Any]], None]) -> None:
    made = record.placement_record

    def wrong(*args: Any, **kwargs: Any) -> dict[str, Any]:
        told = made(*args, **kwargs)
        rewrite(told)
        return told

    patch.setattr(record, "placement_record", wrong)


def value_of_the_time_since_start(patch: Patch) -> None:
    def rewrite(told: dict[str, Any]) -> None:
        if told["verify"] is not None:
            told["verify"]["offset_x_um"] += 5.0 * asyncio.get_running_loop().time()

    _rewritten(patch, rewrite)


def verdict_of_the_time_since_start(patch: Patch) -> None:
    def rewrite(told: dict[str, Any]) -> None:
        if asyncio.get_running_loop().time() > 45.0:
            told["result"] = "rejected"

    _rewritten(patch, rewrite)


def noise_taken_for_a_good_package(patch: Patch) -> None:
    def rewrite(told: dict[str, Any]) -> None:
        if measured.SIGMAS.array_um > USUAL_SIGMA_UM:
            told["result"] = "placed"

    _rewritten(patch, rewrite)


def cable_slower_where_a_fault_is_armed(patch: Patch) -> None:
    send = Cable.send

    def slower(self: Cable, transport: asyncio.Transport, data: bytes) -> None:
        if not self.faults.are_none:
            self.latency_s = max(self.latency_s, 0.002)
        send(self, transport, data)

    patch.setattr(Cable, "send", slower)


def turn_in_quarters(patch: Patch) -> None:
    patch.setattr(place, "wrapped_deg", lambda deg: round(4.0 * deg) / 4.0)


def generator_shared_between_boards(patch: Patch) -> None:
    made: list[Any] = []
    default_rng = np.random.default_rng

    def shared(seed: Any) -> Any:
        if isinstance(seed, tuple) and seed[0] == 0:
            made[:] = made or [default_rng(seed)]
            return made[0]
        return default_rng(seed)

    patch.setattr(np.random, "default_rng", shared)


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("name", "seed", "spoil"),
    [
        ("latency", 0, value_of_the_time_since_start),
        ("restart", 0, value_of_the_time_since_start),
        ("order", 0, value_of_the_time_since_start),
        ("order", 0, generator_shared_between_boards),
        ("noise", 1, noise_taken_for_a_good_package),
        ("idle_fault", 1, cable_slower_where_a_fault_is_armed),
        ("place", 2, turn_in_quarters),
        ("hold", 2, verdict_of_the_time_since_start),
    ],
)
def test_code_that_breaks_a_relation_is_seen(
    monkeypatch: pytest.MonkeyPatch, name: str, seed: int, spoil: Callable[[Patch], None]
) -> None:
    spoil(monkeypatch)
    pairs = [pair for _, _, pair in judge(seed, 1, [name])]
    assert any(pair.broken for pair in pairs)
