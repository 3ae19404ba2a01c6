"""Stories of the operator page in a real browser, against a stub that shows canned snapshots and notes commands."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, expect

from station.hmi import vendor
from tests.hmi import snapshots
from tests.hmi.browser import CHROMIUM, Watched, chromium, watched_page
from tests.hmi.make_pictures import write_pictures
from tests.hmi.stub import Station, recipe, serving
from vision.results import BallState, WettingState

pytestmark = [
    pytest.mark.browser,
    pytest.mark.real_time,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
    pytest.mark.skipif(not vendor.is_current(), reason="browser libraries missing: run python -m station.hmi.vendor"),
]

KEY_LENGTH = 32
OVER_THE_EDGE = """() =>
    [...document.querySelectorAll('.panel, .cell, .command, .title-bar > *, .inputs li')].filter(e => {
        const r = e.getBoundingClientRect();
        const isCut = e.matches('.command') && e.scrollWidth > e.clientWidth + 1;
        return r.right > innerWidth + 1 || r.bottom > innerHeight + 1 || isCut;
    }).map(e => e.className + ' ' + e.textContent.slice(0, 40))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def station() -> Iterator[Station]:
    with serving(Station(snapshots.running())) as one:
        yield one


@pytest.fixture
def watched(browser: Browser, station: Station) -> Iterator[Watched]:
    """The page of a running station; at the end nothing foreign was asked for and nothing complained."""
    with watched_page(browser, locale="en-GB") as one:
        one.page.goto(station.address)
        expect(one.page.get_by_text("Running", exact=True)).to_be_visible()
        yield one
        assert one.foreign_requests(station.address) == []
        assert one.complaints == []


def test_a_running_station_is_told_in_words_and_numbers(watched: Watched, station: Station) -> None:
    page = watched.page
    for text in ("SIMULATION", "No active alarms", "pop_12x12_168", "50 ± 3 µm · 2 s old", "E-stop released"):
        expect(page.get_by_text(text).first).to_be_visible()
    expect(page.locator('[data-number="film"] b')).to_have_text("50.6")
    expect(page.locator('[data-number="force"] b')).to_have_text("3.00")
    expect(page.locator('[data-number="offset"] b')).to_have_text("8.2")
    expect(page.get_by_role("img", name="U5 Rejected")).to_be_visible()
    expect(page.get_by_role("button", name="Low dip 1")).to_be_visible()
    expect(page.locator(".camera-count")).to_have_text("165 / 168")


def test_the_camera_picture_and_its_marks_are_drawn(watched: Watched) -> None:
    bright = """() => { const c = document.querySelector('.picture canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let cyan = 0, amber = 0;
        for (let i = 0; i < d.length; i += 4) {
          if (d[i] < 90 && d[i+1] > 170 && d[i+2] > 180) cyan++;
          if (d[i] > 220 && d[i+1] > 140 && d[i+1] < 210 && d[i+2] < 110) amber++;
        } return cyan > 500 && amber > 20; }"""
    watched.page.wait_for_function(bright)


def test_every_state_of_a_ball_has_a_word_a_key_and_a_mark_of_its_own(watched: Watched, station: Station) -> None:
    """A state that the page does not know would be drawn as a ball that was not measured."""
    shown = snapshots.running()
    states = (*get_args(BallState), *get_args(WettingState))
    for ball, state in zip(shown["camera"]["balls"], states, strict=False):
        ball["state"] = state
    shown["camera"]["counts"] = dict.fromkeys(states, 1)
    station.show(shown)
    keys = watched.page.locator(".legend.keys button")
    expect(keys).to_have_count(len(states))
    words = [text.split("\n")[0].strip() for text in keys.all_inner_texts()]
    assert {"Unsure", "Debris"} < set(words)
    assert not set(words) & set(states), "no state is left without a word"
    marks = [key.locator("svg").inner_html() for key in keys.all()]
    marks_of = dict(zip(words, marks, strict=True))
    assert len({marks_of[word] for word in ("Unsure", "Debris", "Deformed", "Dry", "Low dip", "Missing")}) == 6


def test_hold_is_posted_once_with_its_key_and_told_back(watched: Watched, station: Station) -> None:
    watched.page.get_by_role("button", name="Hold").click()
    expect(watched.page.get_by_text("Hold: accepted")).to_be_visible()
    assert [(p.path, p.body) for p in station.posted] == [("/v1/jobs/job-7/actions", {"action": "hold"})]
    assert len(station.posted[0].key) == KEY_LENGTH


