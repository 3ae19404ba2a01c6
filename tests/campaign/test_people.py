"""Invariant 41 can fail: logs in which somebody acted who was not entitled to, told event by event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from station.store import Event
from tests.campaign.invariants_people import wrong_acts

ORDER, JOG, COMMAND = "POST /v1/jobs", "WS /v1/jog", "POST /v1/station/commands"


def log(*told: tuple[str, dict[str, Any]]) -> list[Event]:
    """One event a minute from six o'clock on."""
    return [
        Event(seq, 1, 60.0 * seq, f"2026-03-02T06:{seq:02}:00.000+00:00", kind, json.dumps(data), "")
        for seq, (kind, data) in enumerate(told, start=1)
    ]


def added(name: str, role: str, key: str = "k1", expires_at: str | None = None) -> tuple[str, dict[str, Any]]:
    return "person.added", {"name": name, "role": role, "key": key, "expires_at": expires_at, "is_revoked": False}


def act(
    who: str, role: str | None, what: str = ORDER, key: str | None = "k1", **target: str
) -> tuple[str, dict[str, Any]]:
    return "act", {"who": who, "role": role, "key": key, "what": what, "target": target, "needs": "order"}


def access(**changed: bool) -> tuple[str, dict[str, Any]]:
    return "access.changed", {"is_open": True, "simulated": True, "is_local": True, **changed}


ANNA = added("anna", "operator")
BY_ANNA = act("anna", "operator")
REVOKED = ("person.revoked", {"name": "anna", "key": "k1"})
RIGHT = (
    (ANNA, BY_ANNA),
    (access(), act("nobody", None, key=None)),
    (added("anna", "operator", expires_at="2026-03-02T06:03:00+00:00"), BY_ANNA),
    (ANNA, REVOKED, added("anna", "viewer", "k2"), ("person.changed", added("anna", "admin", "k2")[1]),
     act("anna", "admin", JOG, "k2")),
    (access(is_open=False), act("unknown", None, COMMAND, None, command="stop")),
    (added("m", "mes"), act("m", "mes")),
)  # fmt: skip
NOBODY = "there is nobody of this name"
WRONG: tuple[tuple[Any, ...], ...] = (
    (NOBODY, BY_ANNA),
    (NOBODY, access(is_open=False), act("nobody", None, key=None)),
    (NOBODY, access(simulated=False), act("nobody", None, key=None)),
    (NOBODY, access(is_local=False), act("nobody", None, key=None)),
    (NOBODY, access(), ANNA, act("nobody", None, key=None)),
    (NOBODY, ANNA, REVOKED, BY_ANNA),
    (NOBODY, ANNA, ("people.damaged", {}), BY_ANNA),
    (NOBODY, ANNA, REVOKED, access(), act("nobody", None, key=None)),
    ("the key in force is k2", ANNA, REVOKED, added("anna", "operator", "k2"), BY_ANNA),
    ("the role in force is viewer", ANNA, ("person.changed", added("anna", "viewer")[1]), BY_ANNA),
    ("the role operator does not permit it", ANNA, act("anna", "operator", JOG)),
    ("the role mes does not permit it", added("m", "mes"), act("m", "mes", COMMAND, command="reset")),
    ("the key expired", added("anna", "operator", expires_at="2026-03-02T06:02:00+00:00"), BY_ANNA),
    ("nobody has said who may", ANNA, act("anna", "operator", "POST /v1/new")),
)


@pytest.mark.parametrize("told", RIGHT)
def test_acts_of_whoever_was_entitled_are_right(told: tuple[Any, ...]) -> None:
    assert list(wrong_acts(log(*told))) == []


@pytest.mark.parametrize(("words", "told"), [(words, told) for words, *told in WRONG])
def test_an_act_that_nobody_was_entitled_to_is_found(words: str, told: list[Any]) -> None:
    (found,) = wrong_acts(log(*told))
    assert words in found
