"""The cell: all devices of the station together, and the few compound moves that every step uses.

It sequences nothing and judges nothing. `make_safe` is the single exit road when anything goes wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

from drivers.devices.board_reader import BoardReader
from drivers.devices.camera import Camera, CameraFrame
from drivers.devices.conveyor import Conveyor
from drivers.devices.dip_unit import DipUnit
from drivers.devices.feeder import Feeder
from drivers.devices.film_gauge import FilmGauge
from drivers.devices.gantry import Gantry
from drivers.devices.head import Head
from drivers.devices.lights import DOWN_CAMERA, Lights
from drivers.devices.motion_plc import MotionPlc
from drivers.devices.safety import Safety
from drivers.errors import DriverError
from drivers.wire.handshake import Stop
from station.alarms.catalogue import ProcessAlarm
from station.calibrate.model import Calibration
from station.coordinates import ImagePoint, MachinePoint, Shift
from station.profile import MachineProfile

GRIP_LIMIT_KPA = -45.0
"""a nozzle sealed by a package shows this or lower; between a leak and an open nozzle. Estimate, per nozzle."""
FREE_LIMIT_KPA = -5.0
"""a free nozzle with the valve closed shows this or higher. Estimate."""
OPEN_LOW_KPA, OPEN_HIGH_KPA = -35.0, -4.0
"""a free nozzle with the valve open shows a level between these. Estimate, per nozzle."""
LEAK_MARGIN_KPA = 5.0
"""a package that is held so much weaker than a pick must grip it has begun to leak. Estimate"""
Z_TOLERANCE_UM = 5.0
"""Z stands where it was sent within this. Estimate"""
STAND_WITHIN_S = 0.3
"""from the request to stop until everything stands"""
VIEW_MARGIN_UM = 300.0
"""of the down camera's field. Estimate"""


@dataclass(frozen=True, slots=True)
class Light:
    """How a picture is lit and how long it is exposed; the flash is as long as the exposure."""

    ring_ratio: float
    coax_ratio: float
    exposure_s: float


