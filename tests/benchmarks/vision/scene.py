"""What stands before the camera, as plain numbers: package, light, sensor, faults and pose; to and from JSON.

A scene says nothing about how it is drawn: both renderers draw the same one, and `truth.py` says where its balls are.
Lengths in um; image frame about the picture's centre, x right, y up, angles in deg anticlockwise.
"""

from __future__ import annotations

import json
import types
import typing
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mark:
    """Bright disc on the body that tells the quarter turn, in the package frame."""

    x_um: float
    y_um: float
    diameter_um: float
    level_dn: float = 125.0


@dataclass(frozen=True)
class Package:
    """Ball sites as drawn, in the view of the camera, origin at the body's centre.

    body_um   side of the square body on a dark ground; 0: the substrate fills the picture
    """

    name: str
    ball_names: tuple[str, ...]
    x_um: tuple[float, ...]
    y_um: tuple[float, ...]
    diameter_um: float
    mark: Mark | None = None
    body_um: float = 0.0

    @property
    def count(self) -> int:
        return len(self.ball_names)

    @property
    def xy_um(self) -> np.ndarray:
        """(count, 2)"""
        return np.column_stack([self.x_um, self.y_um])


@dataclass(frozen=True)
class Sensor:
    """Noise variance in DN^2: noise_factor * (level / electrons_per_dn + read_noise_dn^2); then rounding to 8 bit."""

    columns: int = 2448
    rows: int = 2048
    um_per_px: float = 7.0
    psf_sigma_px: float = 1.2
    noise_factor: float = 1.0
    electrons_per_dn: float = 39.0
    read_noise_dn: float = 0.2


@dataclass(frozen=True)
class Light:
    """gradient_ratio      gain runs linearly from 1 - ratio / 2 to 1 + ratio / 2 across the picture's width
    vignetting_ratio       loss in the corners
    tilt_sigma_ratio       every ball's ring is brighter on a side of its own: |N(0, sigma)| in a random direction
    common_tilt_ratio      and on one side that all balls share, as with a dead segment of the ring light
    """

    gain_ratio: float = 1.0
    gradient_ratio: float = 0.0
    gradient_deg: float = 0.0
    vignetting_ratio: float = 0.15
    tilt_sigma_ratio: float = 0.0
    common_tilt_ratio: float = 0.0
    common_tilt_deg: float = 0.0


@dataclass(frozen=True)
class Substrate:
    """slow_dn: variation over 1 mm and more; grain_dn: of single pixels, as seen through a point spread of 1.2 px."""

    level_dn: float = 38.0
    slow_dn: float = 4.0
    grain_dn: float = 1.5
    trace_dn: float = 6.0
    trace_count: int = 250


NORMAL = Substrate()
HEAVY = Substrate(level_dn=60.0, slow_dn=8.0, grain_dn=3.0, trace_dn=25.0)


@dataclass(frozen=True)
class Spread:
    """How balls differ from each other: one standard deviation; placement per axis."""

    placement_um: float = 8.0
    diameter_ratio: float = 0.02
    reflectivity_ratio: float = 0.06
    ellipticity_ratio: float = 0.01


@dataclass(frozen=True)
class Deformed:
    """axis_ratio: shortest over longest diameter; size_ratio: mean diameter against the others."""

    name: str
    axis_ratio: float = 0.75
    direction_deg: float = 0.0
    size_ratio: float = 1.0


@dataclass(frozen=True)
class Faults:
    """extra_um: balls where none belong, package frame; debris_count: irregular bright specks near the array."""

    missing: tuple[str, ...] = ()
    extra_um: tuple[tuple[float, float], ...] = ()
    deformed: tuple[Deformed, ...] = ()
    bridged: tuple[tuple[str, str], ...] = ()
    debris_count: int = 0


@dataclass(frozen=True)
class Pose:
    x_um: float = 0.0
    y_um: float = 0.0
    theta_deg: float = 0.0


@dataclass(frozen=True)
class Scene:
    """scale_ratio: size of what is seen against what um_per_px says; reflectivity_ratio: of all balls."""

    case: str
    seed: int
    package: Package
    pose: Pose = Pose()
    sensor: Sensor = Sensor()
    light: Light = Light()
    substrate: Substrate = NORMAL
    spread: Spread = Spread()
    faults: Faults = field(default_factory=Faults)
    reflectivity_ratio: float = 1.0
    scale_ratio: float = 1.0

    def __post_init__(self) -> None:
        known = set(self.package.ball_names)
        named = [*self.faults.missing, *(d.name for d in self.faults.deformed), *sum(self.faults.bridged, ())]
        strangers = sorted(set(named) - known)
        if strangers:
            raise ValueError(f"faults name balls that {self.package.name} has not: {', '.join(strangers[:5])}")
        if not (len(known) == len(self.package.ball_names) == len(self.package.x_um) == len(self.package.y_um)):
            raise ValueError(f"{self.package.name}: every ball needs one name of its own, one x and one y")

    def stream(self, purpose: str) -> np.random.Generator:
        """Random numbers of this scene for one purpose: what one purpose draws does not change another."""
        return np.random.Generator(np.random.PCG64([self.seed, *purpose.encode()]))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> Scene:
        """raises ValueError naming the field that is unknown, missing or of another kind"""
        return typing.cast(Scene, _read(Scene, json.loads(text), "scene"))


def _read(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError(f"{where}: an object wanted, got {value!r}")
        hints = typing.get_type_hints(kind)
        unknown = sorted(set(value) - set(hints))
        if unknown:
            raise ValueError(f"{where}: unknown {', '.join(unknown)}; known are {', '.join(hints)}")
        try:
            return typing.cast(Any, kind)(**{k: _read(hints[k], v, f"{where}.{k}") for k, v in value.items()})
        except TypeError as error:
            raise ValueError(f"{where}: {error}") from error
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _read(inner[0], value, where)
    if origin is tuple:
        if not isinstance(value, list) or (inner[-1] is not Ellipsis and len(value) != len(inner)):
            raise ValueError(f"{where}: a list wanted, got {value!r}")
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_read(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value)))
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or isinstance(value, bool):
        raise ValueError(f"{where}: {kind.__name__} wanted, got {value!r}")
    return kind(value)


def json_schema(kind: Any = Scene) -> dict[str, Any]:
    """JSON schema (2020-12) of a scene, read from the classes above."""
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        needed = [f.name for f in fields(kind) if f.default is f.default_factory]  # both MISSING
        return {
            "type": "object",
            "title": kind.__name__,  # type: ignore[union-attr]
            "properties": {name: json_schema(hint) for name, hint in hints.items()},
            "required": needed,
            "additionalProperties": False,
        }
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [json_schema(inner[0]), {"type": "null"}]}
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return {"type": "array", "items": json_schema(inner[0])}
        return {"type": "array", "prefixItems": [json_schema(k) for k in inner], "minItems": len(inner),
                "maxItems": len(inner)}  # fmt: skip
    return {"type": {int: "integer", float: "number", str: "string"}[kind]}
