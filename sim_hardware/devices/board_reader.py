"""The barcode reader behind its serial line: the code of the board at the pins, of the tray lot, of the material lot.

What a code means is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.wire.board_reader import (
    DEVICE_KIND,
    READ,
    READ_BOARD,
    READ_MATERIAL_LOT,
    READ_TRAY_LOT,
    encode_code,
)
from sim_hardware.devices.lines import LineDevice
from sim_hardware.faults import Phase

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

SERIAL_NUMBER = 6001
FOREIGN_LOT = "PASTE-0009"


class BoardReader(LineDevice):
    """REA reads the code in front of one of three readers; nothing there or unreadable is an empty answer."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant, "board_reader", DEVICE_KIND, SERIAL_NUMBER)

    def other(self, verb: str, fields: tuple[str, ...]) -> tuple[str, ...] | None:
        if verb != "REA":
            return None
        values = READ.unpack(fields)
        READ.pack(values)  # refuses an unknown reader: WireError, no answer
        plant = self.plant
        if plant.faults.are_waited_for:
            plant.faults.reached("board_reader.read", Phase.COMMANDED, plant.now())
        if plant.faults.strikes("code_unreadable", plant.now()) is not None:
            return ()
        return encode_code(self._code(int(values["reader"])))

    def _code(self, reader: int) -> str:
        plant = self.plant
        if reader == READ_BOARD and plant.faults.strikes("code_of_next", plant.now()) is not None:
            return f"B{len(plant.boards) + 1:04d}"
        if reader == READ_BOARD:
            return plant.board_in_nest.serial if plant.board_in_nest is not None else ""
        if reader == READ_TRAY_LOT:
            return plant.tray.lot if plant.tray is not None else ""
        if reader != READ_MATERIAL_LOT:
            return ""
        foreign = plant.faults.active("lot_foreign", plant.now())
        return plant.scenario.material_lot if foreign is None else FOREIGN_LOT
