"""H02, H12, M22: how `station run` ends when it cannot start or cannot write, and what it says; one trace per seed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from station.cli.main import app
from station.cli.options import EXIT_INVALID, EXIT_REFUSED, EXIT_UNREACHABLE
from station.people.register import Register
from station.people.roles import Role
from station.run.packml import Command, State
from station.store.database import DATABASE_NAME, Database
from station.store.errors import StoreFailed
from tests.scenarios.bench import bench
from tests.support import virtual

STATION = (sys.executable, "-m", "station")
LIMIT_S = 60.0


def ports_file(folder: Path, **ports: int) -> Path:
    names = ("plc", "dip_unit", "head", "film_gauge", "lights", "board_reader", "up_camera", "down_camera")
    path = folder / "ports.json"
    path.write_text(json.dumps({name: ports.get(name, 9) for name in names}))
    return path


def run(*arguments: str) -> Result:
    """The verb in this process: importing everything anew would cost seconds."""
    return CliRunner().invoke(app, list(arguments))


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STATION, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={**os.environ, **environment},
        check=False,
    )


def test_a_port_that_another_program_has_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run(
            "run", "--port", port, "--data-dir", str(tmp_path / "d"), "--machine-ports", str(ports_file(tmp_path))
        )
    assert ended.exit_code == EXIT_UNREACHABLE
    assert port in ended.stderr
    assert "choose another port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_data_directory_that_another_station_holds_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    holder = Database(folder)
    ended = run("run", "--port", "0", "--data-dir", str(folder), "--machine-ports", str(ports_file(tmp_path)))
    holder.close()
    assert ended.exit_code == EXIT_REFUSED
    assert "in use by another station" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("a file stands where the directory should be")
    ended = run("run", "--port", "0", "--data-dir", str(tmp_path / "d"), "--machine-ports", str(ports_file(tmp_path)))
    assert ended.exit_code == EXIT_REFUSED
    assert str(tmp_path / "d") in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    foreign = tmp_path / "d" / DATABASE_NAME
    foreign.write_bytes(b"this is a letter, not a database" * 200)
    ended = run("run", "--port", "0", "--data-dir", str(tmp_path / "d"), "--machine-ports", str(ports_file(tmp_path)))
    assert ended.exit_code == EXIT_REFUSED
    assert str(foreign) in ended.stderr
    assert foreign.read_bytes().startswith(b"this is a letter")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Where is the machine?"),
        (("--machine-ports", "nowhere.json"), "nowhere.json"),
        (("--port", "99999"), "99999"),
        (("--config", "nowhere.toml"), "nowhere.toml"),
        (("--profile", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_settings_that_cannot_be_used_end_with_a_sentence_and_code_3(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    known = ("--machine-ports", str(ports_file(tmp_path))) if arguments and "--machine-ports" not in arguments else ()
    ended = run("run", "--data-dir", str(tmp_path / "d"), *known, *arguments)
    assert ended.exit_code == EXIT_INVALID, ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_machine_that_is_not_there_leaves_the_service_up_with_an_alarm(tmp_path: Path) -> None:
    url_file = tmp_path / "url"
    key = Register(tmp_path / "d").add("anna", Role.OPERATOR, datetime.now(UTC))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = int(probe.getsockname()[1])
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(
            [
                *(*STATION, "run", "--port", "0", "--url-file", str(url_file), "--data-dir", str(tmp_path / "d")),
                *("--machine-ports", str(ports_file(tmp_path, plc=nobody))),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        give_up_s = time.monotonic() + 20
        while not url_file.exists() or not url_file.read_text():
            assert time.monotonic() < give_up_s, (tmp_path / "log").read_text()
            time.sleep(0.05)
        url = url_file.read_text()
        reset = {"command": "reset"}
        assert httpx.post(f"{url}/v1/station/commands", json=reset).status_code == 401, (
            "a machine that is no simulation"
        )
        headers = {"Idempotency-Key": "k1", "Authorization": f"Bearer {key}"}
        httpx.post(f"{url}/v1/station/commands", json=reset, headers=headers).raise_for_status()
        picture: dict[str, Any] = {}
        while not picture or picture["state"]["name"] == "Resetting":
            assert time.monotonic() < give_up_s
            time.sleep(0.05)
            picture = httpx.get(f"{url}/v1/station", headers=headers).json()
        assert picture["state"]["name"] == "Aborted"
        assert picture["alarms"][0]["number"] == 101
        assert str(nobody) in picture["alarms"][0]["text"]
        assert [answer["id"] for answer in picture["alarms"][0]["answers"]] == ["acknowledge"]
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=15) == 0, (tmp_path / "log").read_text()


def test_ctrl_c_while_it_starts_ends_it_in_order(tmp_path: Path) -> None:
    service = subprocess.Popen(
        [
            *STATION,
            "run",
            "--port",
            "0",
            "--data-dir",
            str(tmp_path / "d"),
            "--machine-ports",
            str(ports_file(tmp_path)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    give_up_s = time.monotonic() + LIMIT_S
    while not (tmp_path / "d" / "lock").exists():
        assert time.monotonic() < give_up_s
        time.sleep(0.001)
    service.send_signal(signal.SIGINT)
    assert service.wait(timeout=LIMIT_S) == 0


def test_a_disk_that_fills_up_stops_the_job_before_the_next_act_and_says_so(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step("go_to_plate")

            def full(groups: object) -> None:
                raise StoreFailed("the disk of the data directory is full. Free space, then start the station again")

            write, b.store.database.write = b.store.database.write, full  # type: ignore[method-assign,assignment]
            assert await b.rest() is State.STOPPED
            assert b.controller.alarms.standing[0].definition.number == 801
            assert "full" in b.controller.alarms.standing[0].text
            assert b.happened("dipped") == [], "no act without an intent on the disk"
            assert not b.is_moving()
            assert await b.controller.command(Command.ABORT) is State.ABORTED, "stop and abort need no disk"
            b.store.database.write = write  # type: ignore[method-assign]
            b.store.writing.failure = None

    story()


def test_two_processes_with_other_hash_seeds_write_the_same_trace() -> None:
    order = ("demo", "--seed", "7", "--boards", "1", "--rendering", "observation", "--fidelity", "real", "--json")
    traces = []
    for hash_seed in ("1", "2"):
        with tempfile.TemporaryDirectory() as folder:
            ended = process(*order, "--out", folder, PYTHONHASHSEED=hash_seed)
        assert "Traceback" not in ended.stderr
        traces.append(json.loads(ended.stdout.splitlines()[-1])["trace_sha256"])
    assert traces[0] == traces[1]
