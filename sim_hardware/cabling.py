"""Which device answers on which port: opens and closes the servers of the cell.

Bytes are the business of `servers`, meaning that of `devices`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sim_hardware.devices.lines import LineDevice
from sim_hardware.devices.registers import RegisterDevice
from sim_hardware.servers.cable import Cable
from sim_hardware.servers.frames import FrameStream
from sim_hardware.servers.modbus import ModbusRtu, ModbusTcp
from sim_hardware.servers.serial_line import SerialLine

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

PORT_NAMES = (
    "plc",
    "dip_unit",
    "head",
    "film_gauge",
    "lights",
    "board_reader",
    "up_camera",
    "down_camera",
    "control",
)
"""In this order the ports follow each other from the port base."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP port of every server."""

    plc: int
    """Modbus TCP"""
    dip_unit: int
    """Modbus RTU frames in a stream"""
    head: int
    """serial lines in a stream, as are film_gauge, lights and board_reader"""
    film_gauge: int
    lights: int
    board_reader: int
    up_camera: int
    """frame stream"""
    down_camera: int
    control: int
    """JSON lines for the harness, no part of the machine"""

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class PortTaken(OSError):
    """A port cannot be opened; the message says which and for which device."""


class Cabling:
    """The servers of one plant; `cables` by port name."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        latency_s = plant.machine.link_latency_s
        self.cables: dict[str, Cable] = {
            name: Cable(name, plant.loop, plant.faults, 0.0 if name == "control" else latency_s) for name in PORT_NAMES
        }
        self._servers: list[asyncio.AbstractServer] = []
        self.ports: Ports | None = None

    def devices(self) -> dict[str, RegisterDevice | LineDevice]:
        """All devices that can be rebooted, by port name."""
        plant = self._plant
        return {
            "plc": plant.plc,
            "dip_unit": plant.dip_unit,
            "head": plant.head,
            "film_gauge": plant.film_gauge,
            "lights": plant.lights,
            "board_reader": plant.board_reader,
        }

    def _protocols(self) -> dict[str, Callable[[], asyncio.BaseProtocol]]:
        from sim_hardware.control import ControlLine

        plant, cables = self._plant, self.cables
        return {
            "plc": lambda: ModbusTcp(plant.plc, cables["plc"]),
            "dip_unit": lambda: ModbusRtu(plant.dip_unit, cables["dip_unit"]),
            "head": lambda: SerialLine(plant.head, cables["head"]),
            "film_gauge": lambda: SerialLine(plant.film_gauge, cables["film_gauge"]),
            "lights": lambda: SerialLine(plant.lights, cables["lights"]),
            "board_reader": lambda: SerialLine(plant.board_reader, cables["board_reader"]),
            "up_camera": lambda: FrameStream(plant.up_camera, cables["up_camera"]),
            "down_camera": lambda: FrameStream(plant.down_camera, cables["down_camera"]),
            "control": lambda: ControlLine(plant, cables["control"]),
        }

    async def start(self, host: str, port_base: int) -> Ports:
        """Open all ports. Raises PortTaken after closing those already open."""
        protocols = self._protocols()
        found: dict[str, int] = {}
        for index, name in enumerate(PORT_NAMES):
            wanted = port_base + index if port_base else 0
            try:
                server = await self._plant.loop.create_server(protocols[name], host, wanted)
            except OSError as error:
                await self.stop()
                raise PortTaken(
                    error.errno, f"port {wanted} for {name} cannot be opened: {error.strerror or error}"
                ) from error
            self._servers.append(server)
            found[name] = self.cables[name].port = server.sockets[0].getsockname()[1]
        self.ports = Ports(**found)
        return self.ports

    async def stop(self) -> None:
        """Close all servers and connections and let the connections end."""
        for server in self._servers:
            server.close()
        for cable in self.cables.values():
            cable.close()
        self._servers.clear()
        await asyncio.sleep(0)
