"""Faults of the host (H01 to H14), of network and MES (N01 to N11), of operator and power (O01 to O16)."""

from __future__ import annotations

from sim_hardware.fault_list.model import ONE_PHASE, machine, nothing, operator, process
from sim_hardware.faults import FaultSpec as F

_NOT_HERE = "a job that stands or has ended is not what this is about"
_RUNS = tuple(f"S{number:02d}" for number in range(4, 25))

HOST_FAULTS = (
    process("H01", "killed", "the service is killed at any instant", note="the crash points play it in virtual time"),
    process("H02", "disk full", "there is no room for the next event"),
    process("H03", "database locked", "another process holds the database"),
    process("H04", "slow disk", "a commit takes five seconds"),
    process("H05", "I/O error", "a commit fails"),
    process("H06", "database damaged", "bytes of the database are wrong, or it is another one"),
    process("H07", "clock jumps", "the wall clock jumps by an hour"),
    process("H08", "process paused", "the service stands still for up to half a minute"),
    process("H09", "memory grows", "the service runs out of memory"),
    process("H10", "task dies", "a background task ends with an error"),
    process("H11", "loop blocked", "nothing runs for half a second"),
    process("H12", "second instance", "the service is started twice"),
    process("H13", "other version", "the database is that of another version"),
    process("H14", "log flood", "a million lines to log"),
)

NETWORK_FAULTS = (
    process("N01", "broker down", "the broker is away for hours"),
    process("N02", "duplicates", "the broker gets a message twice"),
    process("N03", "job sent twice", "the MES sends the same order again"),
    process("N04", "same key, other order", "the MES uses one key for two orders"),
    process("N05", "answer lost", "the MES does not get the answer to its order"),
    process("N06", "MES down at release", "the MES does not take the record"),
    process("N07", "slow client", "a page reads one byte a second"),
    process("N08", "flood of requests", "five thousand requests a second"),
    process("N09", "bombs", "huge or deep JSON, archives, images"),
    process("N10", "command by MQTT", "somebody publishes a command"),
    process("N11", "expired certificate", "names or certificates are out of date"),
)

OPERATOR_FAULTS = (
    machine(
        "O01",
        "emergency stop",
        "the e-stop is pressed and cuts the drives",
        F("input_false", target="estop_ok"),
        F("input_false", target="drives_enabled"),
    ),
    machine("O02", "door opened", "the door is opened", F("input_false", target="door_closed", duration_s=4.0)),
    operator(
        "O03",
        "hand in the machine",
        "in Held a hand takes the package off the nozzle",
        where=("S13", "S17", "S19"),
        elsewhere="no package hangs on the nozzle at the end of this step",
    ),
    operator("O04", "started twice", "the same job is started again", where=_RUNS, elsewhere=_NOT_HERE),
    nothing(
        "O05", "wrong recipe", "the recipe does not fit the board", "what belongs together is known to the MES: see B02"
    ),
    process("O06", "recipe edited", "the recipe is changed while it runs", note="the recipe store belongs to the API"),
    process("O07", "absurd recipe", "a recipe with impossible numbers", note="the recipe tests feed such recipes"),
    operator("O08", "Stop in every state", "somebody presses Stop"),
    operator(
        "O09",
        "answers late, wrong, twice",
        "a question is answered wrongly, late and twice",
        where=("S06",),
        elsewhere="the question is put by a missing fiducial",
    ),
    process("O10", "jog and the page closes", "a jog is held and its frames end", note="the API has no jog"),
    process("O11", "jog into something", "a jog towards the board", note="the API has no jog"),
    process("O12", "gates bypassed", "a gate is overridden again and again", note="the API has no override"),
    operator(
        "O13",
        "power loss",
        "everything loses power at once; the service is started anew",
        where=_RUNS,
        elsewhere=_NOT_HERE,
    ),
    machine(
        "O14",
        "brown-out",
        "the drives lose power, the host lives",
        F("input_false", target="drives_enabled", duration_s=0.5),
    ),
    machine(
        "O15",
        "air lost",
        "there is no compressed air",
        F("input_false", target="air_ok", duration_s=5.0),
        phases=ONE_PHASE,
        other_phases="air is needed by the clamp alone: when in a command it goes makes no difference",
    ),
    nothing("O16", "on battery", "the power supply runs on its battery", "the input map has no such input"),
)
