"""Process rules across the tables of a recipe: film, dip, forces, material; each with its public source.

A limit without a public source is marked as an estimate. Rules about drawings stand in `drawing_rules`.
"""

from __future__ import annotations

import math

from recipes import drawing_rules
from recipes.dip import PLATE_HALF_UM, Dip
from recipes.findings import ESTIMATE, Finding, Findings, Rule, error, rule, run, warning
from recipes.model import Recipe
from recipes.place import Place

TMV_STUDY = (
    "TMV package-on-package dip study of seven materials, "
    "https://jxxfw.com/conference/70643ad6b3a65a3da900569afac91ea8.html"
)
DIP_DEPTH_I = (
    "Indium, Solder Paste and Flux Dip Depth: I, https://www.indium.com/blog/solder-paste-and-flux-dip-depth-i.php"
)
POP_DIPPING = (
    "Indium, PoP Component Dipping (2/5), http://www.indium.com/blog/package-on-package-component-dipping-25.php"
)
POP_PLACEMENT = "Indium, PoP Placement (3/5), http://www.indium.com/blog/package-on-package-placement-35.php"
FLUX_DIPPING = (
    "Indium, Epoxy Flux Dipping for CSP and PoP, "
    "https://indium.com/blog/epoxy-flux-dipping-for-csp-and-pop-applications.php"
)
UNDIPPED = "Indium, Everyone Makes Mistakes, https://www.indium.com/blog/everyone-makes-mistakes.php"
OPEN_TIME = "Indium3.1 data, http://www.conro.com/indium/indium-3-1-water-soluble-pb-free-solder-paste-detail"
HALF_PAD = "SMTnet forum, BGA misplacement, https://smtnet.com/Forums/index.cfm?fuseaction=view_thread&Thread_ID=1579"
SQUEEZE_FILM = "computed: squeeze-film force per ball 6 pi viscosity R2 speed / gap"
PROFILE = "the drive does what the smaller number says, so the larger one would never be reached"

FILM_REFUSED = 0.25, 0.70
"""film height / ball height, estimate"""
FILM_USUAL = 1 / 3, 0.60
"""film height / ball height, estimate"""
OFFSET_USUAL = 0.25
"""placement limit / ball diameter, estimate"""
SLOW_UM_PER_S = 2_000
SLOW_LIFT_UM = 100
STACK_PRESSURE_KPA = 137.9
"""20 psi over the body"""
OPEN_TIME_S = 8 * 3_600
ATMOSPHERE_KPA = 101.3
HOLD_MARGIN = 2.0
"""wanted vacuum hold / pull of the film, estimate"""
G_M_PER_S2 = 9.81
NEWTON_PER_KPA_UM2 = 1e-9
TABLES_WITH_PROVENANCE = ("film", "dip", "pick", "inspect", "place", "material")


@rule("material")
def plate_temperatures_leave_room(r: Recipe) -> Findings:
    if r.material.plate_min_degc >= r.material.plate_max_degc:
        yield error(
            ("material", "plate_min_degc"),
            f"{r.material.plate_min_degc:.0f} degC is not below plate_max_degc: no plate would ever be right.",
            f"below {r.material.plate_max_degc:.0f}",
            ESTIMATE,
        )


@rule("package", "material")
def paste_on_mould_vias_needs_nitrogen(r: Recipe) -> Findings:
    if r.package.interface == "tmv" and r.material.kind == "paste" and r.material.reflow_atmosphere == "air":
        yield error(
            ("material", "reflow_atmosphere"),
            "dip paste on through-mould vias does not coalesce in air: every package of the study failed.",
            "'nitrogen', or kind = 'flux'",
            TMV_STUDY,
        )


@rule("film", "package")
def film_is_a_part_of_the_ball(r: Recipe) -> Findings:
    film, ball_um = r.film, r.package.ball_height_um
    ratio = film.target_um / ball_um
    low, high = (share * ball_um for share in FILM_REFUSED)
    usual_low, usual_high = (share * ball_um for share in FILM_USUAL)
    path = ("film", "target_um")
    if ratio >= 1:
        yield error(
            path,
            f"the film is as high as the {ball_um:g} um balls or higher; the body would be wetted.",
            f"{low:.0f} to {high:.0f} um",
            TMV_STUDY,
        )
    elif not FILM_REFUSED[0] <= ratio <= FILM_REFUSED[1]:
        said = f"the film is {ratio:.2f} of the {ball_um:g} um balls."
        yield error(path, said, f"{low:.0f} to {high:.0f} um", ESTIMATE)
    elif not FILM_USUAL[0] <= ratio <= FILM_USUAL[1]:
        yield warning(
            path,
            f"the film is {ratio:.2f} of the {ball_um:g} um balls; half of the ball is the aim.",
            f"usual {usual_low:.0f} to {usual_high:.0f} um",
            TMV_STUDY,
        )
    if ratio < 1 <= (film.target_um + film.tolerance_um) / ball_um:
        yield error(
            ("film", "tolerance_um"),
            f"a film at its upper limit covers the {ball_um:g} um balls.",
            f"below {ball_um - film.target_um:g} um",
            TMV_STUDY,
        )


