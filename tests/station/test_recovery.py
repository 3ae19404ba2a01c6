"""What is done about an alarm is a pure function: retries first, then the reaction, then what a person may answer."""

from __future__ import annotations

import pytest

from station.alarms import translate
from station.alarms.catalogue import AlarmDefinition, Answer, Reaction, Severity, all_definitions, definition
from station.run.recovery import Move, decide, follow

assert translate.CATALOGUE_MODULES  # importing them fills the catalogue

ALARMS = all_definitions()
BY_REACTION = {
    Reaction.TELL: Move.ASK,
    Reaction.REJECT: Move.REJECT_PART,
    Reaction.SKIP: Move.SKIP_SITE,
    Reaction.WAIT: Move.WAIT,
    Reaction.ASK: Move.ASK,
    Reaction.FINISH: Move.STOP,
    Reaction.STOP: Move.STOP,
    Reaction.ABORT: Move.ABORT,
}


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.key)
def test_an_alarm_is_retried_as_often_as_its_row_says_and_then_reacted_to(alarm: AlarmDefinition) -> None:
    for times in range(alarm.retries):
        assert decide(alarm, times).move is Move.RETRY
        assert decide(alarm, times).redo_from == alarm.retry_from
    assert decide(alarm, alarm.retries).move is BY_REACTION[alarm.reaction]
    assert decide(alarm, 10_000).move is BY_REACTION[alarm.reaction]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.key)
def test_a_recipe_can_lower_the_retries_and_never_raise_them(alarm: AlarmDefinition) -> None:
    assert decide(alarm, 0, 0).move is BY_REACTION[alarm.reaction]
    assert decide(alarm, alarm.retries, 1_000).move is BY_REACTION[alarm.reaction]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.key)
def test_every_permitted_answer_leads_somewhere_and_every_other_is_refused(alarm: AlarmDefinition) -> None:
    for answer in Answer:
        if answer in alarm.answers:
            assert isinstance(follow(alarm, answer).move, Move)
        else:
            with pytest.raises(ValueError, match="permitted"):
                follow(alarm, answer)


def test_an_answer_that_cannot_tell_is_never_a_retry() -> None:
    alarm = definition("interrupted_act")
    assert follow(alarm, Answer.UNKNOWN).move is Move.AMBIGUOUS
    assert follow(alarm, Answer.WAS_PLACED).move is Move.PLACED_UNVERIFIED
    assert Answer.RETRY not in alarm.answers
    assert Answer.RETRY not in definition("not_released").answers


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.key)
def test_every_alarm_says_cause_and_remedy_and_can_be_answered(alarm: AlarmDefinition) -> None:
    assert alarm.cause.endswith(".")
    assert alarm.remedy
    assert all(line.endswith((".", "?")) for line in alarm.remedy)
    assert alarm.answers
    if alarm.reaction is Reaction.ABORT:
        assert alarm.severity is Severity.ABORT


def test_numbers_and_keys_are_used_once() -> None:
    assert len({alarm.number for alarm in ALARMS}) == len(ALARMS) == len({alarm.key for alarm in ALARMS})


LEAVES_A_SITE_OUT = {"target_outside_limits", "not_gripped", "site_not_found"}
"""Nothing lies where it should not: only then may a station with nobody there go on with the next site."""


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.key)
def test_a_station_with_nobody_there_leaves_a_site_out_or_stops_and_nothing_else(alarm: AlarmDefinition) -> None:
    wanted = Answer.SKIP_SITE if alarm.key in LEAVES_A_SITE_OUT else Answer.STOP
    assert alarm.unattended is wanted
    assert wanted is Answer.STOP or wanted in alarm.answers
