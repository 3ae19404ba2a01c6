"""Serial lines and camera headers byte by byte, worked by hand from the declared grammar."""

from __future__ import annotations

from drivers.links.serial_line import SerialLine
from drivers.wire.camera_frame import FrameHeader, PixelFormat, Trigger
from drivers.wire.film_gauge import STATUS
from drivers.wire.head import decode_curve
from tests.drivers.peers import RawPeer
from tests.support import virtual


@virtual
async def test_a_request_line_and_its_reply():
    # '#' 0001 IDN '*' CRC CR LF; CRC of "0001 IDN" worked byte by byte in test_crc: 7B2C.
    # Reply "0001 IDN -123456 1" : CRC bit by bit over "0001 IDN -123456 1" = 6DF3
    async with RawPeer(lambda peer, _: peer.send(b"@0001 IDN -123456 1*6DF3\r\n")) as peer:
        line = SerialLine(f"socket://127.0.0.1:{peer.port}", name="head")
        await line.connect()
        assert await line.request("IDN") == ("-123456", "1")
        assert peer.received == [b"#0001 IDN*7B2C\r\n"]
        await line.close()


@virtual
async def test_a_heartbeat_line():
    # session 0x11223344 = 287454020, heartbeat 1, stop 0; second request of the line: number 0002.
    # CRC bit by bit over "0002 BEA 287454020 1 0" = 7077
    # Reply "0002 BEA 1 2": 3CD3
    replies = [b"@0001 IDN*7B2C\r\n", b"@0002 BEA 1 2*3CD3\r\n"]
    async with RawPeer(lambda peer, _: peer.send(replies.pop(0))) as peer:
        line = SerialLine(f"socket://127.0.0.1:{peer.port}", name="head")
        await line.connect()
        await line.request("IDN")
        assert await line.request("BEA", ("287454020", "1", "0")) == ("1", "2")
        assert peer.received[1] == b"#0002 BEA 287454020 1 0*7077\r\n"
        await line.close()


def test_a_gauge_status_line_means_these_numbers():
    # boot, life, echo, film present; session, number, busy, done, result; height 0.01 um, quality 0.001; 4 unused;
    # reject number and reason
    fields = ["4660", "17", "9", "1", "287454020", "5", "0", "5", "1", "5012", "950", "0", "0", "0", "0", "0", "0"]
    values = STATUS.unpack(fields)
    assert (values["boot_id"], values["film_present"], values["gauge_done_seq"]) == (4660, 1, 5)
    assert values["gauge_evidence_0"] == 5012


def test_a_curve_field():
    # index 00A = 10; Z 2710B + ... : 0x3D090 = 250000 counts of 0.1 um = 25000 um; force 0x8000 + 1500 = 0x85DC
    assert decode_curve("00A3D09085DC") == [(10, 25_000.0, 1.5)]
    # pulling: -250 counts: 0x8000 - 0xFA = 0x7F06
    assert decode_curve("00B3D0907F06")[0][2] == -0.25


def test_a_trigger():
    # "DPTR", version 0001, camera 0001, trigger 0000002A, exposure 2000 us = 000007D0
    assert Trigger(1, 42, 2000).encode() == bytes.fromhex("44505452 0001 0001 0000002A 000007D0")


def test_a_frame_header():
    # "DPFR", version, camera 2, trigger 42, frame 7, start 1 000 000 us (8 bytes), exposure 2000 us,
    # 4 x 2 pixels, mono8 = 1, gain 1000 = 03E8, 8 bytes, CRC-32 of the payload (given by the camera)
    data = bytes.fromhex(
        "44504652 0001 0002 0000002A 00000007 00000000000F4240 000007D0 0004 0002 0001 03E8 00000008 CBF43926"
    )
    assert FrameHeader.decode(data) == FrameHeader(
        2, 42, 7, 1_000_000, 2000, 4, 2, PixelFormat.MONO8, 1000, 8, 0xCBF43926
    )
