"""The login in a real browser before the real web service: what is shown to whom, and what stops the machine anyway."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from station.api.app import create_app
from station.api.serving import serve
from station.clock import Clock
from station.hmi import vendor
from station.people.register import Register
from station.people.roles import Role
from station.store import open_store
from tests.api.support import ObedientController, shelf_of
from tests.hmi import snapshots
from tests.hmi.browser import CHROMIUM, chromium, watched_page
from tests.hmi.test_operator_page import OVER_THE_EDGE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.real_time,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
    pytest.mark.skipif(not vendor.is_current(), reason="browser libraries missing: run python -m station.hmi.vendor"),
]

UP_WITHIN_S = 20.0


class Live:
    """The web service in a thread of its own, with a controller that does as told."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._loop = folder, asyncio.new_event_loop()
        self._is_up, self._ends = threading.Event(), asyncio.Event()
        self.register, self.address = Register(folder), ""
        self.controller: ObedientController
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._live()), daemon=True)

    async def _live(self) -> None:
        store = open_store(self._folder, Clock(lambda: datetime.now(UTC)), durability="normal")
        self.controller = ObedientController(store)
        self.controller._jobs["job-7"] = {**snapshots.running()["job"], "id": "job-7", "state": "running"}
        self.show("running")
        serving = await serve(create_app(self.controller, store, shelf_of(store), simulated=True), port=0)
        self.address = serving.url
        self._is_up.set()
        await self._ends.wait()
        await serving.stop()
        store.close()

    def show(self, name: str) -> None:
        picture = copy.deepcopy(getattr(snapshots, name)())
        picture["camera"] = None
        self.controller.snapshot = lambda: picture  # type: ignore[method-assign]

    def add(self, name: str, role: Role) -> str:
        return self.register.add(name, role, datetime.now(UTC))

    def __enter__(self) -> Live:
        self._thread.start()
        assert self._is_up.wait(UP_WITHIN_S), "the service did not come up"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path) as one:
        yield one


def log_in(page: Page, key: str) -> None:
    page.get_by_label("Key").fill(key)
    page.locator(".login-panel").get_by_role("button", name="Log in").click()


def test_a_station_without_people_says_that_anybody_may_command(browser: Browser, live: Live) -> None:
    with watched_page(browser, locale="en-GB") as watched:
        watched.page.goto(live.address)
        expect(watched.page.get_by_text("nobody is logged in: anybody at this computer may command")).to_be_visible()
        expect(watched.page.locator("[data-login]")).to_have_count(0)
        expect(watched.page.locator('[data-command="hold"]')).to_be_enabled()
        assert watched.complaints == []


@pytest.mark.parametrize("word", ["hold", "stop", "abort"])
def test_without_a_login_nothing_is_shown_and_the_machine_can_be_stopped(
    browser: Browser, live: Live, word: str
) -> None:
    live.add("anna", Role.OPERATOR)
    with watched_page(browser, locale="en-GB") as watched:
        page = watched.page
        page.goto(live.address)
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        expect(page.get_by_text("Nothing is shown without a login.")).to_be_visible()
        for word_of_picture in ("pop_12x12_168", "No active alarms", "devices connected"):
            expect(page.get_by_text(word_of_picture)).to_have_count(0)
        for name in ("load", "start", "resume", "reset"):
            expect(page.locator(f'[data-command="{name}"]')).to_be_disabled()
        page.locator(f'[data-command="{word}"]').click()
        expect(page.get_by_text(": accepted")).to_be_visible()
        assert live.controller.told == [word]
        assert watched.complaints == [], "nothing is asked for that is refused"


def test_a_wrong_key_is_said_a_right_one_shows_the_page_and_logging_out_hides_it(browser: Browser, live: Live) -> None:
    key = live.add("anna", Role.OPERATOR)
    with watched_page(browser, locale="en-GB") as watched:
        page = watched.page
        page.goto(live.address)
        log_in(page, "not-a-key")
        expect(page.get_by_text("Not logged in. Nobody has this key.")).to_be_visible()
        log_in(page, key)
        expect(page.locator(".who")).to_have_attribute("title", "anna · operator")
        expect(page.get_by_text("Running", exact=True)).to_be_visible()
        assert page.evaluate("document.cookie") == "", "no script reads it"
        assert page.evaluate("JSON.stringify(localStorage)").find(key) == -1
        page.reload()
        expect(page.locator(".who")).to_have_attribute("title", "anna · operator")
        page.get_by_role("button", name="Hold").click()
        expect(page.get_by_text("Hold: accepted")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        expect(page.get_by_text("pop_12x12_168")).to_have_count(0)


def test_what_the_role_may_not_do_is_disabled_with_the_reason(browser: Browser, live: Live) -> None:
    key = live.add("eva", Role.VIEWER)
    live.show("alarmed")
    with watched_page(browser, locale="en-GB") as watched:
        page = watched.page
        page.goto(live.address)
        log_in(page, key)
        expect(page.locator(".who")).to_have_attribute("title", "eva · viewer")
        for name in ("load", "resume", "reset"):
            expect(page.locator(f'[data-command="{name}"]')).to_be_disabled()
            expect(page.locator(f'[data-command="{name}"]')).to_contain_text("for operators")
        expect(page.locator('[data-command="abort"]')).to_be_enabled()
        expect(page.locator("[data-answer]").first).to_be_disabled()
        expect(page.locator(".answers-forbidden")).to_have_text("for operators")


def test_who_is_revoked_sees_nothing_any_more_without_touching_anything(browser: Browser, live: Live) -> None:
    key = live.add("anna", Role.OPERATOR)
    with watched_page(browser, locale="en-GB") as watched:
        page = watched.page
        page.goto(live.address)
        log_in(page, key)
        expect(page.get_by_text("Running", exact=True)).to_be_visible()
        live.register.revoke("anna", datetime.now(UTC))
        expect(page.get_by_text("The key of anna was revoked.")).to_be_visible(timeout=15_000)
        expect(page.get_by_text("Running", exact=True)).to_have_count(0)


@pytest.mark.parametrize(("language", "scheme"), [("en-GB", "light"), ("zh-CN", "dark")])
@pytest.mark.parametrize("is_in", [False, True], ids=["login", "viewer"])
def test_the_login_fits_and_passes_the_accessibility_checker(
    browser: Browser, live: Live, tmp_path: Path, language: str, scheme: str, is_in: bool
) -> None:
    key = live.add("a-name-of-forty-letters-" + "x" * 16, Role.VIEWER)
    live.show("alarmed")
    with watched_page(
        browser, locale=language, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    ) as watched:
        page = watched.page
        page.goto(live.address)
        expect(page.locator(".login-panel")).to_be_visible()
        if is_in:
            page.locator("#login-key").fill(key)
            page.locator(".login-panel button.first").click()
            expect(page.locator(".answers-forbidden")).to_be_visible()
        assert page.evaluate(OVER_THE_EDGE) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=tmp_path / f"login_{language}_{is_in}.png")
        if vendor.CHECKER_FILE.exists():
            page.add_script_tag(path=str(vendor.CHECKER_FILE))
            found = page.evaluate("axe.run().then(result => result.violations)")
            assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found] == []
