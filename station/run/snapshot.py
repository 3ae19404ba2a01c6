"""What the station looks like now, for people: one plain dictionary, made fresh from the controller when asked for.

It holds no memory of its own except the short trends that a picture of the shift needs.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from drivers.devices.safety import SafetyInputs
from drivers.errors import DriverError
from drivers.wire.camera_frame import PixelFormat
from station.process import outcomes as o
from station.run.controller import Controller
from station.run.modes import FORBIDDEN
from station.run.packml import OPERATOR_TEXT, Command
from station.version import SOFTWARE_VERSION
from vision.fingerprint import fingerprint

FILM_TREND_LENGTH = 200

_BUTTONS = {
    "start": Command.START,
    "hold": Command.HOLD,
    "resume": Command.UNHOLD,
    "stop": Command.STOP,
    "abort": Command.ABORT,
    "reset": Command.RESET,
    "clear": Command.CLEAR,
}


class Snapshots:
    """Makes snapshots of one controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._film: deque[tuple[int, float]] = deque(maxlen=FILM_TREND_LENGTH)

    def now(self) -> dict[str, Any]:
        """The whole picture, in the units of the names."""
        c = self._controller
        run = c.current
        return {
            "station": {
                "name": c.identity.station,
                "software_version": SOFTWARE_VERSION,
                "vision_hash": fingerprint(),
                "simulated": c.identity.simulated,
                "time_utc": c.clock.utc().isoformat(),
            },
            "state": {
                "name": c.packml.state.title,
                "number": int(c.packml.state),
                "mode": c.modes.mode.value,
                "text": OPERATOR_TEXT[c.packml.state],
                "sub_step": c.sub_step,
                "since_s": c.clock.mono_s() - c.since_s,
            },
            "commands": {name: self._button(name, command) for name, command in _BUTTONS.items()},
            "job": run.job.view() if run else None,
            "board": self._board(),
            "film": self._film_view(),
            "tray": c.tray.view(),
            "force": self._force(),
            "offset": self._offset(),
            "camera": self._camera(),
            "alarms": [alarm.view() for alarm in c.alarms.standing],
            "devices": [
                {
                    "name": device.name,
                    "connected": device.is_connected,
                    "age_s": getattr(device, "age_s", None),
                    "round_trip_s": getattr(device, "round_trip_s", None),
                }
                for device in c.cell.devices
            ],
            "safety": self._safety(),
            "interlocks": c.guard.view(),
        }

    def _button(self, name: str, command: Command) -> dict[str, Any]:
        c = self._controller
        state = c.packml.state
        if not c.packml.allows(command):
            wanted = {"start": "Ready", "resume": "Paused", "hold": "Running", "clear": "Aborted"}.get(name)
            reason = f"only when {wanted}" if wanted else f"not when {OPERATOR_TEXT[state]}"
            return {"allowed": False, "reason": reason}
        if command in FORBIDDEN[c.modes.mode]:
            return {"allowed": False, "reason": f"not in mode {c.modes.mode.value}"}
        if name in ("reset", "resume") and c.alarms.standing:
            return {"allowed": False, "reason": f"alarm {c.alarms.standing[0].definition.number} needs an answer"}
        return {"allowed": True, "reason": None}

    def _board(self) -> dict[str, Any] | None:
        run = self._controller.current
        if run is None:
            return None
        recipe, found = run.job.recipe, run.work.findings
        read = found.find(o.BoardRead)
        size_x_um, size_y_um = recipe.package.body_x_um, recipe.package.body_y_um
        return {
            "serial": read.serial if read else None,
            "size_x_um": recipe.board.size_x_um,
            "size_y_um": recipe.board.size_y_um,
            "fiducials": [{"name": f.name, "x_um": f.x_um, "y_um": f.y_um} for f in recipe.board.fiducials],
            "sites": [
                {
                    "name": site.name,
                    "x_um": site.x_um,
                    "y_um": site.y_um,
                    "theta_deg": site.theta_deg,
                    "size_x_um": size_x_um,
                    "size_y_um": size_y_um,
                    "state": run.job.site_states.get(site.name, "pending"),
                }
                for site in recipe.board.sites
            ],
        }

    def _film_view(self) -> dict[str, Any] | None:
        run = self._controller.current
        film = run.work.findings.find(o.FilmMeasured) if run else None
        if run is None or film is None:
            return None
        if not self._film or self._film[-1][0] != film.generation:
            self._film.append((film.generation, film.mean_um))
        return {
            "height_um": film.mean_um,
            "target_um": run.job.recipe.film.target_um,
            "tolerance_um": run.job.recipe.film.tolerance_um,
            "age_s": self._controller.clock.mono_s() - film.levelled_at_s,
            "generation": film.generation,
            "trend": [height_um for _, height_um in self._film],
        }

    def _force(self) -> dict[str, Any] | None:
        run = self._controller.current
        placed = run.work.findings.find(o.Placed) if run else None
        curve = run.work.findings.find(o.PlaceCurve) if run else None
        if run is None or placed is None or curve is None:
            return None
        return {
            "z_um": [z_um for z_um, _ in curve.points],
            "force_n": [force_n for _, force_n in curve.points],
            "contact_z_um": placed.press.contact_z_um,
            "peak_force_n": placed.press.peak_force_n,
            "hold_force_n": placed.press.hold_force_n,
            "set_force_n": run.job.recipe.place.hold_force_n,
        }

    def _offset(self) -> dict[str, Any] | None:
        run = self._controller.current
        seen = run.work.findings.find(o.PlacedVerified) if run else None
        if run is None or seen is None or seen.fix.status != "found":
            return None
        return {
            "x_um": seen.offset_x_um,
            "y_um": seen.offset_y_um,
            "theta_deg": seen.offset_theta_deg,
            "limit_um": run.job.recipe.place.offset_limit_um,
        }

    def _camera(self) -> dict[str, Any] | None:
        run = self._controller.current
        if run is None:
            return None
        found, eyes = run.work.findings, self._controller.eyes
        wet, dry = found.find(o.DippedInspected), found.find(o.PackageInspected)
        judged = wet or dry
        exposed = found.find(o.WetExposed) if wet else found.find(o.DryExposed)
        if judged is None or exposed is None:
            return None
        fix = judged.finding.fix if isinstance(judged, o.DippedInspected) else judged.fix
        states = {ball.name: str(ball.state) for ball in fix.balls}
        if isinstance(judged, o.DippedInspected):
            states.update({ball.name: ball.state for ball in judged.finding.wetting if states.get(ball.name) == "ok"})
        header = exposed.frames[0].header
        counts: dict[str, int] = {}
        for state in states.values():
            counts[state] = counts.get(state, 0) + 1
        return {
            "frame_id": header.frame_number,
            "image": f"/v1/blobs/{judged.image.removeprefix('sha256:')}"
            if header.pixel_format is PixelFormat.MONO8
            else None,
            "um_per_px": eyes.up_um_per_px,
            "width_px": self._controller.cell.profile.up_camera.width_px,
            "height_px": self._controller.cell.profile.up_camera.height_px,
            "view": "wet" if wet else "dry",
            "balls": [
                {
                    "name": ball.name,
                    "x_px": ball.x_px,
                    "y_px": ball.y_px,
                    "r_px": ball.diameter_um / 2 / eyes.up_um_per_px if ball.diameter_um == ball.diameter_um else 0.0,
                    "state": states[ball.name],
                }
                for ball in fix.balls
                if ball.x_px == ball.x_px
            ],
            "counts": counts,
        }

    def _safety(self) -> dict[str, bool] | None:
        """None where nothing fresh is known: a device that has fallen silent must not take the picture with it."""
        try:
            inputs = self._controller.cell.safety.inputs
        except DriverError:
            return None
        return {name: bool(getattr(inputs, name)) for name in SafetyInputs.__slots__}
