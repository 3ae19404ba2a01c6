"""The warning that nobody hears the station: when it comes, what it says, and that it leaves by itself."""

from __future__ import annotations

import asyncio
import gc
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from station.alarms.catalogue import ProcessAlarm
from station.alarms.translate import CATALOGUE_MODULES
from station.outlets.heard import LOOK_EVERY_S, NO_ANSWER, HeardOutside
from station.outlets.mqtt import ACK_LIMIT_S, MqttOutlet, MqttSettings
from station.store import open_store
from tests.outlets.support import DeafBroker, settings
from tests.outlets.test_mqtt import append, running
from tests.store.support import HandClock
from tests.support import real, virtual

LIMIT_S = 60.0
assert CATALOGUE_MODULES, "rows register themselves when they are imported"
AUTHORITY = """
[ca]
default_ca = own
[own]
database = known.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
[any]
commonName = supplied
[name]
subjectAltName = IP:127.0.0.1
basicConstraints = CA:TRUE
"""


class Outlet:
    """Has its broker, or has not, as the story wants it."""

    def __init__(self) -> None:
        self.is_heard, self.backlog = False, 3
        self.trouble: str | None = None


class Shown:
    """What a person was shown, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.news = asyncio.Event()

    def warn(self, alarm: ProcessAlarm) -> None:
        self.said.append(f"{alarm.definition.number} {alarm.text}")
        self.news.set()

    def over(self, key: str, why: str) -> None:
        self.said.append(f"{key}: {why}")


@virtual
async def test_it_comes_once_in_an_absence_and_leaves_with_it() -> None:
    outlet, shown = Outlet(), Shown()
    async with running(HeardOutside(outlet, shown.warn, shown.over, LIMIT_S).run()):
        await asyncio.sleep(LIMIT_S - LOOK_EVERY_S)
        assert shown.said == []
        await asyncio.sleep(2 * LOOK_EVERY_S)
        first = f"806 60 s without the MQTT broker, allowed 60 s: {NO_ANSWER}. 3 events wait in the log."
        assert shown.said == [first]
        await asyncio.sleep(100 * LIMIT_S)
        assert shown.said == [first]
        outlet.is_heard = True
        await asyncio.sleep(2 * LOOK_EVERY_S)
        assert shown.said == [first, "unheard: the broker is back"]
        outlet.is_heard, outlet.trouble = False, "MQTT broker b:1883: refused"
        await asyncio.sleep(LIMIT_S / 2)
        outlet.is_heard = True
        await asyncio.sleep(2 * LOOK_EVERY_S)
        outlet.is_heard = False
        await asyncio.sleep(LIMIT_S - LOOK_EVERY_S)
        assert len(shown.said) == 2, "two short absences are no long one"
        await asyncio.sleep(2 * LOOK_EVERY_S)
        assert "MQTT broker b:1883: refused" in shown.said[2]


# The MQTT library closes the socket of a handshake that failed by forgetting it.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@real
@pytest.mark.parametrize(
    ("until", "is_known", "why"),
    [("20200102000000Z", True, "certificate has expired"), ("20491231000000Z", False, "self-signed certificate")],
)
async def test_a_broker_that_is_not_to_be_trusted_is_told_nothing_and_the_warning_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: str, is_known: bool, why: str
) -> None:
    certificate = certificate_for(tmp_path, until)
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    store, shown = open_store(tmp_path / "data", HandClock()), Shown()
    where = MqttSettings("127.0.0.1", server.sockets[0].getsockname()[1], is_encrypted=True)
    outlet = MqttOutlet(store, dict, where)
    async with running(outlet.run(), HeardOutside(outlet, shown.warn, shown.over, LOOK_EVERY_S).run()):
        await shown.news.wait()
        assert why in shown.said[0]
        assert not outlet.is_heard
        assert sum(isinstance(one, ssl.SSLSocket) for one in gc.get_objects()) <= 1, "sockets are held"
    server.close()
    await server.wait_closed()
    store.close()
    assert heard == []


@real
async def test_a_broker_that_takes_status_and_no_event_does_not_hear_the_station(tmp_path: Path) -> None:
    broker, store, shown = DeafBroker(hangs_up=False), open_store(tmp_path / "data", HandClock()), Shown()
    outlet = MqttOutlet(store, dict, settings(await broker.start()))
    await append(store, 1)
    async with running(outlet.run(), HeardOutside(outlet, shown.warn, shown.over, 3 * LOOK_EVERY_S).run()):
        async with asyncio.timeout(ACK_LIMIT_S - 1.0):  # before the outlet itself gives this broker up
            await shown.news.wait()
        assert broker.event_count > 0
        assert "806" in shown.said[0]
        assert not outlet.is_heard
    await broker.stop()
    store.close()


def certificate_for(folder: Path, until: str) -> Path:
    """A certificate of 127.0.0.1 that signs itself, valid from 2020 on until this time, with its key."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed: it makes the certificate")
    (folder / "authority.cnf").write_text(AUTHORITY)
    (folder / "known.txt").touch()
    for words in (
        ("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "key", "-out", "wish"),
        ("ca", "-batch", "-selfsign", "-notext", "-create_serial", "-config", "authority.cnf", "-extensions", "name",
         "-startdate", "20200101000000Z", "-enddate", until, "-keyfile", "key", "-in", "wish", "-out", "signed"),
    ):  # fmt: skip
        subprocess.run((program, *words), cwd=folder, check=True, capture_output=True)
    path = folder / "certificate.pem"
    path.write_text((folder / "signed").read_text() + (folder / "key").read_text())
    return path