@rule("film")
def blade_gap_is_wider_than_the_film(r: Recipe) -> Findings:
    film = r.film
    if film.gap_start_um <= film.target_um:
        yield error(
            ("film", "gap_start_um"),
            "the film is always thinner than the gap that lays it.",
            f"above {film.target_um:g} um",
            DIP_DEPTH_I,
        )
    if film.tolerance_um >= film.target_um:
        yield error(("film", "tolerance_um"), "a bare plate would pass as a film.", f"below {film.target_um:g} um")
    if film.range_um > film.target_um / 4:
        yield warning(
            ("film", "range_um"),
            "a film so uneven may leave balls dry while its mean is good.",
            f"up to {film.target_um / 4:g} um",
            ESTIMATE,
        )


@rule("film")
def film_points_are_distinct_and_on_the_plate(r: Recipe) -> Findings:
    seen: dict[tuple[float, float], int] = {}
    for index, point in enumerate(r.film.measure_points):
        path = ("film", "measure_points", index)
        if max(abs(point.x_um), abs(point.y_um)) > PLATE_HALF_UM:
            yield error(
                path,
                f"the point ({point.x_um:g}, {point.y_um:g}) is not on the plate.",
                f"{-PLATE_HALF_UM:,} to {PLATE_HALF_UM:,} um",
            )
        first = seen.setdefault((point.x_um, point.y_um), index)
        if first != index:
            yield error(path, f"the same point as number {first + 1}; every point must be another spot.")


@rule("film", "dip")
def dip_is_no_deeper_than_the_film(r: Recipe) -> Findings:
    film, dip = r.film, r.dip
    path = ("dip", "depth_um")
    if dip.depth_um > film.target_um:
        yield error(path, f"deeper than the {film.target_um:g} um film.", f"up to {film.target_um:g} um", POP_DIPPING)
    elif dip.mode == "bottom_out" and dip.depth_um != film.target_um:
        yield error(
            path,
            "in bottom_out the balls touch the plate, so the depth is the film height.",
            f"{film.target_um:g} um, or mode = 'z_controlled'",
            POP_DIPPING,
        )


@rule("dip")
def dip_forces_rise_to_their_limit(r: Recipe) -> Findings:
    yield from _forces_in_order("dip", r.dip)


@rule("place")
def place_forces_rise_to_their_limit(r: Recipe) -> Findings:
    yield from _forces_in_order("place", r.place)


@rule("dip")
def film_is_entered_and_left_slowly(r: Recipe) -> Findings:
    dip = r.dip
    slow = f"up to {SLOW_UM_PER_S:,} um/s"
    if dip.approach_um_per_s > SLOW_UM_PER_S:
        yield warning(
            ("dip", "approach_um_per_s"),
            "the film resists with newtons at this speed and reads as contact.",
            slow,
            SQUEEZE_FILM,
        )
    if dip.lift_slow_um_per_s > SLOW_UM_PER_S:
        yield warning(("dip", "lift_slow_um_per_s"), "the film may keep the package at this speed.", slow, SQUEEZE_FILM)
    if dip.lift_slow_um < SLOW_LIFT_UM:
        yield warning(
            ("dip", "lift_slow_um"),
            "the slow part ends while the balls are still close to the plate.",
            f"from {SLOW_LIFT_UM} um",
            SQUEEZE_FILM,
        )


@rule("dip")
def imprint_is_looked_at(r: Recipe) -> Findings:
    if not r.dip.imprint_check:
        yield warning(
            ("dip", "imprint_check"), "a wrong depth or a bent package shows in the imprint only.", "true", POP_DIPPING
        )


@rule("package", "pick", "material")
def vacuum_holds_against_the_film(r: Recipe) -> Findings:
    package, pick = r.package, r.pick
    ball_area_um2 = math.pi * (package.ball_diameter_um / 2) ** 2
    pull_n = package.mass_g / 1_000 * G_M_PER_S2
    pull_n += len(package.balls) * r.material.tack_kpa * ball_area_um2 * NEWTON_PER_KPA_UM2
    hold_n = -pick.vacuum_kpa * math.pi * (pick.nozzle_diameter_um / 2) ** 2 * NEWTON_PER_KPA_UM2
    said = f"the nozzle holds {hold_n:.2f} N, film and weight pull with {pull_n:.2f} N"
    path = ("pick", "nozzle_diameter_um")
    if hold_n <= pull_n:
        yield error(path, f"{said}: the package would stay in the film.", "hold above pull", FLUX_DIPPING)
    elif hold_n < HOLD_MARGIN * pull_n:
        yield warning(path, f"{said}: little margin.", f"hold at least {HOLD_MARGIN:g} times the pull", FLUX_DIPPING)


@rule("package", "pick")
def nozzle_fits_on_the_body(r: Recipe) -> Findings:
    smallest_um = min(r.package.body_x_um, r.package.body_y_um)
    if r.pick.nozzle_diameter_um > smallest_um:
        yield error(
            ("pick", "nozzle_diameter_um"),
            "the cup is wider than the package and will not seal.",
            f"up to {smallest_um:g} um",
        )


