"""Machine, service and broker as processes of their own on real sockets, for the stories in real time.

Ports are free ones, everything lives below one folder, and every process is ended by its own id.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from sim_hardware.scenario import Rendering, dump
from sim_hardware.world.machine import Fidelity
from station.demo.scenario import scenario_for
from tests.scenarios.bench import recipe

POLL_S = 0.05
STARTS_WITHIN_S = 20.0


class Process:
    """A process whose output is kept in a file."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        self._output = folder / f"{name}.log"
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(arguments, stdout=output, stderr=output, env=dict(os.environ))

    @property
    def said(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=15)


def wait_for(what: str, *processes: Process, condition: Any, within_s: float = STARTS_WITHIN_S) -> Any:
    """Until `condition()` is true; fails with what the processes said when one of them ended."""
    give_up_s = time.monotonic() + within_s
    while time.monotonic() < give_up_s:
        found = condition()
        if found:
            return found
        for process in processes:
            assert process.process.poll() is None, f"{what}: a process ended: {process.said}"
        time.sleep(POLL_S)
    raise AssertionError(f"{what}: not within {within_s} s. " + " ".join(p.said for p in processes))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Line:
    """The machine, and a service that can be started more than once."""

    def __init__(self, folder: Path, broker_port: int | None = None) -> None:
        self.folder, self.broker_port = folder, broker_port
        scenario = folder / "scenario.json"
        scenario.write_text(
            json.dumps(dump(scenario_for(recipe(), seed=5, fidelity=Fidelity.IDEAL, rendering=Rendering.OBSERVATION)))
        )
        self.ports_file = folder / "ports.json"
        self.machine = Process(
            folder,
            "machine",
            *(sys.executable, "-m", "sim_hardware", "--scenario", str(scenario)),
            *("--port-base", "0", "--ports-file", str(self.ports_file)),
        )
        wait_for("machine", self.machine, condition=self.ports_file.exists)
        control = int(json.loads(self.ports_file.read_text())["control"])
        self._socket = socket.create_connection(("127.0.0.1", control))
        self._control = self._socket.makefile("rw")
        self.service: Process | None = None
        self.url = ""

    def start_service(self) -> None:
        url_file = self.folder / "url"
        url_file.unlink(missing_ok=True)
        mqtt = () if self.broker_port is None else ("--mqtt-url", f"mqtt://127.0.0.1:{self.broker_port}/s/a/l")
        self.service = Process(
            self.folder,
            "service",
            *(sys.executable, "-m", "station", "run", "--port", "0", "--url-file", str(url_file), "--simulated"),
            *("--data-dir", str(self.folder / "data"), "--machine-ports", str(self.ports_file), *mqtt),
        )
        self.url = wait_for(
            "service", self.service, condition=lambda: url_file.exists() and url_file.read_text(encoding="utf-8")
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """A question to the machine's harness line: what is true."""
        self._control.write(json.dumps(request) + "\n")
        self._control.flush()
        reply: dict[str, Any] = json.loads(self._control.readline())
        assert reply.pop("ok"), reply
        return reply

    def get(self, path: str) -> dict[str, Any]:
        reply: dict[str, Any] = httpx.get(f"{self.url}{path}", timeout=10).raise_for_status().json()
        return reply

    def post(self, path: str, key: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", json=body, headers={"Idempotency-Key": key}, timeout=10)

    def state(self) -> str:
        name: str = self.get("/v1/station")["state"]["name"]
        return name

    def reach(self, *states: str, within_s: float = 50.0) -> str:
        assert self.service is not None
        found: str = wait_for(
            f"state {states}",
            self.service,
            condition=lambda: (state := self.state()) in (*states, "Aborted", "Held") and state,
            within_s=within_s,
        )
        return found

    def close(self) -> None:
        self._control.close()
        self._socket.close()
        for process in (self.service, self.machine):
            if process is not None:
                process.end()
