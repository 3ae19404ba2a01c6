"""The bank: schedules that once showed something, each with what must come of it. They run for ever.

A file is a plan as `station replay --schedule` and `python -m tests.campaign run --schedule` know it, and `expected`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import recipes
from sim_hardware.schedule import load_plan
from tests.campaign.run import run
from tests.campaign.schedule import check_names

BANK = sorted(Path(__file__).with_name("bank").glob("*.json"))


@pytest.mark.campaign
@pytest.mark.parametrize("file", BANK, ids=lambda file: file.stem)
def test_a_schedule_of_the_bank_comes_to_what_it_must(file: Path) -> None:
    told = json.loads(file.read_text(encoding="utf-8"))
    expected, why = told.pop("expected"), told.pop("why")
    plan = load_plan(json.dumps(told))
    check_names(plan.schedule)
    drawn = recipes.load(plan.recipe) if plan.recipe else None
    outcome = run(plan.schedule, plan.seed or 0, boards=plan.boards, drawn=drawn)
    assert outcome.broken == [], (why, outcome.story)
    found = {"reaction": outcome.reaction.letters, "results": list(outcome.reaction.results)}
    assert found == expected, (why, outcome.story)


def test_there_is_a_bank() -> None:
    assert len(BANK) >= 5
