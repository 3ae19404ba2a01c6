"""The served cell on real sockets in real time: a foreign Modbus client, Ctrl-C, a taken port."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from pathlib import Path

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from drivers.wire.camera_frame import HEADER_BYTES, UP, FrameHeader, Trigger
from drivers.wire.common import IDENTITY, PATTERN_U32
from drivers.wire.encoding import Block
from sim_hardware.__main__ import main
from sim_hardware.cabling import PortTaken
from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering, Scenario
from tests.sim_hardware.raw import PlcHost, Wire
from tests.support import real, virtual

pytestmark = pytest.mark.real_time


async def read_with_pymodbus(port: int, unit: int, framer: FramerType, block: Block) -> dict[str, float]:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, framer=framer, retries=0, timeout=5)
    assert await client.connect()
    reply = await client.read_holding_registers(block.address, count=block.word_count, device_id=unit)
    client.close()
    await asyncio.sleep(0.01)
    assert not reply.isError()
    return dict(block.unpack(reply.registers))


async def both_identities() -> None:
    plant = Plant(Scenario())
    ports = await plant.start()
    plc = await read_with_pymodbus(ports.plc, 1, FramerType.SOCKET, IDENTITY)
    dip = await read_with_pymodbus(ports.dip_unit, 2, FramerType.RTU, IDENTITY)
    await plant.stop()
    assert (plc["pattern_u32"], plc["device_kind"]) == (PATTERN_U32, 1)
    assert (dip["pattern_u32"], dip["device_kind"]) == (PATTERN_U32, 2)


@real
async def test_a_foreign_client_reads_both_identities_on_real_sockets() -> None:
    await both_identities()


@virtual
async def test_the_same_client_reads_both_identities_in_virtual_time() -> None:
    await both_identities()


@real
async def test_the_service_writes_its_ports_answers_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    ports_file = tmp_path / "ports.json"
    command = ("-m", "sim_hardware", "--port-base", "0", "--ports-file", str(ports_file), "--seed", "3")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert b"seed 3" in await process.stdout.readline()
    ports = json.loads(ports_file.read_text())
    reader, writer = await asyncio.open_connection("127.0.0.1", ports["control"])
    writer.write(b'{"do": "truth"}\n')
    assert json.loads(await reader.readline())["ok"] is True
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    writer.close()
    assert (process.returncode, errors) == (0, b"")


@real
async def test_a_taken_port_is_told_with_its_device_and_nothing_stays_open() -> None:
    first = Plant(Scenario())
    ports = await first.start()
    second = Plant(Scenario())
    with pytest.raises(PortTaken, match=f"port {ports.plc} for plc"):
        await second.start(port_base=ports.plc)
    await second.stop()
    await first.stop()


def test_a_service_that_cannot_start_says_why_and_returns_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scenario", "nowhere.json"]) == 2
    assert "cannot start: scenario file nowhere.json" in capsys.readouterr().err


@real
async def test_while_a_picture_is_drawn_the_other_devices_go_on_answering() -> None:
    plant = Plant(Scenario(rendering=Rendering.FULL))
    ports = await plant.start()
    host, camera = await PlcHost.open(ports.plc), await Wire.open(ports.up_camera)
    draws = asyncio.Event()
    may_end = threading.Event()

    def slow_picture() -> bytes:
        loop.call_soon_threadsafe(draws.set)
        may_end.wait()
        return bytes(plant.up_camera.truth.width_px * plant.up_camera.truth.height_px)

    loop = asyncio.get_running_loop()
    plant.up_camera._picture = lambda light, truth: slow_picture  # type: ignore[method-assign]
    camera.send(Trigger(UP, 1, 2_000).encode())
    await draws.wait()
    before = (await host.status())["sequence_end"]
    assert (await host.status())["sequence_end"] == before + 1
    may_end.set()
    header = FrameHeader.decode(await camera.take(HEADER_BYTES))
    assert len(await camera.take(header.payload_bytes)) == header.width * header.height
    await host.close()
    await camera.close()
    await plant.stop()
