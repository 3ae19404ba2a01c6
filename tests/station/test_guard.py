"""The interlock table: every row with every condition not fulfilled and not known, and the dangerous rows by hand."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from drivers.wire import dip_unit, film_gauge, head, motion_plc
from station.guard import conditions as c
from station.guard.conditions import Condition
from station.guard.facts import Facts, Place, place_at
from station.guard.guard import CONDITIONS, broken
from station.guard.position import PositionTrust
from station.guard.table import ACTIONS, BEFORE_STEP, INTERLOCKS, Action
from station.process import sheet
from station.profile import reference_profile

ALL_WELL = Facts(
    may_move=True,
    may_feed=True,
    may_jog=True,
    estop_ok=True,
    door_closed=True,
    drives_enabled=True,
    key_manual=False,
    air_ok=True,
    vacuum_supply_ok=True,
    bin_in_place=True,
    bin_full=False,
    on_battery=False,
    board_at_stop=True,
    clamped=True,
    tray_in_place=True,
    axes_referenced=True,
    axes_fault=False,
    axes_stand=True,
    place=Place.ELSEWHERE,
    z_referenced=True,
    z_fault=False,
    z_is_safe=True,
    contact_stop_armed=True,
    in_contact=False,
    nothing_held=True,
    plate_locked=True,
    cover_open=False,
    blade_referenced=True,
    blade_rests=True,
)

SITUATIONS: dict[Action, dict[str, Any]] = {
    Action.LOWER_TO_BIN: {"place": Place.BIN},
    Action.PICK: {"place": Place.TRAY},
    Action.DIP: {"place": Place.PLATE},
    Action.PLACE: {"place": Place.BOARD},
    Action.PRESS_GLASS: {"place": Place.HOLDER},
    Action.RELEASE_ON_BOARD: {"place": Place.BOARD, "in_contact": True, "z_is_safe": False},
    Action.RELEASE_IN_HOLDER: {"place": Place.HOLDER, "in_contact": True, "z_is_safe": False},
    Action.RELEASE_IN_TRAY: {"place": Place.TRAY, "in_contact": True, "nothing_held": None, "z_is_safe": False},
    Action.RELEASE_IN_BIN: {"place": Place.BIN, "z_is_safe": False},
    Action.LOAD_BOARD: {"clamped": False, "board_at_stop": False},
    Action.BOARD_OUT: {"clamped": False},
    **{jog: {"key_manual": True} for jog in (Action.JOG_X, Action.JOG_Y, Action.JOG_TURN, Action.JOG_Z)},
    Action.JOG_Z_LOW: {"key_manual": True, "place": Place.BIN},
}
"""Where the machine stands when this action is the next one; elsewhere all is well as it is."""

NEVER = {Action.LOWER_ELSEWHERE, Action.PRESS_ELSEWHERE}

BREAKS: dict[str, dict[str, Any]] = {
    c.HEAD_OFF_PLATE.id: {"z_is_safe": False, "place": Place.PLATE},
    c.LIES_OR_NOTHING_HELD.id: {"in_contact": False, "nothing_held": None},
    **{
        condition.id: {"place": Place.ELSEWHERE}
        for condition in (
            c.OVER_TRAY,
            c.OVER_PLATE,
            c.OVER_BOARD,
            c.OVER_HOLDER,
            c.OVER_BIN,
            c.OVER_SURFACE,
            c.JOG_DOWN_HERE,
        )
    },
}
"""How a condition of more than one fact is made false; all others by turning their one fact round."""

FORGETS: dict[str, tuple[str, ...]] = {
    c.HEAD_OFF_PLATE.id: ("z_is_safe", "place"),
    c.LIES_OR_NOTHING_HELD.id: ("in_contact", "nothing_held"),
}


def before(action: Action) -> Facts:
    return replace(ALL_WELL, **SITUATIONS.get(action, {}))


def fact_of(condition: Condition) -> str:
    """The one fact that this condition asks, found by forgetting each in turn."""
    asked = [f.name for f in fields(Facts) if condition.ask(replace(ALL_WELL, **{f.name: None})) is None]
    assert len(asked) == 1, (condition.id, asked)
    return asked[0]


def broken_facts(condition: Condition, facts: Facts) -> Facts:
    if condition.id in BREAKS:
        return replace(facts, **BREAKS[condition.id])
    name = fact_of(condition)
    return replace(facts, **{name: not getattr(facts, name)})


CELLS = [(action, condition) for action, row in INTERLOCKS.items() for condition in row]


@pytest.mark.parametrize("action", sorted(set(Action) - NEVER))
def test_where_all_is_well_the_action_is_allowed(action: Action) -> None:
    assert broken(action, before(action)) == ()


@pytest.mark.parametrize(("action", "condition"), CELLS, ids=[f"{a.name}-{k.id}" for a, k in CELLS])
def test_every_condition_of_every_row_forbids_its_action_when_false_and_when_not_known(
    action: Action, condition: Condition
) -> None:
    facts = broken_facts(condition, before(action))
    assert condition in broken(action, facts)
    assert condition.reason(facts) == condition.broken
    names = FORGETS.get(condition.id) or (fact_of(condition),)
    unknown = replace(before(action), **dict.fromkeys(names))
    assert condition in broken(action, unknown)
    assert condition.reason(unknown).startswith("it is not known whether")
    assert condition.source in condition.reason(unknown)


def test_no_fact_at_all_forbids_everything() -> None:
    for action, row in INTERLOCKS.items():
        assert broken(action, Facts()) == row


DANGEROUS: list[tuple[Action, dict[str, Any], str]] = [
    (Action.TRAVEL, {"z_is_safe": False}, "too low to travel"),
    (Action.TRAVEL, {"door_closed": False}, "door is open"),
    (Action.TRAVEL, {"estop_ok": False}, "emergency stop is pressed"),
    (Action.TRAVEL, {"drives_enabled": False}, "drives have no power"),
    (Action.TRAVEL, {"key_manual": True}, "key switch stands on manual"),
    (Action.TRAVEL, {"axes_referenced": False}, "not to be trusted"),
    (Action.TRAVEL, {"z_referenced": False}, "Z is not to be trusted"),
    (Action.TRAVEL, {"in_contact": True}, "touches the nozzle"),
    (Action.TRAVEL, {"air_ok": False}, "compressed air"),
    (Action.TRAVEL, {"may_move": False}, "nothing moves before"),
    (Action.PLACE, {"clamped": False}, "clamp is open"),
    (Action.PLACE, {"board_at_stop": False}, "no board"),
    (Action.PLACE, {"contact_stop_armed": False}, "would not stop at a contact"),
    (Action.PLACE, {"axes_stand": False}, "is moving"),
    (Action.PLACE, {"place": Place.PLATE}, "does not stand over the board"),
    (Action.DIP, {"blade_rests": False}, "blade is moving"),
    (Action.DIP, {"cover_open": True}, "cover"),
    (Action.DIP, {"plate_locked": False}, "not locked"),
    (Action.PICK, {"tray_in_place": False}, "no tray"),
    (Action.PICK, {"vacuum_supply_ok": False}, "vacuum supply"),
    (Action.LEVEL_FILM, {"z_is_safe": False, "place": Place.PLATE}, "low over the dip plate"),
    (Action.LEVEL_FILM, {"z_is_safe": False, "place": None}, "low over the dip plate"),
    (Action.HOME_BLADE, {"z_is_safe": False, "place": Place.PLATE}, "low over the dip plate"),
    (Action.MEASURE_FILM, {"blade_rests": False}, "blade is moving"),
    (Action.HOME_AXES, {"z_is_safe": False}, "too low"),
    (Action.HOME_AXES, {"z_referenced": False}, "not to be trusted"),
    (Action.RELEASE_ON_BOARD, {"in_contact": False}, "would fall"),
    (Action.RELEASE_IN_BIN, {"bin_in_place": False}, "bin is missing"),
    (Action.RELEASE_IN_BIN, {"bin_full": True}, "bin is full"),
    (Action.BOARD_OUT, {"clamped": True}, "clamp is closed"),
    (Action.UNCLAMP, {"z_is_safe": False}, "too low"),
    (Action.CHANGE_TRAY, {"z_is_safe": False}, "too low"),
    (Action.LOWER_ELSEWHERE, {}, "does not stand over the reject bin"),
    (Action.PRESS_ELSEWHERE, {}, "nothing that it may press on"),
    (Action.RELEASE_ELSEWHERE, {"nothing_held": False}, "may hold a part"),
    (Action.RELEASE_ELSEWHERE, {"nothing_held": None}, "not known"),
    *((Action.JOG_Z_LOW, {"place": place}, "over the reject bin only") for place in Place if place is not Place.BIN),
    (Action.JOG_Z_LOW, {"contact_stop_armed": False}, "would not stop at a contact"),
    *(
        (jog, wrong, says)
        for jog in (Action.JOG_X, Action.JOG_Y, Action.JOG_TURN)
        for wrong, says in (
            ({"z_is_safe": False}, "too low to travel"),
            ({"axes_referenced": False}, "not to be trusted"),
            ({"in_contact": True}, "touches the nozzle"),
            ({"key_manual": False}, "turn it to manual"),
            ({"may_jog": False}, "no jog button is held"),
            ({"door_closed": False}, "door is open"),
        )
    ),
    (Action.JOG_Z, {"z_referenced": False}, "not to be trusted"),
    (Action.JOG_Z, {"may_jog": False}, "no jog button is held"),
]
"""What must never happen, written down without looking at the table."""


@pytest.mark.parametrize(("action", "wrong", "says"), DANGEROUS)
def test_what_must_never_happen_is_refused_in_words(action: Action, wrong: dict[str, Any], says: str) -> None:
    facts = replace(before(action), **wrong)
    missing = broken(action, facts)
    assert any(says in condition.reason(facts) for condition in missing), [k.reason(facts) for k in missing]


@pytest.mark.parametrize("wrong", [{"key_manual": True}, {"air_ok": False}, {"vacuum_supply_ok": False}])
def test_what_ends_a_motion_well_needs_neither_key_nor_supplies(wrong: dict[str, Any]) -> None:
    for action in (Action.LIFT, Action.MOVE_Z_UP, Action.RELEASE_ON_BOARD):
        assert broken(action, replace(before(action), **wrong)) == ()


def test_a_hand_may_lift_the_nozzle_out_of_what_it_touches() -> None:
    pressed = replace(before(Action.JOG_Z), in_contact=True, z_is_safe=False, place=Place.BOARD, air_ok=False)
    assert broken(Action.JOG_Z, pressed) == ()


def test_every_command_of_every_device_has_a_row_and_every_condition_is_used() -> None:
    listed = {
        (channel, spec.name)
        for module in (motion_plc, head, dip_unit, film_gauge)
        for channel, specs in module.COMMANDS.items()
        for spec in specs
    }
    assert set(ACTIONS) == listed
    assert set(INTERLOCKS) == set(Action)
    assert {condition.id for row in INTERLOCKS.values() for condition in row} == {k.id for k in CONDITIONS}
    assert len({condition.id for condition in CONDITIONS}) == len(CONDITIONS)


def test_the_steps_asked_about_beforehand_are_the_irreversible_ones() -> None:
    assert set(BEFORE_STEP) == {step.id for step in sheet.ALL_STEPS if step.irreversible}


@pytest.mark.parametrize(
    ("command", "args", "place", "action"),
    [
        ("press", {}, Place.TRAY, Action.PICK),
        ("press", {}, Place.PLATE, Action.DIP),
        ("press", {}, Place.BOARD, Action.PLACE),
        ("press", {}, Place.BIN, Action.PRESS_ELSEWHERE),
        ("vacuum_off", {}, Place.TRAY, Action.RELEASE_IN_TRAY),
        ("vacuum_off", {}, Place.ELSEWHERE, Action.RELEASE_ELSEWHERE),
        ("vacuum_off", {}, Place.BIN, Action.RELEASE_IN_BIN),
        ("move_z", {"z_um": 9_000.0}, Place.BOARD, Action.MOVE_Z_UP),
        ("move_z", {"z_um": 9_001.0}, Place.BOARD, Action.LOWER_ELSEWHERE),
        ("move_z", {"z_um": 9_001.0}, Place.BIN, Action.LOWER_TO_BIN),
        ("jog_z", {"z_um": 9_000.0}, Place.BOARD, Action.JOG_Z),
        ("jog_z", {"z_um": 9_001.0}, Place.BOARD, Action.JOG_Z_LOW),
    ],
)
def test_which_action_a_command_is_depends_on_where_the_nozzle_stands(
    command: str, args: dict[str, float], place: Place, action: Action
) -> None:
    found = ACTIONS[("head", command)]
    assert not isinstance(found, Action)
    assert found(args, place, 9_000.0) is action


def test_places_are_told_by_position_and_do_not_overlap() -> None:
    profile = reference_profile()
    nest, plate, tray = profile.nest, profile.plate, profile.tray
    last = tray.pocket(tray.pocket_count - 1)
    at = {
        (tray.x_um, tray.y_um): Place.TRAY,
        (last.x_um, last.y_um): Place.TRAY,
        (plate.x_um + plate.size_um / 2, plate.y_um): Place.PLATE,
        (nest.x_um, nest.y_um): Place.BOARD,
        (nest.x_um + nest.size_x_um, nest.y_um + nest.size_y_um): Place.BOARD,
        (profile.bin.x_um, profile.bin.y_um): Place.BIN,
        (profile.holder.x_um, profile.holder.y_um): Place.HOLDER,
        (profile.holder.lower.x_um, profile.holder.lower.y_um): Place.HOLDER,
        (profile.bin.x_um + 6_000.0, profile.bin.y_um): Place.ELSEWHERE,
        (plate.x_um + plate.size_um / 2 + 2_100.0, plate.y_um): Place.ELSEWHERE,
        (profile.up_camera.x_um, profile.up_camera.y_um): Place.ELSEWHERE,
    }
    assert {point: place_at(profile, *point) for point in at} == at
    assert place_at(profile, float("nan"), 0.0) is None


def test_a_position_has_a_history_lost_why_and_regained() -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    times = iter(f"t{number}" for number in range(100))
    trust = PositionTrust(lambda kind, data: events.append((kind, data)), lambda: next(times))
    homed = ALL_WELL
    seen = trust.look(homed)
    assert (seen.z_referenced, seen.axes_referenced) == (False, False), "what a drive claims is not enough"
    assert [axes["why"] for axes in trust.view()] == ["not homed since the service started"] * 3
    trust.homing("z")
    assert trust.look(homed).z_referenced is False
    trust.homed("z")
    trust.homed("gantry")
    seen = trust.look(homed)
    assert (seen.z_referenced, seen.axes_referenced, seen.blade_referenced) == (True, True, False)
    assert trust.look(Facts()).axes_referenced is None, "silence is no loss, and no proof either"
    assert trust.look(homed).axes_referenced is True
    off = replace(ALL_WELL, drives_enabled=False, axes_referenced=False)
    assert trust.look(off).axes_referenced is False
    seen = trust.look(homed)
    assert (seen.z_referenced, seen.axes_referenced) == (True, False), "one that came back by itself is none"
    assert events == [
        ("position.trusted", {"axes": "Z"}),
        ("position.trusted", {"axes": "X, Y and theta"}),
        ("position.lost", {"axes": "X, Y and theta", "why": "drive power lost"}),
    ]
    gantry = trust.view()[1]
    assert (gantry["trusted"], gantry["why"]) == (False, "drive power lost")
