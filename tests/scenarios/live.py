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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from sim_hardware.scenario import Rendering, dump
from sim_hardware.world.machine import Fidelity
from station.demo.scenario import scenario_for
from tests.scenarios.bench import recipe

ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.05
WAITS_MAX = 5
"""so often a reader that is told to wait does so"""
ENDS_WITHIN_S = 30.0
STARTS_WITHIN_S = 60.0
"""on a busy computer; a quiet one needs one or two"""


class Process:
    """A process whose output is kept in a file."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        self._output = folder / f"{name}.log"
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(arguments, stdout=output, stderr=output, env=dict(os.environ), cwd=ROOT)

    @property
    def said(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(timeout=ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it does not end within {ENDS_WITHIN_S:.0f} s of {how.name}: {self.said}") from None


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
    """The machine, and a service that can be started more than once.

    speed      how much faster than the computer's clock both of them run
    data_dir   where the service writes; default: below the folder
    """

    def __init__(
        self,
        folder: Path,
        broker_port: int | None = None,
        *,
        seed: int = 5,
        speed: float = 1.0,
        data_dir: Path | None = None,
    ) -> None:
        self.folder, self.broker_port, self.speed = folder, broker_port, speed
        self.data_dir = folder / "data" if data_dir is None else data_dir
        scenario = folder / "scenario.json"
        scenario.write_text(
            json.dumps(
                dump(scenario_for(recipe(), seed=seed, fidelity=Fidelity.IDEAL, rendering=Rendering.OBSERVATION))
            )
        )
        self.ports_file = folder / "ports.json"
        self.machine = Process(
            folder,
            "machine",
            *self._python("sim_hardware"),
            *("--scenario", str(scenario), "--port-base", "0", "--ports-file", str(self.ports_file)),
        )
        wait_for("machine", self.machine, condition=self.ports_file.exists)
        written = json.loads(self.ports_file.read_text())
        self.ports: dict[str, int] = {name: port for name, port in written.items() if name != "host"}
        self._socket = socket.create_connection(("127.0.0.1", self.ports["control"]))
        self._control = self._socket.makefile("rw")
        # Plain HTTP: what a client prepares for TLS costs more than a hundred requests.
        self._client = httpx.Client(timeout=10, verify=False, trust_env=False)
        self.service: Process | None = None
        self.url = ""

    def _python(self, module: str) -> tuple[str, ...]:
        hurried = () if self.speed == 1.0 else ("tests.campaign.real.hurried", f"{self.speed:g}")
        return (sys.executable, "-m", *hurried, module)

    def start_service(
        self,
        *more: str,
        ports_file: Path | None = None,
        on_start: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
    ) -> None:
        """Start it and wait until it serves.

        more         further words of its command line
        ports_file   another way to the machine
        on_start     told of the process as soon as there is one
        """
        url_file = self.folder / "url"
        url_file.unlink(missing_ok=True)
        mqtt = () if self.broker_port is None else ("--mqtt-url", f"mqtt://127.0.0.1:{self.broker_port}/s/a/l")
        self.service = Process(
            self.folder,
            "service",
            *(*self._python("station"), "run", "--port", "0", "--url-file", str(url_file), "--simulated"),
            *("--data-dir", str(self.data_dir), "--machine-ports", str(ports_file or self.ports_file)),
            *(*mqtt, *more),
        )
        on_start(self.service.process)
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
        answer = self._client.get(f"{self.url}{path}")
        for _ in range(WAITS_MAX):
            if answer.status_code != 429:
                break
            time.sleep(float(answer.headers["retry-after"]))
            answer = self._client.get(f"{self.url}{path}")
        reply: dict[str, Any] = answer.raise_for_status().json()
        return reply

    def post(self, path: str, key: str, **body: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self._client.post(f"{self.url}{path}", json=body, headers=headers)

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
        self._client.close()
        self._control.close()
        self._socket.close()
        for process in (self.service, self.machine):
            if process is not None:
                process.end()
