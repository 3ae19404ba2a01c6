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

EXCHANGES = 1_500
ROUNDS = 5
SHIFT_BOARDS = 8


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


async def _cost_us(exchange: Callable[[], Awaitable[object]]) -> float:
    """Processor time of one exchange, the best of a few rounds."""
    best_s = float("inf")
    for _ in range(ROUNDS):
        started_s = time.process_time()
        for _ in range(EXCHANGES):
            await exchange()
        best_s = min(best_s, time.process_time() - started_s)
    return best_s / EXCHANGES * 1e6


async def _wires() -> dict[str, float]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, caller = await loop.create_connection(_Caller, "127.0.0.1", port)
    costs = {"echo": await _cost_us(caller.ask)}
    caller.transport.close()
    server.close()
    async with bench() as cell:
        costs["Modbus TCP beat, motion PLC"] = await _cost_us(cell.plc.beat)
        costs["Modbus RTU beat, dip unit"] = await _cost_us(cell.dip_unit.beat)
        costs["serial beat, head"] = await _cost_us(cell.head.beat)
        costs["serial beat, film gauge"] = await _cost_us(cell.film_gauge.beat)
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
    echo_us = costs["echo"]
    for name, cost_us in costs.items():
        sys.stdout.write(f"{name:30} {cost_us:8.1f} us  {cost_us / echo_us:6.1f} echoes\n")
    simulated_s, cpu_s = _shift()
    per_second_ms = 1e3 * cpu_s / simulated_s
    sys.stdout.write(
        f"{'shift, a simulated second':30} {per_second_ms:8.2f} ms  {1e3 * per_second_ms / echo_us:6.0f} echoes\n"
        f"{simulated_s / cpu_s:.0f} simulated s per processor s; 8 h would take {28_800 * cpu_s / simulated_s:.0f} s\n"
    )


if __name__ == "__main__":
    main()
