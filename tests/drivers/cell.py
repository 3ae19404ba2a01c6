"""All drivers of the station, connected to a simulated plant over its wires."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from drivers.devices.board_reader import BoardReader
from drivers.devices.camera import Camera
from drivers.devices.conveyor import Conveyor
from drivers.devices.dip_unit import DipUnit
from drivers.devices.feeder import Feeder
from drivers.devices.film_gauge import FilmGauge
from drivers.devices.gantry import Gantry
from drivers.devices.head import Head
from drivers.devices.lights import Lights
from drivers.devices.motion_plc import MotionPlc
from drivers.devices.safety import Safety
from drivers.errors import DriverError
from drivers.links.capture import Capture
from drivers.links.frame_stream import FrameStream
from drivers.links.modbus import ModbusLink
from drivers.links.serial_line import SerialLine
from drivers.wire.camera_frame import DOWN, UP
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario

SESSION = 4711


@dataclass(frozen=True, slots=True)
class Bench:
    """The plant with its truth on one side, the drivers on the other; `lost` holds what `on_lost` reported."""

    plant: Plant
    plc: MotionPlc
    gantry: Gantry
    conveyor: Conveyor
    feeder: Feeder
    safety: Safety
    head: Head
    dip_unit: DipUnit
    film_gauge: FilmGauge
    lights: Lights
    board_reader: BoardReader
    up_camera: Camera
    down_camera: Camera
    lost: list[DriverError]


@asynccontextmanager
async def bench(
    scenario: Scenario | None = None, write_line: Callable[[str], object] | None = None
) -> AsyncIterator[Bench]:
    plant = Plant(Scenario() if scenario is None else scenario)
    ports = await plant.start()
    capture = None if write_line is None else Capture(write_line)
    lost: list[DriverError] = []

    def line(name: str, port: int) -> SerialLine:
        return SerialLine(f"socket://127.0.0.1:{port}", name=name, capture=capture)

    plc = MotionPlc(
        ModbusLink(f"tcp://127.0.0.1:{ports.plc}", 1, name="plc", capture=capture), session=SESSION, on_lost=lost.append
    )
    dip_unit = DipUnit(
        ModbusLink(f"rtu://127.0.0.1:{ports.dip_unit}", 2, name="dip unit", capture=capture),
        session=SESSION,
        on_lost=lost.append,
    )
    head = Head(line("head", ports.head), session=SESSION, on_lost=lost.append)
    film_gauge = FilmGauge(line("film gauge", ports.film_gauge), session=SESSION, on_lost=lost.append)
    lights = Lights(line("lights", ports.lights))
    board_reader = BoardReader(line("board reader", ports.board_reader))
    up_camera = Camera(FrameStream(f"socket://127.0.0.1:{ports.up_camera}", name="up camera"), UP)
    down_camera = Camera(FrameStream(f"socket://127.0.0.1:{ports.down_camera}", name="down camera"), DOWN)
    devices = (plc, dip_unit, head, film_gauge, lights, board_reader, up_camera, down_camera)
    try:
        for device in devices:
            await device.connect()
        yield Bench(
            plant,
            plc,
            Gantry(plc),
            Conveyor(plc),
            Feeder(plc),
            Safety(plc),
            head,
            dip_unit,
            film_gauge,
            lights,
            board_reader,
            up_camera,
            down_camera,
            lost,
        )
    finally:
        for device in devices:
            await device.close()
        await plant.stop()
