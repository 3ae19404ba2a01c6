"""A flood of requests from a process of its own: `python -m tests.benchmarks.flood PORT` counts answers until ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import Counter

CONNECTIONS = 16
AT_ONCE = 8
PATHS = ("/v1/health", "/v1/station", "/v1/jobs", "/v1/alarms")


async def flood(port: int) -> Counter[str]:
    """Ask as fast as answers come, on many connections; returns how often which status came."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    counts: Counter[str] = Counter()
    asking = [loop.create_task(_ask(port, number, counts)) for number in range(CONNECTIONS)]
    await ended.wait()
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return counts


async def _ask(port: int, number: int, counts: Counter[str]) -> None:
    path = PATHS[number % len(PATHS)]
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode() * AT_ONCE
    while True:
        writer = None
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # A refusal closes the connection: then all begins anew.
            while not reader.at_eof():
                writer.write(request)
                data = await reader.read(1_000_000)
                for status in ("200", "429", "503"):
                    counts[status] += data.count(f"HTTP/1.1 {status}".encode())
        if writer is not None:
            writer.close()
        await asyncio.sleep(0)


if __name__ == "__main__":
    found = asyncio.run(flood(int(sys.argv[1])))
    print(" ".join(f"{status}={count}" for status, count in sorted(found.items())))
