"""Ball maps of the benchmark: perimeters, full arrays and irregular ones. Names run R1C1 from the upper left."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tests.benchmarks.vision.scene import Mark, Package


def grid(
    name: str,
    columns: int,
    rows: int,
    pitch_um: float,
    diameter_um: float,
    *,
    rings: int = 0,
    without: tuple[str, ...] = (),
    mark: Mark | None = None,
    body_um: float = 0.0,
) -> Package:
    """A rectangular array; `rings` outer rows and columns of it, 0 for all; less the sites named in `without`."""
    names, xs, ys = [], [], []
    for r in range(rows):
        for c in range(columns):
            depth = min(r, c, rows - 1 - r, columns - 1 - c)
            site = f"R{r + 1}C{c + 1}"
            if (rings == 0 or depth < rings) and site not in without:
                names.append(site)
                xs.append((c - (columns - 1) / 2) * pitch_um)
                ys.append(((rows - 1) / 2 - r) * pitch_um)
    return Package(name, tuple(names), tuple(xs), tuple(ys), diameter_um, mark, body_um)


def irregular(name: str, count: int, half_um: float, gap_um: float, diameter_um: float, seed: int) -> Package:
    """Sites without a lattice: thrown at random into a square, none nearer to another than `gap_um`."""
    rng = np.random.Generator(np.random.PCG64([17, seed]))
    sites = np.empty((0, 2))
    while len(sites) < count:
        site = rng.uniform(-half_um, half_um, 2).round(1)
        if len(sites) == 0 or np.hypot(*(sites - site).T).min() >= gap_um:
            sites = np.vstack([sites, site])
    names = tuple(f"B{i + 1}" for i in range(count))
    return Package(name, names, tuple(sites[:, 0].tolist()), tuple(sites[:, 1].tolist()), diameter_um)


PERIMETER_215 = grid("perimeter 215", 29, 29, 400.0, 230.0, rings=2, without=("R1C1",))
"""12 x 12 mm, 0.4 mm pitch, two rows, A1 corner empty"""
FULL_1023 = grid("full 1023", 32, 32, 350.0, 200.0, without=("R1C1",))


@lru_cache(maxsize=1)
def library() -> dict[str, Package]:
    """All packages of the long run, by name."""
    mark = Mark(-3300.0, 3300.0, 500.0)
    packages = (
        PERIMETER_215,
        FULL_1023,
        grid("perimeter 128", 18, 18, 500.0, 300.0, rings=2, mark=Mark(-2600.0, 2600.0, 500.0)),
        grid("perimeter 152", 21, 21, 650.0, 400.0, rings=2, mark=mark),
        grid("perimeter 168", 23, 23, 500.0, 300.0, rings=2, mark=mark),
        grid("perimeter 216", 29, 29, 400.0, 250.0, rings=2, mark=mark),
        grid("WLCSP 196", 14, 14, 300.0, 180.0, mark=Mark(-2350.0, 2350.0, 300.0)),
        grid("WLCSP 195", 14, 14, 300.0, 180.0, without=("R1C1",)),
        grid("BVA 1020", 56, 56, 240.0, 150.0, rings=5, mark=Mark(-4500.0, 4500.0, 500.0)),
        irregular("irregular 120", 120, 5000.0, 480.0, 260.0, 1),
        irregular("irregular 300", 300, 5600.0, 380.0, 200.0, 2),
    )
    return {package.name: package for package in packages}
