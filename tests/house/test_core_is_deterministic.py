"""The core knows one clock and no chance: what breaks a run with a seed is not imported there."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = (
    "station/process",
    "station/run",
    "station/alarms",
    "station/calibrate",
    "drivers",
    "vision",
    "recipes",
    "sim_hardware",
)
BANNED_MODULES = {"time", "random", "threading", "uuid", "secrets"}
BANNED_CALLS = {
    "asyncio.to_thread",
    "asyncio.wait",
    "datetime.now",
    "datetime.utcnow",
    "time.time",
    "time.monotonic",
    "uuid.uuid4",
    "np.random.rand",
    "np.random.seed",
}
PORTS = {"sim_hardware/__main__.py"}
"""Where the simulator meets the real world."""


def core_files() -> list[Path]:
    return [path for part in CORE for path in sorted((ROOT / part).rglob("*.py"))]


def test_the_core_imports_neither_wall_clock_nor_chance_nor_threads() -> None:
    wrong = []
    for path in core_files():
        where = str(path.relative_to(ROOT))
        if where in PORTS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call):
                if (call := ast.unparse(node.func)) in BANNED_CALLS:
                    wrong.append(f"{where}:{node.lineno} calls {call}")
                continue
            else:
                continue
            wrong += [f"{where}:{node.lineno} imports {name}" for name in names if name.split(".")[0] in BANNED_MODULES]
    assert not wrong
