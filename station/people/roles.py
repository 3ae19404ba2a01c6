"""Roles and what each may do: the whole table.

Nothing here knows a route; a route says which right it demands.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Right(StrEnum):
    """What a route may demand."""

    SEE = "see"
    """the present picture, alarms, recipes, pictures"""
    TRACE = "trace"
    """jobs, records and events, read"""
    ORDER = "order"
    """order jobs, start and resume them"""
    OPERATE = "operate"
    """commands to the station, answers to alarms"""
    RECIPES = "recipes"
    """store, approve and retire recipes"""
    MAINTAIN = "maintain"
    """jog by hand, change the mode"""


READING = frozenset({Right.SEE, Right.TRACE})


class Role(StrEnum):
    """What a person is at this station."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    MAINTENANCE = "maintenance"
    ADMIN = "admin"
    MES = "mes"
    """a service account, no person: jobs, records and events only"""


_OPERATOR = READING | {Right.ORDER, Right.OPERATE}
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.VIEWER: READING,
    Role.OPERATOR: _OPERATOR,
    Role.ENGINEER: _OPERATOR | {Right.RECIPES},
    Role.MAINTENANCE: _OPERATOR | {Right.MAINTAIN},
    Role.ADMIN: frozenset(Right),
    Role.MES: frozenset({Right.TRACE, Right.ORDER}),
}


def roles_with(right: Right) -> str:
    """The roles that have it, as words of a sentence."""
    names = [role.value for role in Role if right in RIGHTS[role]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
