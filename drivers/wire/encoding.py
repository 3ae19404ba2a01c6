"""How numbers stand in 16-bit registers: quantities, registers, blocks, and the CRC that guards them.

Nothing here knows an address of a particular device. 32-bit values are high word first, big-endian, two's complement.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

Number = int | float


class WireError(ValueError):
    """A value that cannot stand on the wire, or bytes that do not follow the declared layout."""


class Kind(StrEnum):
    """How a register is stored; the value is its struct code."""

    U16 = "H"
    I16 = "h"
    U32 = "I"
    I32 = "i"

    @property
    def words(self) -> int:
        return 1 if self in (Kind.U16, Kind.I16) else 2

    @property
    def limits(self) -> tuple[int, int]:
        return _LIMITS[self]


_LIMITS = {
    Kind.U16: (0, 2**16 - 1),
    Kind.I16: (-(2**15), 2**15 - 1),
    Kind.U32: (0, 2**32 - 1),
    Kind.I32: (-(2**31), 2**31 - 1),
}
_INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number with its meaning: `scale` engineering units per count, limits in engineering units.

    scale 1 and integer limits mean a plain count, code or bit field, passed through as int.
    """

    name: str
    meaning: str
    kind: Kind = Kind.I32
    scale: float = 1
    lower: float | None = None
    upper: float | None = None
    unit: str = ""
    source: str = "engineering choice of the reference machine"

    def to_count(self, value: Number) -> int:
        """Engineering value -> count. Raises WireError when not finite, outside the limits or outside the register."""
        if not -_INFINITE < value < _INFINITE:
            raise WireError(f"{self.name} = {value}: not a finite number")
        if (self.lower is not None and value < self.lower) or (self.upper is not None and value > self.upper):
            raise WireError(f"{self.name} = {value} {self.unit}: allowed {self.lower} to {self.upper}")
        count = round(value / self.scale)
        low, high = _LIMITS[self.kind]
        if not low <= count <= high:
            raise WireError(f"{self.name} = {value} {self.unit}: does not fit {self.kind.name} at scale {self.scale}")
        return count

    def from_count(self, count: int) -> Number:
        return count if self.scale == 1 else count * self.scale


@dataclass(frozen=True)
class Block:
    """Registers that travel together in one request.

    Addresses follow from the order: `address` is the first word, every quantity takes one or two words.
    """

    name: str
    address: int
    quantities: tuple[Quantity, ...]
    access: str
    meaning: str
    _struct: struct.Struct = field(init=False, repr=False, compare=False)
    _words: struct.Struct = field(init=False, repr=False, compare=False)
    _decode: tuple[tuple[str, float], ...] = field(init=False, repr=False, compare=False)
    _addresses: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_struct", struct.Struct(">" + "".join(q.kind.value for q in self.quantities)))
        object.__setattr__(self, "_words", struct.Struct(f">{self._struct.size // 2}H"))
        object.__setattr__(self, "_decode", tuple((q.name, q.scale) for q in self.quantities))
        addresses: dict[str, int] = {}
        address = self.address
        for quantity in self.quantities:
            addresses.setdefault(quantity.name, address)
            address += quantity.kind.words
        object.__setattr__(self, "_addresses", addresses)

    @property
    def word_count(self) -> int:
        return self._struct.size // 2

    def address_of(self, name: str) -> int:
        address = self._addresses.get(name)
        if address is None:
            raise KeyError(f"block {self.name} has no quantity {name!r}")
        return address

    def pack(self, values: Mapping[str, Number]) -> list[int]:
        """Engineering values by name -> register words. Every quantity must be given."""
        return list(self._words.unpack(self.pack_bytes(values)))

    def pack_bytes(self, values: Mapping[str, Number]) -> bytes:
        """As `pack`, but the registers as they stand on the wire, two bytes each."""
        try:
            counts = [quantity.to_count(values[quantity.name]) for quantity in self.quantities]
        except KeyError as missing:
            raise WireError(f"block {self.name}: no value for {missing}") from None
        return self._struct.pack(*counts)

    def unpack(self, words: Sequence[int]) -> dict[str, Number]:
        """Register words -> engineering values by name. Raises WireError on a wrong word count."""
        if len(words) != self.word_count:
            raise WireError(f"block {self.name}: {len(words)} words, expected {self.word_count}")
        return self.unpack_bytes(self._words.pack(*words))

    def unpack_bytes(self, data: bytes) -> dict[str, Number]:
        """Registers as they stand on the wire -> engineering values by name. Raises WireError on a wrong length."""
        if len(data) != self._struct.size:
            raise WireError(f"block {self.name}: {len(data)} bytes, expected {self._struct.size}")
        counts = self._struct.unpack(data)
        return {
            name: count if scale == 1 else count * scale
            for (name, scale), count in zip(self._decode, counts, strict=True)
        }


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()
# Two bytes at a time: the register is 16 bits wide, so a pair of bytes replaces it whole. One table for each of the two
# stays in the nearest cache of the processor; one table for all pairs would be faster alone and slower among others.
_CRC_FIRST = tuple((crc >> 8) ^ _CRC_TABLE[crc & 0xFF] for crc in _CRC_TABLE)
_CRC_SECOND = _CRC_TABLE


@lru_cache(maxsize=64)
def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: polynomial 0x8005 reflected, start 0xFFFF. Source: MODBUS over Serial Line V1.02, 6.2.2.

    The last few are remembered: where both ends of a wire are in one program, the same bytes come twice.
    """
    crc = 0xFFFF
    first, second = _CRC_FIRST, _CRC_SECOND
    pairs, odd = divmod(len(data), 2)
    for pair in struct.unpack_from(f"<{pairs}H", data):
        crc ^= pair
        crc = first[crc & 0xFF] ^ second[crc >> 8]
    return (crc >> 8) ^ _CRC_TABLE[(crc ^ data[-1]) & 0xFF] if odd else crc
