"""Words and files of the page: every language complete, every key known, no file too long, nothing inline."""

from __future__ import annotations

import json
import re

import pytest

from station.alarms.catalogue import ANSWER_TEXT, all_definitions
from station.alarms.translate import CATALOGUE_MODULES
from station.hmi import CONTENT_SECURITY_POLICY, STATIC_FOLDER
from station.process import sheet
from station.process.step import Step
from station.run.packml import State

WORD_FILES = sorted((STATIC_FOLDER / "i18n").glob("*.json"))
CATALOGUES = {path.stem: json.loads(path.read_text("utf-8")) for path in WORD_FILES if "alarms" not in path.stem}
CHINESE_ALARMS = json.loads((STATIC_FOLDER / "i18n" / "alarms.zh-CN.json").read_text("utf-8"))
SCRIPTS = sorted((STATIC_FOLDER / "app").glob("*.js"))
MOST_LINES = 400


def test_both_languages_have_the_same_keys_and_the_same_places_to_fill() -> None:
    english, chinese = CATALOGUES["en"], CATALOGUES["zh-CN"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key


def test_every_key_used_in_a_script_has_a_text() -> None:
    for script in SCRIPTS:
        for key in re.findall(r'\bt\("([^"]+)"', script.read_text("utf-8")):
            assert key in CATALOGUES["en"], f"{script.name}: {key}"


def test_every_alarm_and_answer_of_the_catalogue_speaks_chinese() -> None:
    assert CATALOGUE_MODULES, "rows register themselves when they are imported"
    wanted = {f"answer.{answer}" for answer in ANSWER_TEXT} | {f"consequence.{answer}" for answer in ANSWER_TEXT}
    for row in all_definitions():
        wanted |= {f"alarm.{row.number}.title", f"alarm.{row.number}.cause"}
        wanted |= {f"alarm.{row.number}.remedy.{index}" for index in range(len(row.remedy))}
    assert wanted == CHINESE_ALARMS.keys()


def test_every_step_of_the_process_sheet_has_a_word() -> None:
    titles = {step.title for step in vars(sheet).values() if isinstance(step, Step)}
    assert len(titles) > 10
    assert {title for title in titles if f"step.{title}" not in CATALOGUES["en"]} == set()


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_machine_state_has_a_word(language: str) -> None:
    missing = [state.title for state in State if f"state.{state.title}" not in CATALOGUES[language]]
    assert missing == []


def test_no_word_of_the_page_pretends_to_be_an_emergency_stop() -> None:
    for catalogue in CATALOGUES.values():
        commands = " ".join(text for key, text in catalogue.items() if key.startswith("command."))
        assert not re.search(r"emergency|e-?stop|急停", commands, re.IGNORECASE)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_stay_short(script: object) -> None:
    assert len(script.read_text("utf-8").splitlines()) <= MOST_LINES  # type: ignore[attr-defined]


def test_the_page_holds_no_inline_script_or_style_and_names_the_same_policy() -> None:
    page = (STATIC_FOLDER / "index.html").read_text("utf-8")
    assert not re.search(r"<style|style=|\son\w+=", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))
    assert not re.search(r"https?://", page)
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]+)"', page)
    assert policy is not None
    assert CONTENT_SECURITY_POLICY.startswith(policy[1])
