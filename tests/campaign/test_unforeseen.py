"""The unforeseen faults: the page is what was measured, a slice is played again, every play brings its fault about."""

from __future__ import annotations

import pytest

from tests.campaign import unforeseen_page as page
from tests.campaign.schedule import check_names
from tests.campaign.unforeseen import BY_ID, ROWS
from tests.campaign.unforeseen_model import Unforeseen
from tests.campaign.unforeseen_played import NOT_PLAYED, played, wanted_rows

QUICK = tuple(row for row in ROWS if row.plays and not any(one.drawn for one in row.plays))
"""observed, not drawn: under a second each"""


def test_thirty_faults_each_played_or_with_what_is_missing() -> None:
    assert [row.id for row in ROWS] == [f"X{n:02d}" for n in range(1, 31)]
    for row in ROWS:
        assert bool(row.plays) != bool(row.cannot), row.id
        for one in row.plays:
            check_names(one.schedule)


def test_the_page_is_the_one_that_was_measured_and_the_first_try_is_kept() -> None:
    kept = page.measured()
    assert page.PAGE.read_text(encoding="utf-8") == page.document(), "run: python -m tests.campaign unforeseen --keep"
    assert set(kept[page.FIRST]) == set(kept[page.NOW]) == set(BY_ID)
    assert all((kept[page.FIRST][row.id]["verdict"] == NOT_PLAYED) == (not row.plays) for row in ROWS)


@pytest.mark.campaign
@pytest.mark.parametrize("row", QUICK, ids=lambda row: row.id)
def test_a_fault_ends_as_it_was_measured(row: Unforeseen) -> None:
    line, told = played(row)
    assert line == page.measured()[page.NOW][row.id], "\n".join(told)


def test_an_unknown_number_is_refused() -> None:
    with pytest.raises(ValueError, match="X31: no fault of the list; known: X01 to X30"):
        wanted_rows("X02,X31")
