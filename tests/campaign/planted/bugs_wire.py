"""Planted bugs of links and device drivers: who answers, whether it lives, what was carried out, where things stand."""

from __future__ import annotations

from tests.campaign.planted.model import bug

_COMMAND = "drivers/devices/command.py"
_DEVICE = "drivers/devices/commanded_device.py"
_IDENTITY = "drivers/devices/identity.py"

WIRE_BUGS = (
    bug(
        "retries on writes",
        "the link repeats a request by itself when its reply is lost",
        (
            "drivers/links/modbus.py",
            "            except TimeoutError:\n                raise self._timed_out(what) from None\n",
            "            except TimeoutError:\n                waiting = self._send(client, request)\n"
            "                timer = self._loop.call_later(self._reply_timeout_s, _time_out, waiting)\n"
            "                try:\n                    reply = await waiting\n"
            "                except TimeoutError:\n                    raise self._timed_out(what) from None\n",
        ),
    ),
    bug(
        "a new number after a lost reply",
        "a command whose reply is lost is sent again under the next number",
        (
            _COMMAND,
            "        except (ReplyTimeout, BadReply):\n            return None\n        except LinkLost as lost:\n"
            "            await self._regain(pending, lost)\n            return None\n        pending.is_write_confirmed",
            "        except (ReplyTimeout, BadReply):\n            pending.sequence += 1\n"
            "            return await self._write(pending)\n        except LinkLost as lost:\n"
            "            await self._regain(pending, lost)\n            return None\n        pending.is_write_confirmed",
        ),
    ),
    bug(
        "swapped words",
        "X and Y of the measured position are read the wrong way round",
        (
            "drivers/devices/gantry.py",
            'return GantryPosition(values["x_um"], values["y_um"], values["theta_deg"])',
            'return GantryPosition(values["y_um"], values["x_um"], values["theta_deg"])',
        ),
    ),
    bug(
        "stale frame",
        "a picture of an earlier exposure is taken as the present one",
        ("drivers/devices/camera.py", "if header.trigger_number == number:", "if header.trigger_number <= number:"),
        ("drivers/devices/camera.py", "if header.frame_number <= self._frame_number:", "if header.frame_number < 0:"),
    ),
    bug(
        "missing read-back",
        "the end of a gantry move is believed, its position not compared",
        ("drivers/devices/gantry.py", "if not (away_um <= IN_PLACE_UM and turned_deg <= IN_PLACE_DEG):", "if False:"),
    ),
    bug(
        "watchdog not verified",
        "the dead-man of a device is not looked at when connecting",
        (
            _IDENTITY,
            "if 0 < limit_s <= WATCHDOG_LIMIT_S + 1e-9 and action == WatchdogAction.STOP and runs == 1:",
            "if limit_s >= 0:",
        ),
    ),
    bug(
        "any serial number",
        "a device is taken by its kind alone, two of a kind may be swapped",
        (_IDENTITY, "    if serial_number is not None:\n", "    if serial_number == 0:\n"),
    ),
    bug(
        "torn status accepted",
        "a status that is half old and half new is used",
        (_DEVICE, "reading.host_heartbeat_echo != heartbeat or not reading.is_untorn", "False"),
    ),
    bug(
        "restart of a device unnoticed",
        "the boot number of a device is not compared",
        (_DEVICE, "        elif reading.boot_id != self._boot_id:", "        elif reading.boot_id < 0:"),
    ),
    bug(
        "counter of life ignored",
        "a status counts as fresh because it was received: neither counter of life nor echo is asked",
        (_DEVICE, "        if reading.life == self._life:", "        if reading.life < 0:"),
        (
            _DEVICE,
            "            if reading.host_heartbeat_echo != heartbeat or not reading.is_untorn:",
            "            if not reading.is_untorn:",
        ),
    ),
    bug(
        "no end of patience",
        "a device may be silent for ten minutes before the host says so",
        (_DEVICE, "        if silent_s < SILENCE_LIMIT_S:", "        if silent_s < 600.0:"),
    ),
    bug(
        "edge instead of level",
        "the stop is sent once instead of with every heartbeat",
        (
            _DEVICE,
            "        self._stop_level = level\n        return await self.beat()",
            "        self._stop_level = level\n        try:\n            return await self.beat()\n"
            "        finally:\n            self._stop_level = Stop.RUN",
        ),
    ),
    bug(
        "accepted is done",
        "the acknowledgement of a command counts as its end",
        (
            _COMMAND,
            "return _Phase.ENDED if state.done_seq == pending.sequence and not state.busy else _Phase.RUNNING",
            "return _Phase.ENDED",
        ),
    ),
    bug(
        "failed is done",
        "the result of a command that ended is not looked at",
        (_COMMAND, "        if state.result == Result.DONE:\n", "        if state.result != Result.NONE:\n"),
    ),
    bug(
        "a full bin has room",
        "the input that says the reject bin is full is read as its opposite",
        ("drivers/devices/safety.py", "bin_full=Inputs.BIN_FULL in bits", "bin_full=False"),
        ("station/guard/facts.py", '    "bin_full": int(plc_wire.Inputs.BIN_FULL),\n', '    "bin_full": 0,\n'),
    ),
)
