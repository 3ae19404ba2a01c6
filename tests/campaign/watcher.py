"""What happened in one run, in order: truth of the plant, commands that devices accepted, events of the station.

It judges nothing; every entry carries what was true at that instant and can be judged later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sim_hardware.devices.handshake import CommandChannel
from sim_hardware.faults import Phase
from sim_hardware.plant import Plant
from station.run.packml import State
from tests.campaign.mes import Mes
from tests.scenarios.bench import Bench

PLANT, COMMAND, ENDED, STATION, OPERATOR = "plant", "command", "ended", "station", "operator"
LOOK = "look"
"""somebody looks whether everything stands"""
SLOW_S = 0.010
STANDS_WITHIN_S = 0.301
"""a hair after a machine that was told to stop has to stand"""


@dataclass(slots=True)
class Entry:
    """One thing that happened.

    source    plant, command (a device accepted one), ended (it ended), station (an event was appended), operator
    kind      name of the event, or device.command
    state     PackML state of the station, None while it is not there
    durable   number of the newest event on the disk
    open_now  acts whose intent is on the disk and not closed: step names
    """

    at_s: float
    source: str
    kind: str
    data: dict[str, Any]
    state: State | None
    durable: int
    open_now: tuple[str, ...]
    is_chain_closed: bool
    z_um: float
    held: str | None
    is_moving: bool


_STOPS = (State.STOPPING.title, State.ABORTING.title)
Hook = Callable[[str, Phase], None]


@dataclass
class Watcher:
    """Attach it to a plant once and to every station that works on it."""

    plant: Plant
    entries: list[Entry] = field(default_factory=list)
    executed: dict[tuple[str, int, int], int] = field(default_factory=dict)
    """how often each command number was begun: (device.channel, session, number)"""
    written_blindly: list[tuple[float, str, int]] = field(default_factory=list)
    """command blocks that came again before the host had read anything: (time, device.channel, number)"""
    told: dict[int, str] = field(default_factory=dict)
    """every event that was said to be durable, with its hash: what whoever listens outside has been told"""
    mes: Mes | None = None
    """a MES that was told of records; None: nobody listened by MQTT"""
    at_end: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """what is looked at, or waited for, when nothing more is ordered and the station still stands there"""
    on_phase: list[Hook] = field(default_factory=list)
    """told of every command and its phase"""
    before_step: Callable[[str], None] = lambda _: None
    """told of every step in the instant before anybody else is"""
    bench: Bench | None = None
    _intents: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plant = self.plant
        record = plant.record

        def recorded(kind: str, **data: Any) -> None:
            record(kind, **data)
            self.add(PLANT, kind, data)

        plant.record = recorded  # type: ignore[method-assign]
        for device in (plant.plc, plant.head, plant.dip_unit, plant.film_gauge):
            for channel in device.core.channels:
                self._watch_channel(device.name, channel)
        self._watch_exchanges()

    def _watch_exchanges(self) -> None:
        """Camera and barcode reader have no command channel: a trigger or a request is the command."""
        camera, reader = self.plant.up_camera, self.plant.board_reader
        expose, other = camera.expose, reader.other

        def exposed(*args: Any) -> None:
            expose(*args)
            self._tell("up_camera.expose")

        def read(verb: str, fields: tuple[str, ...]) -> tuple[str, ...] | None:
            answer = other(verb, fields)
            self._tell("board_reader.read")
            return answer

        camera.expose = exposed  # type: ignore[method-assign, assignment]
        reader.other = read  # type: ignore[method-assign]

    def _tell(self, name: str) -> None:
        for hook in self.on_phase:
            hook(name, Phase.COMMANDED)
            self.plant.call_at(self.plant.now() + SLOW_S, hook, name, Phase.RUNNING)

    def _watch_channel(self, device: str, channel: CommandChannel) -> None:
        plant, accept, finish = self.plant, channel._accept, channel.finish

        def accepted(session: int, seq: int, spec: Any) -> None:
            key = (f"{device}.{channel.name}", session, seq)
            self.executed[key] = self.executed.get(key, 0) + 1
            data = {"session": session, "seq": seq}
            self.add(COMMAND, f"{device}.{spec.name}", data | ({"key": plant.safety.key_manual} if spec.is_jog else {}))
            accept(session, seq, spec)
            self._tell(f"{device}.{spec.name}")

        def finished(result: Any, evidence: Any = None) -> None:
            spec = channel.running
            finish(result, evidence)
            if spec is not None:
                silent = {"silent_s": channel.core.jog.silent_s} if spec.is_jog else {}
                self.add(ENDED, f"{device}.{spec.name}", {"result": result.name, **silent})

        newest = (0, 0)
        has_read = True
        offer, packed, fields = channel.offer, channel.packed, channel.fields

        def offered(session: int, seq: int, *args: Any, **more: Any) -> bool:
            nonlocal newest, has_read
            if (session, seq) == newest and not has_read:
                self.written_blindly.append((self.plant.now(), f"{device}.{channel.name}", seq))
            newest, has_read = (session, seq), False
            return offer(session, seq, *args, **more)

        def told(tell: Any) -> Any:
            def telling() -> Any:
                nonlocal has_read
                has_read = True
                return tell()

            return telling

        channel.offer = offered  # type: ignore[method-assign]
        channel.packed, channel.fields = told(packed), told(fields)  # type: ignore[method-assign]
        channel._accept = accepted  # type: ignore[method-assign]
        channel.finish = finished  # type: ignore[method-assign]

    def attach(self, bench: Bench) -> None:
        """A station begins to work on the plant."""
        self.bench = bench
        append = bench.store.events.append
        bench.store.writing.after_commit.append(lambda rows: self.told.update({row[0]: row[6] for row in rows}))
        self._intents = {intent.op_id: intent.step for intent in bench.store.journal.open_intents()}

        def appended(kind: str, data: dict[str, Any] | None = None) -> int:
            if bench.is_dead:
                return append(kind, data)  # the last words of a killed station: nobody hears them
            if kind == "step.started" and data is not None:
                self.before_step(data["step"])
                self.plant.faults.announce(data["step"], self.plant.now())
                for hook in self.on_phase:
                    hook(data["step"], Phase.BEFORE)
            seq = append(kind, data)
            self.add(STATION, kind, {**(data or {}), "seq": seq})
            if kind == "state.changed" and data is not None and data["to"] in _STOPS:
                self.plant.call_at(self.plant.now() + STANDS_WITHIN_S, self._look)
            if kind == "journal.intent" and data is not None:
                self._intents[seq] = data["step"]
            elif kind == "journal.closed" and data is not None:
                self._intents.pop(data["op_id"], None)
            return seq

        bench.store.events.append = appended  # type: ignore[method-assign]

    def _look(self) -> None:
        """After a stop: what is under way in any device that moves."""
        devices = (self.plant.plc, self.plant.head, self.plant.dip_unit)
        busy = [
            f"{device.name}.{channel.name}" for device in devices for channel in device.core.channels if channel.busy
        ]
        self.add(LOOK, "after the stop", {"busy": busy})

    def announce(self, step: str) -> None:
        """A step that the station has no event for."""
        self.before_step(step)
        self.plant.faults.announce(step, self.plant.now())
        for hook in self.on_phase:
            hook(step, Phase.BEFORE)
        self.add(OPERATOR, f"begins {step}", {})

    def add(self, source: str, kind: str, data: dict[str, Any]) -> None:
        plant, bench = self.plant, self.bench
        now_s = plant.now()
        z_um = plant.head.z_um_at(now_s)
        durable = bench.store.events.durable_seq if bench is not None else 0
        moving = plant.gantry.is_moving(now_s)
        self.entries.append(
            Entry(
                now_s,
                source,
                kind,
                data,
                bench.controller.packml.state if bench is not None and not bench.is_dead else None,
                durable,
                tuple(step for seq, step in self._intents.items() if seq <= durable),
                plant.safety.may_move,
                z_um,
                plant.held.part.serial if plant.held is not None else None,
                moving,
            )
        )
