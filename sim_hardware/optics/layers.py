"""Lays surfaces into the picture: a part with its own texture at a pose, through the lens.

Nothing here decides what is drawn. Only the part of the picture that a surface can reach is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, floor, hypot, radians, sin

import cv2
import numpy as np

from sim_hardware.optics.lens import Floats, Floats32, ImagePose, Lens, undistorted_px
from sim_hardware.optics.profile import PIXEL_VARIANCE_PX2, phi

Box = tuple[int, int, int, int]
"""first column, column after the last, first row, row after the last"""
Body = tuple[Floats32, Floats32]
"""light already multiplied by the coverage, and the coverage; both (rows, columns)"""


def whole(lens: Lens) -> Box:
    return 0, lens.camera.width_px, 0, lens.camera.height_px


def reach(lens: Lens, pose: ImagePose, size_x_um: float, size_y_um: float) -> Box | None:
    """What a rectangle can touch, or None when it is out of view."""
    scale = lens.camera.um_per_px
    c, s = abs(cos(radians(pose.theta_deg))), abs(sin(radians(pose.theta_deg)))
    half_x = (c * size_x_um + s * size_y_um) / 2 / scale + 14
    half_y = (s * size_x_um + c * size_y_um) / 2 / scale + 14
    width, height = lens.camera.width_px, lens.camera.height_px
    column, row = (width - 1) / 2 + pose.x_um / scale, (height - 1) / 2 - pose.y_um / scale
    x0, x1 = max(0, int(column - half_x)), min(width, int(column + half_x) + 2)
    y0, y1 = max(0, int(row - half_y)), min(height, int(row + half_y) + 2)
    return None if x0 >= x1 or y0 >= y1 else (x0, x1, y0, y1)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Where on a part each pixel of a box looks: part px = turn @ sensor px about the centre + start, rows down."""

    lens: Lens
    box: Box
    turn: Floats
    start: Floats

    @classmethod
    def of(cls, lens: Lens, box: Box, pose: ImagePose, part_um_per_px: float) -> Sampling:
        c, s = cos(radians(pose.theta_deg)), sin(radians(pose.theta_deg))
        # Rows count downwards, so the turn of the picture changes its sign.
        turn = np.array([[c, -s], [s, c]]) * (lens.camera.um_per_px / part_um_per_px)
        start = -turn @ np.array([pose.x_um, -pose.y_um]) / lens.camera.um_per_px
        return cls(lens, box, turn, start)

    def _corner(self) -> Floats:
        camera = self.lens.camera
        return np.array([self.box[0] - (camera.width_px - 1) / 2, self.box[2] - (camera.height_px - 1) / 2])

    def bounds(self) -> Box:
        """Part px that the box can ask for."""
        x0, y0 = self._corner()
        x1, y1 = x0 + self.box[1] - self.box[0], y0 + self.box[3] - self.box[2]
        seen = self.turn @ np.array([[x0, x1, x0, x1], [y0, y0, y1, y1]]) + self.start[:, None]
        low, high = seen.min(axis=1), seen.max(axis=1)
        # Distortion moves a corner by at most half_diagonal * k1.
        room = 3 + abs(self.lens.camera.distortion_k1) * hypot(*(high - low))
        return floor(low[0] - room), ceil(high[0] + room), floor(low[1] - room), ceil(high[1] + room)

    def take(self, texture: Floats32, first_column: float, first_row: float, border: float = 0.0) -> Floats32:
        """The texture in the box; `first_*` is where its first pixel stands in part px, `border` lies about it."""
        start = self.start - np.array([first_column, first_row])
        x0, x1, y0, y1 = self.box
        if self.lens.camera.distortion_k1 == 0.0:
            move = np.column_stack([self.turn, self.turn @ self._corner() + start])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            seen = cv2.warpAffine(texture, move, (x1 - x0, y1 - y0), flags=flags, borderValue=(border,))
            return np.asarray(seen, dtype=np.float32)
        x_px, y_px = self._undistorted()
        map_x = _plane(float(self.turn[0, 0]), float(-self.turn[0, 1]), float(start[0]), x_px, y_px)
        map_y = _plane(float(self.turn[1, 0]), float(-self.turn[1, 1]), float(start[1]), x_px, y_px)
        return np.asarray(cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR, borderValue=(border,)), dtype=np.float32)

    def _undistorted(self) -> tuple[Floats32, Floats32]:
        camera = self.lens.camera
        x_px, y_px = undistorted_px(camera)
        x0, x1, y0, y1 = self.box
        return x_px[y0:y1, x0:x1], y_px[y0:y1, x0:x1]