@rule("package", "place")
def stack_is_not_crushed(r: Recipe) -> Findings:
    area_um2 = r.package.body_x_um * r.package.body_y_um
    limit_n = STACK_PRESSURE_KPA * area_um2 * NEWTON_PER_KPA_UM2
    if r.place.hold_force_n > limit_n:
        allowed = f"up to {limit_n:.1f} N"
        yield warning(("place", "hold_force_n"), "more than 20 psi over the body.", allowed, POP_PLACEMENT)


@rule("package", "place")
def placement_limit_suits_the_balls(r: Recipe) -> Findings:
    ball_um, limit_um = r.package.ball_diameter_um, r.place.offset_limit_um
    path = ("place", "offset_limit_um")
    if limit_um > ball_um / 2:
        yield error(
            path,
            f"more than half of the {ball_um:g} um balls: they would miss their lands.",
            f"up to {ball_um / 2:g} um",
            HALF_PAD,
        )
    elif limit_um > OFFSET_USUAL * ball_um:
        yield warning(
            path,
            f"{limit_um / ball_um:.2f} of the {ball_um:g} um balls.",
            f"usual up to {OFFSET_USUAL * ball_um:g} um",
            ESTIMATE,
        )


@rule("bottom", "place")
def missing_bottom_package_is_noticed(r: Recipe) -> Findings:
    height_um = r.bottom.body_height_um
    if 0 < height_um <= r.place.z_window_um:
        yield error(
            ("place", "z_window_um"),
            "contact with the bare board would pass as the bottom package.",
            f"below {height_um:g} um",
        )


@rule("package", "place")
def unseated_package_is_noticed(r: Recipe) -> Findings:
    half_um = r.package.ball_height_um / 2
    if r.place.seated_height_tolerance_um > half_um:
        yield warning(
            ("place", "seated_height_tolerance_um"),
            "a package on one ball too many would pass as seated.",
            f"up to {half_um:g} um",
            ESTIMATE,
        )


@rule("place", "material", "film")
def material_is_still_wet(r: Recipe) -> Findings:
    if r.place.dip_to_place_max_s >= r.material.pot_life_s:
        yield error(("place", "dip_to_place_max_s"), "longer than the pot life.", f"below {r.material.pot_life_s:g} s")
    if r.film.max_age_s >= r.material.pot_life_s:
        yield error(("film", "max_age_s"), "longer than the pot life.", f"below {r.material.pot_life_s:g} s")


@rule("material")
def open_time_is_kept(r: Recipe) -> Findings:
    if r.material.pot_life_s > OPEN_TIME_S:
        yield warning(
            ("material", "pot_life_s"),
            "longer than pastes are usually allowed to stand open.",
            f"usual up to {OPEN_TIME_S:,} s",
            OPEN_TIME,
        )
    if r.material.msl_level == "6":
        yield warning(("material", "msl_level"), "level 6 parts are baked first, then the time on the label counts.")


@rule("inspect")
def every_ball_counts(r: Recipe) -> Findings:
    if r.inspect.missing_allowed > 0:
        yield warning(("inspect", "missing_allowed"), "a ball that is not there solders nothing.", "0", UNDIPPED)


@rule("inspect")
def cameras_have_light(r: Recipe) -> Findings:
    inspect = r.inspect
    for camera, ring, coax in (
        ("up", inspect.up_ring_ratio, inspect.up_coax_ratio),
        ("down", inspect.down_ring_ratio, inspect.down_coax_ratio),
    ):
        if ring == 0 and coax == 0:
            yield error(("inspect", f"{camera}_ring_ratio"), f"the {camera} camera has no light at all.", "above 0")


@rule("package", "bottom", *TABLES_WITH_PROVENANCE)
def approval_rests_on_more_than_estimates(r: Recipe) -> Findings:
    if r.state != "approved":
        return
    for table in ("package", "bottom", *TABLES_WITH_PROVENANCE):
        if getattr(r, table).provenance == "estimate":
            said = "the recipe is approved on estimated values."
            yield warning((table, "provenance"), said, "'measured' or 'published'")


def _forces_in_order(table: str, part: Dip | Place) -> Findings:
    if part.contact_force_n > part.hold_force_n:
        yield error(
            (table, "contact_force_n"),
            f"above the hold force of {part.hold_force_n:g} N.",
            f"up to {part.hold_force_n:g} N",
            PROFILE,
        )
    if part.hold_force_n >= part.force_limit_n:
        yield error(
            (table, "hold_force_n"),
            f"not below the force limit of {part.force_limit_n:g} N.",
            f"below {part.force_limit_n:g} N",
            PROFILE,
        )


PROCESS_RULES: tuple[Rule, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Rule))


def check(recipe: Recipe, tables: frozenset[str] | None = None) -> list[Finding]:
    """Everything that the rules have to say; `tables` names the tables that are at hand, None = all."""
    return run((*drawing_rules.DRAWING_RULES, *PROCESS_RULES), recipe, tables)
