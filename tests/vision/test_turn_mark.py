"""The turn mark: a bright disc about its place, wherever within its play it stands."""

import numpy as np
import pytest

from vision.frame import Frame
from vision.turn import disc_contrast

RADIUS_UM, PLAY_UM = 205.0, 120.0


def with_disc_at(col_px: float, row_px: float, um_per_px: float) -> Frame:
    row, col = np.mgrid[0:200, 0:220]
    radius_px = RADIUS_UM / um_per_px
    cover = np.clip(radius_px - np.hypot(col - col_px, row - row_px) + 0.5, 0.0, 1.0)
    return Frame(np.round(40 + 90 * cover).astype(np.uint8), um_per_px)


@pytest.mark.parametrize("um_per_px", [8.0, 9.97, 10.0, 10.03, 13.0])
@pytest.mark.parametrize("way", [(0, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_a_mark_at_the_end_of_its_play_is_seen_with_its_contrast(um_per_px: float, way: tuple[int, int]) -> None:
    play_px = np.ceil(PLAY_UM / um_per_px)
    frame = with_disc_at(110 + way[0] * play_px, 100 + way[1] * play_px, um_per_px)
    assert disc_contrast(frame, np.array([110.0, 100.0]), RADIUS_UM, PLAY_UM) == pytest.approx(90.0, abs=6.0)


def test_an_even_picture_has_no_mark() -> None:
    assert disc_contrast(with_disc_at(-500, -500, 10.0), np.array([110.0, 100.0]), RADIUS_UM) == 0.0
