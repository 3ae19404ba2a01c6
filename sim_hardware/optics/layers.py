"""Lays surfaces into the picture: a part with its own texture at a pose, through the lens.

Nothing here decides what is drawn. Only the part of the picture that a surface can reach is touched.
"""

from __future__ import annotations

from math import cos, hypot, radians, sin

import cv2
import numpy as np

from sim_hardware.optics.lens import Floats, Floats32, ImagePose, Lens, undistorted_px
from sim_hardware.optics.profile import PIXEL_VARIANCE_PX2, phi

Box = tuple[int, int, int, int]


def reach(lens: Lens, pose: ImagePose, size_x_um: float, size_y_um: float) -> Box | None:
    """Columns and rows (first, after last) that a rectangle can touch, or None when it is out of view."""
    scale = lens.camera.um_per_px
    c, s = abs(cos(radians(pose.theta_deg))), abs(sin(radians(pose.theta_deg)))
    half_x = (c * size_x_um + s * size_y_um) / 2 / scale + 14
    half_y = (s * size_x_um + c * size_y_um) / 2 / scale + 14
    width, height = lens.camera.width_px, lens.camera.height_px
    column, row = (width - 1) / 2 + pose.x_um / scale, (height - 1) / 2 - pose.y_um / scale
    x0, x1 = max(0, int(column - half_x)), min(width, int(column + half_x) + 2)
    y0, y1 = max(0, int(row - half_y)), min(height, int(row + half_y) + 2)
    return None if x0 >= x1 or y0 >= y1 else (x0, x1, y0, y1)


def _to_part(lens: Lens, pose: ImagePose, part_um_per_px: float) -> tuple[Floats, Floats]:
    """Matrix and offset: image frame px (x right, y up) -> part px (x right, y up), both about their centres."""
    c, s = cos(radians(pose.theta_deg)), sin(radians(pose.theta_deg))
    ratio = lens.camera.um_per_px / part_um_per_px
    matrix = np.array([[c, s], [-s, c]]) * ratio
    offset = -matrix @ np.array([pose.x_um, pose.y_um]) / lens.camera.um_per_px
    return matrix, offset


def warp(
    lens: Lens,
    box: Box,
    pose: ImagePose,
    texture: Floats32,
    part_um_per_px: float,
    *,
    border: float = 0.0,
    wrap: bool = False,
) -> Floats32:
    """The texture as seen inside `box`; beyond it `border`, or again and again with `wrap`."""
    x0, x1, y0, y1 = box
    rows, columns = texture.shape[:2]
    matrix, offset = _to_part(lens, pose, part_um_per_px)
    mode = cv2.BORDER_WRAP if wrap else cv2.BORDER_CONSTANT
    # Image rows count downwards on both sides: flip y in and out.
    flip = np.array([1.0, -1.0])
    turn = matrix * flip[:, None] * flip[None, :]
    width, height = lens.camera.width_px, lens.camera.height_px
    if lens.camera.distortion_k1 == 0.0:
        start = turn @ np.array([x0 - (width - 1) / 2, y0 - (height - 1) / 2]) + offset * flip
        start += np.array([(columns - 1) / 2, (rows - 1) / 2])
        if wrap:
            start %= np.array([columns, rows])
        return np.asarray(
            cv2.warpAffine(
                texture,
                np.column_stack([turn, start]),
                (x1 - x0, y1 - y0),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=mode,
                borderValue=(border, border, border, border),
            )
        )
    x_px, y_px = undistorted_px(width, height, lens.camera.distortion_k1)
    x_px, y_px = x_px[y0:y1, x0:x1], y_px[y0:y1, x0:x1]
    centre = np.array([(columns - 1) / 2, (rows - 1) / 2])
    start = offset * flip + centre
    if wrap:
        start %= np.array([columns, rows])
    map_x = x_px * np.float32(turn[0, 0])
    map_x -= y_px * np.float32(turn[0, 1])
    map_x += np.float32(start[0])
    map_y = x_px * np.float32(turn[1, 0])
    map_y -= y_px * np.float32(turn[1, 1])
    map_y += np.float32(start[1])
    return np.asarray(
        cv2.remap(
            texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=mode, borderValue=(border, border, border, border)
        )
    )


def lay_body(image: Floats32, lens: Lens, pose: ImagePose, light_and_cover: Floats32, part_um_per_px: float) -> None:
    """Composite a body given as (rows, columns, 2): light already multiplied by its coverage, and the coverage."""
    size_y_um, size_x_um = (n * part_um_per_px for n in light_and_cover.shape[:2])
    box = reach(lens, pose, size_x_um, size_y_um)
    if box is None:
        return
    seen = warp(lens, box, pose, light_and_cover, part_um_per_px)
    part = image[box[2] : box[3], box[0] : box[1]]
    part *= 1.0 - seen[:, :, 1]
    part += seen[:, :, 0]


def rectangle_cover(lens: Lens, box: Box, pose: ImagePose, size_x_um: float, size_y_um: float) -> Floats32 | None:
    """Blurred coverage of a large rectangle inside `box`; None when the box lies wholly inside it."""
    scale = lens.camera.um_per_px
    matrix, offset = _to_part(lens, pose, scale)
    x0, x1, y0, y1 = box
    width, height = lens.camera.width_px, lens.camera.height_px
    corners_x = np.array([x0, x1, x0, x1]) - (width - 1) / 2
    corners_y = (height - 1) / 2 - np.array([y0, y0, y1, y1])
    u, v = matrix @ np.array([corners_x, corners_y]) + offset[:, None]
    half_u, half_v = size_x_um / scale / 2, size_y_um / scale / 2
    sigma_px = hypot(lens.sigma_px, PIXEL_VARIANCE_PX2**0.5)
    if max(float(np.abs(u).max()) - half_u, float(np.abs(v).max()) - half_v) < -6.0 * sigma_px - 2.0:
        return None
    x_px, y_px = undistorted_px(width, height, lens.camera.distortion_k1)
    x_px, y_px = x_px[y0:y1, x0:x1], y_px[y0:y1, x0:x1]
    across = _depth(half_u, float(matrix[0, 0]), float(matrix[0, 1]), float(offset[0]), x_px, y_px)
    down = _depth(half_v, float(matrix[1, 0]), float(matrix[1, 1]), float(offset[1]), x_px, y_px)
    return _soft(across, sigma_px) * _soft(down, sigma_px)


def _depth(half_px: float, by_x: float, by_y: float, offset_px: float, x_px: Floats32, y_px: Floats32) -> Floats32:
    """How far inside a pair of parallel edges each pixel lies."""
    place = x_px * by_x
    place += y_px * by_y
    place += offset_px
    np.abs(place, out=place)
    return np.subtract(half_px, place, out=place)


def _soft(depth_px: Floats32, sigma_px: float) -> Floats32:
    """Coverage at a depth inside an edge; the exact law only where it is neither 0 nor 1."""
    cover = (depth_px > 0.0).astype(np.float32)
    near = np.flatnonzero(np.abs(depth_px) < 5.0 * sigma_px)
    cover.ravel()[near] = phi(depth_px.ravel()[near] / sigma_px)
    return cover
