"""Board in: run it to the stop pins, read its code, clamp it. It does not look at the board."""

from __future__ import annotations

from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.process.outcomes import BoardClamped, BoardLoaded, BoardRead
from station.process.step import Work


async def load_board(cell: Cell, work: Work) -> BoardLoaded:
    """Bring a board to the stop pins; harmless where one stands there already."""
    if not cell.conveyor.is_board_present:
        await cell.conveyor.load_board()
    return BoardLoaded()


async def read_board(cell: Cell, work: Work) -> BoardRead:
    """Read the board's code; a board of another product or one that was built before is refused."""
    serial = await cell.board_reader.read_board()
    if not serial:
        raise ProcessAlarm("board_unreadable", tries=1)
    prefix = work.recipe.board.code_prefix
    if prefix is not None and not serial.startswith(prefix):
        raise ProcessAlarm("board_of_other_product", serial=serial, recipe=work.recipe.name, prefix=prefix)
    done = work.boards_done.get(serial, 0)
    if done:
        raise ProcessAlarm("board_done_before", serial=serial, count=done)
    return BoardRead(serial=serial)


async def clamp_board(cell: Cell, work: Work) -> BoardClamped:
    """Clamp; every fit of the board is valid for this clamping only."""
    await cell.conveyor.clamp()
    return BoardClamped()