def _plane(by_x: float, by_y: float, offset: float, x_px: Floats32, y_px: Floats32) -> Floats32:
    plane: Floats32 = x_px * np.float32(by_x)
    plane += y_px * np.float32(by_y)
    plane += np.float32(offset)
    return plane


def seen_centred(lens: Lens, box: Box, pose: ImagePose, texture: Floats32, um_per_px: float, border: float) -> Floats32:
    """A texture whose middle is the origin of its part."""
    rows, columns = texture.shape
    return Sampling.of(lens, box, pose, um_per_px).take(texture, -(columns - 1) / 2, -(rows - 1) / 2, border)


def seen_tiled(lens: Lens, box: Box, pose: ImagePose, tile: Floats32, um_per_px: float) -> Floats32:
    """A texture that repeats without end."""
    sampling = Sampling.of(lens, box, pose, um_per_px)
    x0, x1, y0, y1 = sampling.bounds()
    rows, columns = tile.shape
    row, column = y0 % rows, x0 % columns
    piece = tile[row : row + y1 - y0, column : column + x1 - x0]
    if piece.shape != (y1 - y0, x1 - x0):
        # Copying the needed piece out costs 2 ms; letting the warp wrap costs 20.
        piece = tile.take(np.arange(y0, y1) % rows, axis=0).take(np.arange(x0, x1) % columns, axis=1)
    return sampling.take(piece, x0, y0)


def lay_body(image: Floats32, lens: Lens, pose: ImagePose, body: Body, um_per_px: float) -> None:
    """Composite a body at its pose, in place."""
    light, cover = body
    size_y_um, size_x_um = (n * um_per_px for n in light.shape)
    box = reach(lens, pose, size_x_um, size_y_um)
    if box is None:
        return
    keep = seen_centred(lens, box, pose, cover, um_per_px, 0.0)
    np.subtract(np.float32(1.0), keep, out=keep)
    part = image[box[2] : box[3], box[0] : box[1]]
    part *= keep
    part += seen_centred(lens, box, pose, light, um_per_px, 0.0)


def lay_rectangle(
    image: Floats32, lens: Lens, pose: ImagePose, size_x_um: float, size_y_um: float, seen: Floats32 | float
) -> None:
    """Composite a large rectangle of an even level, or of a picture as large as the image, in place."""
    sampling = Sampling.of(lens, whole(lens), pose, lens.camera.um_per_px)
    x0, x1, y0, y1 = sampling.bounds()
    sigma_px = hypot(lens.sigma_px, PIXEL_VARIANCE_PX2**0.5)
    across = _soft(x0, x1, size_x_um / lens.camera.um_per_px / 2, sigma_px)
    down = _soft(y0, y1, size_y_um / lens.camera.um_per_px / 2, sigma_px)
    if across.min() * down.min() > 0.999:
        image[:] = seen
        return
    if across.max() * down.max() < 0.001:
        return
    cover = sampling.take(np.outer(down, across), x0, y0)
    cover *= np.subtract(seen, image)
    image += cover


def _soft(first: int, after_last: int, half_px: float, sigma_px: float) -> Floats32:
    """Coverage between two opposite edges at whole part px."""
    place = np.arange(first, after_last, dtype=np.float64)
    return phi((half_px - np.abs(place)) / sigma_px).astype(np.float32)
