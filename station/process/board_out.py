"""Board out: open the clamp and run the board away. The runner calls it only when all records are durable."""

from __future__ import annotations

from station.cell import Cell
from station.process.outcomes import BoardOut
from station.process.step import Work


async def board_out(cell: Cell, work: Work) -> BoardOut:
    await cell.conveyor.unclamp()
    await cell.conveyor.eject_board()
    return BoardOut()
