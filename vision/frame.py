"""A picture with its scale: pixels in, micrometres about the image centre out.

It does not know which camera took it nor where that camera stands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.compiled import is_compiled, kernels
from vision.errors import BadFrame

FloatArray = NDArray[np.float64]
ByteArray = NDArray[np.uint8]

MIN_SIDE_PX = 32
"""Smaller pictures hold nothing that this station looks for (estimate)."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture.

    pixels        uint8, (rows, cols), row 0 at the top
    um_per_px     scale at the object
    k1_per_um2    radial distortion: true = seen * (1 + k1 * r_um^2), 0 for a telecentric lens
    bend_um       where r is counted from, x and y about the image centre
    raises        BadFrame
    """

    pixels: ByteArray
    um_per_px: float
    k1_per_um2: float = 0.0
    bend_um: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        pixels = self.pixels
        if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.dtype != np.uint8:
            shape = getattr(pixels, "shape", None)
            kind = getattr(pixels, "dtype", type(pixels).__name__)
            raise BadFrame(f"a frame needs a 2D uint8 picture, got {kind} of shape {shape}")
        if min(pixels.shape) < MIN_SIDE_PX:
            raise BadFrame(f"frame of {pixels.shape[1]} x {pixels.shape[0]} px is too small, at least {MIN_SIDE_PX} px")
        if pixels.strides[1] != 1:  # a turned view: the compiled part wants the pixels of a row side by side
            object.__setattr__(self, "pixels", np.ascontiguousarray(pixels))
        if not math.isfinite(self.um_per_px) or self.um_per_px <= 0:
            raise BadFrame(f"the scale must be a finite positive number of um per px, got {self.um_per_px}")
        if not math.isfinite(self.k1_per_um2) or abs(self.k1_per_um2) * self.half_diagonal_um**2 > 0.1:
            raise BadFrame(f"radial distortion k1 = {self.k1_per_um2} per um2 bends the corners by more than 10 %")

    @property
    def size_px(self) -> tuple[int, int]:
        """(columns, rows)"""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def half_diagonal_um(self) -> float:
        return 0.5 * math.hypot(*self.pixels.shape) * self.um_per_px

    @property
    def centre_px(self) -> tuple[float, float]:
        return (self.pixels.shape[1] - 1) / 2.0, (self.pixels.shape[0] - 1) / 2.0

    def to_um(self, points_px: FloatArray) -> FloatArray:
        """(n, 2) column, row -> (n, 2) x right, y up, um about the image centre, distortion removed."""
        centre_x_px, centre_y_px = self.centre_px
        points_um = np.empty_like(points_px, dtype=np.float64)
        points_um[:, 0] = (points_px[:, 0] - centre_x_px) * self.um_per_px
        points_um[:, 1] = (centre_y_px - points_px[:, 1]) * self.um_per_px
        if self.k1_per_um2:
            arm_um = points_um - self.bend_um
            points_um += arm_um * (self.k1_per_um2 * (arm_um**2).sum(axis=1, keepdims=True))
        return points_um

    def to_px(self, points_um: FloatArray) -> FloatArray:
        """(n, 2) um about the image centre -> (n, 2) column, row; the inverse of `to_um`."""
        seen_um = np.asarray(points_um, dtype=np.float64)
        if self.k1_per_um2:
            true_arm_um = arm_um = seen_um - self.bend_um
            for _ in range(6):  # contraction: the factor differs from 1 by a few per cent at most
                arm_um = true_arm_um / (1.0 + self.k1_per_um2 * (arm_um**2).sum(axis=1, keepdims=True))
            seen_um = arm_um + self.bend_um
        centre_x_px, centre_y_px = self.centre_px
        points_px = np.empty_like(seen_um)
        points_px[:, 0] = seen_um[:, 0] / self.um_per_px + centre_x_px
        points_px[:, 1] = centre_y_px - seen_um[:, 1] / self.um_per_px
        return points_px

    def holds(self, points_px: FloatArray, margin_px: float) -> NDArray[np.bool_]:
        """Which points lie at least `margin_px` inside the picture, (n,)."""
        cols, rows = self.size_px
        return np.asarray(
            (points_px[:, 0] >= margin_px)
            & (points_px[:, 0] <= cols - 1 - margin_px)
            & (points_px[:, 1] >= margin_px)
            & (points_px[:, 1] <= rows - 1 - margin_px)
        )


def shrunk(pixels: ByteArray, factor: int) -> ByteArray:
    """Area mean at 1/factor; pixel (c, r) of the result stands for column factor * c + (factor - 1) / 2."""
    if factor == 1:
        return pixels
    rows, cols = pixels.shape[0] // factor * factor, pixels.shape[1] // factor * factor
    small = cv2.resize(pixels[:rows, :cols], (cols // factor, rows // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def thinned(pixels: ByteArray, factor: int) -> ByteArray:
    """Every factor-th pixel; pixel (c, r) of the result is column factor * c. Four times faster than `shrunk`."""
    return np.ascontiguousarray(pixels[::factor, ::factor])


def mean_levels(pixels: ByteArray, points_px: FloatArray, offsets_px: FloatArray) -> FloatArray:
    """Mean level, over points (n, 2), of the pixels at each offset (k, 2) from them, which lie in the picture; (k,)."""
    if is_compiled():
        mean = np.empty(len(offsets_px))
        kernels.mean_levels(pixels, np.ascontiguousarray(points_px), np.ascontiguousarray(offsets_px), mean)
        return mean
    at = np.rint(points_px[:, None, :] + offsets_px).astype(np.int64)
    return np.asarray(pixels[at[..., 1], at[..., 0]].mean(axis=0))


def thinned_levels(pixels: ByteArray, factor: int, sparse: int = 1) -> tuple[ByteArray, NDArray[np.int64]]:
    """The picture thinned, and how often each level is at every `sparse`-th row and column of that, (256,)."""
    if is_compiled() and pixels.strides[1] == 1:
        rows, cols = pixels.shape
        small, counts = np.empty((-(-rows // factor), -(-cols // factor)), np.uint8), np.empty(256, np.int64)
        kernels.thinned_levels(pixels, factor, sparse, small, counts)
        return small, counts
    small = thinned(pixels, factor)
    return small, np.bincount(small[::sparse, ::sparse].ravel(), minlength=256)
