"""The compiled part says what numpy says, and the station sees without it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.vision.scenes import POP_168
from vision import balls, best_place, blobs, compiled, maps
from vision.frame import Frame

needs_kernels = pytest.mark.skipif(not compiled.IS_BUILT, reason="the compiled part was not built at set-up")


@pytest.fixture
def rng():
    return np.random.Generator(np.random.PCG64(7))


def both(call):
    """The same question to the compiled part and to numpy."""
    fast = call()
    with compiled.switched_off():
        assert not compiled.is_compiled()
        plain = call()
    assert compiled.is_compiled()
    return fast, plain


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no compiler on this machine")
def test_where_there_is_a_compiler_the_compiled_part_is_built():
    assert compiled.IS_BUILT


@needs_kernels
def test_nearest_points_are_the_same_near_far_and_where_there_is_none(rng):
    for spread, radius in ((10.0, 0.5), (1000.0, 3.0), (5.0, 40.0), (0.0, 1.0)):
        points, targets = rng.normal(0, 1, (300, 2)) * spread, rng.normal(0, 1, (211, 2)) * spread
        points[:2] = 1e15, -1e15
        fast, plain = both(lambda p=points, t=targets, r=radius: maps.nearest_within(p, t, r))
        if spread:
            np.testing.assert_array_equal(fast, plain)
        else:
            assert (fast[2:] >= 0).all()
            assert (fast[:2] == -1).all()


@needs_kernels
@pytest.mark.parametrize(("shape", "reach"), [((90, 70), 3.0), ((300, 200), 11.0), ((80, 150), 1.0)])
def test_the_best_place_of_a_template_is_the_same_at_the_border_and_inside(rng, shape, reach):
    pixels = rng.integers(0, 255, shape, dtype=np.uint8)
    template = best_place.drawn_profile(rng.uniform(20, 200, 30), 13.0)
    starts = rng.uniform(-10, 1.05 * max(shape), (40, 2))
    starts[0] = 20.0, 20.0
    (fast_px, fast), (plain_px, plain) = both(lambda: best_place.best_places(pixels, starts, template, reach))
    np.testing.assert_allclose(fast, plain, atol=2e-5)
    assert (fast > 0).sum() > 3
    assert (fast == -1).any()
    np.testing.assert_array_equal(fast_px, plain_px)


@needs_kernels
def test_the_gaps_between_balls_are_as_dark(rng, dry):
    frame, truth = dry
    centres_px = frame.to_px(truth.centres_um)
    fast, plain = both(lambda: balls.gap_levels(frame, centres_px, POP_168))
    np.testing.assert_array_equal(fast, plain)
    strange = centres_px.copy()
    strange[:4] = -50.0, 4000.0
    fast, plain = both(lambda: balls.gap_levels(frame, strange, POP_168))
    np.testing.assert_array_equal(fast, plain)


@needs_kernels
@pytest.mark.parametrize("um_per_px", [3.0, 7.0, 20.0, 60.0])
def test_the_fast_look_proposes_the_same_places(rng, dry, um_per_px):
    frame = Frame(dry[0].pixels, um_per_px)
    fast, plain = both(lambda: blobs.bright_blobs(frame, POP_168))
    np.testing.assert_allclose(fast, plain, atol=1e-6)
    noise = Frame(rng.integers(0, 255, (333, 257), dtype=np.uint8), um_per_px)
    fast, plain = both(lambda: blobs.bright_blobs(noise, POP_168))
    assert len(fast)
    np.testing.assert_allclose(fast, plain, atol=1e-6)
