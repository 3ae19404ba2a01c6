"""The two CRCs of the wires against values that others published or that were worked by hand."""

from __future__ import annotations

from drivers.wire.encoding import crc16
from drivers.wire.serial_frames import line_crc


def test_the_published_check_value():
    # Catalogue of parametrised CRC algorithms (reveng.sourceforge.io), CRC-16/MODBUS:
    # width 16, poly 0x8005, init 0xFFFF, reflected in and out, xorout 0: check("123456789") = 0x4B37
    assert crc16(b"123456789") == 0x4B37


def test_the_example_of_the_serial_line_specification():
    # MODBUS over Serial Line V1.02, appendix on CRC generation: address 02, function 07 gives 0x1241,
    # sent low byte first: 02 07 41 12
    assert crc16(bytes.fromhex("02 07")) == 0x1241


def test_bytes_worked_one_by_one():
    # Start 0xFFFF; per byte: xor into the low byte, then eight times shift right and xor 0xA001 when a 1 fell out.
    # First byte '0' = 0x30: 0xFFFF ^ 0x30 = 0xFFCF;
    #   FFCF -> 7FE7^A001 = DFE6 -> 6FF3 -> 37F9^A001 = 97F8 -> 4BFC -> 25FE -> 12FF -> 097F^A001 = A97E -> 54BF
    # The register after every byte:
    #   '0' 54BF   '0' A415   '0' DB65   '1' FFDA   ' ' 437F   'I' 16C3   'D' 6256   'N' 0A62
    assert crc16(b"0") == 0x54BF
    assert crc16(b"00") == 0xA415
    assert crc16(b"0001 IDN") == 0x0A62


def test_the_published_check_value_of_the_serial_lines():
    # The same catalogue, CRC-16/IBM-3740: width 16, poly 0x1021, init 0xFFFF, not reflected, xorout 0: check = 0x29B1
    assert line_crc(b"123456789") == 0x29B1


def test_a_text_worked_byte_by_byte():
    # "0001 IDN": start 0xFFFF; per byte: xor into the high byte, then eight times shift left and xor 0x1021 when a
    # 1 fell out. First byte '0' = 0x30: 0xFFFF ^ 0x3000 = 0xCFFF;
    #   CFFF -> 9FFE^1021 = 8FDF -> 1FBE^1021 = 0F9F -> 1F3E -> 3E7C -> 7CF8 -> F9F0 -> F3E0^1021 = E3C1
    #   -> C782^1021 = D7A3
    # The register after every byte:
    #   '0' D7A3   '0' 2EC9   '0' 3AFF   '1' 4E6B   ' ' E668   'I' 2C05   'D' E8AE   'N' 7B2C
    assert line_crc(b"0") == 0xD7A3
    assert line_crc(b"00") == 0x2EC9
    assert line_crc(b"0001 IDN") == 0x7B2C
