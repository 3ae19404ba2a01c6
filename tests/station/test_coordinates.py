"""Frames that cannot be mixed, and the algebra between them."""

from __future__ import annotations

from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from station.coordinates import AffineMap, ImagePoint, MachinePoint, Shift, wrapped_deg

LENGTHS = st.floats(-500_000, 500_000)
ANGLES = st.floats(-720, 720)


@given(x=LENGTHS, y=LENGTHS, angle=ANGLES)
def test_a_shift_turned_there_and_back_is_itself(x: float, y: float, angle: float) -> None:
    back = Shift(x, y).turned(angle).turned(-angle)
    assert isclose(back.x_um, x, abs_tol=1e-6)
    assert isclose(back.y_um, y, abs_tol=1e-6)


def test_a_quarter_turn_is_anticlockwise_seen_from_above() -> None:
    turned = Shift(1000.0, 0.0).turned(90.0)
    assert isclose(turned.x_um, 0.0, abs_tol=1e-9)
    assert isclose(turned.y_um, 1000.0)


@given(angle=ANGLES)
def test_a_wrapped_angle_is_the_same_direction_within_half_a_turn(angle: float) -> None:
    wrapped = wrapped_deg(angle)
    assert -180.0 <= wrapped <= 180.0
    assert isclose((wrapped - angle + 1e-9) % 360.0, 1e-9, abs_tol=1e-6) or isclose(
        (wrapped - angle) % 360.0, 360.0, abs_tol=1e-6
    )


@given(x=st.floats(-10_000, 10_000), y=st.floats(-10_000, 10_000))
def test_an_image_point_through_the_map_and_back_is_itself(x: float, y: float) -> None:
    mirrored: AffineMap[ImagePoint] = AffineMap(-1.002, 0.013, 0.012, 0.998, 250_000.0, 60_000.0)
    machine = mirrored.point_of(ImagePoint(x, y))
    back = mirrored.inverse_shift(machine - MachinePoint(250_000.0, 60_000.0))
    assert isclose(back[0], x, abs_tol=1e-6)
    assert isclose(back[1], y, abs_tol=1e-6)


def test_a_mirrored_view_turns_the_other_way() -> None:
    mirrored: AffineMap[ImagePoint] = AffineMap(-1.0, 0.0, 0.0, 1.0)
    straight: AffineMap[ImagePoint] = AffineMap(1.0, 0.0, 0.0, 1.0)
    assert mirrored.determinant < 0 < straight.determinant
    assert isclose(wrapped_deg(straight.angle_of(30.0) - straight.angle_of(0.0)), 30.0, abs_tol=1e-9)
    assert isclose(wrapped_deg(mirrored.angle_of(30.0) - mirrored.angle_of(0.0)), -30.0, abs_tol=1e-9)
