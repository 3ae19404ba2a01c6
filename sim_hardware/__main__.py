"""Serve a simulated cell on real sockets in real time: `python -m sim_hardware`.

Nothing of the machine lives here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from sim_hardware.cabling import Ports, PortTaken
from sim_hardware.plant import Plant
from sim_hardware.scenario import REFERENCE, Rendering, Scenario, ScenarioError, load_file
from sim_hardware.world.machine import Fidelity

HOST = "127.0.0.1"
PORT_BASE = 15_020


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 after Ctrl-C, 2 when it cannot start."""
    options = _parser().parse_args(argv)
    try:
        asyncio.run(serve(_scenario(options), options.port_base, options.ports_file))
    except (ScenarioError, PortTaken) as error:
        sys.stderr.write(f"The simulated cell cannot start: {error.args[-1]}.\n")
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m sim_hardware", description="The simulated cell on real sockets.")
    parser.add_argument("--scenario", default="reference", help="JSON file of the run, or: reference")
    parser.add_argument("--seed", type=int, help="another seed than the scenario's")
    parser.add_argument("--fidelity", choices=[level.value for level in Fidelity], help="how much of reality")
    parser.add_argument("--rendering", choices=[kind.value for kind in Rendering], help="pixels or observations")
    parser.add_argument("--port-base", type=int, default=PORT_BASE, help=f"first port, 0 = any ({PORT_BASE})")
    parser.add_argument("--ports-file", type=Path, help="write the ports here as JSON")
    return parser


def _scenario(options: argparse.Namespace) -> Scenario:
    if options.scenario == "reference":
        scenario = load_file(REFERENCE) if REFERENCE.exists() else Scenario()
    else:
        scenario = load_file(Path(options.scenario))
    if options.seed is not None:
        scenario = replace(scenario, seed=options.seed)
    if options.fidelity is not None:
        scenario = replace(scenario, fidelity=Fidelity(options.fidelity))
    if options.rendering is not None:
        scenario = replace(scenario, rendering=Rendering(options.rendering))
    return scenario


async def serve(scenario: Scenario, port_base: int, ports_file: Path | None) -> None:
    """Serve until SIGINT or SIGTERM. Raises PortTaken."""
    plant = Plant(scenario)
    ports = await plant.start(HOST, port_base)
    try:
        if ports_file is not None:
            _write_whole(ports_file, json.dumps({"host": HOST, **ports.as_dict()}))
        sys.stdout.write(table(ports, scenario))
        sys.stdout.flush()
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, ended.set)
            except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt there
                break
        await ended.wait()
    finally:
        await plant.stop()


def _write_whole(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never half of it."""
    half = path.with_name(path.name + ".part")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def table(ports: Ports, scenario: Scenario) -> str:
    """The ports for people."""
    head = f"Simulated cell, seed {scenario.seed}, fidelity {scenario.fidelity}, rendering {scenario.rendering}\n"
    return head + "".join(f"  {name:<13} {HOST}:{port}\n" for name, port in ports.as_dict().items())


if __name__ == "__main__":
    sys.exit(main())
