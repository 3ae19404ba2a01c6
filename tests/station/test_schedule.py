"""The graph of one package: every step finds what it waits for, in every variant, and no lane waits for itself."""

from __future__ import annotations

import pytest

from station.process import sheet
from station.run.schedule import (
    CHAINS,
    FILM,
    FILM_AHEAD,
    HEAD,
    IMAGE,
    LANES,
    Film,
    Slot,
    before_retry,
    film_ahead_after,
    package_slots,
)

VARIANTS = [(film, imprint) for film in Film for imprint in (True, False)]


def order_of_ends(slots: tuple[Slot, ...]) -> list[str]:
    """A run of the lanes by their rules: returns the keys in an order in which they can end."""
    lanes = {lane: [slot for slot in slots if slot.lane == lane] for lane in LANES}
    ended = [FILM_AHEAD]
    while any(lanes.values()):
        ready = [queue for queue in lanes.values() if queue and all(key in ended for key in queue[0].after)]
        assert ready, f"all lanes wait for each other: {[queue[0].key for queue in lanes.values() if queue]}"
        ended.append(ready[0].pop(0).key)
    return ended[1:]


@pytest.mark.parametrize(("film", "imprint"), VARIANTS)
def test_every_variant_comes_to_its_end(film: Film, imprint: bool) -> None:
    slots = package_slots(film, imprint=imprint)
    keys = [slot.key for slot in slots]
    assert len(keys) == len(set(keys))
    assert {key for slot in slots for key in slot.after} <= {*keys, FILM_AHEAD}
    assert sorted(order_of_ends(slots)) == sorted(keys)


@pytest.mark.parametrize(("film", "imprint"), VARIANTS)
def test_nothing_is_picked_for_an_unseen_site_dipped_unjudged_or_placed_unproven(film: Film, imprint: bool) -> None:
    slots = package_slots(film, imprint=imprint)
    needs = {slot.key: set(slot.after) for slot in slots}
    for lane in LANES:
        before: set[str] = set()
        for slot in (slot for slot in slots if slot.lane == lane):
            needs[slot.key] |= before
            before = {slot.key}

    def all_before(key: str) -> set[str]:
        direct = needs[key]
        direct = direct - {FILM_AHEAD}
        return direct.union(*(all_before(other) for other in direct)) if direct else set()

    assert "locate_site" in all_before("pick")
    assert "judge_dry" in all_before("dip")
    assert {"judge_wet", "locate_site", "judge_dry"} <= all_before("place")
    assert ("judge_imprint" in all_before("place")) is imprint
    assert ("judge_film" in all_before("dip")) is (film is Film.MISSING)
    assert (FILM_AHEAD in needs["dip"]) is (film is Film.COMING)
    assert "dip" in all_before(film_ahead_after(imprint=imprint)), "the blade never runs under a package in the film"


@pytest.mark.parametrize(("film", "imprint"), VARIANTS)
def test_the_head_does_one_thing_at_a_time_and_pictures_are_judged_beside_it(film: Film, imprint: bool) -> None:
    slots = package_slots(film, imprint=imprint)
    by_lane = {slot.key: slot.lane for slot in slots}
    assert {by_lane[k] for k in ("look_at_site", "pick", "dip", "expose_wet", "place")} == {HEAD}
    assert {by_lane[k] for k in ("locate_site", "judge_dry", "judge_wet", "judge_placed")} == {IMAGE}
    assert {lane for key, lane in by_lane.items() if key.endswith("film")} <= {FILM}


def test_a_retry_begins_where_the_alarm_says_and_ends_before_the_step_that_failed() -> None:
    assert before_retry("level_film", sheet.DIP) == sheet.FILM_STEPS
    assert before_retry("level_film", sheet.JUDGE_FILM) == (sheet.LEVEL_FILM, sheet.MEASURE_FILM)
    assert before_retry("look_at_site", sheet.LOCATE_SITE) == (sheet.LOOK_AT_SITE,)
    assert before_retry("go_to_tray", sheet.PICK) == (sheet.GO_TO_TRAY,)
    assert before_retry("", sheet.PICK) == ()
    assert before_retry("level_film", sheet.PLACE) == (), "a step outside the chain is tried alone"
    assert all(chain[-1].id not in [step.id for step in chain[:-1]] for chain in CHAINS)
