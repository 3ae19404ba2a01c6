"""Every invariant can fail: a history in which it is broken, told entry by entry, is found by it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from station.run.packml import State
from station.version import SOFTWARE_VERSION
from tests.campaign.judged import FAULTS_CEASE, ROWS, Judged, violations
from tests.campaign.run import INVARIANT_MODULES
from tests.campaign.test_people import ANNA, BY_ANNA, REVOKED, log
from tests.campaign.watcher import COMMAND, ENDED, LOOK, OPERATOR, PLANT, STATION, Entry
from tests.scenarios.bench import recipe
from vision.fingerprint import fingerprint

assert INVARIANT_MODULES
MACHINE = SimpleNamespace(
    x=SimpleNamespace(lower=0.0, upper=500_000.0),
    y=SimpleNamespace(lower=0.0, upper=400_000.0),
    z=SimpleNamespace(lower=0.0, upper=60_000.0),
)


def entry(at_s: float, source: str, kind: str, **fields: Any) -> Entry:
    """One entry; what is not named is as in a station at rest with a closed chain."""
    about = {name: fields.pop(name) for name in tuple(fields) if name not in Entry.__slots__}
    usual = {
        "state": State.EXECUTE,
        "durable": 100,
        "open_now": ("pick", "dip", "place", "bin_part", "board_out"),
        "is_chain_closed": True,
        "z_um": 0.0,
        "held": None,
        "is_moving": False,
    }
    return Entry(at_s=at_s, source=source, kind=kind, data=about, **{**usual, **fields})


def package(serial: str = "P1", **fields: Any) -> SimpleNamespace:
    usual = {"balls_dry": 0, "balls_half": 0, "bridges": 0, "peak_force_n": 2.0, "offset_x_um": 0.0, "offset_y_um": 0.0}
    return SimpleNamespace(serial=serial, **{**usual, **fields})


def judged(*entries: Entry, placed: tuple[Any, ...] = (), struck: tuple[Any, ...] = (), **fields: Any) -> Judged:
    site = SimpleNamespace(site=SimpleNamespace(name="1.U1"), placed=list(placed))
    plant = SimpleNamespace(
        machine=MACHINE,
        gantry=SimpleNamespace(measured_at=lambda _: fields.pop("at_um", (0.0, 0.0, 0.0))),
        now=lambda: 100.0,
        boards=[SimpleNamespace(serial="B0001", sites=[site])],
        faults=SimpleNamespace(struck=list(struck)),
        rejected=[],
        lost=[],
        held=None,
    )
    usual: dict[str, Any] = {
        "executed": {},
        "records": [],
        "events": [],
        "is_sound": True,
        "is_finished": True,
        "hang": "",
        "restarts": [],
    }
    return Judged(plant=plant, recipe=recipe(), entries=list(entries), **{**usual, **fields})  # type: ignore[arg-type]


def record(result: str = "placed", recipe_hash: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "board": {"serial": "B0001"},
        "site": "1.U1",
        "result": result,
        "recipe": {"hash": recipe_hash or recipe().content_hash},
        "software_version": SOFTWARE_VERSION,
        "vision_hash": fingerprint(),
        **fields,
    }


def message(seal: str = "a" * 64, **fields: Any) -> dict[str, Any]:
    told = {"seq": 7, "previous_seq": 0, "hash": seal, "kind": "placement.recorded", "data": {"record_id": "R1"}}
    return {**told, "record": record(record_id="R1", **fields)}


PICKED = entry(1.0, PLANT, "picked", serial="P1", floor="pocket")
PLACED = entry(9.0, PLANT, "placed", serial="P1", board="B0001", site="1.U1", wrong="")
STOPPING = entry(1.0, STATION, "state.changed", **{"from": "Execute", "to": "Stopping"})


def changed(at_s: float, old: State, new: State, **fields: Any) -> Entry:
    return entry(at_s, STATION, "state.changed", **{"from": old.title, "to": new.title}, **fields)


BROKEN: dict[int, Judged] = {
    1: judged(entry(1.0, PLANT, "collision", low_um=20.0, clear_um=10.0)),
    2: judged(entry(1.0, PLANT, "picked", serial="P1", z_um=70_000.0)),
    3: judged(placed=(package(peak_force_n=50.0),)),
    4: judged(entry(9.0, COMMAND, "head.press"), struck=((1.0, "contact_stop_off"),)),
    5: judged(*(entry(t, COMMAND, "head.press") for t in (1.0, 2.0))),
    6: judged(*(entry(t, COMMAND, "plc.move", is_chain_closed=False) for t in (1.0, 2.0))),
    7: judged(STOPPING, entry(2.0, PLANT, "exposed", camera="x", is_moving=True)),
    8: judged(entry(1.0, PLANT, "safety inputs", drives_enabled=False), entry(2.0, ENDED, "plc.move", result="DONE")),
    9: judged(executed={("plc.gantry", 1, 2): 2}),
    10: judged(entry(1.0, COMMAND, "plc.move", state=State.STOPPED)),
    11: judged(changed(1.0, State.STOPPING, State.STOPPED), entry(2.0, COMMAND, "plc.move")),
    12: judged(entry(1.0, PLANT, "part dropped", serial="P1", floor="nest")),
    13: judged(placed=(package(balls_dry=1),)),
    14: judged(PICKED, PLACED),
    15: judged(*(entry(t, PLANT, kind, serial="P1") for t, kind in ((1, "film laid"), (2, "dipped"), (3, "dipped")))),
    16: judged(entry(-90.0, PLANT, "dipped", serial="P1"), PLACED),
    17: judged(entry(1.0, PLANT, "exposed", camera="up", is_moving=True)),
    18: judged(records=[record(peak=float("nan"))]),
    20: judged(placed=(package("P1"), package("P2"))),
    21: judged(entry(1.0, PLANT, "part lost", serial="P1"), PLACED),
    22: judged(entry(1.0, COMMAND, "plc.clamp"), PLACED),
    23: judged(*(entry(t, STATION, "alarm.retried", number=504, step="x") for t in range(4))),
    24: judged(entry(1.0, PLANT, "placed", serial="P1", board="B0001", site="1.U1", wrong="", open_now=())),
    25: judged(entry(1.0, PLANT, "placed", serial="P1", board="B0001", site="1.U1", wrong="", open_now=())),
    26: judged(
        entry(1.0, STATION, "step.ended", step="place", verdict="pass", seq=200),
        entry(2.0, COMMAND, "plc.unclamp", open_now=("board_out",)),
    ),
    27: judged(PICKED),
    28: judged(changed(1.0, State.COMPLETING, State.COMPLETE, held="P1")),
    29: judged(placed=(package(offset_x_um=200.0),), records=[record(reason=None)]),
    30: judged(records=[record(recipe_hash="other")]),
    31: judged(is_sound=False),
    34: judged(records=[record(record_id="R1")], delivered=[]),
    35: judged(changed(1.0, State.STOPPED, State.EXECUTE)),
    36: judged(is_finished=False),
    37: judged(entry(1.0, OPERATOR, "finds a command under way at rest", command="plc.gantry", where="Held")),
    38: judged(changed(1.0, State.HOLDING, State.HELD)),
    39: judged(events=[("fault.raised", {"id": "A1", "number": 306})]),
    41: judged(log=log(ANNA, REVOKED, BY_ANNA)),
    43: judged(told={7: "a" * 64}, kept={6: "b" * 64}),
    44: judged(entry(1.0, OPERATOR, "presses stop"), entry(1.1, OPERATOR, "was refused", verb="stop", text="no")),
}


def test_every_invariant_has_a_history_that_breaks_it() -> None:
    assert set(BROKEN) == set(ROWS)


@pytest.mark.parametrize("number", sorted(BROKEN))
def test_a_history_that_breaks_an_invariant_is_found(number: int) -> None:
    assert number in [found for found, _ in violations(BROKEN[number])]


@pytest.mark.parametrize(
    ("number", "broken"),
    [
        (7, judged(STOPPING, entry(1.4, LOOK, "after the stop", busy=["dip_unit.dip"]))),
        (8, judged(entry(1.0, PLANT, "safety inputs", drives_enabled=False),
                   events=[("position.lost", {"axes": "X, Y and theta", "why": "homing"})])),
        (12, judged(entry(1.0, PLANT, "safety inputs", bin_full=True), entry(2.0, PLANT, "rejected", serial="P1"))),
        (15, judged(entry(1.0, PLANT, "film laid"), entry(2.0, PLANT, "part left in film", serial="P1"),
                    entry(3.0, PLANT, "dipped", serial="P2"))),
        (20, judged(entry(1.0, PLANT, "board in", serial="B0001"),
                    entry(2.0, STATION, "placement.recorded", board_serial="B0001", site="1.U1", result="ambiguous"),
                    entry(3.0, STATION, "step.started", step="look_at_site", site="1.U1"))),
        (28, judged(entry(1.0, STATION, "step.ended", step="pick", verdict="pass", seq=1, held=None))),
        (34, judged(records=[record(record_id="R1")], delivered=[message("b" * 64)], kept={7: "a" * 64})),
        (34, judged(records=[record(record_id="R1")], delivered=[message(result="x")], kept={7: "a" * 64})),
        (30, judged(records=[record(vision_hash="another")])),
        (30, judged(records=[record(software_version="another")])),
        (34, judged(delivered=[message(), message() | {"id": "other"}], kept={7: "a" * 64})),
        (34, judged(delivered=[message() | {"previous_seq": 5}], kept={7: "a" * 64})),
        (34, judged(delivered=[message()], kept={7: "a" * 64}, events=[("state.changed", {}), *[("bug", {})] * 6])),
        (34, judged(delivered=[message()], kept={7: "a" * 64}, events=[("bug", {})] * 7)),
        (39, judged(events=[("fault.raised", {"id": "A1", "number": n}) for n in (306, 307)])),
        (39, judged(shown=["A1"])),
        (43, judged(told={7: "a" * 64}, kept={7: "b" * 64})),
        (44, judged(entry(1.0, OPERATOR, "presses stop"), entry(1.1, OPERATOR, "finds after Stop", found="Held"))),
    ],
)  # fmt: skip
def test_every_other_way_to_break_one_is_found_too(number: int, broken: Judged) -> None:
    assert number in [found for found, _ in violations(broken)]


def test_an_empty_history_breaks_nothing() -> None:
    assert violations(judged()) == []


def test_a_press_after_the_contact_stop_was_repaired_breaks_nothing() -> None:
    ceased = entry(5.0, PLANT, FAULTS_CEASE)
    run = judged(ceased, entry(9.0, COMMAND, "head.press"), struck=((1.0, "contact_stop_off"),))
    assert 4 not in [number for number, _ in violations(run)]


@pytest.mark.parametrize(("at_s", "is_broken"), [(1.2, False), (1.3, True)])
def test_a_key_that_was_just_turned_back_is_known_with_the_next_status(at_s: float, is_broken: bool) -> None:
    run = judged(
        entry(0.5, OPERATOR, "presses jog", axis="z", state=State.STOPPED),
        entry(1.0, PLANT, "safety inputs", key_manual=False, state=State.STOPPED),
        entry(at_s, COMMAND, "head.jog_z", key=False, state=State.STOPPED),
        entry(at_s + 0.1, ENDED, "head.jog_z", silent_s=0.0, state=State.STOPPED),
    )
    assert (10 in [number for number, _ in violations(run)]) is is_broken


@pytest.mark.parametrize(("force_n", "is_broken"), [(4.6, False), (6.4, True)])
def test_a_touch_before_the_slow_part_of_a_press_is_judged_by_its_force(force_n: float, is_broken: bool) -> None:
    run = judged(entry(2.0, PLANT, "crash", peak_force_n=force_n))
    assert (3 in [number for number, _ in violations(run)]) is is_broken


@pytest.mark.parametrize(
    ("step", "is_broken"), [("pick", False), ("go_to_plate", False), ("dip", False), ("align", True)]
)
@pytest.mark.parametrize("kind", ["nozzle_clogged", "vacuum_sensor"])
def test_where_the_vacuum_lies_a_loss_is_allowed_only_until_the_next_look(
    step: str, is_broken: bool, kind: str
) -> None:
    ended = entry(2.0, STATION, "step.ended", step=step, verdict="pass", seq=1, held=None)
    run = judged(ended, struck=((1.0, kind),))
    assert (28 in [number for number, _ in violations(run)]) is is_broken
    assert 28 in [number for number, _ in violations(judged(ended))]
    assert 28 in [number for number, _ in violations(judged(ended, struck=((3.0, kind),)))], "it lied only later"
