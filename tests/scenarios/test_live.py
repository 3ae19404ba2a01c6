"""The whole line in real time: an order by HTTP, events by SSE and MQTT, and a kill -9 in the middle of a press."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from station.profile import reference_profile
from tests.outlets.support import PROGRAM as MOSQUITTO
from tests.scenarios.bench import RECIPE, recipe
from tests.scenarios.live import Line, Process, free_port, wait_for

pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int | None]:
    if MOSQUITTO is None:
        yield None
        return
    folder, port = tmp_path_factory.mktemp("broker"), free_port()
    configuration = folder / "broker.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = Process(folder, "broker", MOSQUITTO, "-v", "-c", str(configuration))
    wait_for("broker", process, condition=lambda: "running" in process.said)
    yield port
    process.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, broker: int | None) -> Iterator[Line]:
    made = Line(tmp_path_factory.mktemp("line"), broker)
    made.start_service()
    yield made
    made.close()


class Listener(threading.Thread):
    """Collects the events of one stream until it ends."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.seen = url, list[dict[str, Any]]()

    def run(self) -> None:
        try:
            with httpx.stream("GET", self.url, timeout=90) as stream:
                for text in stream.iter_lines():
                    if text.startswith("data:"):
                        self.seen.append(json.loads(text.removeprefix("data:")))
        except httpx.HTTPError:
            return


def mqtt_subscriber(port: int) -> tuple[socket.socket, list[bytes]]:
    """A subscriber to everything, by the bytes of MQTT 3.1.1: connect, subscribe to #, then whatever comes."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test")
    assert client.recv(4)[:2] == b"\x20\x02"
    client.sendall(b"\x82\x06\x00\x01\x00\x01#\x00")
    received: list[bytes] = []

    def read() -> None:
        while True:
            try:
                data = client.recv(65536)
            except OSError:
                return
            if not data:
                return
            received.append(data)

    threading.Thread(target=read, daemon=True).start()
    return client, received


def test_a_board_is_ordered_by_http_built_recorded_and_told_by_sse_and_mqtt(line: Line, broker: int | None) -> None:
    listener = Listener(f"{line.url}/v1/events/stream")
    listener.start()
    subscriber, mqtt = mqtt_subscriber(broker) if broker is not None else (None, [])
    assert line.state() == "Stopped"
    assert line.post("/v1/station/commands", "live-1", command="reset").status_code == 202
    assert line.reach("Idle") == "Idle"
    made = line.post("/v1/jobs", "live-2", recipe=RECIPE, boards=1)
    assert made.status_code == 201
    again = line.post("/v1/jobs", "live-2", recipe=RECIPE, boards=1)
    assert again.json()["id"] == made.json()["id"], "the same key makes no second job"
    path = made.headers["location"]
    assert line.post(f"{path}/actions", "live-3", action="start").status_code == 202
    assert line.reach("Complete") == "Complete", line.get("/v1/alarms")
    records = line.get("/v1/records")["items"]
    truth = line.ask(do="truth")
    assert [(r["board"]["serial"], r["site"], r["result"]) for r in records] == [
        (p["board"], p["site"], "placed") for p in truth["placements"]
    ]
    assert len(records) == 2
    assert line.get("/v1/records/chain")["is_sound"] is True
    wait_for("event", condition=lambda: any(e["kind"] == "job.completed" for e in listener.seen), within_s=5)
    seen = [event["seq"] for event in listener.seen]
    assert seen == list(range(seen[0], seen[0] + len(seen))), "no event is missing or doubled"
    if subscriber is None:
        pytest.skip("mosquitto is not installed: everything but MQTT was checked")
    wait_for("mqtt", condition=lambda: b"".join(mqtt).count(records[1]["record_id"].encode()) > 0, within_s=5)
    subscriber.close()


def over_the_site(line: Line) -> bool:
    """The package is within its last 200 um, or pressed."""
    truth = line.ask(do="truth")
    drawn = recipe()
    contact_z_um = reference_profile().nest.z_um - drawn.bottom.body_height_um - drawn.package.height_um
    nest = reference_profile().nest
    is_over_board = nest.x_um <= truth["nozzle_x_um"] and nest.y_um <= truth["nozzle_y_um"]
    return bool(is_over_board and truth["nozzle"] and truth["nozzle_z_um"] >= contact_z_um - 200.0)


def test_kill_9_in_the_press_leaves_a_question_every_earlier_record_and_no_second_placement(line: Line) -> None:
    if line.state() in ("Stopped", "Complete"):
        line.post("/v1/station/commands", f"kill-{time.monotonic_ns()}", command="reset")
    assert line.reach("Idle") == "Idle"
    before = line.get("/v1/records")["items"]
    job = line.post("/v1/jobs", "kill-2", recipe=RECIPE, boards=1).headers["location"]
    assert line.post(f"{job}/actions", "kill-3", action="start").status_code == 202
    give_up_s = time.monotonic() + 40
    while not over_the_site(line):
        assert time.monotonic() < give_up_s, line.get("/v1/station")["state"]
        time.sleep(0.003)
    assert line.service is not None
    line.service.end(signal.SIGKILL)
    placed_then = line.ask(do="truth")["placements"]

    started_s = time.monotonic()
    line.start_service()
    assert line.state() == "Aborted"
    restart_s = time.monotonic() - started_s
    assert restart_s < 15.0, f"truthful after {restart_s:.1f} s"
    alarm = line.get("/v1/alarms")["items"][0]
    board = line.ask(do="truth")["board_in_nest"]
    assert alarm["number"] == 901
    assert (alarm["objects"]["board"], alarm["objects"]["site"]) == (board, "1.U1")
    assert "place" in alarm["text"]
    assert {a["id"] for a in alarm["answers"]} == {"was_placed", "was_not_placed", "unknown", "look"}
    answered = line.post(
        f"/v1/alarms/{alarm['id']}/answer", "kill-4", answer="unknown", state_token=alarm["state_token"]
    )
    assert answered.status_code == 202, answered.text
    records = line.get("/v1/records")["items"]
    assert records[: len(before)] == before
    assert [(r["board"]["serial"], r["site"], r["result"]) for r in records[len(before) :]] == [
        (board, "1.U1", "ambiguous")
    ]
    time.sleep(1.0)
    assert line.ask(do="truth")["placements"] == placed_then, "nothing is placed by itself"
    chain = line.get("/v1/records/chain")
    assert chain["is_sound"] is True, chain
