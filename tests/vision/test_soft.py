"""Arrays out of focus: what lies beyond the rims of the balls tells where they are."""

import numpy as np

from tests.benchmarks.vision import ours, renderer
from tests.benchmarks.vision.cases import CASES
from tests.benchmarks.vision.truth import truth_of
from vision import balls


def test_soft_balls_are_placed_with_what_lies_beyond_their_rims(monkeypatch):
    """Against the fit within the rims alone, ball by ball; the claim follows."""
    scenes = CASES["defocus"].scenes(4, "tuning")
    error_px, claim_um = {}, {}
    for reach_ratio in (9.9, balls.WIDE_LEAST_RATIO):
        monkeypatch.setattr(balls, "WIDE_LEAST_RATIO", reach_ratio)
        off, claims = [], []
        for scene in scenes:
            fix, truth = ours.look(renderer.render(scene), scene), truth_of(scene)
            off.append(np.array([[ball.x_px, ball.y_px] for ball in fix.balls]) - truth.sites_px)
            claims.append(np.sqrt(fix.covariance[0][0]))
        error_px[reach_ratio], claim_um[reach_ratio] = np.sqrt(np.mean(np.square(off))), np.mean(claims)
    narrow, wide = error_px
    assert error_px[wide] < 0.98 * error_px[narrow]
    assert claim_um[wide] < 0.98 * claim_um[narrow]
