"""Frames of the board reader: barcodes of boards and material lots (serial, device kind 6).

REA is idempotent: it reads the code in front of the reader now. An unreadable code is an empty field.
"""

from __future__ import annotations

from drivers.wire.encoding import Kind, Quantity
from drivers.wire.serial_frames import Fields

DEVICE_KIND = 6
READ_BOARD = 1
READ_TRAY_LOT = 2
READ_MATERIAL_LOT = 3
CODE_LIMIT = 64

READ = Fields(
    "read",
    (Quantity("reader", "1 board, 2 tray lot, 3 dip material lot", Kind.U16, lower=1, upper=3),),
    "request REA: read one code; the reply holds the code as hexadecimal UTF-8 in one field, or no field",
)


def encode_code(code: str) -> tuple[str, ...]:
    return (code.encode().hex().upper(),) if code else ()


def decode_code(fields: tuple[str, ...]) -> str:
    """Raises ValueError when the field is not hexadecimal UTF-8."""
    return bytes.fromhex(fields[0]).decode() if fields else ""
