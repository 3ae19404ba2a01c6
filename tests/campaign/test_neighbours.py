"""N01 to N11: what stands beside the station is survived, and a station that does not is found.

Every act is judged by itself and by invariant 34; here each judge is shown a station that is broken in just that way.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiomqtt
import pytest

from sim_hardware.fault_list import STEPS
from sim_hardware.faults import Phase
from station.api import streams
from station.outlets.heard import HeardOutside
from station.outlets.mqtt import LOOK_PERIOD_S, MqttOutlet
from station.store import Event
from station.store.idempotency import Answers
from tests.campaign import mes, neighbours
from tests.campaign.expected import OTHER, PROVED
from tests.campaign.matrix import Cell, prove
from tests.campaign.run import run
from tests.campaign.schedule import ACT_OF, of_cell

STEP = next(step for step in STEPS if step.id == "S13")


def verdict(fault: str) -> tuple[str, str]:
    line = prove(Cell(fault, STEP.id, Phase.BEFORE.value))
    return line["verdict"], line["reaction"]


@pytest.mark.campaign
def test_a_broker_that_is_away_for_hours_costs_a_machine_that_lives_nothing_but_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "SWITCHES_OFF", False)
    assert verdict("N01") == (PROVED, "W")


def test_the_person_who_looks_sees_the_reason_and_the_warning_leaves_by_itself() -> None:
    outcome = run(of_cell("N11", STEP, Phase.BEFORE))
    assert (outcome.reaction.letters, outcome.reaction.alarms, outcome.broken) == ("W", (806,), [])


def test_events_did_come_twice_with_all_that_is_needed_to_know_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []
    comes_back = mes.Mes.comes_back

    async def noted(one: mes.Mes) -> list[dict[str, Any]]:
        heard.extend(await comes_back(one))
        return heard

    monkeypatch.setattr(mes.Mes, "comes_back", noted)
    assert run(of_cell("N02", STEP, Phase.BEFORE)).broken == []
    by_key: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for message in heard:
        by_key.setdefault((message["station"], message["epoch"], message["seq"]), []).append(message)
    assert sum(len(copies) > 1 for copies in by_key.values()) > mes.LosesAcknowledgements.EVERY
    assert all(copy == copies[0] for copies in by_key.values() for copy in copies)
    assert len({message["id"] for message in heard}) == len(by_key)


def test_an_outlet_that_collects_what_it_could_not_tell_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    client, kept = mes._OutletTo._client, []

    def collecting(outlet: Any) -> Any:
        made = client(outlet)
        kept.append(made)
        return made

    monkeypatch.setattr(mes._OutletTo, "_client", collecting)
    assert verdict("N01") == (OTHER, "W !")


def test_an_outlet_that_begins_at_the_head_after_a_loss_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    publish = MqttOutlet._publish_batch

    async def from_the_head(outlet: MqttOutlet, client: aiomqtt.Client) -> None:
        if outlet.backlog > 50:
            outlet._seen = outlet._published = outlet._store.events.durable_seq - 1
        await publish(outlet, client)

    monkeypatch.setattr(MqttOutlet, "_publish_batch", from_the_head)
    assert 34 in [number for number, _ in run(of_cell("N01", STEP, Phase.BEFORE)).broken]


def test_a_message_that_says_something_else_the_second_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    message, count = MqttOutlet._message, 0

    async def numbered(outlet: MqttOutlet, event: Event, previous_seq: int) -> str:
        nonlocal count
        count += 1
        return (await message(outlet, event, previous_seq))[:-1] + f',"attempt":{count}}}'

    monkeypatch.setattr(MqttOutlet, "_message", numbered)
    assert [number for number, _ in run(of_cell("N02", STEP, Phase.BEFORE)).broken] == [34]


def test_a_memory_of_answers_that_forgets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "keep", lambda *_: None)
    assert verdict("N05") == (OTHER, "!")


def test_pages_that_are_never_let_go_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SEND_LIMIT_S", 1e6)
    assert verdict("N07") == (OTHER, "!")


def test_an_outlet_that_subscribes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    serve = MqttOutlet._serve

    async def listening(outlet: MqttOutlet, client: aiomqtt.Client) -> None:
        await client.subscribe("dip/v1/#")
        await serve(outlet, client)

    monkeypatch.setattr(MqttOutlet, "_serve", listening)
    assert "!" in verdict("N10")[1]


def test_a_station_that_obeys_what_it_hears_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = vars(mes._Client)["messages"].fget
    made: list[mes.Mes] = []
    init = mes.Mes.__init__

    def remembered(one: mes.Mes, b: Any, **options: Any) -> None:
        one.bench = b  # type: ignore[attr-defined]
        made.append(one)
        init(one, b, **options)

    async def obeyed(client: Any) -> Any:
        assert messages is not None
        async for message in messages(client):
            if b"boards" in message.payload:
                made[-1].bench.controller.submit("pop_12x12_168", 1)  # type: ignore[attr-defined]
            yield message

    monkeypatch.setattr(mes.Mes, "__init__", remembered)
    monkeypatch.setattr(mes._Client, "messages", property(obeyed))
    assert verdict("N10") == (OTHER, "!")


def test_a_station_that_does_not_warn_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleeps(_: HeardOutside) -> None:
        await asyncio.sleep(LOOK_PERIOD_S)

    monkeypatch.setattr(HeardOutside, "run", sleeps)
    assert verdict("N11") == (OTHER, "!")


def test_every_fault_of_the_network_has_its_act() -> None:
    assert sorted(neighbours.ACT_OF) == [f"N{number:02d}" for number in range(1, 12)]
    assert set(neighbours.ACT_OF.values()) == set(neighbours.ACTS)
    assert neighbours.ACT_OF.items() <= ACT_OF.items()
