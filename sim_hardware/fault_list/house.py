"""Faults of the host (H01 to H14), of network and MES (N01 to N11), of operator and power (O01 to O16)."""

from __future__ import annotations

from sim_hardware.fault_list.model import ONE_PHASE, host, machine, operator
from sim_hardware.fault_list.steps import PHASES
from sim_hardware.faults import FaultSpec as F

_NOT_HERE = "a job that stands or has ended is not what this is about"
_AT_START = "read when the service starts: while it runs it has its file open"
_STANDS = "nothing is under way that the host could miss"
_NEIGHBOURS = "the real campaign `neighbours`"
_RUNS = tuple(f"S{number:02d}" for number in range(4, 25))

HOST_FAULTS = (
    host(
        "H01",
        "killed",
        "the service is killed at any instant",
        where=_RUNS,
        phases=PHASES,
        elsewhere=_NOT_HERE,
        note="the crash points kill at every commit, step of a task and byte, the real campaign a real process",
    ),
    host("H02", "disk full", "there is no room for the next event", note="the real campaign fills a real disk"),
    host("H03", "database locked", "another program holds the database for longer than a write waits"),
    host("H04", "slow disk", "a commit takes five seconds"),
    host("H05", "I/O error", "a commit fails"),
    host("H06", "database damaged", "bytes of the database are wrong", where=("S01",), elsewhere=_AT_START),
    host("H07", "clock jumps", "the wall clock jumps by an hour"),
    host(
        "H08",
        "process paused",
        "the service stands still for three seconds",
        where=("S02", *_RUNS),
        phases=PHASES,
        elsewhere=_STANDS,
        note="the real campaign stops a real process by SIGSTOP",
    ),
    host(
        "H09",
        "memory grows",
        "the kernel ends the service because the memory is used up",
        where=("S07", "S18", "S21"),
        elsewhere="the end is that of H01, which is played in every step; here where pictures are judged",
    ),
    host("H10", "task dies", "the watch beside everything ends with an error"),
    host(
        "H11",
        "loop blocked",
        "nothing runs for half a second",
        where=("S02", *_RUNS),
        phases=PHASES,
        elsewhere=_STANDS,
    ),
    host("H12", "second instance", "the service is started twice on one memory"),
    host("H13", "other version", "the database is that of another version", where=("S01",), elsewhere=_AT_START),
    host(
        "H14",
        "log flood",
        "a hundred thousand lines are logged at one instant, and nobody takes them off the terminal",
        where=_RUNS,
        elsewhere=_NOT_HERE,
        note="lines of the service's own log are dropped and counted; events and records never are",
    ),
)

NETWORK_FAULTS = (
    host(
        "N01",
        "broker down",
        "the broker is away for hours",
        note=f"the machine is off for these hours, in one test it is not; {_NEIGHBOURS} has a broker that refuses",
    ),
    host(
        "N02",
        "duplicates",
        "the broker gets a message twice",
        note="acknowledgements are lost again and again; tests/outlets kills a broker and starts it again",
    ),
    host("N03", "job sent twice", "the MES sends the same order again, with the same key"),
    host("N04", "same key, other order", "the MES uses one key for two orders"),
    host(
        "N05",
        "answer lost",
        "the MES does not get the answer to its order",
        note="cut off at every turn of the loop that an order takes; the real campaign asks again after every kill",
    ),
    host(
        "N06",
        "MES down at release",
        "the MES goes down while it is told of a board that leaves, and is back later",
        where=("S24",),
        elsewhere="no board leaves in this step",
        note="the records are on the disk before, and told later; a MES that asks by REST asks again",
    ),
    host(
        "N07",
        "slow client",
        "pages ask for everything and do not read it, one of them has the jog pad",
        note=f"{_NEIGHBOURS} has such pages on real sockets",
    ),
    host("N08", "flood of requests", "more requests at once than the service takes"),
    host("N09", "bombs", "deep JSON, huge JSON, an archive"),
    host("N10", "command by MQTT", "somebody publishes a command", note=f"{_NEIGHBOURS} publishes to a real broker"),
    host(
        "N11",
        "expired certificate",
        "the certificate of the broker has expired",
        note=f"{_NEIGHBOURS} has one that nobody signed, tests/outlets one that has expired",
    ),
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
        "in Held the door is opened, and a hand takes what hangs on the nozzle and goes through the film",
        where=("S07", "S10", "S11", "S13", "S17", "S19"),
        elsewhere="neither hangs a package on the nozzle at the end of this step, nor waits a film for one",
    ),
    operator("O04", "started twice", "the same job is started again", where=_RUNS, elsewhere=_NOT_HERE),
    host(
        "O05",
        "wrong recipe",
        "the order names a recipe for another board",
        where=("S02",),
        elsewhere="the recipe of a job is fixed with its order, and the order comes after the homing",
    ),
    host("O06", "recipe edited", "the recipe is changed while it runs", where=_RUNS, elsewhere=_NOT_HERE),
    host("O07", "absurd recipe", "a recipe with impossible numbers is brought in", note="the recipe tests feed more"),
    operator("O08", "Stop in every state", "somebody presses Stop"),
    operator(
        "O09",
        "answers late, wrong, twice",
        "a question is answered wrongly, late and twice",
        where=("S06",),
        elsewhere="the question is put by a missing fiducial",
    ),
    operator(
        "O10",
        "jog and the page closes",
        "after a Stop a jog is held and its frames end, with the service alive and frozen",
        where=_RUNS,
        elsewhere=_NOT_HERE,
    ),
    operator(
        "O11",
        "jog into something",
        "after a Stop the head is jogged down where it stands, and away",
        where=_RUNS,
        elsewhere=_NOT_HERE,
    ),
    operator(
        "O12",
        "gates bypassed",
        "Retry is pressed again and again while what the gate found stands",
        where=("S04", "S06", "S07", "S08", "S09", "S14", "S18", "S23"),
        phases=ONE_PHASE,
        elsewhere="no gate of this step can be tried again by an answer while its fault stands",
        other_phases="a gate is asked when its step has measured: the phases of the command make no difference",
        note="there is no override; what presses on is withheld until the key switch was turned",
    ),
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
    machine(
        "O16",
        "on battery",
        "the mains are lost and the power supply runs on its battery",
        F("input_true", target="on_battery"),
        phases=ONE_PHASE,
        other_phases="the watch looks beside the steps: when in a command the mains are lost makes no difference",
    ),
)