def test_stop_now_aborts_the_station_without_a_question(watched: Watched, station: Station) -> None:
    watched.page.get_by_role("button", name="Stop now").click()
    expect(watched.page.get_by_text("Stop now: accepted")).to_be_visible()
    assert [(p.path, p.body) for p in station.posted] == [("/v1/station/commands", {"command": "abort"})]


def test_a_forbidden_command_stays_in_place_and_says_why(watched: Watched) -> None:
    start = watched.page.locator('[data-command="start"]')
    expect(start).to_be_disabled()
    expect(start).to_contain_text("not while running")


def test_an_alarm_opens_its_panel_and_the_answer_carries_the_state_it_was_given_for(
    watched: Watched, station: Station
) -> None:
    page = watched.page
    station.show(snapshots.alarmed())
    expect(page.get_by_role("heading", name="401 Film too thin")).to_be_visible()
    expect(page.get_by_text("Check the material level in the reservoir and refill it.")).to_be_visible()
    page.get_by_role("button", name="Retry does again: Level film, Measure film, Judge film").click()
    expect(page.get_by_text("Retry: accepted")).to_be_visible()
    assert station.posted[0].path == "/v1/alarms/a-19/answer"
    assert station.posted[0].body == {"answer": "retry", "state_token": "t-55"}
    station.show(snapshots.running())
    expect(page.get_by_role("heading", name="401 Film too thin")).to_be_hidden()


def test_escape_closes_the_alarm_panel_and_commands_nothing(watched: Watched, station: Station) -> None:
    station.show(snapshots.alarmed())
    panel = watched.page.locator("#alarm-panel")
    expect(panel).to_be_visible()
    watched.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert station.posted == []


def test_only_what_would_be_built_is_offered_and_a_lapsed_approval_is_told(watched: Watched, station: Station) -> None:
    station.recipes = [
        recipe("never_approved", "draft", refusal="is a draft"),
        recipe("withdrawn", "retired", refusal="is retired"),
        recipe("lapsed", refusal="was approved under another vision"),
        recipe("ours", is_named=False),
        recipe("ours"),
        recipe("ours", "draft", is_named=False, refusal="is a draft"),
    ]
    page = watched.page
    station.show(snapshots.idle())
    page.get_by_role("button", name="New job").click()
    expect(page.get_by_label("Recipe").locator("option")).to_have_text(["ours"])
    expect(page.locator(".form-note")).to_have_text(
        ["lapsed was approved under another vision than the one that runs. Have it approved anew."]
    )
    page.locator(".form-end").get_by_role("button", name="New job").click()
    expect(page.get_by_text("New job: accepted")).to_be_visible()
    assert station.posted[0].body == {"recipe": "ours", "boards": 1}


def test_a_new_job_is_asked_for_with_recipe_and_board_count(watched: Watched, station: Station) -> None:
    page = watched.page
    station.show(snapshots.idle())
    page.get_by_role("button", name="New job").click()
    page.get_by_label("Recipe").select_option("pop_14x14_216")
    page.get_by_role("button", name="One board more").click()
    page.locator(".form-end").get_by_role("button", name="New job").click()
    expect(page.get_by_text("New job: accepted")).to_be_visible()
    assert (station.posted[0].path, station.posted[0].body) == ("/v1/jobs", {"recipe": "pop_14x14_216", "boards": 2})
    # The waiting job can be started although the station's picture does not show it yet.
    expect(page.locator(".job-line")).to_contain_text("pop_14x14_216")
    expect(page.get_by_role("button", name="New job")).to_be_disabled()
    ready = copy.deepcopy(snapshots.idle())
    ready["commands"]["start"] = {"allowed": True, "reason": None}
    station.show(ready)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("Start: accepted")).to_be_visible()
    assert (station.posted[1].path, station.posted[1].body) == ("/v1/jobs/job-8/actions", {"action": "start"})


def test_the_board_map_is_walked_with_the_arrow_keys(watched: Watched) -> None:
    page = watched.page
    page.locator('[data-site="U1"]').click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".chosen").last).to_contain_text("U6")


def test_silence_of_two_seconds_marks_everything_stale_and_leaves_only_the_stops(
    browser: Browser, station: Station
) -> None:
    with watched_page(browser, locale="en-GB") as watched:
        page = watched.page
        page.clock.install()
        page.goto(station.address)
        expect(page.get_by_text("Running", exact=True)).to_be_visible()
        page.clock.run_for(1500)
        expect(page.get_by_text("DATA STALE")).to_be_hidden()
        page.clock.run_for(1000)
        expect(page.get_by_text("DATA STALE 2 s")).to_be_visible()
        expect(page.locator('[data-command="hold"]')).to_be_disabled()
        expect(page.locator('[data-command="hold"]')).to_contain_text("data is stale")
        expect(page.locator('[data-command="abort"]')).to_be_enabled()
        station.show(snapshots.running())
        expect(page.get_by_text("DATA STALE")).to_be_hidden()
        expect(page.locator('[data-command="hold"]')).to_be_enabled()


