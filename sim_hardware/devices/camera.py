"""The two cameras behind their frame streams: one trigger, one exposure of what truly stands there, one frame.

How a scene looks is the business of the optics; what is found in it, that of nobody here.
"""

from __future__ import annotations

import asyncio
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial
from math import hypot
from typing import TYPE_CHECKING

from pydantic_core import from_json, to_json

from drivers.wire.camera_frame import DOWN, HEADER_BYTES, UP, FrameHeader, PixelFormat, Trigger, checksum
from sim_hardware.faults import Phase
from sim_hardware.optics import down, observation, up
from sim_hardware.optics.scenes import (
    BoardView,
    DatumView,
    DownScene,
    FilmView,
    GlassView,
    ImprintMark,
    Light,
    TipView,
    UpScene,
    on_board,
)
from sim_hardware.optics.window import under_blot
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import CameraTruth
from sim_hardware.world.places import GlassPart, turned
from sim_hardware.world.things import PackageTruth

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

EXPOSURE_LIMIT_US = 1_000_000
GAIN_PERMILLE = 1000
POSE = ("x_um", "y_um", "theta_deg")
CLOCK_OFFSET_US = 10_000_000
"""the camera was switched on this long before the cell"""


class Camera(ABC):
    """Common part: numbering, exposure and readout times, header. A trigger during exposure or readout is not seen."""

    def __init__(self, plant: Plant, name: str, number: int) -> None:
        self.plant = plant
        self.name = name
        self.number = number
        self.truth = plant.machine.up_camera if number == UP else plant.machine.down_camera
        self.frame_number = 0
        self._rng = plant.rng(name)
        self._busy_until_s = -1.0
        self._is_drawing = False
        self._last_sent = b""

    def expose(self, trigger: Trigger, deliver: Callable[[bytes], None]) -> None:
        """Take one picture; the scene is that of the middle of the exposure."""
        plant, now_s = self.plant, self.plant.now()
        busy = self._is_drawing or now_s < self._busy_until_s
        if trigger.camera != self.number or busy or trigger.exposure_us > EXPOSURE_LIMIT_US:
            return
        exposure_s = trigger.exposure_us * 1e-6
        self._busy_until_s = now_s + exposure_s + self.truth.readout_s
        self.frame_number += 1
        if plant.faults.are_waited_for:
            plant.faults.reached(f"{self.name}.expose", Phase.COMMANDED, now_s)
        plant.call_at(now_s + exposure_s / 2.0, self._shoot, trigger, self.frame_number, now_s, deliver)

    def _shoot(self, trigger: Trigger, frame_number: int, start_s: float, deliver: Callable[[bytes], None]) -> None:
        plant = self.plant
        light = plant.lights.flash(self.number, trigger.exposure_us * 1e-6)
        wrong = None if plant.faults.are_none else plant.faults.strikes("light_scaled", start_s, self.name)
        if wrong is not None:
            light = replace(light, ring_ratio=light.ring_ratio * wrong.value, coax_ratio=light.coax_ratio * wrong.value)
        dead = None if plant.faults.are_none else plant.faults.strikes("light_segment_dead", start_s, self.name)
        if dead is not None:
            light = replace(light, dead_segment_deg=dead.value)
        if plant.faults.are_waited_for:
            plant.faults.reached(f"{self.name}.expose", Phase.RUNNING, plant.now())
        plant.record("exposed", camera=self.name)
        blurred = None if plant.faults.are_none else plant.faults.strikes("frame_blurred", start_s, self.name)
        blur_px = 0.0 if blurred is None else blurred.value
        draw = self._picture(light, replace(self.truth, psf_sigma_px=hypot(self.truth.psf_sigma_px, blur_px)))
        self._is_drawing = True
        # Drawing pixels takes up to a second of a real clock; the other devices must go on answering meanwhile.
        drawn = plant.loop.run_in_executor(plant.drawing_room, draw)
        drawn.add_done_callback(partial(self._drawn, trigger, frame_number, start_s, deliver))

    def _drawn(
        self,
        trigger: Trigger,
        frame_number: int,
        start_s: float,
        deliver: Callable[[bytes], None],
        drawn: asyncio.Future[bytes],
    ) -> None:
        plant = self.plant
        self._is_drawing = False
        if drawn.cancelled() or plant.faults.strikes("frame_lost", start_s, self.name) is not None:
            return
        payload = drawn.result()
        if not plant.faults.are_none:
            if plant.faults.strikes("observation_nan", start_s, self.name) is not None:
                payload = spoilt(payload, lambda _: float("nan"))
            far = plant.faults.strikes("observation_far", start_s, self.name)
            if far is not None:
                payload = spoilt(payload, partial(operator.add, far.value), ("x_um",))
        full = plant.scenario.rendering == Rendering.FULL
        header = FrameHeader(
            camera=self.number,
            trigger_number=trigger.trigger_number,
            frame_number=frame_number,
            exposure_start_us=CLOCK_OFFSET_US + round(start_s * 1e6),
            exposure_us=trigger.exposure_us,
            width=self.truth.width_px,
            height=self.truth.height_px,
            pixel_format=PixelFormat.MONO8 if full else PixelFormat.OBSERVATION,
            gain_permille=GAIN_PERMILLE,
            payload_bytes=len(payload),
            payload_crc32=checksum(payload),
        )
        frame = header.encode() + payload
        late_s = 0.0
        if not plant.faults.are_none:
            late = plant.faults.strikes("frame_late", start_s, self.name)
            late_s = late.value if late is not None else 0.0
            if self._last_sent and plant.faults.strikes("frame_repeated", start_s, self.name) is not None:
                # The right answer to the trigger, the wrong picture: number and exposure are those of the one before.
                number = trigger.trigger_number
                old = FrameHeader.decode(self._last_sent[:HEADER_BYTES])
                frame = replace(old, trigger_number=number).encode() + self._last_sent[HEADER_BYTES:]
        self._last_sent = frame
        plant.call_at(self._busy_until_s + late_s, deliver, frame)

    @abstractmethod
    def _picture(self, light: Light, truth: CameraTruth) -> Callable[[], bytes]:
        """The scene of now as the camera `truth` sees it, and how to draw it later without touching the world."""


