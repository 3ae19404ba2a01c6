"""Pictures that several stories share; each is drawn once per run."""

import pytest

from tests.vision.scenes import POP_168, PackagePart


@pytest.fixture(scope="session")
def part():
    return PackagePart(POP_168, seed=3)


@pytest.fixture(scope="session")
def dry(part):
    """A good package: (frame, truth)."""
    return part.draw(310.0, -205.0, 2.3, seed=1)