@dataclass
class Cell:
    """Every device, the profile, and the calibration in force (None before the first)."""

    profile: MachineProfile
    plc: MotionPlc
    gantry: Gantry
    conveyor: Conveyor
    feeder: Feeder
    safety: Safety
    head: Head
    dip_unit: DipUnit
    film_gauge: FilmGauge
    lights: Lights
    board_reader: BoardReader
    up_camera: Camera
    down_camera: Camera
    calibration: Calibration | None = None

    @property
    def devices(self) -> tuple[MotionPlc | Head | DipUnit | FilmGauge | Lights | BoardReader | Camera, ...]:
        """Everything with a connection of its own, in the order in which it is connected."""
        return (
            self.plc,
            self.head,
            self.dip_unit,
            self.film_gauge,
            self.lights,
            self.board_reader,
            self.up_camera,
            self.down_camera,
        )

    async def connect(self) -> None:
        """Connect and prove every device. Raises the DriverError of the first that fails."""
        for device in self.devices:
            await device.connect()

    async def close(self) -> None:
        for device in reversed(self.devices):
            await device.close()

    @property
    def known_calibration(self) -> Calibration:
        if self.calibration is None:
            raise ProcessAlarm("calibration_failed", what="the machine was not calibrated since the service started")
        return self.calibration

    async def go_to(self, point: MachinePoint, theta_deg: float = 0.0, z_um: float | None = None) -> None:
        """Travel at safe height. `z_um`, where given, must be safe as well and is reached on the way.

        raises   what guard and devices raise; a head that is too low does not travel
        """
        safe_z_um = self.profile.head.safe_z_um
        if z_um is None or abs(z_um - self.head.status.z_um) < Z_TOLERANCE_UM:
            await self.gantry.move_to(point.x_um, point.y_um, theta_deg)
            return
        async with asyncio.TaskGroup() as together:
            together.create_task(self.gantry.move_to(point.x_um, point.y_um, theta_deg), name="gantry travel")
            together.create_task(self.head.move_z(min(z_um, safe_z_um)), name="z on the way")

    def is_at_travel_height(self, z_um: float) -> bool:
        return z_um <= self.profile.head.safe_z_um + Z_TOLERANCE_UM

    async def go_lit(
        self, camera: int, light: Light, point: MachinePoint, theta_deg: float, z_um: float | None = None
    ) -> None:
        """Travel, and set a camera's light on the way."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self.go_to(point, theta_deg, z_um), name="travel")
            lit = self.lights.set(camera, light.ring_ratio, light.coax_ratio, light.exposure_s)
            together.create_task(lit, name="light")

    def here(self) -> MachinePoint:
        """Where the gantry stands, as it measured at the end of its last move."""
        position = self.gantry.position
        return MachinePoint(position.x_um, position.y_um)

    def down_view_of(self, point: MachinePoint) -> MachinePoint:
        """Gantry position from which the down camera has `point` in the middle of its picture."""
        calibration = self.calibration
        if calibration is None:
            camera = self.profile.down_camera
            return point.moved(Shift(-camera.dx_um, -camera.dy_um))
        return point.moved(Shift(-calibration.down.x_um, -calibration.down.y_um))

    def down_views(
        self, centre: MachinePoint, width_um: float, height_um: float, margin_um: float = VIEW_MARGIN_UM
    ) -> tuple[MachinePoint, ...]:
        """Gantry positions whose pictures together show a field about `centre`; as few as possible.

        margin_um   kept free at the border of every picture, for the place a thing may be off
        """
        camera = self.profile.down_camera
        columns = _spread(width_um, camera.width_px * camera.um_per_px - 2 * margin_um)
        rows = _spread(height_um, camera.height_px * camera.um_per_px - 2 * margin_um)
        views = []
        for number, dy_um in enumerate(rows):
            # Back and forth row by row: the shortest way through the grid.
            for dx_um in columns if number % 2 == 0 else reversed(columns):
                views.append(self.down_view_of(centre.moved(Shift(dx_um, dy_um))))
        return tuple(views)

    async def expose_down(
        self, views: Sequence[MachinePoint], light: Light, theta_deg: float
    ) -> tuple[tuple[CameraFrame, ...], tuple[MachinePoint, ...]]:
        """One picture from each gantry position, with the positions really reached."""
        frames, places = [], []
        for number, view in enumerate(views):
            if number == 0:
                await self.go_lit(DOWN_CAMERA, light, view, theta_deg)
            else:
                await self.go_to(view, theta_deg)
            places.append(self.here())
            frames.append(await self.down_camera.expose(light.exposure_s))
        return tuple(frames), tuple(places)

    def seen_by_down_camera(self, gantry_at: MachinePoint, seen: ImagePoint) -> MachinePoint:
        """Machine point of what the down camera shows at `seen` while the gantry stands at `gantry_at`."""
        down = self.known_calibration.down
        return gantry_at.moved(Shift(down.x_um, down.y_um)).moved(down.shift_of(seen))

    async def check_gripped(self, step: str, picked_kpa: float | None = None) -> None:
        """Ask the head now, not what it said a heartbeat ago.

        picked_kpa   the level that a pick had to reach; None where only a package that is gone matters
        raises       ProcessAlarm part_lost when the vacuum says that nothing is held, grip_leaks when it is held badly
        """
        vacuum_kpa = (await self.head.refresh()).vacuum_kpa
        if not vacuum_kpa <= GRIP_LIMIT_KPA:
            raise ProcessAlarm("part_lost", vacuum_kpa=vacuum_kpa, limit_kpa=GRIP_LIMIT_KPA, step=step)
        if picked_kpa is not None and not vacuum_kpa <= picked_kpa + LEAK_MARGIN_KPA:
            raise ProcessAlarm("grip_leaks", vacuum_kpa=vacuum_kpa, limit_kpa=picked_kpa + LEAK_MARGIN_KPA, step=step)

    @property
    def moving_devices(self) -> tuple[MotionPlc | Head | DipUnit | FilmGauge, ...]:
        """Everything that moves something, and knows a stop level."""
        return (self.plc, self.head, self.dip_unit, self.film_gauge)

    async def stop(self, level: Stop) -> None:
        """Ask every moving device to stop, all at once: none waits for another that is slow to answer.

        A device that cannot be reached stops by its own dead-man, and hears the level when it can be reached again.
        """

        async def ask(device: MotionPlc | Head | DipUnit | FilmGauge) -> None:
            with suppress(DriverError):
                await device.request_stop(level)

        async with asyncio.TaskGroup() as together:
            for device in self.moving_devices:
                together.create_task(ask(device), name=f"stop {device.name}")

    async def stand_still(self) -> None:
        """Wait until every moving device says that nothing is under way in it, not longer than a stop may take.

        A device that cannot be reached stops by its own dead-man.
        """

        async def wait(device: MotionPlc | Head | DipUnit | FilmGauge) -> None:
            with suppress(DriverError):
                await device.stand_still(STAND_WITHIN_S)

        async with asyncio.TaskGroup() as together:
            for device in self.moving_devices:
                together.create_task(wait(device), name=f"{device.name} stands")

    async def release_stop(self) -> None:
        for device in self.moving_devices:
            await device.release_stop()

    async def make_safe(self) -> None:
        """Everything stands still, the vacuum stays as it is: a held package is not dropped. Idempotent."""
        await self.stop(Stop.QUICK)


def _spread(extent_um: float, field_um: float) -> list[float]:
    """Picture centres, relative, that cover `extent_um` with pictures of `field_um`."""
    count = max(1, ceil(extent_um / field_um))
    if count == 1:
        return [0.0]
    first = -extent_um / 2 + field_um / 2
    step = (extent_um - field_um) / (count - 1)
    return [first + index * step for index in range(count)]
