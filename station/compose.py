"""Puts a station together: links and devices from addresses, the cell, the store, the controller.

It decides no address and no path; those are settings. It never imports the simulator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from drivers.devices.board_reader import BoardReader
from drivers.devices.camera import Camera, CameraFrame
from drivers.devices.conveyor import Conveyor
from drivers.devices.dip_unit import DipUnit
from drivers.devices.feeder import Feeder
from drivers.devices.film_gauge import FilmGauge
from drivers.devices.gantry import Gantry, GantryLimits
from drivers.devices.head import Head, HeadLimits
from drivers.devices.lights import Lights
from drivers.devices.motion_plc import MotionPlc
from drivers.devices.safety import Safety
from drivers.links.capture import Capture
from drivers.links.frame_stream import FrameStream
from drivers.links.modbus import ModbusLink
from drivers.links.serial_line import SerialLine
from drivers.wire import camera_frame, dip_unit, motion_plc
from station.cell import Cell
from station.clock import Clock
from station.eyes import Eyes, is_observed
from station.profile import MachineProfile
from station.run.controller import Controller, Identity
from station.shelf import RecipeSource
from station.store.store import Store

PNG_FAST = (cv2.IMWRITE_PNG_COMPRESSION, 1)


@dataclass(frozen=True)
class Addresses:
    """Where every device answers: `tcp://`, `rtu://`, `socket://host:port`, or a device path."""

    plc: str
    dip_unit: str
    head: str
    film_gauge: str
    lights: str
    board_reader: str
    up_camera: str
    down_camera: str


class PortNumbers(Protocol):
    """TCP ports of a machine on one host, by device."""

    @property
    def plc(self) -> int: ...
    @property
    def dip_unit(self) -> int: ...
    @property
    def head(self) -> int: ...
    @property
    def film_gauge(self) -> int: ...
    @property
    def lights(self) -> int: ...
    @property
    def board_reader(self) -> int: ...
    @property
    def up_camera(self) -> int: ...
    @property
    def down_camera(self) -> int: ...


def addresses_on(host: str, ports: PortNumbers) -> Addresses:
    """Addresses of a machine whose devices all answer on TCP ports of one host."""
    return Addresses(
        plc=f"tcp://{host}:{ports.plc}",
        dip_unit=f"rtu://{host}:{ports.dip_unit}",
        head=f"socket://{host}:{ports.head}",
        film_gauge=f"socket://{host}:{ports.film_gauge}",
        lights=f"socket://{host}:{ports.lights}",
        board_reader=f"socket://{host}:{ports.board_reader}",
        up_camera=f"socket://{host}:{ports.up_camera}",
        down_camera=f"socket://{host}:{ports.down_camera}",
    )


def build_cell(profile: MachineProfile, at: Addresses, session: int, capture: Capture | None = None) -> Cell:
    """All devices, not yet connected. `session` is a random number of this service start, 1 to 2^32 - 1."""
    axes, rest_s, serials = profile.gantry, profile.limits.rest_heartbeat_s, profile.serials
    plc = MotionPlc(
        ModbusLink(at.plc, motion_plc.UNIT, name="plc", capture=capture),
        session=session,
        serial_number=serials.plc,
        rest_period_s=rest_s,
    )
    return Cell(
        profile=profile,
        plc=plc,
        gantry=Gantry(
            plc,
            GantryLimits(
                speed_um_per_s=axes.speed_um_per_s,
                accel_um_per_s2=axes.accel_um_per_s2,
                jerk_um_per_s3=axes.jerk_um_per_s3,
                theta_speed_deg_per_s=axes.theta_speed_deg_per_s,
                theta_accel_deg_per_s2=axes.theta_accel_deg_per_s2,
                settle_s=axes.settle_s,
            ),
        ),
        conveyor=Conveyor(plc),
        feeder=Feeder(plc),
        safety=Safety(plc),
        head=Head(
            SerialLine(at.head, name="head", capture=capture),
            session=session,
            serial_number=serials.head,
            rest_period_s=rest_s,
            limits=HeadLimits(
                profile.head.z_speed_um_per_s,
                profile.head.z_accel_um_per_s2,
                vacuum_on_s=profile.head.vacuum_s,
                vacuum_off_s=profile.head.vacuum_s,
            ),
        ),
        dip_unit=DipUnit(
            ModbusLink(at.dip_unit, dip_unit.UNIT, name="dip unit", capture=capture),
            session=session,
            serial_number=serials.dip_unit,
            rest_period_s=rest_s,
        ),
        film_gauge=FilmGauge(
            SerialLine(at.film_gauge, name="film gauge", capture=capture),
            session=session,
            serial_number=serials.film_gauge,
            rest_period_s=rest_s,
        ),
        lights=Lights(SerialLine(at.lights, name="lights", capture=capture), serial_number=serials.lights),
        board_reader=BoardReader(
            SerialLine(at.board_reader, name="board reader", capture=capture), serial_number=serials.board_reader
        ),
        up_camera=Camera(
            FrameStream(at.up_camera, name="up camera", capture=capture), camera_frame.UP, profile.limits.frame_within_s
        ),
        down_camera=Camera(
            FrameStream(at.down_camera, name="down camera", capture=capture),
            camera_frame.DOWN,
            profile.limits.frame_within_s,
        ),
    )


def image_keeper(
    store: Store, *, keep: bool, executor: Executor | None = None
) -> Callable[[CameraFrame], Awaitable[str]]:
    """Stores a picture as PNG (an observation as JSON) off the loop and returns its reference by content.

    keep   False: only the reference of the raw content is made, for runs of thousands of packages
    """

    def store_now(frame: CameraFrame) -> str:
        if is_observed(frame):
            return store.blobs.put_now(frame.payload, ".json")
        header = frame.header
        pixels = np.frombuffer(frame.payload, dtype=np.uint8).reshape(header.height, header.width)
        done, encoded = cv2.imencode(".png", pixels, PNG_FAST)
        if not done:
            raise RuntimeError("the picture could not be encoded as PNG")
        return store.blobs.put_now(encoded.tobytes(), ".png")

    async def keep_image(frame: CameraFrame) -> str:
        if not keep:
            return f"crc32:{frame.header.payload_crc32:08x}"
        return await asyncio.get_running_loop().run_in_executor(executor, store_now, frame)

    return keep_image


def build_controller(
    profile: MachineProfile,
    at: Addresses,
    store: Store,
    clock: Clock,
    *,
    session: int,
    identity: Identity,
    recipes: RecipeSource,
    keep_images: bool = True,
    attended: bool = True,
    capture: Capture | None = None,
    image_executor: Executor | None = None,
) -> Controller:
    """A whole station, not yet started. Call inside a running loop."""
    asyncio.get_running_loop()
    return Controller(
        cell=build_cell(profile, at, session, capture),
        store=store,
        eyes=Eyes(profile, image_executor),
        clock=clock,
        identity=identity,
        keep_image=image_keeper(store, keep=keep_images, executor=image_executor),
        recipes=recipes,
        keep_balls=keep_images,
        attended=attended,
    )
