"""The process sheet: every step in order. Read this first, then the file that a line names.

Which steps may overlap is not said here but in `station/run/schedule.py`.
"""

from __future__ import annotations

from station.process.board_in import clamp_board, load_board, read_board
from station.process.board_out import board_out
from station.process.curves import read_dip_curve, read_place_curve
from station.process.dip import dip, go_to_plate
from station.process.film import judge_film, level_film, measure_film
from station.process.imprint import judge_imprint, look_at_imprint
from station.process.locate_board import locate_board
from station.process.mark_again import look_at_mark
from station.process.package_looks import expose_dry, expose_wet, judge_dry, judge_wet
from station.process.pick import go_to_tray, pick
from station.process.place import align, place
from station.process.reject import bin_part
from station.process.site_looks import locate_site, look_at_site
from station.process.step import Step
from station.process.verify_placed import judge_placed, look_at_placed

LOAD_BOARD = Step("load_board", "Load board", load_board, limit_s=60.0)
READ_BOARD = Step("read_board", "Read board id", read_board)
CLAMP_BOARD = Step("clamp_board", "Clamp board", clamp_board)
LOCATE_BOARD = Step("locate_board", "Locate board", locate_board, limit_s=30.0)

LOOK_AT_SITE = Step("look_at_site", "Look at site", look_at_site)
LOCATE_SITE = Step("locate_site", "Locate site", locate_site)

LEVEL_FILM = Step("level_film", "Level film", level_film, limit_s=60.0)
MEASURE_FILM = Step("measure_film", "Measure film", measure_film)
JUDGE_FILM = Step("judge_film", "Judge film", judge_film)

GO_TO_TRAY = Step("go_to_tray", "Travel to tray", go_to_tray)
PICK = Step("pick", "Pick", pick, irreversible=True)
EXPOSE_DRY = Step("expose_dry", "Look at dry package", expose_dry)
JUDGE_DRY = Step("judge_dry", "Inspect package", judge_dry)
GO_TO_PLATE = Step("go_to_plate", "Travel to film", go_to_plate)
DIP = Step("dip", "Dip", dip, irreversible=True)
READ_DIP_CURVE = Step("read_dip_curve", "Read dip curve", read_dip_curve)
LOOK_AT_IMPRINT = Step("look_at_imprint", "Look at imprint", look_at_imprint)
JUDGE_IMPRINT = Step("judge_imprint", "Check imprint", judge_imprint)
EXPOSE_WET = Step("expose_wet", "Look at wet package", expose_wet)
JUDGE_WET = Step("judge_wet", "Inspect dipped package", judge_wet)
ALIGN = Step("align", "Travel to site", align)
PLACE = Step("place", "Place", place, irreversible=True, is_looked_at=True)
READ_PLACE_CURVE = Step("read_place_curve", "Read place curve", read_place_curve)
LOOK_AT_PLACED = Step("look_at_placed", "Look at placed package", look_at_placed)
LOOK_AT_MARK = Step("look_at_mark", "Look at fiducial again", look_at_mark)
JUDGE_PLACED = Step("judge_placed", "Verify placement", judge_placed)

BIN_PART = Step("bin_part", "Reject part", bin_part, irreversible=True)
BOARD_OUT = Step("board_out", "Board out", board_out, limit_s=60.0, irreversible=True)

BOARD_IN_STEPS = (LOAD_BOARD, READ_BOARD, CLAMP_BOARD, LOCATE_BOARD)
FILM_STEPS = (LEVEL_FILM, MEASURE_FILM, JUDGE_FILM)
SITE_STEPS = (
    LOOK_AT_SITE,
    LOCATE_SITE,
    *FILM_STEPS,
    GO_TO_TRAY,
    PICK,
    EXPOSE_DRY,
    JUDGE_DRY,
    GO_TO_PLATE,
    DIP,
    READ_DIP_CURVE,
    LOOK_AT_IMPRINT,
    JUDGE_IMPRINT,
    EXPOSE_WET,
    JUDGE_WET,
    ALIGN,
    PLACE,
    READ_PLACE_CURVE,
    LOOK_AT_PLACED,
    LOOK_AT_MARK,
    JUDGE_PLACED,
)
ALL_STEPS = (*BOARD_IN_STEPS, *SITE_STEPS, BIN_PART, BOARD_OUT)
