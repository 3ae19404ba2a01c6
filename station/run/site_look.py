"""The look at a site whose placement nobody saw end: does a package lie there? Homed and calibrated, nothing in hand.

It clamps nothing, decides nothing, and takes no picture for anything but the question that it was asked.
"""

from __future__ import annotations

from drivers.errors import DriverError
from recipes import Recipe
from recipes.board import Site
from station.alarms.catalogue import ProcessAlarm, Reaction
from station.alarms.translate import alarm_for
from station.cell import Cell
from station.process import sheet
from station.process.common import down_light, in_image_frame, lands_z_um
from station.process.locate_board import locate_board
from station.process.site_looks import SEARCH_UM, nominal_site
from station.process.step import Work
from station.process.verify_placed import EDGE_MARGIN_UM, EDGE_ROOM_UM
from station.run.settle import AtSite
from vision.results import Pose

DOWN_TO_THE_EYES = (Reaction.ASK, Reaction.SKIP, Reaction.REJECT)
"""an alarm of these rows means that the look failed, not that the machine did"""


async def look_at_site(cell: Cell, work: Work, serial: str | None) -> tuple[AtSite, str]:
    """Picture `work.site` on the board `serial` -> what is there, and in words.

    raises   what the devices say where the machine itself is at fault
    """
    try:
        return await _look(cell, work, serial)
    except (ProcessAlarm, DriverError) as error:
        alarm = alarm_for(error, sheet.LOOK_AT_PLACED.title)
        if alarm.definition.reaction not in DOWN_TO_THE_EYES:
            raise
        return _unseen(alarm.text)


async def _look(cell: Cell, work: Work, serial: str | None) -> tuple[AtSite, str]:
    if not (cell.conveyor.is_board_present and cell.conveyor.is_clamped):
        return _unseen("no board lies clamped at the stop pins")
    found = await cell.board_reader.read_board()
    if not found or found != serial:
        return _unseen(f"the board in the clamp is {found or 'without a readable code'}")
    work.findings.add(await locate_board(cell, work))
    package, nominal = work.recipe.package, nominal_site(work)
    room_um = 2 * EDGE_ROOM_UM
    views = cell.down_views(
        nominal.point, package.body_x_um + room_um, package.body_y_um + room_um, margin_um=EDGE_MARGIN_UM
    )
    frames, places = await cell.expose_down(views, down_light(work.recipe), cell.gantry.position.theta_deg)
    centres = in_image_frame(cell, nominal.point, places)
    expected = Pose(0.0, 0.0, nominal.theta_deg - cell.known_calibration.down.turn_deg)
    lands_um = lands_z_um(cell, work.recipe)
    below = await work.eyes.locate_site(frames, centres, work.recipe.bottom, expected, SEARCH_UM, lands_um)
    if below.status == "found":
        return AtSite.FREE, AtSite.FREE.value
    # Two witnesses: what covers the lands must have the outline of the package.
    on_top = await work.eyes.verify_placed(
        frames, centres, package.body_x_um, package.body_y_um, expected, lands_um - package.height_um
    )
    if below.status == "occupied" and on_top.status == "found":
        return AtSite.PACKAGE, AtSite.PACKAGE.value
    return _unseen("; ".join((*below.reasons, *on_top.reasons)) or below.status)


def _unseen(why: str) -> tuple[AtSite, str]:
    return AtSite.UNSEEN, f"{AtSite.UNSEEN.value}: {why}"


def site_of(recipe: Recipe, recipe_hash: str | None, name: str | None) -> Site | None:
    """The site that an intent names, None where the recipe is not the one that it was begun with."""
    if recipe.content_hash != recipe_hash:
        return None
    return next((site for site in recipe.board.sites if site.name == name), None)
