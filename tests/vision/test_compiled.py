"""The compiled part says what numpy says, and the station sees without it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.vision.fiducial_scenes import CASES, draw
from tests.benchmarks.vision.fiducials import ours
from tests.vision.scenes import POP_168, PackagePart
from vision import (
    arithmetic,
    balls,
    best_place,
    blobs,
    compiled,
    discs,
    frame,
    lattice,
    maps,
    one_sided,
    operators,
    pose,
    windows,
)
from vision.frame import Frame, mean_levels
from vision.inspection import inspect_package
from vision.results import Pose

ROOT = Path(__file__).resolve().parents[2]
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


@needs_kernels
@pytest.mark.parametrize("lost", [0, 60, 110])
def test_the_lattice_is_laid_over_the_map_alike_also_where_turns_tie(rng, lost):
    part = PackagePart(POP_168)
    seen_um = pose.apply_pose(Pose(300.0, -200.0, 33.0), part.local)
    seen_um = np.concatenate(
        [np.delete(seen_um, rng.choice(168, lost, replace=False), axis=0), rng.uniform(-9e3, 9e3, (30, 2))]
    )
    fast, plain = both(lambda: lattice.placed_on_lattice(seen_um, POP_168, 0.01))
    assert (fast is None) == (plain is None) == (lost == 110)
    if fast and plain:
        assert fast.covered_ratio == plain.covered_ratio
        assert fast.scale_ratio == pytest.approx(plain.scale_ratio, abs=1e-12)
        for name in ("x_um", "y_um", "theta_deg"):
            assert getattr(fast.pose, name) == pytest.approx(getattr(plain.pose, name), abs=1e-9)


@needs_kernels
def test_pairs_far_off_are_left_out_alike_and_few_are_none(rng):
    model = rng.uniform(-5000, 5000, (31, 2))
    seen = 1.007 * pose.apply_pose(Pose(120.0, -40.0, 163.0), model) + rng.normal(0, 2, model.shape)
    seen[[3, 17]] += 400.0
    for shown in (slice(None), slice(0, 6), slice(0, 5)):
        fast, plain = both(lambda s=shown: lattice.through_pairs(model[s], seen[s], 0.02))
        if shown == slice(0, 5):
            assert fast is plain is None
            continue
        assert fast[1] == pytest.approx(plain[1], abs=1e-12)
        assert (fast[0].x_um, fast[0].y_um) == pytest.approx((plain[0].x_um, plain[0].y_um), abs=1e-8)
    fast, _ = both(lambda: lattice.through_pairs(model, seen, 0.02))
    assert fast[1] == pytest.approx(1.007, abs=1e-3)


@needs_kernels
def test_least_squares_are_the_same_with_weights_and_with_several_sets_of_values(rng):
    design, values, weight = rng.normal(0, 3, (50, 6)), rng.normal(0, 3, (50, 3)), rng.uniform(0.1, 2, 50)
    for of, by in ((values, weight), (values[:, 0].copy(), weight), (values[:, 1], 1.0)):
        fast, plain = both(lambda v=of, w=by: arithmetic.least_squares(design, v, w))
        np.testing.assert_allclose(fast, plain, rtol=1e-9)
        assert fast.shape == plain.shape


@needs_kernels
@pytest.mark.parametrize("sigma", [None, 0.5, "each"])
def test_a_rigid_fit_is_the_same_with_points_far_off_and_weights(rng, sigma):
    model = rng.uniform(-5000, 5000, (40, 2))
    seen = pose.apply_pose(Pose(120.0, -40.0, 3.0), model) + rng.normal(0, 2, model.shape)
    seen[[3, 17]] += 400.0
    sigmas = rng.uniform(0.5, 2, 40) if sigma == "each" else sigma
    for weights, scale in ((None, 1.0), (rng.uniform(0.2, 1, 40), 1.001)):
        fast, plain = both(
            lambda w=weights, s=scale: pose.fit_rigid(model, seen, sigma_um=sigmas, weights=w, held_scale=s)
        )
        assert not fast.used[[3, 17]].any()
        assert fast.used.sum() > 30
        np.testing.assert_array_equal(fast.used, plain.used)
        np.testing.assert_allclose(fast.residual_um, plain.residual_um, atol=1e-8)
        np.testing.assert_allclose(fast.covariance, plain.covariance, rtol=1e-6)
        for name in ("x_um", "y_um", "theta_deg", "scale_ratio", "rms_um"):
            assert getattr(fast, name) == pytest.approx(getattr(plain, name), rel=1e-9, abs=1e-9), name


@needs_kernels
@pytest.mark.parametrize(("factor", "sparse"), [(1, 1), (2, 3), (3, 1), (5, 3), (8, 1), (16, 2), (23, 1)])
def test_a_picture_is_thinned_alike_by_every_factor_also_where_its_rows_end(rng, factor, sparse):
    for shape in ((90, 70), (64, 333), (301, 37)):
        pixels = rng.integers(0, 255, shape, dtype=np.uint8)
        fast, plain = both(lambda p=pixels: frame.thinned_levels(p, factor, sparse))
        np.testing.assert_array_equal(fast[0], plain[0])
        np.testing.assert_array_equal(fast[1], plain[1])


@needs_kernels
@pytest.mark.parametrize("count", [1, 2, 7, 24, 60, 301])
def test_the_middle_residual_is_the_same_for_few_and_many_and_for_equal_ones(rng, count):
    model = rng.uniform(-5000, 5000, (count + 3, 2))
    for spread in (rng.normal(0, 2, model.shape), rng.integers(-1, 2, model.shape) * 1.0, np.zeros(model.shape)):
        fast, plain = both(lambda s=model + spread: pose.fit_rigid(model, s, reject_ratio=1.2))
        np.testing.assert_array_equal(fast.used, plain.used)
        assert fast.rms_um == pytest.approx(plain.rms_um, abs=1e-9)


@needs_kernels
@pytest.mark.parametrize("is_relative", [True, False])
def test_the_last_solution_is_read_alike(rng, is_relative):
    final = rng.normal(0, 0.2, (60, 9)) + np.eye(9)[4]
    final[5, 4] = 0.01  # hardly a disc
    start = rng.uniform(100, 2000, (60, 2))
    origin, members = start + rng.uniform(-2, 2, start.shape), rng.uniform(size=60) > 0.2
    fast, plain = both(lambda: discs._light_change(origin, final, members))
    np.testing.assert_allclose(fast, plain, rtol=1e-9)
    assert (fast != 0).all()
    reads = np.array([0.3, -0.2, 4.0, 0.1])
    fast, plain = both(lambda: discs._ended(final, origin, start, members, fast, reads, 1.5, is_relative))
    for one, two in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)
    assert np.hypot(*(fast[0] - start).T).max() == pytest.approx(1.5)  # not followed farther


@needs_kernels
@pytest.mark.parametrize("width_px", [0.8, 2.0, 3.5])
def test_what_the_ring_light_makes_of_a_profile_is_the_same_sharp_and_soft(width_px):
    radii_px = np.arange(800) / 48
    level = (40 + 150 * np.exp(-0.5 * ((radii_px - 8.0) / width_px) ** 2)).astype(np.float32)
    fast, plain = both(lambda: one_sided.lit_part(level, radii_px, 15.3))
    np.testing.assert_allclose(fast.level, plain.level, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(fast.open, plain.open, rtol=1e-9)
    assert fast.left_px == plain.left_px
    assert np.ptp(fast.level) > 50


@needs_kernels
@pytest.mark.parametrize("slopes", [1, 3])
def test_the_ground_beside_a_disc_is_solved_for_alike(slopes):
    window = windows.window_of(21.25, 2)
    level = (38 + 90 / (1 + np.exp((window.radii_px - 11.0) / 3.0))).astype(np.float32)
    slope = np.gradient(level, window.radii_px).astype(np.float32)
    share = (1 / (1 + np.exp((16.4 - window.radii_px) / 1.8))).astype(np.float32)
    lit = (level - 38) * (window.radii_px / (window.radii_px + 6)).astype(np.float32)
    ground = operators.Ground(share, slopes, float(window.half), 6.0)
    fast, plain = both(
        lambda: operators.operators(window, np.array([0, 3]), level, slope, lit, final=True, ground=ground)
    )
    size = window.index.shape[1]
    assert plain.design.shape[1] == 10 + 2 * slopes
    np.testing.assert_allclose(fast.design[:, :, :size], plain.design, rtol=1e-5, atol=1e-4)
    for row in range(plain.rows.shape[1]):
        scale = float(np.abs(plain.rows[:, row]).max())
        np.testing.assert_allclose(fast.rows[:, row, :size], plain.rows[:, row], atol=3e-2 * scale, err_msg=str(row))


SEEN_WITH = {
    "clean": {},
    "soft": {"blur_px": 3.6},
    "one light segment dead": {"tilt": (0.2, 0.1)},
    "busy and noisy": {"level": 60.0, "low": 8.0, "trace_level": 25.0, "noise": 4.0},
}


@needs_kernels
@pytest.mark.parametrize("drawn", list(SEEN_WITH))
def test_a_whole_array_is_seen_alike(drawn):
    part = PackagePart(POP_168, seed=5, missing=POP_168.names[30:33])
    frame, _ = part.draw(-150.0, 320.0, 91.7, seed=2, bridges=[POP_168.names[50:52]], **SEEN_WITH[drawn])
    fast, plain = both(lambda: inspect_package(frame, POP_168))
    assert fast.status == "found"
    assert fast.reasons == plain.reasons
    assert [ball.state for ball in fast.balls] == [ball.state for ball in plain.balls]
    assert (fast.x_um, fast.y_um) == pytest.approx((plain.x_um, plain.y_um), abs=2e-5)
    assert fast.theta_deg == pytest.approx(plain.theta_deg, abs=1e-6)
    np.testing.assert_allclose(np.diag(fast.covariance), np.diag(plain.covariance), rtol=2e-3)
    for column, tolerance in (("x_px", 1e-5), ("y_px", 1e-5), ("diameter_um", 5e-3), ("roundness_ratio", 1e-4)):
        pairs = [(getattr(one, column), getattr(two, column)) for one, two in zip(fast.balls, plain.balls, strict=True)]
        np.testing.assert_allclose(*zip(*pairs), atol=tolerance, err_msg=column)


@needs_kernels
def test_what_is_no_array_is_refused_for_the_same_reasons(rng):
    noise = Frame(rng.integers(0, 255, (600, 800), dtype=np.uint8), 8.0)
    fast, plain = both(lambda: inspect_package(noise, POP_168))
    assert fast.status == "refused"
    assert fast.reasons == plain.reasons


@needs_kernels
@pytest.mark.parametrize("case", ["nominal", "all", "faint", "ring", "square", "diamond", "cross"])
def test_a_fiducial_is_seen_alike(case):
    pixels = draw(CASES[case], 3).pixels
    fast, plain = both(lambda: ours(pixels, CASES[case]))
    assert fast.status == plain.status == "found"
    assert (fast.x_um, fast.y_um) == pytest.approx((plain.x_um, plain.y_um), abs=1e-6)
    assert fast.sigma_um == pytest.approx(plain.sigma_um, rel=1e-6)


@needs_kernels
def test_a_turned_view_of_a_picture_is_seen_as_its_copy(dry):
    pixels = dry[0].pixels
    view = inspect_package(Frame(np.rot90(pixels), 8.0), POP_168)
    copy = inspect_package(Frame(np.rot90(pixels).copy(), 8.0), POP_168)
    assert view == copy
    part = inspect_package(Frame(pixels[200:, 300:], 8.0), POP_168)
    assert part == inspect_package(Frame(pixels[200:, 300:].copy(), 8.0), POP_168)


def test_without_the_compiled_part_a_package_is_found(dry):
    frame, truth = dry
    with compiled.switched_off():
        fix = inspect_package(frame, POP_168)
    assert fix.status == "found"
    assert (fix.x_um, fix.y_um) == pytest.approx((truth.x_um, truth.y_um), abs=3.0)


@needs_kernels
def test_a_kernel_refuses_arrays_of_another_type_or_order():
    points, nearest = np.zeros((10, 2)), np.zeros(10, dtype=np.int64)
    for wrong in (points.astype(np.float32), points.astype(np.int64)):
        with pytest.raises(TypeError, match="argument 1"):
            compiled.kernels.nearest_within(wrong, points, 1.0, nearest)
    with pytest.raises(ValueError, match="contiguous"):
        compiled.kernels.nearest_within(points[::2], points, 1.0, nearest)
    nearest.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        compiled.kernels.nearest_within(points, points, 1.0, nearest)
    with pytest.raises(TypeError, match="3 arguments"):
        compiled.kernels.nearest_within(points, points, 1.0)


@needs_kernels
def test_levels_about_points_are_the_same_also_beside_the_border(rng):
    pixels = rng.integers(0, 255, (90, 70), dtype=np.uint8)
    points, offsets = rng.uniform(12, 57, (40, 2)), rng.uniform(-12, 12, (9, 2))
    fast, plain = both(lambda: mean_levels(pixels, points, offsets))
    np.testing.assert_allclose(fast, plain, rtol=1e-12)


NARROW = """
import sys
import numpy as np
from tests.benchmarks.vision.fiducial_scenes import CASES, draw
from tests.benchmarks.vision.fiducials import ours
from tests.vision.scenes import POP_168, PackagePart
from vision import compiled
from vision.inspection import inspect_package
assert compiled.is_compiled()
assert compiled.kernels.__file__.startswith(sys.argv[1]), compiled.kernels.__file__
frame, _ = PackagePart(POP_168, seed=5, missing=POP_168.names[30:33]).draw(-150.0, 320.0, 91.7, seed=2, blur_px=3.0)
print(inspect_package(frame, POP_168), ours(draw(CASES["nominal"], 3).pixels, CASES["nominal"]))
"""


def said_with(folder: Path, name: str) -> str:
    """What a process says that takes the compiled part from another folder."""
    load = f"import importlib.util, sys; s = importlib.util.spec_from_file_location('vision._kernels', {name!r}); "
    load += "sys.modules['vision._kernels'] = m = importlib.util.module_from_spec(s); s.loader.exec_module(m)\n"
    load += "import vision; vision._kernels = m\n"
    ended = subprocess.run(
        [sys.executable, "-c", load + NARROW, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@needs_kernels
@pytest.mark.skipif(shutil.which("gcc") is None, reason="no compiler on this machine")
def test_processors_without_wide_registers_give_the_same_bits(tmp_path):
    sources = sorted(str(path) for path in (ROOT / "vision" / "kernels").glob("*.c"))
    flags = ["-O2", "-std=gnu11", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC", "-DNARROW"]
    library = tmp_path / "_kernels.so"
    include = sysconfig.get_paths()["include"]
    subprocess.run(["gcc", *flags, f"-I{include}", *sources, "-o", str(library), "-lm"], check=True)
    installed = Path(compiled.kernels.__file__)
    narrow, wide = said_with(tmp_path, str(library)), said_with(installed.parent, str(installed))
    assert "found" in wide
    assert narrow == wide
