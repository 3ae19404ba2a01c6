"""The benchmark is honest: its scenes repeat, its bound is the published one, its scorer counts what it says."""

import json
import math
import sys
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from tests.benchmarks.vision import baselines, long, ours, renderer, second_renderer
from tests.benchmarks.vision.answers import Answer, answer_from_spots, labelled
from tests.benchmarks.vision.bound import Bound, bound_of
from tests.benchmarks.vision.cases import CASES, FIRST_SEED
from tests.benchmarks.vision.long_scenes import ADVERSARIAL, task
from tests.benchmarks.vision.packages import PERIMETER_215, grid
from tests.benchmarks.vision.rows import accuracy_row, rate_rows, silent_row
from tests.benchmarks.vision.run import OURS
from tests.benchmarks.vision.samples import check, differences, package_json, truth_json, write_samples
from tests.benchmarks.vision.scene import Deformed, Faults, Pose, Scene, Sensor, Spread, json_schema
from tests.benchmarks.vision.score import (
    bootstrapped,
    clopper_pearson,
    judge,
    paired_ratio,
    rate_and_limit,
    summarise,
)
from tests.benchmarks.vision.table import Row, printed
from tests.benchmarks.vision.truth import balls_of, rigid_fit, to_um, truth_of

SMALL_PACKAGE = grid("perimeter 55", 9, 9, 400.0, 230.0, rings=2, without=("R1C1",))
SMALL = Scene("small", 11, SMALL_PACKAGE, Pose(120.0, -80.0, 3.0), Sensor(columns=640, rows=600))
FAULTY = replace(SMALL, faults=Faults(missing=("R3C1",), extra_um=((2000.0, 0.0),), deformed=(Deformed("R9C9"),),
                                      bridged=(("R1C4", "R1C5"),), debris_count=3))  # fmt: skip
SOME_BOUND = Bound(0.002, 0.00002, 0.03)


def perfect(scene):
    truth = truth_of(scene)
    sites = np.where(truth.present[:, None], truth.sites_px, np.nan)
    states = dict.fromkeys(scene.faults.missing, "missing")
    states |= {d.name: "deformed" for d in scene.faults.deformed}
    states |= {name: "bridged" for pair in scene.faults.bridged for name in pair}
    return Answer("found", truth.pose, sites, truth.extra_px, states, np.diag([1e-6, 1e-6, 1e-10]))


@pytest.mark.parametrize("scene", [FAULTY, CASES["mixed"].scene(3)], ids=["faulty", "mixed"])
def test_a_scene_goes_to_json_and_back_and_keeps_to_its_schema(scene):
    text = scene.to_json()
    assert Scene.from_json(text) == scene
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(text))


@pytest.mark.parametrize(
    ("path", "value"), [("seed", "seven"), ("colour", 1), ("pose", [1, 2, 3]), ("faults", {"missing": ["R99C1"]})]
)
def test_a_scene_with_a_wrong_field_is_refused_by_name(path, value):
    content = json.loads(SMALL.to_json())
    content[path] = value
    with pytest.raises(ValueError, match="R99C1" if path == "faults" else path):
        Scene.from_json(json.dumps(content))


