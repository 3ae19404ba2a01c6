"""A folder of sample pictures with their truth, and the comparison of a `station vision balls --json` answer with it.

Per sample: NAME.png, NAME.scene.json (the whole scene), NAME.truth.json (what a perfect answer says) and
NAME.package.json (the ball map as the command line reads it). `python -m tests.benchmarks.vision.samples FOLDER` writes
them, asks the command line about each and prints what differs. scene.schema.json describes the scenes.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.benchmarks.vision import renderer, second_renderer
from tests.benchmarks.vision.cases import CASES
from tests.benchmarks.vision.scene import Package, Scene, json_schema
from tests.benchmarks.vision.score import wrapped_deg
from tests.benchmarks.vision.truth import truth_of

SAMPLES = ("nominal", "noise16", "defocus", "uneven", "common", "missing20", "full1023", "heavy", "debris", "mixed")
SECOND = ("nominal", "mixed")
"""cases that are also drawn by the second renderer, as NAME-second"""
POSE_UM, TURN_DEG, CENTRE_PX = 0.5, 0.01, 0.25
"""How far an answer may be off to agree: the second optics shift mirror images by up to 0.4 um, see README.md."""


def package_json(package: Package) -> dict[str, Any]:
    """The ball map alone, seen by the camera from below."""
    places = [
        {"name": name, "x_um": x, "y_um": y} for name, x, y in zip(package.ball_names, package.x_um, package.y_um)
    ]
    mark = package.mark
    turn_mark = mark and {"x_um": mark.x_um, "y_um": mark.y_um, "diameter_um": mark.diameter_um}
    return {
        "name": re.sub(r"[^A-Za-z0-9]+", "_", package.name),
        "view": "from_below",
        "a1_mark": turn_mark,
        "ball_map": {"count": package.count, "diameter_um": package.diameter_um, "places": places},
    }


def truth_json(scene: Scene) -> dict[str, Any]:
    """What a perfect answer says: pose, state and place of every ball of the map, extra balls."""
    truth = truth_of(scene)
    bridged = {name for pair in scene.faults.bridged for name in pair}
    deformed = {fault.name for fault in scene.faults.deformed}
    balls = []
    for i, name in enumerate(scene.package.ball_names):
        state = "missing" if not truth.present[i] else "ok"
        state = "bridged" if name in bridged else "deformed" if name in deformed else state
        balls.append({"name": name, "state": state, "x_px": float(truth.sites_px[i, 0]),
                      "y_px": float(truth.sites_px[i, 1])})  # fmt: skip
    return {
        "case": scene.case,
        "package": scene.package.name,
        "um_per_px": scene.sensor.um_per_px,
        "scale_tolerance": 0.03,
        "pose": {"x_um": truth.pose.x_um, "y_um": truth.pose.y_um, "theta_deg": wrapped_deg(truth.pose.theta_deg),
                 "scale_ratio": scene.scale_ratio},
        "balls": balls,
        "extra_px": truth.extra_px.tolist(),
    }  # fmt: skip


def write_samples(folder: Path, names: tuple[str, ...] = SAMPLES) -> list[Path]:
    """Draw the first public scene of every case named; returns the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scene.schema.json").write_text(json.dumps(json_schema(), indent=1) + "\n", encoding="utf-8")
    written = []
    for name in names:
        scene = CASES[name].scenes(1)[0]
        for optics, ending in ((renderer, ""), (second_renderer, "-second")):
            if ending and name not in SECOND:
                continue
            stem = folder / f"{name}{ending}"
            cv2.imwrite(f"{stem}.png", optics.render(scene))
            Path(f"{stem}.scene.json").write_text(scene.to_json() + "\n", encoding="utf-8")
            for what, content in (("truth", truth_json(scene)), ("package", package_json(scene.package))):
                Path(f"{stem}.{what}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            written.append(Path(f"{stem}.png"))
    return written


def differences(answer: dict[str, Any], truth: dict[str, Any], *, pose_um: float = POSE_UM) -> list[str]:
    """What is wrong with a `--json` answer of `station vision balls`, in words; empty when it agrees with the truth.

    answer    as parsed from the command line: status, pose, balls
    truth     as parsed from NAME.truth.json
    pose_um   allowed error of the pose per axis
    """
    if answer.get("status") != "found":
        return [f"status {answer.get('status')!r}, wanted 'found': {answer.get('reasons')}"]
    found: list[str] = []
    pose, wanted = answer["pose"], truth["pose"]
    for key in ("x_um", "y_um"):
        off = pose[key] - wanted[key]
        if not abs(off) <= pose_um:
            found.append(f"pose {key} is {pose[key]:.4f}, truth {wanted[key]:.4f}: off by {off:+.4f} um")
    off_deg = wrapped_deg(pose["theta_deg"] - wanted["theta_deg"])
    if not abs(off_deg) <= TURN_DEG:
        found.append(f"pose theta_deg is {pose['theta_deg']:.5f}, truth {wanted['theta_deg']:.5f}")
    said = {ball["name"]: ball for ball in answer["balls"] if ball["state"] != "extra"}
    for ball in truth["balls"]:
        mine = said.get(ball["name"])
        if mine is None:
            found.append(f"ball {ball['name']} is not in the answer")
        elif mine["state"] != ball["state"]:
            found.append(f"ball {ball['name']} is called {mine['state']}, truth {ball['state']}")
        elif ball["state"] == "ok":
            off_px = math.hypot(mine["x_px"] - ball["x_px"], mine["y_px"] - ball["y_px"])
            if not off_px <= CENTRE_PX:
                found.append(f"ball {ball['name']} lies {off_px:.3f} px off")
    return found + _extra_differences(answer, truth)


def _extra_differences(answer: dict[str, Any], truth: dict[str, Any]) -> list[str]:
    reported = np.array([(b["x_px"], b["y_px"]) for b in answer["balls"] if b["state"] == "extra"]).reshape(-1, 2)
    drawn = np.array(truth["extra_px"]).reshape(-1, 2)
    reach_px = 10.0
    found = []
    for at in drawn:
        if len(reported) == 0 or np.hypot(*(reported - at).T).min() > reach_px:
            found.append(f"extra ball at ({at[0]:.1f}, {at[1]:.1f}) px is not reported")
    for at in reported:
        if len(drawn) == 0 or np.hypot(*(drawn - at).T).min() > reach_px:
            found.append(f"an extra ball is reported at ({at[0]:.1f}, {at[1]:.1f}) px where none is")
    return found


def ask(command: list[str], stem: Path) -> dict[str, Any]:
    """What the command line says about one sample, parsed; a refusal is an answer, too.

    command   everything before the picture, such as ["station", "vision", "balls"]
    """
    truth = json.loads(Path(f"{stem}.truth.json").read_text(encoding="utf-8"))
    options = ["--package", f"{stem}.package.json", "--um-per-px", str(truth["um_per_px"]),
               "--scale-tolerance", str(truth["scale_tolerance"]), "--json"]  # fmt: skip
    done = subprocess.run([*command, f"{stem}.png", *options], capture_output=True, text=True, check=False)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        return {"status": f"no JSON, exit code {done.returncode}", "reasons": [done.stderr.strip()[-400:]]}


def check(folder: Path, command: list[str]) -> dict[str, list[str]]:
    """Differences of every sample of a folder, by name."""
    found = {}
    for picture in sorted(folder.glob("*.png")):
        stem = picture.with_suffix("")
        truth = json.loads(Path(f"{stem}.truth.json").read_text(encoding="utf-8"))
        found[stem.name] = differences(ask(command, stem), truth)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.vision.samples", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("report/bench-vision/samples"))
    parser.add_argument("--command", default=f"{Path(sys.executable).with_name('station')} vision balls")
    wanted = parser.parse_args()
    write_samples(wanted.folder)
    found = check(wanted.folder, shlex.split(wanted.command))
    for name, problems in found.items():
        print(f"{name}: {'; '.join(problems[:6]) or 'agrees'}")
    raise SystemExit(1 if any(found.values()) else 0)


if __name__ == "__main__":
    main()
