"""Flag over environment over file over default; and a profile that cannot be used says where and why."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from station.profile import ProfileProblem, load_profile, reference_profile
from station.settings import SettingsProblem, load_settings

REFERENCE = (files("station") / "profiles" / "reference.toml").read_text(encoding="utf-8")


def test_the_flag_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "station.toml"
    config.write_text('name = "from-file"\nport = 1000\nhost = "127.0.0.2"\n')
    monkeypatch.setenv("STATION_PORT", "2000")
    monkeypatch.setenv("STATION_NAME", "from-environment")
    settings = load_settings(config, {"port": 3000, "host": None})
    assert (settings.port, settings.name, settings.host) == (3000, "from-environment", "127.0.0.2")
    assert settings.mqtt_url is None


def test_an_unset_flag_does_not_hide_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_SIMULATED", "true")
    assert load_settings(None, {"simulated": None}).simulated is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = 99999", "port"),
        ("prot = 80", "prot"),
        ("port = ", "station.toml"),
        ('name = ""', "name"),
        ("keep_images = 'perhaps'", "keep_images"),
    ],
)
def test_a_settings_file_that_cannot_be_used_names_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    config = tmp_path / "station.toml"
    config.write_text(text)
    with pytest.raises(SettingsProblem) as problem:
        load_settings(config, {})
    assert words in str(problem.value)
    assert str(config) in str(problem.value)


def test_the_reference_profile_is_whole() -> None:
    profile = reference_profile()
    assert profile.tray.pocket(0).x_um == profile.tray.x_um
    assert profile.tray.pocket(profile.tray.columns).y_um == profile.tray.y_um + profile.tray.pitch_um


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("safe_z_um", "safe_z_mm", "head.safe_z_um"),
        ("speed_um_per_s = ", "speed_um_per_s = -", "gantry.speed_um_per_s"),
        ("[bin]", "[bim]", "bim"),
        ("clearance_um = ", "clearance_um = nan # ", "head.clearance_um"),
        ("[gantry]", "[gantry", "profile.toml"),
        ("z_um = 25_000\n\n[limits]", "z_um = 20_000\n\n[limits]", "at least 500 um below holder.z_um = 22000"),
    ],
)
def test_a_profile_that_cannot_be_used_names_file_key_and_value(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in REFERENCE
    path = tmp_path / "profile.toml"
    path.write_text(REFERENCE.replace(old, new, 1))
    with pytest.raises(ProfileProblem) as problem:
        load_profile(path)
    assert words in str(problem.value)
    assert str(path) in str(problem.value)


def test_all_problems_of_a_profile_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(REFERENCE.replace("safe_z_um", "safe_z").replace("clearance_um", "clearance"))
    with pytest.raises(ProfileProblem) as problem:
        load_profile(path)
    assert str(problem.value).count("\n") >= 3
