"""CRC-16/MODBUS against values that others published or that were worked by hand."""

from __future__ import annotations

from drivers.wire.encoding import crc16


def test_the_published_check_value():
    # Catalogue of parametrised CRC algorithms (reveng.sourceforge.io), CRC-16/MODBUS:
    # width 16, poly 0x8005, init 0xFFFF, reflected in and out, xorout 0: check("123456789") = 0x4B37
    assert crc16(b"123456789") == 0x4B37


def test_the_example_of_the_serial_line_specification():
    # MODBUS over Serial Line V1.02, appendix on CRC generation: address 02, function 07 gives 0x1241,
    # sent low byte first: 02 07 41 12
    assert crc16(bytes.fromhex("02 07")) == 0x1241


def test_a_text_worked_byte_by_byte():
    # "0001 IDN": start 0xFFFF; per byte: xor into the low byte, then eight times shift right and xor 0xA001 when a
    # 1 fell out. First byte '0' = 0x30: 0xFFFF ^ 0x30 = 0xFFCF;
    #   FFCF -> 7FE7^A001 = DFE6 -> 6FF3 -> 37F9^A001 = 97F8 -> 4BFC -> 25FE -> 12FF -> 097F^A001 = A97E -> 54BF
    # The register after every byte:
    #   '0' 54BF   '0' A415   '0' DB65   '1' FFDA   ' ' 437F   'I' 16C3   'D' 6256   'N' 0A62
    assert crc16(b"0") == 0x54BF
    assert crc16(b"00") == 0xA415
    assert crc16(b"0001 IDN") == 0x0A62
