"""N06: a MES that is down when a board leaves hears of every record later, and an outlet that forgets is found."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import aiomqtt
import pytest

from sim_hardware.schedule import Act
from station.outlets.mqtt import MqttOutlet
from station.store.records import RECORDED
from tests.campaign import mes
from tests.campaign.run import run

DOWN = (Act("mes_down", "board_out"),)


def recorded(messages: list[dict[str, Any]]) -> list[str]:
    return [message["data"]["record_id"] for message in messages if message["kind"] == RECORDED]


def test_the_record_whose_acknowledgement_was_lost_comes_again_and_the_rest_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[list[str]] = []
    comes_back = mes.Mes.comes_back

    async def noted(one: mes.Mes) -> list[dict[str, Any]]:
        heard.append(recorded(one.heard))
        found = await comes_back(one)
        heard.append(recorded(found))
        return found

    monkeypatch.setattr(mes.Mes, "comes_back", noted)
    outcome = run(DOWN)
    assert (outcome.broken, outcome.is_finished, outcome.struck) == ([], True, ["mes_down"])
    while_down, in_the_end = heard
    assert len(while_down) == 1, "the board left, and the MES knew of one record at most"
    assert in_the_end.count(while_down[0]) == 2
    assert len(set(in_the_end)) == 2, "both packages"


def test_an_outlet_that_takes_what_it_sent_for_delivered_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    publish = MqttOutlet._publish

    async def forgetful(*args: Any, **options: Any) -> None:
        with suppress(aiomqtt.MqttError):
            await publish(*args, **options)

    monkeypatch.setattr(MqttOutlet, "_publish", forgetful)
    assert [number for number, _ in run(DOWN).broken] == [34]
