"""The loop of the simulated shift: the order of callbacks and bytes, and what moves its clock."""

from __future__ import annotations

import asyncio

import pytest

from sim_hardware import virtual_time
from sim_hardware.virtual_time import TIMERS_TIDY, MemoryTransport, Stalled, VirtualTimeLoop
from tests.support import virtual


class Recorder(asyncio.Protocol):
    """Keeps what it receives; answers every request twice over when it is the listening end."""

    def __init__(self, answers: bool = False) -> None:
        self.answers = answers
        self.received: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, MemoryTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received.append(data)
        if self.answers:
            self.transport.write(data * 2)


async def cable(answers: bool = False) -> tuple[Recorder, Recorder]:
    """Calling end, listening end."""
    loop = asyncio.get_running_loop()
    far = Recorder(answers)
    server = await loop.create_server(lambda: far, "127.0.0.1", 0)
    _, near = await loop.create_connection(Recorder, "127.0.0.1", server.sockets[0].getsockname()[1])
    return near, far


@virtual
async def test_timers_run_by_time_and_then_in_the_order_in_which_they_were_set() -> None:
    loop = asyncio.get_running_loop()
    ran: list[str] = []
    loop.call_at(2.0, ran.append, "second")
    loop.call_at(1.0, ran.append, "first a")
    loop.call_at(1.0, ran.append, "first b")
    loop.call_soon(ran.append, "now")
    await asyncio.sleep(3.0)
    assert ran == ["now", "first a", "first b", "second"]
    assert loop.time() == 3.0


@virtual
async def test_a_cancelled_timer_neither_runs_nor_moves_the_clock() -> None:
    loop = asyncio.get_running_loop()
    loop.call_at(1.0, pytest.fail, "cancelled and run").cancel()
    waiting = loop.create_future()
    loop.call_at(2.5, waiting.set_result, None)
    await waiting
    assert loop.time() == 2.5


@virtual
async def test_cancelled_time_outs_of_the_far_future_are_forgotten() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    for _ in range(10 * TIMERS_TIDY):
        loop.call_later(3600.0, print).cancel()
    assert len(loop._timers) <= TIMERS_TIDY + 1


def test_a_callback_that_fails_does_not_stop_the_loop() -> None:
    reported: list[str] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
        loop.call_soon(int, "no number")
        await asyncio.sleep(1.0)

    virtual_time.run(story())
    assert len(reported) == 1
    assert "no number" in reported[0]


def test_waiting_for_ever_is_told_at_once() -> None:
    with pytest.raises(Stalled, match="wait for ever"):
        virtual_time.run(asyncio.Event().wait())


@virtual
async def test_the_listening_end_receives_at_once_and_no_reply_comes_before_the_write_has_returned() -> None:
    near, far = await cable(answers=True)
    near.transport.write(b"a")
    assert far.received == [b"a"]
    assert near.received == []
    await asyncio.sleep(0)
    assert near.received == [b"aa"]


@virtual
async def test_bytes_keep_their_order_over_a_pause() -> None:
    near, far = await cable()
    far.transport.pause_reading()
    near.transport.write(b"1")
    near.transport.write(b"2")
    assert far.received == []
    far.transport.resume_reading()
    near.transport.write(b"3")
    await asyncio.sleep(0)
    assert far.received == [b"1", b"2", b"3"]


@virtual
async def test_a_late_reply_of_an_end_that_was_closed_does_not_arrive() -> None:
    near, far = await cable()
    far.transport.write_at(1.0, b"in time")
    far.transport.write_at(2.0, b"too late")
    asyncio.get_running_loop().call_at(1.5, far.transport.close)
    await asyncio.sleep(3.0)
    assert near.received == [b"in time"]


def test_a_slow_executor_does_its_job_so_much_later_and_the_clock_goes_on_meanwhile() -> None:
    class Slow:
        takes_s = 5.0

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(Slow(), loop.time)  # type: ignore[arg-type]
        await asyncio.sleep(1.0)
        assert not job.done()
        return await job, loop.time()

    assert virtual_time.run(main()) == (5.0, 5.0)
