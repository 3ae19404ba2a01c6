"""What a simulated run consists of: seed, fidelity, machine, material, parts, boards and faults, from and to JSON.

A scenario is data about the world only; it knows neither recipes nor the station.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

from sim_hardware.faults import FaultSpec
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.things import (
    BallSite,
    BoardType,
    BottomType,
    FiducialSite,
    LandSite,
    Material,
    PackageType,
    PlacementSite,
)

T = TypeVar("T")

REFERENCE = Path(__file__).parent / "scenarios" / "reference.json"


class ScenarioError(ValueError):
    """A scenario that cannot be read; the message names every bad key with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Rendering(StrEnum):
    """What a camera delivers."""

    FULL = "full"
    """rendered pixels"""
    OBSERVATION = "observation"
    """what would have been measured, with the noise that was measured on pixels"""


def _grid(count: int, pitch_um: float) -> list[tuple[str, float, float]]:
    offset = (count - 1) / 2.0
    return [
        (f"{chr(ord('A') + row)}{column + 1}", (column - offset) * pitch_um, (offset - row) * pitch_um)
        for row in range(count)
        for column in range(count)
        if (row, column) != (0, 0)
    ]


def _small_package() -> PackageType:
    balls = tuple(BallSite(name, x, y, 300.0, 220.0) for name, x, y in _grid(8, 650.0))
    return PackageType("demo 63", 6_000.0, 6_000.0, 500.0, 0.06, balls)


def _small_bottom() -> BottomType:
    # Land (-x, y) seen from above lies below ball (x, y) seen from below.
    lands = tuple(LandSite(name, -x, y, 280.0) for name, x, y in _grid(8, 650.0))
    return BottomType("demo bottom", 7_000.0, 7_000.0, 600.0, lands, 3_100.0, 3_100.0)


def _small_board() -> BoardType:
    fiducials = tuple(
        FiducialSite(name, x, y, 1_000.0)
        for name, x, y in (("F1", 5_000.0, 5_000.0), ("F2", 95_000.0, 5_000.0), ("F3", 95_000.0, 75_000.0))
    )
    sites = tuple(
        PlacementSite(f"U{i + 1}", 20_000.0 + 20_000.0 * (i % 4), 25_000.0 + 30_000.0 * (i // 4), 0.0) for i in range(8)
    )
    return BoardType("demo board", 100_000.0, 80_000.0, 1_600.0, fiducials, sites)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulated run. The defaults are a small board with eight sites, for logic tests.

    machine         the nominal machine; hidden errors are drawn on top by `fidelity`
    board_count     boards in the magazine, 0 = endless
    """

    seed: int = 1
    fidelity: Fidelity = Fidelity.IDEAL
    rendering: Rendering = Rendering.OBSERVATION
    machine: MachineTruth = field(default_factory=MachineTruth)
    material: Material = field(default_factory=Material)
    top: PackageType = field(default_factory=_small_package)
    bottom: BottomType = field(default_factory=_small_bottom)
    board: BoardType = field(default_factory=_small_board)
    board_count: int = 0
    material_lot: str = "FLUX-0001"
    faults: tuple[FaultSpec, ...] = ()


def load(data: Mapping[str, Any]) -> Scenario:
    """JSON object -> Scenario. Missing keys keep their defaults. Raises ScenarioError naming all problems."""
    problems: list[str] = []
    scenario = _object(Scenario, data, "scenario", problems)
    if problems or scenario is None:
        raise ScenarioError(problems)
    return scenario


def load_file(path: Path) -> Scenario:
    """Raises ScenarioError also when the file is missing or is no JSON."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError([f"scenario file {path}: {error.strerror or error}"]) from error
    except ValueError as error:
        raise ScenarioError([f"scenario file {path} is no JSON: {error}"]) from error
    if not isinstance(data, dict):
        raise ScenarioError([f"scenario file {path}: expected an object, found {type(data).__name__}"])
    return load(data)


def dump(scenario: Scenario) -> dict[str, Any]:
    """Scenario -> JSON object; `load(dump(s)) == s`."""
    return cast("dict[str, Any]", plain(scenario))


def plain(value: Any) -> Any:
    """Dataclasses, enums and tuples -> what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def from_plain(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """One dataclass of this package from JSON. Raises ScenarioError naming all problems."""
    problems: list[str] = []
    made = _object(cls, data, where, problems)
    if problems or made is None:
        raise ScenarioError(problems)
    return made


def _object(cls: type[T], data: Any, where: str, problems: list[str]) -> T | None:
    if not isinstance(data, Mapping):
        problems.append(f"{where}: expected an object, found {type(data).__name__}")
        return None
    hints = typing.get_type_hints(cls)
    known = {f.name: f for f in fields(cast("Any", cls))}
    for key in data:
        if key not in known:
            problems.append(f"{where}.{key}: unknown key; known: {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if name in data:
            values[name] = _value(hints[name], data[name], f"{where}.{name}", problems)
        elif spec.default is MISSING and spec.default_factory is MISSING:
            problems.append(f"{where}.{name}: missing")
    if problems:
        return None
    try:
        return cls(**values)
    except ValueError as error:
        problems.append(f"{where}: {error}")
        return None


def _value(hint: Any, value: Any, where: str, problems: list[str]) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _value(next(a for a in typing.get_args(hint) if a is not type(None)), value, where, problems)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            problems.append(f"{where}: expected a list, found {type(value).__name__}")
            return ()
        item = typing.get_args(hint)[0]
        return tuple(_value(item, part, f"{where}[{i}]", problems) for i, part in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            problems.append(f"{where}: expected an object, found {type(value).__name__}")
            return {}
        return {str(k): _value(float, v, f"{where}.{k}", problems) for k, v in value.items()}
    if is_dataclass(hint):
        return _object(cast("type[Any]", hint), value, where, problems)
    if isinstance(hint, type) and issubclass(hint, Enum):
        allowed = [member.value for member in hint]
        if value not in allowed:
            problems.append(f"{where} = {value!r}: allowed {', '.join(map(str, allowed))}")
            return None
        return hint(value)
    return _number_or_text(hint, value, where, problems)


def _number_or_text(hint: Any, value: Any, where: str, problems: list[str]) -> Any:
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value):
            return float(value)
        problems.append(f"{where} = {value}: not a finite number")
        return 0.0
    if isinstance(hint, type) and type(value) is hint:
        return value
    problems.append(f"{where} = {value!r}: expected {getattr(hint, '__name__', hint)}")
    return None
