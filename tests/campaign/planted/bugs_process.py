"""Planted bugs of the process: film, pick, dip, looks, placement. Most of them are one comparison or one line."""

from __future__ import annotations

from tests.campaign.planted.model import bug

_FILM, _DIP, _PICK, _PLACE = (f"station/process/{name}.py" for name in ("film", "dip", "pick", "place"))
_LOOKS, _SITE = "station/process/package_looks.py", "station/process/site_looks.py"
_CELL, _TABLE = "station/cell.py", "station/guard/table.py"

PROCESS_BUGS = (
    bug(
        "wall clock for film age",
        "the age of the film is counted by the wall clock, which jumps",
        (_FILM, "        at_s=work.clock.mono_s(),\n        levels=", "        at_s=_wall_s(work),\n        levels="),
        (_FILM, "levelled.at_s + film.settle_s - work.clock.mono_s()", "levelled.at_s + film.settle_s - _wall_s(work)"),
        (
            _FILM,
            "    age_s = work.clock.mono_s() - accepted.film.levelled_at_s",
            "    age_s = _wall_s(work) - accepted.film.levelled_at_s",
        ),
        (
            _FILM,
            "async def level_film(",
            "def _wall_s(work: Work) -> float:\n    return work.clock.utc().timestamp()\n\n\nasync def level_film(",
        ),
        (
            _DIP,
            "    age_s = work.clock.mono_s() - film.levelled_at_s\n    if not",
            "    age_s = work.clock.utc().timestamp() - film.levelled_at_s\n    if not",
        ),
    ),
    bug(
        "film of any age",
        "the limit of the film's age is not asked",
        (
            _DIP,
            "    if not age_s <= work.recipe.film.max_age_s:",
            "    if not age_s <= 100 * work.recipe.film.max_age_s:",
        ),
    ),
    bug(
        "dip into a used film",
        "whether the film has a print already is not asked",
        (_DIP, "    if before is not None and before.film.generation == film.generation:", "    if before is None:"),
        (
            _FILM,
            "    if dipped is not None and dipped.film.generation == accepted.film.generation:\n        return False\n",
            "",
        ),
    ),
    bug(
        "average instead of the worst point",
        "the spread of the film is judged by its deviation, which hides one ridge",
        (_FILM, "    if not found.range_um <= film.range_um:", "    if not found.sigma_um <= film.range_um:"),
    ),
    bug(
        "film with one limit",
        "a film that is too thick is good",
        (_FILM, "    if not lower_um <= found.mean_um <= upper_um:", "    if not lower_um <= found.mean_um:"),
    ),
    bug(
        "no tare",
        "the force is not zeroed before a pick",
        (_PICK, "    await cell.head.tare()\n", ""),
    ),
    bug(
        "nozzle not proven empty",
        "what hangs on the nozzle before a pick is not asked",
        ("station/process/nozzle.py", "    status = cell.head.status\n", "    status = cell.head.status\n    return\n"),
        (_PICK, "    prove_open_nozzle_empty(nozzle.result())\n", "    nozzle.result()\n"),
    ),
    bug(
        "pick not proven",
        "after the pick nobody asks whether something is held",
        (_PICK, "    if not lift.vacuum_kpa <= settings.vacuum_kpa:", "    if lift.vacuum_kpa > 100.0:"),
        (_PICK, "await cell.head.vacuum_on(settings.vacuum_kpa, ", "await cell.head.vacuum_on(-5.0, "),
    ),
    bug(
        "grip not proven",
        "a package that fell on the way is not missed",
        (_CELL, "        if not vacuum_kpa <= GRIP_LIMIT_KPA:", "        if vacuum_kpa > 100.0:"),
    ),
    bug(
        "release not proven",
        "after the placement nobody asks whether the nozzle is free",
        (_PLACE, "    if not lifted.vacuum_kpa >= FREE_LIMIT_KPA:", "    if lifted.vacuum_kpa > 100.0:"),
    ),
    bug(
        "vacuum off in the clean-up",
        "whatever stops the station also lets go of the package",
        (
            "station/run/controller.py",
            "            run.cut_off()\n        await self.cell.stop(level)\n",
            "            run.cut_off()\n        permit, self.cell.head.permit = self.cell.head.permit, None\n"
            "        with suppress(Exception):\n            await self.cell.head.vacuum_off(0.05, 0.5)\n"
            "        self.cell.head.permit = permit\n        await self.cell.stop(level)\n",
        ),
    ),
    bug(
        "broad except",
        "whatever goes wrong while the dip is proven, the package is placed",
        (
            _PLACE,
            "    _prove_dipped(work)\n    stack_um",
            "    with suppress(Exception):\n        _prove_dipped(work)\n    stack_um",
        ),
        (_PLACE, "from station.alarms.catalogue", "from contextlib import suppress\n\nfrom station.alarms.catalogue"),
    ),
    bug(
        "one ball more or less",
        "the number of missing balls that is allowed is one too many",
        (_LOOKS, "    if len(missing) > limits.missing_allowed:", "    if len(missing) > limits.missing_allowed + 1:"),
    ),
    bug(
        "no number passes",
        "comparisons are written so that a value that is no number passes",
        (_LOOKS, '    if fix.status != "found":', '    if fix.status == "refused" and fix.x_um > 1e9:'),
        (
            _LOOKS,
            "    if not (abs(fix.x_um) <= limit_um and abs(fix.y_um) <= limit_um):",
            "    if abs(fix.x_um) > limit_um or abs(fix.y_um) > limit_um:",
        ),
        (
            _LOOKS,
            "    if not abs(turn_deg) <= limits.theta_limit_deg:",
            "    if abs(turn_deg) > limits.theta_limit_deg:",
        ),
    ),
    bug(
        "average instead of the worst ball",
        "the material of a package is judged by the mean over its balls",
        (
            _LOOKS,
            'if ball.state not in ("wet", "excess") or not ball.probability_wet >= limit',
            "if sum(b.probability_wet for b in finding.wetting) / len(finding.wetting) < limit",
        ),
    ),
    bug(
        "one bridge is none",
        "a single bridge is no defect: neither the pair, nor the state of its balls, nor their excess of material",
        (_LOOKS, 'if ball.state not in ("ok", "missing")]', 'if ball.state not in ("ok", "missing", "bridged")]'),
        (_LOOKS, "        elif finding.bridges:", "        elif len(finding.bridges) > 1:"),
        (_LOOKS, "        elif excess:", "        elif len(excess) > 2:"),
    ),
    bug(
        "print not compared",
        "marks that are missing in the film reject nothing, neither by name nor by their number",
        ("station/process/imprint.py", "    elif finding.missing:", "    elif len(finding.missing) > 50:"),
        (
            "station/process/imprint.py",
            "    elif not finding.found_count + len(finding.unseen) >= len(work.recipe.package.balls):",
            "    elif finding.found_count > len(work.recipe.package.balls):",
        ),
    ),
    bug(
        "occupied site",
        "a site on which a package lies already counts as free",
        (_SITE, '    if fix.status == "occupied":', '    if fix.status == "full":'),
    ),
    bug(
        "turned package",
        "how far a package is turned in its pocket does not matter",
        (_LOOKS, "    if not abs(turn_deg) <= limits.theta_limit_deg:", "    if not abs(turn_deg) <= 360.0:"),
    ),
    bug(
        "nominal place of a fiducial",
        "a fiducial that is not seen is taken to be where it is drawn",
        (
            "station/process/locate_board.py",
            '        raise ProcessAlarm("fiducial_not_found", name=fiducial.name, reasons="; ".join(fix.reasons))\n',
            "        return fix, _nominal(cell, fiducial)\n",
        ),
    ),
    bug(
        "limit ten times too wide",
        "how far off a placed package may lie is compared with ten times its limit",
        (
            "station/process/verify_placed.py",
            "    if not offset_um <= limits.offset_limit_um:",
            "    if not offset_um <= 10 * limits.offset_limit_um:",
        ),
    ),
    bug(
        "hold force not judged",
        "a placement whose force collapsed counts as good",
        (_PLACE, "- 1.0) <= HOLD_FORCE_RATIO:", "- 1.0) <= 100.0:"),
    ),
    bug(
        "no window above the site",
        "a contact far above the site counts as the site",
        (_PLACE, "        z_early_um=expected_z_um - recipe.z_window_um,", "        z_early_um=0.0,"),
    ),
    bug(
        "wrong sign of the grip",
        "where the package sits on the nozzle is corrected the wrong way",
        (_PLACE, "    target = site.pose.point.moved(-grip)", "    target = site.pose.point.moved(grip)"),
    ),
    bug(
        "contact stop not asked",
        "a press may begin without an armed contact stop",
        (_TABLE, "    Action.PLACE: (*DOWN, c.CONTACT_STOP,", "    Action.PLACE: (*DOWN,"),
        (_TABLE, "    Action.PICK: (*DOWN, c.CONTACT_STOP,", "    Action.PICK: (*DOWN,"),
        (_TABLE, "    Action.DIP: (*DOWN, c.CONTACT_STOP,", "    Action.DIP: (*DOWN,"),
    ),
    bug(
        "picture on the move",
        "a picture is taken before the gantry stands",
        (
            _CELL,
            "                await self.go_to(view, theta_deg)\n            places",
            "                travel = asyncio.ensure_future(self.go_to(view, theta_deg))\n"
            "                await asyncio.sleep(0.02)\n            places",
        ),
        (
            _CELL,
            "            frames.append(await self.down_camera.expose(light.exposure_s))",
            "            frames.append(await self.down_camera.expose(light.exposure_s))\n"
            "            if number:\n                await travel",
        ),
    ),
    bug(
        "measured before clamped",
        "the board is measured first and clamped afterwards",
        (
            "station/process/sheet.py",
            "BOARD_IN_STEPS = (LOAD_BOARD, READ_BOARD, CLAMP_BOARD, LOCATE_BOARD)",
            "BOARD_IN_STEPS = (LOAD_BOARD, READ_BOARD, LOCATE_BOARD, CLAMP_BOARD)",
        ),
    ),
    bug(
        "clamp not asked",
        "a placement on a board that is not clamped is allowed, and nobody watches the clamp",
        (_TABLE, "c.OVER_BOARD, c.BOARD_THERE, c.CLAMPED),", "c.OVER_BOARD, c.BOARD_THERE),"),
        (_TABLE, "c.OVER_BOARD, c.PRESSING, c.CLAMPED),", "c.OVER_BOARD, c.PRESSING),"),
        (
            "station/run/watch.py",
            'return ProcessAlarm("board_loose", what=", ".join(missing)) if missing else None',
            'return ProcessAlarm("board_loose", what=", ".join(missing)) if len(missing) > 1 else None',
        ),
    ),
)
