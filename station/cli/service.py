"""`station run`: the service in real time, until Ctrl-C. The machine answers on its own ports, real or simulated."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import EXIT_INVALID, EXIT_REFUSED, EXIT_UNREACHABLE
from station.cli.unread import UNREAD, why

if TYPE_CHECKING:
    from station.compose import Addresses
    from station.settings import Settings

DEVICES = ("plc", "dip_unit", "head", "film_gauge", "lights", "board_reader", "up_camera", "down_camera")


def run(
    config: Annotated[Path | None, typer.Option("--config", help="settings file (TOML)")] = None,
    host: Annotated[str | None, typer.Option("--host", help="address of the web service")] = None,
    port: Annotated[int | None, typer.Option("--port", help="port of the web service, 0 takes a free one")] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="records, events, pictures")] = None,
    machine_ports: Annotated[
        Path | None, typer.Option("--machine-ports", help="JSON file with the port of every device")
    ] = None,
    machine_host: Annotated[str | None, typer.Option("--machine-host", help="host of the machine's devices")] = None,
    profile: Annotated[Path | None, typer.Option("--profile", help="machine profile (TOML)")] = None,
    mqtt_url: Annotated[str | None, typer.Option("--mqtt-url", help="mqtt://host:1883/site/area/line")] = None,
    simulated: Annotated[bool | None, typer.Option("--simulated", help="say on every screen that it is")] = None,
    url_file: Annotated[Path | None, typer.Option("--url-file", help="write the service's address here")] = None,
    capture: Annotated[Path | None, typer.Option("--capture", help="every exchange with a device, JSON lines")] = None,
) -> None:
    """Serve one station: screens and API on one port, until Ctrl-C."""
    from station.api.serving import CannotServe
    from station.profile import ProfileProblem
    from station.settings import SettingsProblem, load_settings
    from station.store.errors import StoreError

    flags = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "machine_ports": machine_ports,
        "machine_host": machine_host,
        "profile": profile,
        "mqtt_url": mqtt_url,
        "simulated": simulated,
    }
    try:
        settings = load_settings(config, flags)
        addresses = _addresses(settings)
        asyncio.run(_serve(settings, addresses, url_file, capture))
    except (SettingsProblem, ProfileProblem) as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    except StoreError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_REFUSED) from None
    except CannotServe as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from None


def _addresses(settings: Settings) -> Addresses:
    from station.compose import Addresses
    from station.settings import SettingsProblem

    path = settings.machine_ports
    if path is None:
        raise SettingsProblem(
            "Where is the machine? Give --machine-ports FILE; `python -m sim_hardware --ports-file FILE` writes one."
        )
    try:
        ports = json.loads(path.read_text(encoding="utf-8"))
        numbers = {device: int(ports[device]) for device in DEVICES}
    except UNREAD as error:
        raise SettingsProblem(
            f"{path}: {why(error)}; wanted a JSON object with a port for {', '.join(DEVICES)}"
        ) from error
    at = settings.machine_host
    wires = {"plc": "tcp", "dip_unit": "rtu"}
    return Addresses(**{device: f"{wires.get(device, 'socket')}://{at}:{n}" for device, n in numbers.items()})


async def _serve(settings: Settings, addresses: Addresses, url_file: Path | None, capture_file: Path | None) -> None:
    import secrets
    import signal
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import ExitStack
    from datetime import UTC, datetime

    from drivers.links.capture import Capture
    from station.api.app import create_app
    from station.api.guard import LOOPBACK_HOSTS
    from station.api.serving import serve
    from station.clock import Clock
    from station.compose import build_controller
    from station.door import Door
    from station.outlets.heard import HeardOutside
    from station.outlets.mqtt import MqttOutlet, MqttSettings
    from station.profile import load_profile, reference_profile
    from station.run.controller import Identity
    from station.service_log import service_log
    from station.settings import SettingsProblem
    from station.shelf import Shelf
    from station.store.store import open_store
    from vision.fingerprint import fingerprint

    ending = asyncio.Event()
    # From the beginning: a Ctrl-C while it starts must not get lost in a connection that is being made.
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, ending.set)
    with ExitStack() as stack:
        log = stack.enter_context(service_log())
        clock = Clock(lambda: datetime.now(UTC))
        store = open_store(settings.data_dir, clock)
        stack.callback(store.close)
        shelf = Shelf(store.recipes, fingerprint())
        shelf.revisions()  # the library is read now: with the first order it would hold the loop up
        capture = None
        if capture_file is not None:
            capture = Capture(stack.enter_context(capture_file.open("a", encoding="utf-8")).write)
        controller = build_controller(
            load_profile(settings.profile) if settings.profile else reference_profile(),
            addresses,
            store,
            clock,
            session=secrets.randbelow(2**32 - 2) + 1,
            identity=Identity(settings.name, simulated=settings.simulated),
            recipes=shelf,
            attended=settings.attended,
            keep_images=settings.keep_images,
            capture=capture,
            image_executor=stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="vision")),
        )
        door = Door(controller)
        hosts = dict.fromkeys((*LOOPBACK_HOSTS, settings.host.lower()))
        app = create_app(
            door, store, shelf, simulated=settings.simulated, hosts=hosts, lines_dropped=lambda: log.dropped
        )
        roll = app.state.access.roll
        roll.look()
        serving = await serve(app, settings.host, settings.port)
        telling: list[asyncio.Task[None]] = []
        if settings.mqtt_url:
            try:
                where = MqttSettings.from_url(settings.mqtt_url, station=settings.name)
            except ValueError as error:
                raise SettingsProblem(f"mqtt_url: {error}") from error
            outlet = MqttOutlet(store, door.snapshot, where)
            heard = HeardOutside(outlet, controller.warn, controller.alarms.over, settings.mqtt_away_s)
            telling = [
                asyncio.create_task(outlet.run(), name="mqtt"),
                asyncio.create_task(heard.run(), name="mqtt heard"),
            ]
        await controller.start()
        # What stands now stands to the end; walking through all of it would hold the loop up for a tenth of a second.
        gc.collect()
        gc.freeze()
        typer.echo(f"Station {settings.name} serves {serving.url}  (Ctrl-C ends it)")
        if roll.is_open:
            typer.echo("Nobody has been added: anybody at this computer may command. See station people --help")
        elif roll.why_nobody:
            typer.echo(f"Commands that stop are taken, nothing else. {roll.why_nobody}")
        if url_file is not None:
            await asyncio.to_thread(url_file.write_text, serving.url, encoding="utf-8")
        await ending.wait()
        await serving.stop()
        await controller.close()
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)
