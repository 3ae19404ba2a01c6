"""Invariants 34, 39, 43 and 44: records are delivered, alarms accounted for, what was told is kept, Stop is heard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from station.outlets.topics import event_topic
from station.run.packml import State
from station.store.records import RECORDED
from tests.campaign.judged import Judged, invariant
from tests.campaign.watcher import OPERATOR, Entry

STOP, REFUSED = "presses stop", "was refused"
SAME_INSTANT_S = 0.3
HEADS = (State.STOPPING, State.STOPPED, State.ABORTING, State.ABORTED, State.CLEARING)


@invariant(
    34, "every record and event is delivered at least once without a gap, always with the same number and content"
)
def records_are_delivered(run: Judged) -> Iterator[str]:
    if run.delivered is None:
        return
    kept = {record["record_id"]: record for record in run.records}
    first: dict[int, dict[str, Any]] = {}
    for message in run.delivered:
        seq = message["seq"]
        if first.setdefault(seq, message) != message:
            yield f"event {seq} was delivered again, and says something else"
        if message["hash"] != run.kept.get(seq):
            yield f"event {seq} was delivered with hash {message['hash'][:8]}, the log {_now(run, seq)}"
        if message["kind"] == RECORDED and message["record"] != kept.get(message["data"]["record_id"]):
            yield f"the record that came with event {seq} is not the one that is kept"
    yield from _gaps(run, first)
    told = {message["data"]["record_id"] for message in first.values() if message["kind"] == RECORDED}
    for record in run.records:
        if record["record_id"] not in told:
            yield f"the record of {record['site']} was never delivered"


def _gaps(run: Judged, delivered: dict[int, dict[str, Any]]) -> Iterator[str]:
    """What is missing, by what the receiver can see, `previous_seq`, and by the log."""
    last = 0
    for seq in sorted(delivered):
        if delivered[seq]["previous_seq"] != last:
            yield f"event {seq} says that {delivered[seq]['previous_seq']} came before it, delivered was {last}"
        last = seq
    for seq, (kind, data) in enumerate(run.events[:last], 1):
        if seq not in delivered and event_topic(kind) is not None:
            yield f"event {seq} {kind} was never delivered"
        elif seq in delivered and (delivered[seq]["kind"], delivered[seq]["data"]) != (kind, data):
            yield f"event {seq} was delivered as {delivered[seq]['kind']} with other data than the log's {kind}"


@invariant(39, "every alarm that was raised is shown or was cleared, and no start of the service loses one")
def alarms_accounted_for(run: Judged) -> Iterator[str]:
    standing: dict[str, int] = {}
    for kind, data in run.events:
        if kind == "fault.raised":
            if data["id"] in standing:
                yield f"alarm {standing[data['id']]} ({data['id']}) stood, and nobody has cleared it"
            standing[data["id"]] = data["number"]
        elif kind == "fault.cleared" and standing.pop(data["id"], None) is None:
            yield f"alarm {data['number']} ({data['id']}) was cleared and had not been raised"
    for active_id in set(standing) - set(run.shown):
        yield f"alarm {standing[active_id]} ({active_id}) is neither shown nor cleared"
    for active_id in set(run.shown) - set(standing):
        yield f"{active_id} is shown, by the log it does not stand"


@invariant(43, "the head of the log only grows: what was told outside is kept as it was told")
def head_only_grows(run: Judged) -> Iterator[str]:
    for seq, seal in run.told.items():
        if run.kept.get(seq) != seal:
            yield f"event {seq} was told with hash {seal[:8]}, the log {_now(run, seq)}"
            return


def _now(run: Judged, seq: int) -> str:
    return f"has {run.kept[seq][:8]}" if seq in run.kept else f"ends at {max(run.kept, default=0)}"


@invariant(44, "Stop is taken in every state, and leads to rest")
def stop_is_heard(run: Judged) -> Iterator[str]:
    pressed_s: float | None = None
    for entry in run.entries:
        if entry.source != OPERATOR or entry.state is None:
            continue
        if entry.kind == STOP:
            pressed_s = entry.at_s
        elif pressed_s is not None and entry.at_s - pressed_s <= SAME_INSTANT_S and _is_refused_stop(entry):
            yield f"{entry.at_s:.3f} s: Stop was refused in {entry.state.title}: {entry.data.get('text', '')}"
        elif pressed_s is not None and entry.kind == "finds after Stop":
            if entry.data["found"] not in [state.title for state in HEADS]:
                yield f"{entry.at_s:.3f} s: Stop was pressed, and the station is {entry.data['found']}"
            pressed_s = None


def _is_refused_stop(entry: Entry) -> bool:
    """What else is pressed at the same instant, by another person, may well be refused."""
    return entry.kind == REFUSED and entry.data.get("verb") == "stop"
