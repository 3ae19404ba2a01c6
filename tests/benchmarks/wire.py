"""What the wires of a simulated shift cost: `python -m tests.benchmarks.wire` prints ratios, it judges nothing.

A machine is slow or busy in its own way, so every cost stands beside that of a plain echo in the same run: 32 bytes
there and back through the in-memory network, awaited. Only the processor time of this process counts.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from sim_hardware import virtual_time
from sim_hardware.scenario import Rendering
from station.demo.run import Order, run
from tests.drivers.cell import bench

EXCHANGES = 100
ROUNDS = 40
SHIFT_BOARDS = 8

Exchange = Callable[[], Awaitable[object]]


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class _Caller(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._reply: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        assert self._reply is not None
        self._reply.set_result(data)

    async def ask(self) -> None:
        self._reply = asyncio.get_running_loop().create_future()
        self.transport.write(bytes(32))
        await self._reply


async def _spent_s(exchange: Exchange) -> float:
    started_s = time.process_time()
    for _ in range(EXCHANGES):
        await exchange()
    return time.process_time() - started_s


async def _beside_echo(exchange: Exchange, echo: Exchange) -> tuple[float, float]:
    """Processor time of one exchange and of one echo, us, in turns: what slows the machine slows both."""
    exchange_s = echo_s = 0.0
    for _ in range(ROUNDS):
        echo_s += await _spent_s(echo)
        exchange_s += await _spent_s(exchange)
    each_us = 1e6 / (ROUNDS * EXCHANGES)
    return exchange_s * each_us, echo_s * each_us


async def _wires() -> dict[str, tuple[float, float]]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Echo, "127.0.0.1", 0)
    _, caller = await loop.create_connection(_Caller, "127.0.0.1", server.sockets[0].getsockname()[1])
    async with bench() as cell:
        beats: dict[str, Exchange] = {
            "Modbus TCP beat, motion PLC": cell.plc.beat,
            "Modbus RTU beat, dip unit": cell.dip_unit.beat,
            "serial beat, head": cell.head.beat,
            "serial beat, film gauge": cell.film_gauge.beat,
        }
        costs = {name: await _beside_echo(beat, caller.ask) for name, beat in beats.items()}
    caller.transport.close()
    server.close()
    return costs


def _shift() -> tuple[float, float]:
    """Simulated seconds and processor seconds of a short shift that keeps no image."""
    order = Order(
        "pop_12x12_168",
        boards=SHIFT_BOARDS,
        rendering=Rendering.OBSERVATION,
        keep_images=False,
        durability="normal",
    )
    with tempfile.TemporaryDirectory(prefix="station-bench-") as folder:
        warm, shift = Path(folder) / "warm", Path(folder) / "shift"
        run(replace(order, boards=1), warm)
        gc.collect()
        started_s = time.process_time()
        ran = run(order, shift)
        return ran.simulated_s, time.process_time() - started_s


def main() -> None:
    """Print the costs of one exchange per wire and of a short shift."""
    costs = virtual_time.run(_wires())
    for name, (cost_us, echo_us) in costs.items():
        sys.stdout.write(f"{name:30} {cost_us:8.1f} us, an echo {echo_us:5.1f} us: {cost_us / echo_us:6.1f} echoes\n")
    simulated_s, cpu_s = _shift()
    sys.stdout.write(
        f"{'shift, a simulated second':30} {1e3 * cpu_s / simulated_s:8.2f} ms\n"
        f"{simulated_s / cpu_s:.0f} simulated s per processor s; 8 h would take {28_800 * cpu_s / simulated_s:.0f} s\n"
    )


if __name__ == "__main__":
    main()