def test_the_language_switches_live_and_is_remembered(watched: Watched) -> None:
    page = watched.page
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_text("运行中").first).to_be_visible()
    expect(page.get_by_role("button", name="立即停止")).to_be_visible()
    page.reload()
    expect(page.get_by_text("运行中").first).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_a_refusal_is_shown_in_the_words_of_the_station(browser: Browser, station: Station) -> None:
    station.refusal = {"title": "Refused", "detail": "The door is open. Close it, then Hold.", "code": "door_open"}
    with watched_page(browser, locale="en-GB") as watched:
        watched.page.goto(station.address)
        watched.page.get_by_role("button", name="Hold").click()
        expect(watched.page.get_by_text("Hold: refused. The door is open. Close it, then Hold.")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "standing"),
    [("en-GB", "Now: Stopped; possible: Reset, Stop now."), ("zh-CN", "现在：已停止；可用：复位, 立即停止。")],
)
def test_a_refusal_says_in_the_language_of_the_page_what_would_be_taken(
    browser: Browser, station: Station, language: str, standing: str
) -> None:
    station.refusal = {"detail": "Not now.", "state": "Stopped", "allowed_actions": ["reset", "abort"]}
    with watched_page(browser, locale=language) as watched:
        watched.page.goto(station.address)
        watched.page.get_by_role("button", name={"en-GB": "Hold", "zh-CN": "暂停"}[language], exact=True).click()
        expect(watched.page.get_by_text(f"Not now. {standing}")).to_be_visible()


def test_a_lost_reply_is_asked_for_again_with_the_same_key(browser: Browser, station: Station) -> None:
    with watched_page(browser, locale="en-GB") as watched:
        page = watched.page
        page.goto(station.address)
        lost = []

        def lose_first(route: object) -> None:
            lost.append(route.request.headers["idempotency-key"])  # type: ignore[attr-defined]
            if len(lost) == 1:
                route.abort("connectionreset")  # type: ignore[attr-defined]
            else:
                route.continue_()  # type: ignore[attr-defined]

        page.route("**/v1/jobs/**", lose_first)
        page.get_by_role("button", name="Hold").click()
        expect(page.get_by_text("Hold: accepted")).to_be_visible()
        assert len(lost) == 2
        assert lost[0] == lost[1] == station.posted[0].key


def test_values_outside_their_limits_are_marked_by_shape_and_not_only_by_colour(
    watched: Watched, station: Station
) -> None:
    snapshot = copy.deepcopy(snapshots.running())
    snapshot["film"]["height_um"] = 54.0
    snapshot["safety"]["door_closed"] = False
    snapshot["devices"][2]["connected"] = False
    station.show(snapshot)
    expect(watched.page.locator('[data-number="film"] .out-mark')).to_be_visible()
    expect(watched.page.get_by_text("DOOR OPEN")).to_be_visible()
    expect(watched.page.get_by_text("Not connected: head")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", [snapshots.running, snapshots.alarmed, snapshots.idle])
def test_the_page_passes_the_accessibility_checker(
    browser: Browser, station: Station, make: object, scheme: str
) -> None:
    if not vendor.CHECKER_FILE.exists():
        pytest.skip("accessibility checker missing: run python -m station.hmi.vendor")
    station.snapshot = make()  # type: ignore[operator]
    with watched_page(browser, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True) as watched:
        watched.page.goto(station.address)
        expect(watched.page.locator(".numbers")).to_be_visible()
        watched.page.add_script_tag(path=str(vendor.CHECKER_FILE))
        found = watched.page.evaluate("axe.run().then(result => result.violations)")
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found] == []


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_nothing_runs_over_the_edge(browser: Browser, station: Station, size: tuple[int, int], language: str) -> None:
    station.snapshot = snapshots.alarmed()
    with watched_page(browser, width=size[0], height=size[1], locale=language) as watched:
        watched.page.goto(station.address)
        expect(watched.page.locator(".numbers")).to_be_visible()
        over = watched.page.evaluate(OVER_THE_EDGE)
        assert over == []
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_screenshots_of_the_documentation_can_be_made(browser: Browser, tmp_path: Path) -> None:
    (picture,) = write_pictures(browser, tmp_path, ("operator_page_idle",))
    assert 10_000 < picture.stat().st_size < 300_000
