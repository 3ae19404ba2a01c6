"""The barcode reader: what stands on the board, the tray and the material. It does not know whether it fits."""

from __future__ import annotations

from drivers.devices.serial_device import SimpleSerialDevice
from drivers.errors import BadReply
from drivers.links.serial_line import SerialLine
from drivers.wire.board_reader import (
    CODE_LIMIT,
    DEVICE_KIND,
    READ,
    READ_BOARD,
    READ_MATERIAL_LOT,
    READ_TRAY_LOT,
    decode_code,
)

REA = "REA"
READ_TIMEOUT_S = 0.5  # a reader may look several times before it gives up


class BoardReader(SimpleSerialDevice):
    """Reading twice is harmless; an empty text means that no code could be read."""

    def __init__(self, line: SerialLine, *, serial_number: int | None = None) -> None:
        super().__init__(line, DEVICE_KIND, serial_number)

    async def read_board(self) -> str:
        """Code of the board at the stop pins."""
        return await self._read(READ_BOARD)

    async def read_tray_lot(self) -> str:
        """Lot of the parts in the tray."""
        return await self._read(READ_TRAY_LOT)

    async def read_material_lot(self) -> str:
        """Lot of the dip material in the reservoir."""
        return await self._read(READ_MATERIAL_LOT)

    async def _read(self, reader: int) -> str:
        fields = await self.ask(REA, READ.pack({"reader": reader}), reply_timeout_s=READ_TIMEOUT_S)
        try:
            code = decode_code(fields)
        except ValueError as error:
            raise BadReply(f"{self.name}: code is no text: {error}. Read again.", device=self.name) from None
        if len(code) > CODE_LIMIT:
            raise BadReply(f"{self.name}: code of {len(code)} characters, allowed {CODE_LIMIT}.", device=self.name)
        return code
