"""Serial lines, lights, barcode reader and cameras on the wire, packed by hand."""

from __future__ import annotations

import json

import pytest

from drivers.wire import board_reader, camera_frame, lights
from drivers.wire.camera_frame import DOWN, HEADER_BYTES, UP, FrameHeader, PixelFormat, Trigger, checksum
from drivers.wire.motion_plc import CHANGE_TRAY, LOAD_BOARD
from drivers.wire.serial_frames import IDENTITY, LINE_LIMIT_BYTES, SerialFrame, decode
from sim_hardware.faults import FaultSpec
from sim_hardware.scenario import Rendering, Scenario
from tests.sim_hardware.raw import PlcHost, Wire, cell
from tests.support import virtual


async def ask(wire: Wire, verb: str, *fields: str, number: int = 7) -> SerialFrame:
    wire.send(SerialFrame("#", number, verb, fields).encode())
    return decode(await wire.reader.readline())


@virtual
async def test_a_line_repeats_number_and_verb_and_tells_who_is_there() -> None:
    async with cell() as (plant, ports):
        wire = await Wire.open(ports.lights)
        reply = await ask(wire, "IDN", number=0xBEEF)
        assert (reply.mark, reply.number, reply.verb) == ("@", 0xBEEF, "IDN")
        identity = IDENTITY.unpack(reply.fields)
        assert identity["pattern_um"] == pytest.approx(-12345.6)
        assert identity["device_kind"] == lights.DEVICE_KIND
        assert identity["boot_id"] == plant.lights.core.boot_id
        await wire.close()


@virtual
async def test_noise_bad_checksums_echoes_and_endless_lines_get_no_answer_and_do_no_harm() -> None:
    async with cell() as (_, ports):
        wire = await Wire.open(ports.lights)
        good = SerialFrame("#", 1, "IDN", ()).encode()
        for bad in (
            b"\xff\xfe\r\n",
            good.replace(b"IDN", b"IDM"),
            SerialFrame("@", 1, "IDN", ()).encode(),
            SerialFrame("#", 1, "XYZ", ()).encode(),
            SerialFrame("#", 1, "SET", ("1", "2")).encode(),
            SerialFrame("#", 1, "SET", ("1", "2000", "0", "100")).encode(),
            b"A" * (3 * LINE_LIMIT_BYTES) + b"\n",
        ):
            wire.send(bad)
            assert await wire.silence(0.1)
        wire.send(b"\x00garbage" + good)  # noise before a good frame does not spoil it
        assert decode(await wire.reader.readline()).verb == "IDN"
        await wire.close()


@virtual
async def test_the_reader_reads_board_tray_and_material_and_an_unreadable_code_is_empty() -> None:
    async with cell() as (plant, ports):
        wire, host = await Wire.open(ports.board_reader), await PlcHost.open(ports.plc)
        assert (await ask(wire, "REA", "1")).fields == ()
        await host.run("transport", LOAD_BOARD, 1)
        await host.run("feeder", CHANGE_TRAY, 1)
        codes = [board_reader.decode_code((await ask(wire, "REA", str(which))).fields) for which in (1, 2, 3)]
        assert codes == ["B0001", "LOT-0001", plant.scenario.material_lot]
        plant.faults.inject(FaultSpec("code_unreadable", nth=1), plant.now())
        assert (await ask(wire, "REA", "1")).fields == ()
        await host.close()
        await wire.close()


async def picture(wire: Wire, camera: int, number: int, exposure_us: int = 2000) -> tuple[FrameHeader, bytes]:
    wire.send(Trigger(camera, number, exposure_us).encode())
    header = FrameHeader.decode(await wire.take(HEADER_BYTES))
    return header, await wire.take(header.payload_bytes)


@virtual
async def test_one_trigger_gives_one_frame_after_exposure_and_readout_with_a_growing_number() -> None:
    async with cell(Scenario(rendering=Rendering.FULL)) as (plant, ports):
        wire = await Wire.open(ports.down_camera)
        start_s = plant.now()
        first, pixels = await picture(wire, DOWN, 100)
        assert plant.now() - start_s == pytest.approx(0.002 + plant.machine.down_camera.readout_s)
        assert (first.trigger_number, first.camera, first.pixel_format) == (100, DOWN, PixelFormat.MONO8)
        assert len(pixels) == 1280 * 1024
        assert checksum(pixels) == first.payload_crc32
        second, _ = await picture(wire, DOWN, 101)
        assert second.frame_number == first.frame_number + 1
        assert second.exposure_start_us > first.exposure_start_us
        await wire.close()


@virtual
async def test_without_light_the_picture_is_dark_and_with_light_it_is_not() -> None:
    async with cell(Scenario(rendering=Rendering.FULL)) as (_, ports):
        wire, lamp = await Wire.open(ports.down_camera), await Wire.open(ports.lights)
        _, dark = await picture(wire, DOWN, 1)
        assert max(dark) < 16
        fields = lights.LIGHT.pack(
            {"camera": lights.DOWN_CAMERA, "ring_ratio": 0.5, "coax_ratio": 0.5, "strobe_s": 0.002}
        )
        assert (await ask(lamp, "SET", *fields)).fields == fields
        _, lit = await picture(wire, DOWN, 2)
        assert sum(lit) > 1.5 * sum(dark)
        await wire.close()
        await lamp.close()


@virtual
async def test_a_trigger_during_readout_or_for_the_other_camera_is_not_seen_and_nonsense_ends_the_connection() -> None:
    async with cell(Scenario(rendering=Rendering.FULL)) as (_, ports):
        wire = await Wire.open(ports.down_camera)
        wire.send(Trigger(UP, 1, 2000).encode())
        wire.send(Trigger(DOWN, 2, 2000).encode() + Trigger(DOWN, 3, 2000).encode())
        header = FrameHeader.decode(await wire.take(HEADER_BYTES))
        assert header.trigger_number == 2
        await wire.take(header.payload_bytes)
        assert await wire.silence(0.2)
        wire.send(b"x" * camera_frame.TRIGGER_BYTES)
        assert await wire.reader.read() == b""
        await wire.close()


@virtual
async def test_an_observation_is_json_and_says_nothing_is_there_when_nothing_is_there() -> None:
    async with cell() as (_, ports):
        wire = await Wire.open(ports.up_camera)
        header, payload = await picture(wire, UP, 1)
        assert header.pixel_format == PixelFormat.OBSERVATION
        assert json.loads(payload)["package"] is None
        await wire.close()
