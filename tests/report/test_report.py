"""Stories of the run report: one file, nothing fetched, what was recorded is what is shown."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from station.report import FilmPoint, ReportData, write_report
from station.report.drawing import Plot, ticks
from station.report.statistics import contact_z_um, spread
from station.report.write import render
from tests.hmi.browser import CHROMIUM, chromium, watched_page
from tests.report.fake import LIMIT_UM, REASONS, fake_run

LARGEST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def data() -> ReportData:
    return fake_run()


@pytest.fixture(scope="module")
def page(data: ReportData) -> str:
    return render(data)


class _Balance(HTMLParser):
    """Notes tags that are closed in another order than they were opened."""

    EMPTY = frozenset({"meta", "br", "link", "img", "path", "rect", "circle", "image"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag in self.EMPTY:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_report_is_one_well_formed_file_of_modest_size(data: ReportData, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    write_report(data, path)
    text = path.read_text("utf-8")
    balance = _Balance()
    balance.feed(text)
    assert balance.wrong == []
    assert balance.open == []
    assert path.stat().st_size < LARGEST_BYTES
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]


def test_the_report_fetches_nothing_and_runs_no_script(page: str) -> None:
    assert not re.search(r"https?://|<script|<link|@import|\son\w+=", page)
    assert re.findall(r'href="(?!data:image/jpeg)', page) == []
    assert "default-src 'none'" in page


def test_every_reject_is_listed_with_its_reason_and_no_other_package(page: str) -> None:
    section = page.split('id="rejects"')[1].split("</section>")[0]
    assert section.count("<tr>") == len(REASONS) + 1
    for _, code, text in REASONS.values():
        assert code in section
        assert text in section


def test_each_board_shows_the_result_of_each_of_its_sites(page: str) -> None:
    maps = re.findall(r'<svg class="board-map".*?</svg>', page, re.DOTALL)
    assert len(maps) == 4
    assert sum(one.count('class="site done"') for one in maps) == 48 - len(REASONS)
    assert sum(one.count('class="site rejected"') for one in maps) == 2
    assert maps[1].count('class="site skipped"') == 1


def test_a_later_record_of_a_site_replaces_an_earlier_one(data: ReportData) -> None:
    again = {**data.records[7], "result": "placed", "reason": None}
    text = render(dataclasses.replace(data, records=(*data.records[:12], again)))
    assert text.count('class="site done"') == 12


def test_every_ball_is_marked_and_bad_ones_lie_on_top(page: str) -> None:
    dry, wet = re.findall(r'<svg class="camera".*?</svg>', page, re.DOTALL)
    assert dry.count('class="ball ok"') == 167
    assert wet.count('class="ball wet"') == 165
    assert dry.rindex('class="ball ok"') < dry.index('class="ball missing"')


def test_text_from_records_cannot_become_markup(data: ReportData) -> None:
    nasty = {**data.records[7], "site": "<b>U1</b>", "reason": {"code": "<i>", "text": "<script>alert(1)</script>"}}
    text = render(dataclasses.replace(data, records=(nasty,), title="<img src=x>"))
    for raw in ("<b>U1", "<i>", "<script>", "<img"):
        assert raw not in text


def test_a_run_without_a_single_placement_still_makes_a_report(data: ReportData) -> None:
    empty = ReportData("Nothing", "", (), (), data.board, LIMIT_UM, 3.0)
    text = render(empty)
    assert "Every package was placed." in text
    assert "<svg" not in text


def test_one_film_height_alone_can_be_drawn(data: ReportData) -> None:
    assert "1 dips" in render(dataclasses.replace(data, film_trend=(FilmPoint(0.0, 50.0, 50.0),)))


def test_film_of_two_runs_is_counted_in_dips_and_each_point_has_its_own_band(data: ReportData) -> None:
    film = (FilmPoint(5.0, 50.0, 50.0), FilmPoint(9.0, 51.0, 50.0), FilmPoint(1.0, 81.0, 80.0))
    text = render(dataclasses.replace(data, film_trend=film))
    section = text.split('id="film"')[1].split("</section>")[0]
    assert ">dip</text>" in section
    assert section.count('class="dot bad"') == 0


def test_each_recipe_is_drawn_on_its_own_board(data: ReportData) -> None:
    one = {**data.records[0], "recipe": {"name": "small"}, "site": "X1"}
    small = {**data.board, "sites": [{**data.board["sites"][0], "name": "X1"}]}
    text = render(dataclasses.replace(data, records=(one, data.records[1]), other_boards={"small": small}))
    first, second = re.findall(r'<svg class="board-map".*?</svg>', text, re.DOTALL)
    assert "X1: placed" in first
    assert "U2: placed" in second


def test_a_shift_of_thousands_stays_a_file_one_can_mail(data: ReportData) -> None:
    many = tuple({**data.records[i % 48], "board": {"serial": f"B{i // 12}"}} for i in range(4500))
    film = tuple(FilmPoint(6.4 * i, 50.0 + 0.1 * (i % 9), 50.0) for i in range(4500))
    text = render(dataclasses.replace(data, records=many, film_trend=film))
    assert len(text) < LARGEST_BYTES
    assert "of 375 boards are drawn" in text


def test_spread_and_cpk_of_a_hand_worked_cloud() -> None:
    # x: -3, 3, -3, 3 about 0; y: 1, 1, 3, 3 about 2. Sample sigma x = sqrt(12), y = sqrt(4/3).
    found = spread([(-3, 1), (3, 1), (-3, 3), (3, 3)], 25.0)
    assert found is not None
    assert found.sigma_x_um == pytest.approx(12**0.5)
    assert found.sigma_y_um == pytest.approx((4 / 3) ** 0.5)
    assert (found.mean_x_um, found.mean_y_um) == pytest.approx((0, 2))
    assert found.cpk == pytest.approx(25 / (3 * 12**0.5))
    assert found.worst_um == pytest.approx(18**0.5)
    assert max(x for x, _ in found.ellipse_um) == pytest.approx(3 * 12**0.5, rel=1e-3)
    assert spread([(0, 0), (1, 1)], 25.0) is None


def test_contact_is_where_the_force_leaves_the_noise() -> None:
    assert contact_z_um([0, 10, 20, 30], [0.0, 0.01, 0.5, 3.0]) == 20
    assert contact_z_um([30, 20, 10, 0], [3.0, 0.5, -0.4, 0.0]) == 20
    assert contact_z_um([5, 6], [0.0, 0.0]) == 5


def test_ticks_are_round_and_inside() -> None:
    assert ticks(-0.03, 1.02, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(44, 56, 6) == pytest.approx([44, 46, 48, 50, 52, 54, 56])
    assert ticks(3, 3) == [3]


def test_y_points_up_and_x_to_the_right() -> None:
    plot = Plot((0, 10), (0, 10))
    assert plot.y(10) < plot.y(0)
    assert plot.x(10) > plot.x(0)


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}")
def test_the_report_opens_from_disk_without_complaint(data: ReportData, tmp_path: Path) -> None:
    write_report(data, tmp_path / "report.html")
    with chromium() as browser, watched_page(browser, width=1120, height=900) as watched:
        watched.page.goto((tmp_path / "report.html").as_uri())
        assert watched.page.get_by_role("heading", name="Placement offsets").is_visible()
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert watched.complaints == []
        assert watched.foreign_requests("file:") == []
