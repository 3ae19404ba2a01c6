"""Settings of the service: flag over environment over file over default.

Environment names are `STATION_` and the key in capitals, such as `STATION_MQTT_URL`. What belongs to the machine
stands in its profile, what belongs to a product in its recipe.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class SettingsProblem(ValueError):
    """Settings that cannot be used; the message names file or variable, key, value and what is allowed."""


class Settings(BaseSettings):
    """Everything `station run` needs to know."""

    model_config = SettingsConfigDict(env_prefix="STATION_", extra="forbid", frozen=True)

    name: str = Field(default="station-1", min_length=1, max_length=60, description="of this station, in every record")
    host: str = Field(default="127.0.0.1", description="address of the web service; beyond loopback only people get in")
    port: int = Field(default=8600, ge=0, le=65535, description="port of the web service, 0 takes a free one")
    data_dir: Path = Field(default=Path("data"), description="records, events, pictures")
    profile: Path | None = Field(default=None, description="machine profile; default: the reference machine")
    machine_host: str = Field(default="127.0.0.1", description="host on which the machine's devices answer")
    machine_ports: Path | None = Field(default=None, description="JSON file with the port of every device")
    simulated: bool = Field(default=False, description="said on every screen; open as long as nobody was added")
    mqtt_url: str | None = Field(default=None, description="mqtt://host:1883/site/area/line; off where absent")
    mqtt_away_s: float = Field(
        default=60.0, ge=1.0, le=86_400.0, description="so long may the MQTT broker be away before alarm 806 says so"
    )
    attended: bool = Field(
        default=True,
        description="somebody is there to answer; else each alarm's row says what is done instead of asking",
    )
    keep_images: bool = Field(default=True, description="store every judged picture")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings


def load_settings(config: Path | None, flags: dict[str, Any]) -> Settings:
    """Flags given win over the environment, the environment over the file. Raises SettingsProblem."""
    from_file: dict[str, Any] = {}
    if config is not None:
        try:
            from_file = tomllib.loads(config.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsProblem(f"{config}: {error}") from error
    given = {key: value for key, value in flags.items() if value is not None}
    try:
        from_environment = Settings(**given).model_dump(exclude_unset=True)
        return Settings(**{**from_file, **from_environment, **given})
    except ValidationError as error:
        where = config or "settings"
        lines = [f"{where}: {'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg']}" for e in error.errors()]
        raise SettingsProblem("\n".join(lines)) from error
