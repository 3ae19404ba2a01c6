"""N01, N07, N10, N11 on real processes: a broker that is away, one that nobody can trust, commands by MQTT, slow pages.

A board is finished and its records are true. Alarms are noted and not judged: on a busy computer the dead-man of a
device bites without any of them.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.campaign.real import judge
from tests.campaign.real.hand import Hand
from tests.campaign.real.lines import line_for
from tests.campaign.real.told import Told, all_events
from tests.outlets.support import PROGRAM as MOSQUITTO
from tests.scenarios.live import Line, Process, free_port, wait_for

SLOW_CLIENTS = 20
TOPICS = ("command", "commands", "cmd", "set", "state/set", "job/start")
ROOT_TOPIC = "dip/v1/s/a/l/station-1/"


class Neighbour(StrEnum):
    """Who stands beside the station."""

    AWAY = "broker refuses"
    UNTRUSTED = "broker with a certificate that nobody signed"
    COMMANDS = "commands by MQTT"
    SLOW = "pages that do not read"


NEIGHBOURS = tuple(Neighbour)
"""by turns"""


@dataclass(slots=True)
class Beside:
    """One run. `met`: how often the station met the neighbour."""

    seed: int
    neighbour: str
    met: int = 0
    alarms: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(seed: int, speed: float = 1.0) -> Beside:
    """One machine, one board, the neighbour of this seed beside it all the time."""
    began_s = time.monotonic()
    neighbour = NEIGHBOURS[seed % len(NEIGHBOURS)]
    found = Beside(seed, neighbour.value)
    with line_for(found.wrong, seed, speed) as line, ExitStack() as stack:
        if neighbour is Neighbour.AWAY:
            _start(line, f"mqtt://127.0.0.1:{free_port()}/s/a/l")
        elif neighbour is Neighbour.UNTRUSTED:
            port, shaken = stack.enter_context(_untrusted(line.folder))
            _start(line, f"mqtts://127.0.0.1:{port}/s/a/l")
        elif neighbour is Neighbour.COMMANDS and MOSQUITTO is not None:
            broker = stack.enter_context(_broker(line.folder, MOSQUITTO))
            _start(line, f"mqtt://127.0.0.1:{broker}/s/a/l")
        else:
            _start(line, None)
        told = Told()
        hand = Hand(line, told, f"beside-{seed}")
        if neighbour is Neighbour.COMMANDS and MOSQUITTO is not None:
            found.met = _command(line, broker, found)
        elif neighbour is Neighbour.SLOW:
            found.met = _do_not_read(line, stack)
        hand.finish_a_board()
        if neighbour is Neighbour.AWAY:
            found.met = line.service.said.count("MQTT broker") if line.service is not None else 0
        elif neighbour is Neighbour.UNTRUSTED:
            found.met = len(shaken)
        if not found.met and (neighbour is not Neighbour.COMMANDS or MOSQUITTO is not None):
            found.wrong.append("the station never met this neighbour")
        events = all_events(line)
        found.alarms = [event["data"]["number"] for event in events if event["kind"] == "fault.raised"]
        if any(event["kind"] == "bug" for event in events):
            found.wrong.append("a bug is in the log")
        found.wrong += judge.at_end(line, told)
    found.seconds = round(time.monotonic() - began_s, 2)
    return found


def _start(line: Line, url: str | None) -> None:
    line.start_service(*(() if url is None else ("--mqtt-url", url)))


@contextmanager
def _broker(folder: Path, program: str) -> Iterator[int]:
    port = free_port()
    configuration = folder / "broker.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = Process(folder, "broker", program, "-v", "-c", str(configuration))
    wait_for("broker", process, condition=lambda: "running" in process.said)
    yield port
    process.end(signal.SIGTERM)


@contextmanager
def _untrusted(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """A TLS server whose certificate it signed itself; yields its port and what became of every handshake."""
    openssl = shutil.which("openssl")
    assert openssl is not None, "openssl makes the certificate"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    shaken: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(plain, server_side=True).close()
                    shaken.append("trusted")
                except OSError as error:  # the other side says that it knows no such authority
                    shaken.append(str(error))
                    plain.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1]), shaken


def _command(line: Line, port: int, found: Beside) -> int:
    """Publish orders on every topic that looks like one; nothing may come of it."""
    before = line.get("/v1/station")["state"]["name"]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04evil")
        client.recv(4)
        for topic in TOPICS:
            for order in ({"command": "reset"}, {"command": "start"}, {"recipe": "pop_12x12_168", "boards": 1}):
                name, content = (ROOT_TOPIC + topic).encode(), json.dumps(order).encode()
                body = len(name).to_bytes(2, "big") + name + content
                client.sendall(b"\x30" + bytes((len(body),)) + body)
        client.sendall(b"\xe0\x00")
    time.sleep(1.0)
    after = line.get("/v1/station")["state"]["name"]
    if before != after or line.get("/v1/jobs")["items"]:
        found.wrong.append(f"MQTT has moved it from {before} to {after}")
    return len(TOPICS)


def _do_not_read(line: Line, stack: ExitStack) -> int:
    """Pages that ask for every event and read one byte of it."""
    host, port = line.url.removeprefix("http://").split(":")
    for number in range(SLOW_CLIENTS):
        page = stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
        page.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        path = "/v1/events/stream?after=0" if number % 2 else "/v1/station/stream"
        page.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        with suppress(TimeoutError):
            page.recv(1)
    return SLOW_CLIENTS
