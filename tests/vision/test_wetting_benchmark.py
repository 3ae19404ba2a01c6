"""The benchmark of dry and wet: its pictures repeat, its scorer is right where the answer is known by hand."""

import numpy as np
import pytest

from tests.benchmarks.vision.dipped import Film, draw_pair
from tests.benchmarks.vision.wetting import case_rows, discriminant, figures, read


@pytest.fixture(scope="module")
def pair():
    return draw_pair(Film(0.1), 31)


def test_the_same_seed_gives_the_same_pair(pair):
    again = draw_pair(Film(0.1), 31)
    assert np.array_equal(pair.dry, again.dry)
    assert np.array_equal(pair.wet, again.wet)
    assert not np.array_equal(pair.wet, draw_pair(Film(0.1), 32).wet)
    assert pair.is_wet.sum() == 107


def test_a_drawn_pair_is_read_and_makes_a_row(pair):
    seen = read(pair)
    assert seen is not None
    assert seen.lost == 0
    assert np.abs(seen.ours[~seen.is_wet]).max() < 0.006
    assert seen.ours[seen.is_wet].mean() == pytest.approx(0.02, abs=0.006)
    row = case_rows("film 0.1", [seen, seen], 2)[0]
    assert row.value > 9.5
    assert "pair: log profiles" in row.baselines


def test_scores_known_by_hand():
    truth = np.array([False] * 4 + [True] * 4)
    perfect = figures([np.array([0.0, 1, 2, 3, 10, 11, 12, 13])], [truth])
    assert perfect.auc == 1.0
    assert perfect.missed == 0
    assert perfect.d_prime == pytest.approx(10.0 / np.sqrt(1.25))
    mixed = figures([np.array([0.0, 1, 2, 11.5, 10, 11, 12, 13])], [truth])
    assert mixed.auc == pytest.approx(14 / 16)
    assert mixed.missed == 2  # the highest dry ball sets the threshold
    rng = np.random.default_rng(1)
    features = rng.normal(0, 1, (4000, 3)) * (1, 5, 1)
    wet = np.arange(4000) % 2 == 0
    features[wet] += (1, 0, 1)
    scored = discriminant([(features, wet)])(features)
    assert figures([scored], [wet]).d_prime == pytest.approx(np.sqrt(2), abs=0.1)  # the noisy column counts for nothing
