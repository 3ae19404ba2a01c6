"""Faults of vision (C01 to C17) and of the board (B01 to B10)."""

from __future__ import annotations

from typing import TypedDict

from sim_hardware.fault_list.model import AS_IT_IS, FOR_EVER, ONE_PHASE, host, machine, operator
from sim_hardware.faults import FaultSpec as F
from sim_hardware.faults import Phase

_LOOKS = ("S06", "S07", "S18", "S23")
_NO_LOOK = "no picture is taken in this step"
_NO_PART_LOOK = "no package is looked at in this step"
_PICTURE = "a picture is spoilt when it is exposed: the step takes it after its move"
_NO_BOARD = "nothing of the board is looked at or needed in this step"
_CLAMPED = ("S06", "S07", "S10", "S13", "S17", "S19", "S20", "S22", "S23")


class _Rest(TypedDict):
    made_at: str
    phases: tuple[Phase, ...]
    other_phases: str
    elsewhere: str


_PART: _Rest = {
    "made_at": "recipe_load",
    "phases": ONE_PHASE,
    "other_phases": AS_IT_IS,
    "elsewhere": _NO_PART_LOOK,
}
_BOARD: _Rest = {
    "made_at": "load_board",
    "phases": ONE_PHASE,
    "other_phases": AS_IT_IS,
    "elsewhere": _NO_BOARD,
}

VISION_FAULTS = (
    machine(
        "C01",
        "no picture",
        "the camera sends nothing",
        F("frame_lost", nth=1),
        where=_LOOKS,
        elsewhere=_NO_LOOK,
        phases=ONE_PHASE,
        other_phases=_PICTURE,
    ),
    machine(
        "C02",
        "old picture",
        "the camera sends the picture before",
        F("frame_repeated", nth=1),
        where=_LOOKS,
        elsewhere=_NO_LOOK,
        phases=ONE_PHASE,
        other_phases=_PICTURE,
    ),
    machine(
        "C03",
        "dark picture",
        "there is no light",
        F("light_scaled", nth=1, value=0.02),
        where=_LOOKS,
        elsewhere=_NO_LOOK,
        phases=ONE_PHASE,
        other_phases=_PICTURE,
    ),
    machine(
        "C04",
        "blurred picture",
        "the picture is out of focus by 8 px",
        F("frame_blurred", nth=1, value=8.0),
        where=_LOOKS,
        elsewhere=_NO_LOOK,
        phases=ONE_PHASE,
        other_phases=_PICTURE,
    ),
    machine(
        "C05",
        "part turned",
        "the package lies turned by 90 deg in its pocket",
        F("wrong_part", nth=1, value=90.0),
        where=("S10",),
        **_PART,
    ),
    machine(
        "C06", "ball missing", "one ball is not there", F("ball_missing", nth=1, value=1.0), where=("S10",), **_PART
    ),
    machine(
        "C07",
        "balls not dipped",
        "three balls are too short for the film",
        F("ball_undipped", nth=1, value=3.0),
        where=("S18",),
        **_PART,
    ),
    machine(
        "C08",
        "balls half dipped",
        "three balls hardly reach into the film",
        F("ball_half_dipped", nth=1, value=3.0),
        where=("S18",),
        **_PART,
    ),
    machine(
        "C09",
        "bridge",
        "material joins two balls",
        F("bridge", nth=1),
        where=("S16",),
        elsewhere="nothing is dipped in this step",
        phases=ONE_PHASE,
        other_phases="a bridge is made when the package leaves the film",
    ),
    machine(
        "C10",
        "fiducial missing",
        "one fiducial of the board is not there",
        F("fiducial_missing", nth=1, value=1.0),
        where=("S06",),
        **_BOARD,
    ),
    machine(
        "C11",
        "two candidates",
        "a second disc lies 1.5 mm beside a fiducial",
        F("fiducial_twin", nth=1, value=1_500.0),
        where=("S06",),
        **_BOARD,
    ),
    machine(
        "C12",
        "scale implausible",
        "the board is larger by 0.6 %",
        F("board_stretched", nth=1, value=0.006),
        where=("S06",),
        **_BOARD,
    ),
    machine(
        "C13",
        "camera moved",
        "the down camera hangs 200 um beside its place",
        F("camera_moved", value=200.0),
        where=_LOOKS,
        elsewhere=_NO_LOOK,
        phases=ONE_PHASE,
        other_phases=FOR_EVER,
    ),
    machine(
        "C14",
        "result is no number",
        "the pose that was measured is no number",
        F("observation_nan", nth=1),
        where=_LOOKS,
        elsewhere=_NO_LOOK,
        phases=ONE_PHASE,
        other_phases=_PICTURE,
    ),
    machine(
        "C15",
        "result too late",
        "the picture comes five seconds late",
        F("frame_late", nth=1, value=5.0),
        where=_LOOKS,
        elsewhere=_NO_LOOK,
        phases=ONE_PHASE,
        other_phases=_PICTURE,
    ),
    host(
        "C16",
        "wrong classifier",
        "the vision that runs is not the one under which the recipe was approved, as after an update of the software",
        where=("S02",),
        elsewhere="an approval is read with the order, and the order comes after the homing; the recipe of a job is "
        "fixed then, and the vision of a service that runs does not change",
        note="the approval in the station's memory is made to name another vision",
    ),
    machine(
        "C17",
        "light fails half way",
        "the second picture of a step is dark",
        F("light_scaled", nth=2, value=0.02),
        where=("S06", "S23"),
        elsewhere="one picture at most in this step",
        phases=ONE_PHASE,
        other_phases=_PICTURE,
    ),
)

BOARD_FAULTS = (
    machine(
        "B01",
        "id unreadable",
        "the code of the board cannot be read",
        F("code_unreadable", nth=1),
        where=("S04",),
        elsewhere="no code is read in this step",
        phases=ONE_PHASE,
        other_phases="a code is read in one exchange",
    ),
    machine(
        "B02",
        "wrong product",
        "the board carries the code of another product",
        F("board_foreign", nth=1),
        where=("S04",),
        **_BOARD,
    ),
    operator(
        "B03",
        "board done before",
        "a board that was built is fed a second time",
        where=("S04",),
        elsewhere=_NO_BOARD,
    ),
    machine(
        "B04",
        "board shifts",
        "the board shifts by 200 um in its clamp",
        F("board_shifts", value=200.0),
        where=_CLAMPED,
        elsewhere="the board is not measured yet, or not any more",
    ),
    machine(
        "B05",
        "clamp opens",
        "the clamp opens by itself",
        F("clamp_opens"),
        where=_CLAMPED,
        elsewhere="the board is not clamped, or about to be released",
    ),
    machine(
        "B06",
        "bottom package missing",
        "there is no bottom package at a site",
        F("bottom_missing", nth=1),
        where=("S07",),
        **_BOARD,
    ),
    machine(
        "B07",
        "site taken",
        "a package stands on the bottom package already",
        F("site_taken", nth=1),
        where=("S07",),
        **_BOARD,
    ),
    operator(
        "B08",
        "board changed by hand",
        "in Held a hand puts another board into the clamp",
        where=_CLAMPED,
        elsewhere="the board has not been read yet, or is done",
        note="while something moves the door keeps hands out: opened, it stops the machine (O02)",
    ),
    machine(
        "B09",
        "board let go before its record",
        "the clamp opens while the record is written",
        F("clamp_opens"),
        where=("S23",),
        elsewhere="B05 opens the clamp in the other steps",
    ),
    machine(
        "B10", "warp", "the board stands 250 um too high", F("board_high", nth=1, value=250.0), where=("S20",), **_BOARD
    ),
)
