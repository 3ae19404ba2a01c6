"""Invariants 24 to 39: journal and records against the world, states, liveness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf

from station.run.packml import State
from station.version import SOFTWARE_VERSION
from tests.campaign.judged import Judged, invariant
from tests.campaign.watcher import COMMAND, OPERATOR, PLANT, STATION, Entry
from vision.fingerprint import fingerprint

_ACTS = {"picked": "pick", "dipped": "dip", "placed": "place", "rejected": "bin_part", "board out": "board_out"}
_BY_TITLE = {state.title: state for state in State}
_NO_PLACE = "holder"
SLOWER_S = 2.0
"""so long the machine may go on with an act that was given up"""


@invariant(24, "before an act that cannot be undone its intent is on the disk")
def intent_first(run: Judged) -> Iterator[str]:
    for entry in run.plant_events(*_ACTS):
        if entry.data.get("floor") == _NO_PLACE or entry.state in (State.RESETTING, None):
            continue  # the calibration part, what Reset takes off the nozzle, what a machine without a host does
        if entry.kind == "rejected" and _reset_was_stopped(run, entry.at_s):
            continue
        if entry.kind == "board out" and _by_hand(run, entry.at_s):
            continue
        if _ACTS[entry.kind] not in entry.open_now and not _closed_since(run, entry):
            yield f"{entry.at_s:.3f} s: {entry.kind} without an open intent on the disk; open: {entry.open_now}"


def _reset_was_stopped(run: Judged, at_s: float) -> bool:
    """In the instant in which Reset let go over the bin: the world was slower than the Stop."""
    changes = run.station("state.changed")
    return any(e.data["from"] == State.RESETTING.title and 0.0 <= at_s - e.at_s < SLOWER_S for e in changes)


def _by_hand(run: Judged, at_s: float) -> bool:
    """A person changed the board or took it out."""
    hands = [entry for entry in run.plant_events("mishap") if entry.data["fault"] == "board_swapped"]
    hands += [entry for entry in run.operator() if entry.kind == "takes the board out"]
    return any(abs(entry.at_s - at_s) < 0.1 for entry in hands)


def _closed_since(run: Judged, act: Entry) -> bool:
    """Its intent was on the disk and has been closed since: the world was slower than the answer."""
    return any(
        entry.data.get("step") == _ACTS[act.kind]
        and entry.data["seq"] <= act.durable
        and 0.0 <= act.at_s - entry.at_s < SLOWER_S
        for entry in run.station("journal.intent")
    )


@invariant(25, "every placement has exactly one record, and every record of a placement has one")
def records_match(run: Judged) -> Iterator[str]:
    truth = Counter((entry.data["board"], entry.data["site"]) for entry in run.plant_events("placed"))
    told = Counter(
        (record["board"]["serial"], record["site"])
        for record in run.records
        if record["result"] in ("placed", "placed_unverified")
    )
    ambiguous = {
        (record["board"]["serial"], record["site"]) for record in run.records if record["result"] == "ambiguous"
    }
    open_now = run.entries[-1].open_now if run.entries else ()
    for key in truth | told:
        if truth[key] != told[key] and key not in ambiguous and "place" not in open_now:
            yield f"{key[0]} {key[1]}: {truth[key]} placed, {told[key]} recorded as placed"


@invariant(26, "no board leaves with anything about it unwritten")
def written_before_it_leaves(run: Judged) -> Iterator[str]:
    last_record_seq = 0
    for entry in run.entries:
        if entry.source == STATION and entry.kind in ("journal.closed", "step.ended"):
            last_record_seq = entry.data["seq"]
        elif entry.source == COMMAND and entry.kind == "plc.unclamp" and entry.state is not None:
            others = [step for step in entry.open_now if step != "board_out"]
            if others or entry.durable < last_record_seq:
                unwritten = entry.durable < last_record_seq
                yield f"{entry.at_s:.3f} s: the clamp opens, open acts: {others}, unwritten: {unwritten}"


@invariant(27, "every package that was picked is on the nozzle, placed, rejected, put back or declared lost")
def parts_conserved(run: Judged) -> Iterator[str]:
    plant = run.plant
    picked = [e.data["serial"] for e in run.plant_events("picked") if not str(e.data["serial"]).startswith("GLASS")]
    gone = [package.serial for package in (*plant.rejected, *plant.lost)]
    gone += [entry.data["serial"] for entry in run.plant_events("put back")]
    gone += [placed.serial for board in plant.boards for site in board.sites for placed in site.placed]
    gone += [plant.held.part.serial] if plant.held is not None else []
    gone = [serial for serial in gone if not serial.startswith(("FOREIGN", "BEFORE", "GLASS"))]
    if Counter(picked) != Counter(gone):
        yield f"picked {sorted(picked)}, accounted for {sorted(gone)}"


_HELD_AFTER = {"pick": True, "go_to_plate": True, "dip": True, "align": True, "place": False, "bin_part": False}
"""whether a package hangs on the nozzle when this step has ended well"""
NOTICED_WITHIN_S = 0.6
"""what fell so shortly before the end of a step could not be known at its end; neither could a package that sticks to
the nozzle without vacuum: no sensor shows it, the picture of the site does"""
_TOLD_BY_VACUUM = ("pick", "go_to_plate", "dip")
"""steps that know by the vacuum alone whether a package hangs there; the look at package or print comes after them"""
_READS_AS_HELD = ("nozzle_clogged", "bore_blocked", "vacuum_sensor")
"""a bore that is full, a sensor that stands: the vacuum of a held package on an empty nozzle"""


@invariant(28, "a step that ended well leaves on the nozzle what it says, and a complete job nothing")
def nozzle_as_believed(run: Judged) -> Iterator[str]:
    mishap_s = -1e9
    mishaps = ("part lost", "part taken by hand", "part given", "mishap", "part sticks")
    blind_from_s = min((at_s for at_s, kind in run.plant.faults.struck if kind in _READS_AS_HELD), default=inf)
    for entry in run.entries:
        if entry.source == PLANT and entry.kind in mishaps:
            mishap_s = entry.at_s
        elif entry.source != STATION:
            continue
        elif entry.kind == "state.changed" and entry.data["to"] == State.COMPLETE.title and entry.held is not None:
            yield f"{entry.at_s:.3f} s: complete with {entry.held} on the nozzle"
        elif entry.kind == "step.ended" and entry.data["step"] in _HELD_AFTER:
            is_held = entry.held is not None
            if entry.at_s >= blind_from_s and not is_held and entry.data["step"] in _TOLD_BY_VACUUM:
                continue
            if is_held is not _HELD_AFTER[entry.data["step"]] and entry.at_s - mishap_s > NOTICED_WITHIN_S:
                hangs = entry.held or "nothing"
                yield f"{entry.at_s:.3f} s: {entry.data['step']} ended well with {hangs} on the nozzle"


@invariant(29, "a record that passed lies where its recipe allows")
def pass_is_true(run: Judged) -> Iterator[str]:
    where = {
        (board.serial, site.site.name): placed
        for board in run.plant.boards
        for site in board.sites
        for placed in site.placed
    }
    limit_um = run.recipe.place.offset_limit_um
    for record in run.records:
        placed = where.get((record["board"]["serial"], record["site"]))
        if record["result"] != "placed" or placed is None or record.get("reason"):
            continue
        off_um = (placed.offset_x_um**2 + placed.offset_y_um**2) ** 0.5
        if off_um > limit_um + 5.0:
            yield f"{placed.serial} passed and lies {off_um:.0f} um off, allowed {limit_um:.0f} um"


@invariant(30, "recipe, software and vision in a record are those of its job")
def hashes_hold(run: Judged) -> Iterator[str]:
    for record in run.records:
        if record["recipe"]["hash"] != run.recipe.content_hash:
            yield f"the record of {record['site']} names another recipe"
        if (record["software_version"], record["vision_hash"]) != (SOFTWARE_VERSION, fingerprint()):
            yield f"the record of {record['site']} names other software or another vision"


@invariant(31, "the log has no gap and its hash chain verifies")
def chain_verifies(run: Judged) -> Iterator[str]:
    if not run.is_sound:
        yield "the hash chain does not verify"


_ANYWHERE = set(State)
LEGAL: dict[State, set[State]] = {
    State.RESETTING: {State.STOPPED, State.COMPLETE},
    State.IDLE: {State.RESETTING},
    State.STARTING: {State.IDLE},
    State.EXECUTE: {State.STARTING, State.UNHOLDING, State.UNSUSPENDING},
    State.HOLDING: {State.EXECUTE},
    State.HELD: {State.HOLDING},
    State.UNHOLDING: {State.HELD},
    State.SUSPENDING: {State.EXECUTE},
    State.SUSPENDED: {State.SUSPENDING},
    State.UNSUSPENDING: {State.SUSPENDED},
    State.COMPLETING: {State.EXECUTE},
    State.COMPLETE: {State.COMPLETING},
    State.STOPPING: _ANYWHERE - {State.STOPPING, State.STOPPED, State.CLEARING, State.ABORTING, State.ABORTED},
    State.STOPPED: {State.STOPPING, State.CLEARING},
    State.ABORTING: _ANYWHERE - {State.ABORTING, State.ABORTED},
    State.ABORTED: {State.ABORTING},
    State.CLEARING: {State.ABORTED},
}
"""Where each state may come from, written down from ISA-TR88.00.02 and not read out of the station.
`Held` leads to Execute through Unholding only, a stop through Stopping only."""


@invariant(35, "only legal changes of state happen")
def legal_changes(run: Judged) -> Iterator[str]:
    legal = {(old, new) for new, olds in LEGAL.items() for old in olds}
    for entry in run.station("state.changed"):
        change = (_BY_TITLE[entry.data["from"]], _BY_TITLE[entry.data["to"]])
        if change not in legal:
            yield f"{entry.at_s:.3f} s: {entry.data['from']} to {entry.data['to']}"


@invariant(36, "when faults cease and somebody answers, a board can be finished")
def lives(run: Judged) -> Iterator[str]:
    if not run.is_finished:
        yield run.hang or "no board was finished"


@invariant(37, "in Held, Stopped and Aborted no command is under way any more")
def nothing_under_way(run: Judged) -> Iterator[str]:
    for entry in run.entries:
        if entry.source == OPERATOR and entry.kind == "finds a command under way at rest":
            yield f"{entry.at_s:.3f} s: {entry.data['command']} in {entry.data['where']}"


@invariant(38, "whoever finds the station held or stopped by itself finds an alarm with answers")
def alarm_tells(run: Judged) -> Iterator[str]:
    asked = False
    for entry in run.entries:
        if entry.source == OPERATOR and entry.kind.startswith("presses"):
            asked = asked or entry.kind.split()[1] in ("hold", "stop", "abort")
        elif entry.source == STATION and entry.kind == "fault.raised":
            asked = True
            if not entry.data["answers"]:
                yield f"{entry.at_s:.3f} s: alarm {entry.data['number']} has no answers"
        elif entry.source == STATION and entry.kind == "operator.answer":
            asked = True
        elif entry.source == STATION and entry.kind == "state.changed":
            is_rest = entry.data["to"] in (State.HELD.title, State.ABORTED.title, State.STOPPED.title)
            if is_rest and not asked and entry.data["from"] != State.CLEARING.title:
                yield f"{entry.at_s:.3f} s: {entry.data['to']} without an alarm"
            if entry.data["to"] in (State.RESETTING.title, State.STARTING.title):
                asked = False
