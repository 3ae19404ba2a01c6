"""Invariants 1 to 12: motion, force, and who may move when. Judged against what the plant truly did."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.devices.commanded_device import SILENCE_LIMIT_S
from drivers.wire.handshake import JOG_SILENCE_LIMIT_S
from station.guard.position import TITLES
from station.run.packml import State
from tests.campaign.judged import FAULTS_CEASE, Judged, invariant
from tests.campaign.watcher import COMMAND, ENDED, LOOK, OPERATOR, PLANT, STATION

STOP_WITHIN_S = 0.300
MOTION = ("plc.move", "plc.home", "head.home_z", "head.move_z", "head.press", "head.lift", "dip_unit.level")
JOG = ("plc.jog_x", "plc.jog_y", "plc.jog_theta", "head.jog_z")
JOG_STANDS_S = JOG_SILENCE_LIMIT_S + 0.050
"""from the last frame of a hand to standstill: the dead-man of the device, and the way to brake"""
MAY_JOG = (State.STOPPED, State.IDLE, State.COMPLETE)
MAY_MOVE = (
    State.RESETTING,
    State.STARTING,
    State.EXECUTE,
    State.HOLDING,
    State.UNHOLDING,
    State.SUSPENDING,
    State.UNSUSPENDING,
    State.COMPLETING,
    State.STOPPING,
)
_UNREACHED = ("link_cut", "link_drop", "link_silent", "link_refused", "echo_frozen", "status_frozen")
_HOST_AWAY = ("does process_paused", "does loop_blocked", "does kill", "does power_cut")
HOMING = "homing"
"""why a reference is given up when nothing else was the matter"""
SAME_INSTANT_S = 0.05
KEY_SEEN_WITHIN_S = 0.25
"""a key switch that is turned is known with the next status of the PLC"""
HOMED_IN = (State.IDLE, State.STARTING, State.EXECUTE, State.HOLDING, State.HELD, State.COMPLETE)
"""states that are reached with all axes homed"""
DEVICE_FORCE_MAX_N = 200.0
"""what the head drive can push at all. Estimate"""


@invariant(1, "while X and Y move, Z is high enough to clear everything in the cell")
def clear_of_everything(run: Judged) -> Iterator[str]:
    for entry in run.plant_events("collision"):
        yield f"{entry.at_s:.3f} s: tip at {entry.data['low_um']:.0f} um, clear above {entry.data['clear_um']:.0f} um"


@invariant(2, "no axis ever stands outside the machine's limits")
def inside_limits(run: Judged) -> Iterator[str]:
    machine = run.plant.machine
    x_um, y_um, _ = run.plant.gantry.measured_at(run.plant.now())
    if not (machine.x.lower <= x_um <= machine.x.upper and machine.y.lower <= y_um <= machine.y.upper):
        yield f"the gantry stands at ({x_um:.0f}, {y_um:.0f}) um"
    for entry in run.entries:
        if not machine.z.lower - 1.0 <= entry.z_um <= machine.z.upper + 1.0:
            yield f"{entry.at_s:.3f} s: Z at {entry.z_um:.0f} um"
            return


@invariant(3, "the force on the stack never exceeds what drive and recipe allow")
def force_limited(run: Judged) -> Iterator[str]:
    allowed_n = run.recipe.place.force_limit_n
    for entry in run.plant_events("crash"):
        # Two heights that are each within their window can add up to a touch before the slow part: the force decides.
        if entry.data["peak_force_n"] > allowed_n:
            yield f"{entry.at_s:.3f} s: a fast move hit something with {entry.data['peak_force_n']:.1f} N"
    for board in run.plant.boards:
        for site in board.sites:
            for placed in site.placed:
                # A contact fifty times stiffer overshoots before any drive can know: then the device limit counts.
                limit_n = DEVICE_FORCE_MAX_N if run.struck("force_over", "contact_stop_off") else allowed_n
                if placed.peak_force_n > limit_n:
                    yield f"{placed.serial} was pressed with {placed.peak_force_n:.1f} N, allowed {limit_n:.1f} N"


@invariant(4, "nothing goes down to touch unless the contact stop was read back as armed")
def contact_stop_armed(run: Judged) -> Iterator[str]:
    off_since_s = [at_s for at_s, kind in run.plant.faults.struck if kind == "contact_stop_off"]
    for entry in run.commands("head.press"):
        if off_since_s and entry.at_s > off_since_s[0] + SILENCE_LIMIT_S and not _healed_before(run, entry.at_s):
            yield f"{entry.at_s:.3f} s: a press began, the contact stop was off since {off_since_s[0]:.3f} s"


def _healed_before(run: Judged, at_s: float) -> bool:
    healings = (*(entry for entry in run.operator() if entry.kind == "repairs"), *run.plant_events(FAULTS_CEASE))
    return any(entry.at_s < at_s for entry in healings)


@invariant(5, "the force was zeroed in free air before every pick, in the same cycle")
def tared_before_contact(run: Judged) -> Iterator[str]:
    tared = picked = False
    for entry in run.entries:
        if entry.source == ENDED and entry.kind == "head.tare" and entry.data["result"] == "DONE":
            tared = True
        elif entry.source == COMMAND and entry.kind == "head.press" and "pick" in entry.open_now:
            if not tared and picked:
                yield f"{entry.at_s:.3f} s: a pick without a tare since the pick before"
            tared, picked = False, True


@invariant(6, "no motion is commanded while the safety chain is known to be open")
def chain_closed(run: Judged) -> Iterator[str]:
    open_since_s: float | None = None
    for entry in run.entries:
        if entry.is_chain_closed:
            open_since_s = None
        elif open_since_s is None:
            open_since_s = entry.at_s
        if entry.source == COMMAND and entry.kind in MOTION + JOG and open_since_s is not None:
            known_s = entry.at_s - open_since_s
            if known_s > SILENCE_LIMIT_S and entry.kind not in ("plc.home", "head.home_z"):
                yield f"{entry.at_s:.3f} s: {entry.kind}, the chain is open for {known_s:.3f} s"


@invariant(7, "0.3 s after the station begins to stop everything stands")
def stands_soon(run: Judged) -> Iterator[str]:
    stopping_s: float | None = None
    for entry in run.entries:
        if entry.source == STATION and entry.kind == "state.changed":
            is_stopping = entry.data["to"] in (State.STOPPING.title, State.ABORTING.title)
            stopping_s = entry.at_s if is_stopping else stopping_s
            if entry.data["to"] in (State.RESETTING.title,):
                stopping_s = None
        if entry.source == OPERATOR and entry.kind == "presses jog":
            stopping_s = None
        is_moving = entry.is_moving or (entry.source == LOOK and entry.data["busy"])
        if stopping_s is None or not is_moving:
            continue
        # Where the host cannot reach the device, its own dead-man stops it 0.5 s after the last beat.
        allowed_s = STOP_WITHIN_S + (SILENCE_LIMIT_S if run.struck(*_UNREACHED) else 0.0)
        if entry.at_s > stopping_s + allowed_s:
            yield f"{entry.at_s:.3f} s: still moving {entry.at_s - stopping_s:.3f} s after stopping began"
            return


@invariant(8, "after a loss of drive power the reference is not believed, and nothing moves, before a homing")
def homed_after_power(run: Judged) -> Iterator[str]:
    lost_s: float | None = None
    believed_s: float | None = None
    for entry in run.entries:
        if entry.source == PLANT and entry.kind == "safety inputs" and entry.data.get("drives_enabled") is False:
            lost_s = entry.at_s
            believed_s = lost_s if entry.state in HOMED_IN else believed_s
        elif entry.source == ENDED and entry.kind == "plc.home" and entry.data["result"] == "DONE":
            lost_s = None
        elif (
            entry.source == ENDED and entry.kind == "plc.move" and entry.data["result"] == "DONE" and lost_s is not None
        ):
            yield f"{entry.at_s:.3f} s: a gantry move was carried out after a loss of drive power without homing"
        elif entry.source == STATION and entry.kind == "station.online":
            believed_s = None
    noticed = [data["why"] for kind, data in run.events if kind == "position.lost" and data["axes"] == TITLES["gantry"]]
    if believed_s is not None and not run.restarts and not _cannot_know(run) and set(noticed) <= {HOMING}:
        yield f"{believed_s:.3f} s: the drives lost their power, and X and Y were believed till they were homed"


def _cannot_know(run: Judged) -> bool:
    """No reading reaches the station, or it stands still itself."""
    return run.struck(*_UNREACHED) or any(entry.kind in _HOST_AWAY for entry in run.operator())


@invariant(9, "every command number is executed at most once, and in doubt it is read before it is written again")
def executed_once(run: Judged) -> Iterator[str]:
    for (channel, session, seq), count in run.executed.items():
        if count > 1:
            yield f"{channel} session {session} number {seq} was begun {count} times"
    for at_s, channel, seq in run.written_blindly:
        yield f"{at_s:.3f} s: {channel} number {seq} was written again before anything was read"


@invariant(10, "motion is commanded only in states that may move, or at rest under a live hand with the key on manual")
def states_that_move(run: Judged) -> Iterator[str]:
    for entry in run.commands(*MOTION):
        # A step of another lane may have been sent in the instant in which the state changed.
        if entry.state is not None and entry.state not in MAY_MOVE and not _just_changed(run, entry.at_s):
            yield f"{entry.at_s:.3f} s: {entry.kind} in {entry.state.title}"
    yield from _jogs_without_a_hand(run)


def _jogs_without_a_hand(run: Judged) -> Iterator[str]:
    """A jog begins while a person holds a button, and is over soon after the last frame of that hand."""
    is_held, over_s, key_off_s = False, float("-inf"), float("-inf")
    begun: dict[str, float] = {}
    for entry in run.entries:
        if entry.source == OPERATOR and entry.kind in ("presses jog", "jog frames end"):
            is_held, over_s = entry.kind == "presses jog", entry.at_s
        elif entry.source == PLANT and entry.kind == "safety inputs" and entry.data.get("key_manual") is False:
            key_off_s = entry.at_s
        elif entry.source == COMMAND and entry.kind in JOG:
            begun[entry.kind] = entry.at_s
            has_key = entry.data["key"] is True or entry.at_s <= key_off_s + KEY_SEEN_WITHIN_S
            if not is_held or not has_key or entry.state not in MAY_JOG:
                state = entry.state.title if entry.state is not None else "no state"
                yield f"{entry.at_s:.3f} s: {entry.kind} in {state}, key {entry.data['key']}, held {is_held}"
        elif entry.source == ENDED and entry.kind in JOG:
            begun.pop(entry.kind, None)
            if entry.data["silent_s"] > JOG_STANDS_S or (not is_held and entry.at_s > over_s + JOG_STANDS_S):
                yield f"{entry.at_s:.3f} s: {entry.kind} went on for {entry.data['silent_s']:.3f} s without a hand"
    for kind, at_s in begun.items():
        yield f"{at_s:.3f} s: {kind} began and never ended"


def _just_changed(run: Judged, at_s: float) -> bool:
    return any(0.0 <= at_s - entry.at_s <= SAME_INSTANT_S for entry in run.station("state.changed"))


@invariant(11, "an input that comes back, a link that returns or a restart moves nothing by itself")
def nothing_by_itself(run: Judged) -> Iterator[str]:
    at_rest = False
    for entry in run.entries:
        if entry.source == STATION and entry.kind == "state.changed":
            at_rest = entry.data["to"] in (State.STOPPED.title, State.ABORTED.title)
        elif entry.source == OPERATOR and entry.kind.startswith("presses"):
            at_rest = False
        elif entry.source == COMMAND and entry.kind in MOTION + JOG and at_rest:
            yield f"{entry.at_s:.3f} s: {entry.kind} began with the station at rest and nobody asking"


@invariant(12, "the vacuum lets a part go only on a site, in the bin, in the tray or in its holder")
def let_go_where_allowed(run: Judged) -> Iterator[str]:
    bin_ready = {"bin_full": False, "bin_in_place": True}
    bin_is = dict(bin_ready)
    for entry in run.plant_events("part dropped", "put down astray", "safety inputs", "rejected"):
        if entry.kind == "safety inputs":
            bin_is.update({name: entry.data[name] for name in bin_is if name in entry.data})
        elif entry.kind == "rejected" and bin_is != bin_ready:
            yield f"{entry.at_s:.3f} s: {entry.data['serial']} was let go over a reject bin that is full or missing"
        elif entry.kind != "rejected":
            yield f"{entry.at_s:.3f} s: {entry.data['serial']} was let go over {entry.data['floor']}"
