"""The host side of the handshake: whatever is lost, a command is executed once or its end is said to be unknown."""

from __future__ import annotations

import asyncio

import pytest

from drivers import errors
from drivers.wire.handshake import Reject, Result, Stop
from tests.drivers.device_model import GO, ModelDevice
from tests.support import virtual


def now_s() -> float:
    return asyncio.get_running_loop().time()


@virtual
async def test_a_command_is_executed_once_and_its_evidence_comes_back():
    device = ModelDevice(takes_s=1.0)
    assert await device.channel.execute(GO, {"x_um": 40}, expected_s=1.0) == {"x_um": 40}
    assert device.executed == [40]


@virtual
async def test_one_look_at_the_expected_end_is_enough():
    device = ModelDevice(takes_s=1.0)
    await device.channel.execute(GO, {"x_um": 1}, expected_s=1.001)
    assert (device.writes, device.polls) == (1, 1)
    assert now_s() == pytest.approx(1.001)


@virtual
async def test_a_slower_device_is_asked_every_5_to_20_ms_after_the_expected_end():
    device = ModelDevice(takes_s=1.1)
    await device.channel.execute(GO, {"x_um": 1}, expected_s=1.0)
    assert 5 <= device.polls <= 9
    assert now_s() == pytest.approx(1.1, abs=0.021)


@pytest.mark.parametrize("losses", [["request"], ["reply"], ["request", "reply"], ["reset"]])
def test_a_lost_request_or_reply_never_makes_the_device_move_twice(losses):
    @virtual
    async def story():
        device = ModelDevice()
        device.lose_writes = list(losses)
        assert await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0) == {"x_um": 5}
        await device.channel.execute(GO, {"x_um": 6}, expected_s=1.0)
        assert device.executed == [5, 6]

    story()


@virtual
async def test_after_a_lost_reply_the_device_is_read_and_not_written_again():
    device = ModelDevice()
    device.lose_writes = ["reply"]
    await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0)
    assert device.writes == 1


@virtual
async def test_a_block_that_never_arrives_is_given_up_after_three_writes_and_nothing_was_executed():
    device = ModelDevice()
    device.lose_writes = ["request"] * 9
    with pytest.raises(errors.ReplyTimeout, match="written 3 times and not accepted"):
        await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0)
    assert device.executed == []
    device.lose_writes = []
    await device.channel.execute(GO, {"x_um": 6}, expected_s=1.0)
    assert device.executed == [6]


@virtual
async def test_lost_polls_do_not_end_a_command():
    device = ModelDevice(takes_s=1.0)
    device.lose_polls = 2
    assert await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0) == {"x_um": 5}


@virtual
async def test_a_restarted_device_leaves_the_outcome_unknown_and_is_not_commanded_again():
    device = ModelDevice(takes_s=1.0)
    asyncio.get_running_loop().call_later(0.5, device.restart)
    with pytest.raises(errors.OutcomeUnknown, match="number 1: the device restarted"):
        await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0)
    assert device.executed == [5]
    assert now_s() == pytest.approx(0.5)


@virtual
async def test_a_link_that_stays_lost_leaves_the_outcome_unknown():
    device = ModelDevice()
    device.lose_writes = ["reset"]
    device.is_link_gone_for_good = True
    with pytest.raises(errors.OutcomeUnknown, match="link was lost") as caught:
        await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0)
    assert caught.value.details == {"sequence": 1, "link": "lost"}
    assert device.executed == [5]


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (Result.STOPPED, errors.DeviceStopped),
        (Result.WATCHDOG, errors.WatchdogBit),
        (Result.INTERLOCK, errors.InterlockOpen),
        (Result.NOT_HOMED, errors.NotHomed),
        (Result.LIMIT, errors.LimitExceeded),
        (Result.NO_CONTACT, errors.NoContact),
        (Result.EARLY_CONTACT, errors.EarlyContact),
        (Result.FORCE_LIMIT, errors.ForceLimitExceeded),
        (Result.AXIS_FAULT, errors.AxisFault),
        (Result.TIMED_OUT, errors.DeviceTimedOut),
        (Result.NOTHING_THERE, errors.NothingThere),
        (Result.NO_SIGNAL, errors.NoSignal),
    ],
)
def test_every_result_has_its_error_with_the_evidence(result, kind):
    @virtual
    async def story():
        device = ModelDevice(result=result)
        with pytest.raises(kind) as caught:
            await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0)
        assert type(caught.value) is kind
        assert (caught.value.device, caught.value.command) == ("model", "go")
        assert caught.value.details == {"x_um": 5}
        assert "x_um 5" in str(caught.value)
        device.result = Result.DONE
        await device.channel.execute(GO, {"x_um": 6}, expected_s=1.0)

    story()


@virtual
async def test_a_rejected_command_was_not_executed_and_its_number_is_still_free():
    device = ModelDevice()
    device.reject = Reject.BAD_ARGUMENT
    with pytest.raises(errors.Rejected, match="bad argument"):
        await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0)
    device.reject = Reject.NONE
    await device.channel.execute(GO, {"x_um": 6}, expected_s=1.0)
    assert device.executed == [6]


@virtual
async def test_a_target_outside_the_declared_limits_is_never_sent():
    device = ModelDevice()
    with pytest.raises(errors.LimitExceeded, match="allowed 0 to 1000"):
        await device.channel.execute(GO, {"x_um": 1001}, expected_s=1.0)
    assert device.writes == 0


@virtual
async def test_a_device_that_does_not_end_is_stopped_and_the_message_has_the_numbers():
    device = ModelDevice(takes_s=60.0)
    with pytest.raises(errors.DeviceTimedOut, match=r"expected 1\.000 s, allowed 1\.700 s") as caught:
        await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0)
    assert caught.value.details["allowed_s"] == pytest.approx(1.7)
    assert device.stop_level == Stop.RUN, "it stands, so the stop is released"
    device.takes_s = 1.0
    await device.channel.execute(GO, {"x_um": 6}, expected_s=1.0)
    assert device.executed == [5, 6]


@virtual
async def test_a_second_command_at_the_same_time_is_refused_before_it_is_sent():
    device = ModelDevice()
    first = asyncio.ensure_future(device.channel.execute(GO, {"x_um": 5}, expected_s=1.0))
    await asyncio.sleep(0.1)
    with pytest.raises(errors.Rejected, match="under way"):
        await device.channel.execute(GO, {"x_um": 6}, expected_s=1.0)
    await first
    assert device.executed == [5]


@virtual
async def test_after_a_cancelled_caller_the_next_command_waits_for_the_end_of_the_first():
    device = ModelDevice(takes_s=1.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.8):
            await device.channel.execute(GO, {"x_um": 5}, expected_s=1.0)
    assert await device.channel.execute(GO, {"x_um": 6}, expected_s=1.0) == {"x_um": 6}
    assert device.executed == [5, 6]
    assert now_s() == pytest.approx(2.0, abs=0.05)