@pytest.mark.parametrize("optics", [renderer, second_renderer], ids=["first", "second"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_picture(optics):
    picture = optics.render(FAULTY)
    assert picture.dtype == np.uint8
    assert picture.shape == (600, 640)
    assert (picture == optics.render(FAULTY)).all()
    assert (picture != optics.render(replace(FAULTY, seed=12))).mean() > 0.5


@pytest.mark.parametrize("optics", [renderer, second_renderer], ids=["first", "second"])
def test_balls_are_drawn_where_the_truth_says(optics):
    """Centre of gravity of a ball's outline, and of its light: mirrored diodes differ in brightness."""
    scene = replace(SMALL, spread=Spread(0, 0, 0, 0))
    balls = balls_of(scene)
    corner, level, cover = optics.patches(balls, np.array([7]), scene.sensor)
    rows, columns = np.mgrid[: level.shape[1], : level.shape[2]]
    for drawn, allowed_px in ((cover[0], 0.002), (level[0], 0.002 if optics is renderer else 0.25)):
        seen = np.array([(drawn * columns).sum(), (drawn * rows).sum()]) / drawn.sum() + corner[0]
        assert np.abs(seen - balls.centres_px[7]).max() < allowed_px


@pytest.mark.parametrize(
    ("um_per_px", "psf_px", "noise", "pose_um", "theta_mdeg", "ball_um"),
    [
        (7.0, 1.2, 1.0, 0.0017, 0.016, 0.026),
        (7.0, 1.2, 16.0, 0.0068, 0.063, 0.100),
        (7.0, 3.5, 1.0, 0.0056, 0.052, 0.083),
        (13.0, 1.2, 1.0, 0.0056, 0.052, 0.082),
    ],
)
def test_the_bound_is_the_published_one(um_per_px, psf_px, noise, pose_um, theta_mdeg, ball_um):
    sensor = Sensor(um_per_px=um_per_px, psf_sigma_px=psf_px, noise_factor=noise)
    found = bound_of(Scene("nominal", 1, PERIMETER_215, sensor=sensor))
    assert found.ball_um == pytest.approx(ball_um, rel=0.06)
    assert found.xy_um == pytest.approx(pose_um, rel=0.06)
    assert 1000 * found.theta_deg == pytest.approx(theta_mdeg, rel=0.06)
    assert found.xy_um == pytest.approx(found.ball_um / math.sqrt(215), rel=0.02)


def test_truth_is_the_least_squares_frame_of_the_balls_present():
    truth, balls = truth_of(FAULTY), balls_of(FAULTY)
    present = truth.present
    assert FAULTY.package.ball_names[int(np.flatnonzero(~present)[0])] == "R3C1"
    seen = to_um(truth.sites_px[present], FAULTY.sensor)
    model = FAULTY.package.xy_um[present]

    def misfit(pose):
        t = np.deg2rad(pose[2])
        turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
        return ((model @ turn.T + pose[:2] - seen) ** 2).sum()

    best = np.array([truth.pose.x_um, truth.pose.y_um, truth.pose.theta_deg])
    for step in np.vstack([np.eye(3), -np.eye(3)]) * [0.01, 0.01, 1e-4]:
        assert misfit(best) < misfit(best + step)
    assert math.hypot(truth.pose.x_um - FAULTY.pose.x_um, truth.pose.y_um - FAULTY.pose.y_um) > 0.1
    everybody = rigid_fit(FAULTY.package.xy_um, balls.centres_um[: FAULTY.package.count])
    assert abs(everybody.x_um - truth.pose.x_um) > 1e-3


def test_the_scorer_counts_what_was_put_in():
    truth, answer = truth_of(FAULTY), perfect(FAULTY)
    good = judge(answer, truth, FAULTY, SOME_BOUND)
    assert (good.error_x_um, good.error_theta_deg, good.balls_missed, good.balls_false, good.extras_false) == (0,) * 5
    assert good.faults == {"missing": (1, 1), "bridged": (2, 2), "deformed": (1, 1), "extra": (1, 1)}
    sites = answer.sites_px.copy()
    sites[0] = np.nan  # one ball overlooked
    sites[1] += 40.0  # one seen where it is not
    sites[np.flatnonzero(~truth.present)] = truth.sites_px[~truth.present]  # a bare land called a ball
    bad = replace(answer, sites_px=sites, extra_px=np.vstack([answer.extra_px, [[5.0, 5.0]]]),
                  pose=replace(truth.pose, x_um=truth.pose.x_um + 0.003, y_um=truth.pose.y_um + 0.004))  # fmt: skip
    trial = judge(bad, truth, FAULTY, SOME_BOUND)
    assert (trial.balls_missed, trial.deformed_missed, trial.balls_false, trial.extras_false) == (2, 0, 1, 1)
    assert trial.normalised_squared == pytest.approx(9 + 16)
    wrong = replace(answer, pose=replace(truth.pose, theta_deg=truth.pose.theta_deg + 90))
    refused = replace(answer, status="refused", pose=Pose(*[math.nan] * 3))
    sites[FAULTY.package.ball_names.index("R9C9")] = np.nan
    assert judge(replace(bad, sites_px=sites), truth, FAULTY, SOME_BOUND).deformed_missed == 1
    assert judge(wrong, truth, FAULTY, SOME_BOUND).balls_tried == 0  # every ball would have another's name
    figures = summarise([judge(a, truth, FAULTY, SOME_BOUND) for a in (bad, bad, wrong, refused)])
    assert (figures.images, figures.failures, figures.silent, figures.refusals) == (4, 2, 1, 1)
    assert figures.ratio.value == pytest.approx(math.sqrt(0.5 * 25e-6) / 0.002)
    assert figures.bias_um == pytest.approx((0.003, 0.004))
    assert figures.normalised.value == pytest.approx(25 / 3)


def test_intervals_are_exact_where_tables_exist():
    assert clopper_pearson(0, 50_996)[1] * 1e6 == pytest.approx(58.7, abs=0.2)
    assert clopper_pearson(2, 60) == pytest.approx((0.00406, 0.11528), abs=2e-4)
    assert clopper_pearson(60, 60) == pytest.approx((0.9513, 1.0), abs=2e-4)
    assert rate_and_limit(0, 3_000_000)[1] < 1.0 < rate_and_limit(0, 2_900_000)[1]
    # Two images, one bad: resampling images must span from one to the other, whatever the number of balls.
    interval = bootstrapped(np.array([1.0, 9.0]))
    assert (interval.low, interval.high) == pytest.approx((1.0, 3.0))


def test_methods_are_compared_on_the_same_pictures():
    truth = truth_of(SMALL)

    def trials(errors):
        answers = [replace(perfect(SMALL), pose=replace(truth.pose, x_um=truth.pose.x_um + e)) for e in errors]
        return [replace(judge(a, truth, SMALL, SOME_BOUND), seed=i) for i, a in enumerate(answers)]

    mine, theirs = trials([0.1, 0.2, 3.0]), trials([0.3, 0.6])
    assert paired_ratio(mine, theirs).value == pytest.approx(3.0)
    assert paired_ratio(mine, theirs).low == pytest.approx(3.0)


def test_a_rare_event_is_open_until_enough_were_tried():
    def verdict(value, limit):
        return Row("balls missed", "", "", 10.0, 1.0, value=value, limit=limit).verdict

    assert [verdict(0, 475), verdict(0, 9), verdict(0, 0.9), verdict(12, 30)] == [
        "open",
        "reached",
        "stretch",
        "missed",
    ]
    assert Row("d'", "", "", 6.5, 9.5, value=7.0, larger_is_better=True).verdict == "reached"
    assert Row("pose", "", "", 1.2, 1.1).verdict == "missed"  # NaN: nothing was measured
    text = printed([Row("pose", "1.15", "x bound", 1.2, 1.1, {"Hough": "0.15 um"}, "one note", 1.15)], "Table")
    assert "reached" in text
    assert "Hough 0.15 um" in text


def test_a_line_says_what_was_measured_and_hides_no_failure():
    truth, answer = truth_of(SMALL), perfect(SMALL)

    def trials(x_um, status="found"):
        shifted = replace(answer, status=status, pose=replace(truth.pose, x_um=truth.pose.x_um + x_um))
        return [replace(judge(shifted, truth, SMALL, SOME_BOUND), seed=seed) for seed in range(4)]

    mine, theirs = trials(0.003), [*trials(0.03)[:3], *trials(9.0)[3:]]
    row = accuracy_row("nominal", {OURS: mine, "Hough": theirs})
    assert row.value == pytest.approx(0.003 / math.sqrt(2) / 0.002)
    assert row.verdict == "stretch"
    assert row.baselines == {"Hough": "0.0212 um (10.6x, 1/4 failed)"}
    for words in ("bias (+0.0030, +0.0000)", "failed 0 of 4", "Hough is 10 [10, 10] x ours"):
        assert words in row.note
    lost = accuracy_row("nominal", {OURS: trials(0.003, "refused"), "Hough": theirs})
    assert lost.verdict == "missed"
    assert lost.note == "found in none of 4 pictures, silent 0"
    assert [r.verdict for r in rate_rows(0, 0, 3, 1, tried=1000)] == ["open", "missed"]
    assert [silent_row(k, n, "").verdict for k, n in ((0, 300), (0, 10_000), (1, 10_000), (0, 100_000))] == [
        "open", "reached", "missed", "stretch",
    ]  # fmt: skip


def test_splits_share_no_seed_and_every_case_draws_in_view():
    assert FIRST_SEED["tuning"] - FIRST_SEED["public"] > 100_000
    for case in CASES.values():
        scene = case.scene(1000)
        truth, sensor = truth_of(scene), scene.sensor
        inside = (truth.sites_px > 0).all() and (truth.sites_px < (sensor.columns - 1, sensor.rows - 1)).all()
        assert inside, case.name


def test_the_settings_of_the_baselines_come_from_the_tuning_split_and_their_grids():
    stored = json.loads(baselines.SETTINGS_FILE.read_text(encoding="utf-8"))
    assert stored["split"] == "tuning"
    assert set(stored["settings"]) == set(baselines.GRIDS)
    for name, settings in stored["settings"].items():
        wanted = [json.loads(json.dumps(s)) for s in baselines.GRIDS[name]]
        assert settings in wanted


@pytest.mark.parametrize("name", [n for n in baselines.GRIDS if n != "findCirclesGrid"])
def test_a_baseline_finds_a_plain_array(name):
    method = baselines.taught(name, baselines.tuned()[name], baselines.lesson_of(replace(SMALL, seed=99)))
    trial = judge(method(renderer.render(SMALL), SMALL), truth_of(SMALL), SMALL, SOME_BOUND)
    assert trial.status == "found"
    allowed_um = 20.0 if "minAreaRect" in name else 0.5  # four outermost balls of 8 um scatter make the rectangle
    assert math.hypot(trial.error_x_um, trial.error_y_um) < allowed_um


def test_circles_grid_answers_for_full_arrays_only():
    full = replace(SMALL, package=grid("full 7 x 7", 7, 7, 400.0, 230.0))
    settings = baselines.tuned()["findCirclesGrid"]
    assert baselines.circles_grid(renderer.render(SMALL), SMALL, settings).status == "refused"
    found = baselines.circles_grid(renderer.render(full), full, settings)
    assert judge(found, truth_of(full), full, SOME_BOUND).is_failure is False


def test_spots_are_named_by_the_nearest_site_and_strangers_are_left_out():
    truth = truth_of(SMALL)
    spots = np.vstack([truth.sites_px[::-1] + 1.0, [[3.0, 3.0]]])
    assert labelled(spots, SMALL) == pytest.approx(truth.sites_px + 1.0)
    assert answer_from_spots(spots[:10], SMALL).status == "refused"


def test_our_finder_is_asked_without_the_true_pose():
    pixels = renderer.render(SMALL)
    answer = ours.find(pixels, SMALL)
    trial = judge(answer, truth_of(SMALL), SMALL, SOME_BOUND)
    assert trial.is_failure is False
    lied_to = ours.find(pixels, replace(SMALL, pose=Pose(), scale_ratio=1.02, seed=5))
    assert lied_to.pose == answer.pose


def test_a_sample_agrees_with_its_truth_and_every_lie_is_told(tmp_path):
    truth = truth_json(FAULTY)
    balls = [{**ball} for ball in truth["balls"]]
    balls.append({"name": "X1", "state": "extra", "x_px": truth["extra_px"][0][0], "y_px": truth["extra_px"][0][1]})
    answer = {"status": "found", "reasons": [], "pose": dict(truth["pose"]), "balls": balls}
    assert differences(answer, truth) == []
    answer["pose"]["x_um"] += 1.0
    balls[0]["x_px"] += 1.0
    balls[-1]["x_px"] += 50.0
    next(b for b in balls if b["state"] == "bridged")["state"] = "ok"
    said = "\n".join(differences(answer, truth))
    for word in ("x_um", balls[0]["name"], "called ok, truth bridged", "is not reported", "where none is"):
        assert word in said
    assert differences({"status": "refused", "reasons": ["dark"]}, truth)[0].startswith("status 'refused'")
    assert len(package_json(SMALL_PACKAGE)["ball_map"]["places"]) == 55
    paths = write_samples(tmp_path, ("nominal",))
    assert [path.name for path in paths] == ["nominal.png", "nominal-second.png"]
    written = (tmp_path / "nominal.scene.json").read_text(encoding="utf-8")
    assert Scene.from_json(written) == CASES["nominal"].scenes(1)[0]


def test_a_command_is_asked_about_every_sample(tmp_path):
    write_samples(tmp_path, ("noise16",))
    repeats_the_truth = (
        "import json, sys; truth = json.load(open(sys.argv[1].replace('.png', '.truth.json')));"
        "print(json.dumps({'status': 'found', **truth}))"
    )
    assert check(tmp_path, [sys.executable, "-c", repeats_the_truth]) == {"noise16": []}
    assert check(tmp_path, [sys.executable, "-c", "print('nothing')"])["noise16"][0].startswith("status 'no JSON")


def test_the_command_line_agrees_with_the_truth_of_the_hardest_sample(tmp_path):
    """Everything at once: faults of every kind, soft, noisy, an uneven and one-sided light."""
    write_samples(tmp_path, ("mixed",))
    station = [sys.executable, "-c", "from station.cli.main import app; app()", "vision", "balls"]
    assert check(tmp_path, station) == {"mixed": [], "mixed-second": []}


def test_long_scenes_repeat_and_every_tenth_is_adversarial():
    assert task(4) == task(4)
    kinds = [task(number).kind for number in range(9, 90, 10)]
    assert kinds == list(ADVERSARIAL)
    assert all(task(number).kind == "in range" for number in (0, 8, 10, 18))


def test_a_long_run_on_two_cores_says_what_one_says_in_the_same_order(tmp_path):
    one, two = (long.run(tmp_path / f"{cores}.jsonl", balls=0, poses=5, seconds=120, cores=cores) for cores in (1, 2))
    assert [replace(tally, spent_s=0.0) for tally in two] == [replace(tally, spent_s=0.0) for tally in one]
    assert [tally.number for tally in long.read(tmp_path / "2.jsonl")] == [0, 1, 2, 3, 4]


def test_a_long_run_goes_on_where_it_was_ended_but_not_with_other_code(tmp_path, monkeypatch):
    tried = []

    def attempt_quickly(number):
        tried.append(number)
        return long.Tally(number, "in range", "p", "pose", "found", False, 0.01, 0.01, balls_tried=100, balls_missed=1)

    monkeypatch.setattr(long, "attempt", attempt_quickly)
    path = tmp_path / "long.jsonl"
    assert len(long.run(path, balls=300, poses=2, seconds=60)) == 3
    path.write_text(path.read_text()[:-20])  # ended in the middle of a line
    done = long.run(path, balls=0, poses=5, seconds=60)
    assert tried == [0, 1, 2, 2, 3, 4]
    assert [t.number for t in done] == [0, 1, 2, 3, 4]
    missed = next(row for row in long.rows(done) if row.what == "balls missed")
    assert missed.value == pytest.approx(10_000)
    assert len(long.run(path, balls=10**9, poses=0, seconds=0)) == 5
    monkeypatch.setattr(long, "code_digest", lambda: "another")
    with pytest.raises(ValueError, match="--fresh"):
        long.run(path, balls=0, poses=6, seconds=60)


def test_an_array_that_is_not_there_counts_as_silent_failure_only_when_called_found(monkeypatch):
    bare = next(n for n in range(9, 90, 10) if task(n).wanted == "nothing")
    assert long.attempt(bare).is_silent_failure is False
    right = ours.look_for(SMALL_PACKAGE, renderer.render(SMALL), SMALL.sensor.um_per_px)
    assert right.status == "found"
    monkeypatch.setattr(ours, "look_for", lambda *_: right)
    assert long.attempt(bare).is_silent_failure is True