class UpCamera(Camera):
    """Stands on the machine bed and looks up at what hangs on the nozzle."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant, "up_camera", UP)

    def scene(self, light: Light) -> UpScene:
        """The truth before the lens now."""
        plant, machine = self.plant, self.plant.machine
        held, now_s = plant.held, plant.now()
        tip = plant.gantry.position_at(now_s)
        if held is None:
            return UpScene(
                x_um=tip.x_um - machine.up_camera_x_um - machine.up_camera_dx_um,
                y_um=tip.y_um - machine.up_camera_y_um - machine.up_camera_dy_um,
                theta_deg=tip.theta_deg,
                ball_plane_dz_um=plant.head.z_um_at(now_s) - machine.up_focus_z_um,
                tip=TipView(machine.nozzle_diameter_um, machine.nozzle_outer_um, plant.scenario.seed),
                light=light,
            )
        dx_um, dy_um = turned(held.x_um, held.y_um, tip.theta_deg)
        lower_face_um = plant.head.z_um_at(now_s) + plant.held_height_um()
        is_glass = isinstance(held.part, GlassPart)
        return UpScene(
            package=None if isinstance(held.part, GlassPart) else held.part,
            x_um=tip.x_um + dx_um - machine.up_camera_x_um - machine.up_camera_dx_um,
            y_um=tip.y_um + dy_um - machine.up_camera_y_um - machine.up_camera_dy_um,
            theta_deg=tip.theta_deg + held.theta_deg,
            ball_plane_dz_um=lower_face_um - machine.up_focus_z_um,
            is_calibration_part=is_glass,
            light=light,
        )

    def _picture(self, light: Light, truth: CameraTruth) -> Callable[[], bytes]:
        scene, fidelity, rng = self.scene(light), self.plant.fidelity, self._rng
        if self.plant.scenario.rendering != Rendering.FULL:
            seen = observation.observe_up(scene, truth, fidelity, rng)
            return lambda: _json(seen)
        if scene.package is not None:
            scene = replace(scene, package=_frozen(scene.package))
        blot_um = self.plant.faults.value("window_blot", self.plant.now())
        return lambda: under_blot(up.render(scene, truth, fidelity, rng), truth.um_per_px, blot_um).tobytes()


class DownCamera(Camera):
    """Hangs on the head beside the nozzle and looks down at board, film, holder and datum mark."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant, "down_camera", DOWN)

    def scene(self, light: Light) -> DownScene:
        """The truth below the lens now. Things far out of view are left out."""
        plant, machine = self.plant, self.plant.machine
        head = plant.gantry.head_at(plant.now())
        moved_um = plant.faults.value("camera_moved", plant.now())
        if plant.gantry.came_from_left:
            moved_um += plant.faults.value("camera_tips", plant.now())
        x_um = head.x_um + machine.down_camera_dx_um + machine.down_camera_error_x_um + moved_um
        y_um = head.y_um + machine.down_camera_dy_um + machine.down_camera_error_y_um
        reach_um = self.truth.um_per_px * (self.truth.width_px + self.truth.height_px)

        def near(place: tuple[float, float], size_um: float) -> bool:
            return abs(place[0] - x_um) < size_um + reach_um and abs(place[1] - y_um) < size_um + reach_um

        board = self._board()
        bottoms, tops = on_board(board, plant.scenario.bottom) if board is not None else ((), ())
        plate, datum, glass = plant.plate_centre_um(), plant.datum_centre_um(), plant.holder
        seat_x_um, seat_y_um, seat_z_um = plant.seat_um(glass.in_lower_seat)
        return DownScene(
            camera_x_um=x_um,
            camera_y_um=y_um,
            board=board,
            bottoms=bottoms,
            tops=tops,
            film=self._film(plate) if near(plate, machine.plate_size_um / 2.0) else None,
            glass=GlassView(
                seat_x_um + glass.dx_um, seat_y_um + glass.dy_um, glass.dtheta_deg, seat_z_um - machine.holder_z_um
            )
            if glass.glass is not None and near((seat_x_um, seat_y_um), glass.glass.body_x_um)
            else None,
            datum=DatumView(*datum) if near(datum, 1_000.0) else None,
            light=light,
        )

    def _board(self) -> BoardView | None:
        board = self.plant.board_in_nest
        if board is None:
            return None
        machine = self.plant.machine
        return BoardView(
            board,
            machine.nest_x_um + board.nest_dx_um,
            machine.nest_y_um + board.nest_dy_um,
            board.nest_dtheta_deg,
            machine.board_z_um - board.height_um - machine.holder_z_um,
        )

    def _film(self, plate: tuple[float, float]) -> FilmView:
        plant, now_s = self.plant, self.plant.now()
        film, machine = plant.film, plant.machine
        height_um = film.mean_height_um(now_s)
        return FilmView(
            plate[0],
            plate[1],
            machine.plate_size_um,
            height_um,
            film.generation,
            tuple(
                ImprintMark(plate[0] + mark.x_um, plate[1] + mark.y_um, mark.diameter_um, contrast)
                for mark, contrast in film.marks_at(now_s)
            ),
            machine.plate_z_um - height_um - machine.holder_z_um,
        )

    def _picture(self, light: Light, truth: CameraTruth) -> Callable[[], bytes]:
        scene, fidelity, rng = self.scene(light), self.plant.fidelity, self._rng
        if self.plant.scenario.rendering != Rendering.FULL:
            seen = observation.observe_down(scene, truth, fidelity, rng)
            return lambda: _json(seen)
        return lambda: down.render(scene, truth, fidelity, rng).tobytes()


def _frozen(package: PackageTruth) -> PackageTruth:
    """The package as it is now; what happens to it while the picture is drawn does not show."""
    return replace(package, balls=[copy(ball) for ball in package.balls], bridges=list(package.bridges))


def spoilt(payload: bytes, spoil: Callable[[float], float], names: tuple[str, ...] = POSE) -> bytes:
    """An observation whose poses are no numbers, as a fit gives that divided by nothing, or lie elsewhere."""
    seen = from_json(payload)
    for found in (*(one for one in seen.values() if isinstance(one, dict)), *(seen.get("fiducials") or ())):
        for name in names:
            if isinstance(found.get(name), float):
                found[name] = spoil(found[name])
    return _json(seen)


def _json(value: dict[str, object]) -> bytes:
    return to_json(value)
