"""A slice of the campaign on real processes: some kills, a full disk; most of a minute at twice the speed."""

from __future__ import annotations

import pytest

from tests.campaign.real import disk, kills

pytestmark = [pytest.mark.real_time, pytest.mark.campaign]
SPEED = 2.0


def test_a_killed_service_loses_nothing_it_told_repeats_nothing_and_asks_about_what_it_does_not_know() -> None:
    found = kills.run(3, SPEED, kills=2)
    assert found.wrong == []
    assert found.kills >= 2
    assert found.boards >= 1


def test_a_station_whose_disk_is_full_stops_says_so_and_goes_on_when_there_is_room_again() -> None:
    found = disk.run(1, SPEED)
    assert found.wrong == []
    assert found.full == 1
