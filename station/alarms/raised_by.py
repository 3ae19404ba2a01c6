"""What raises each alarm in the simulator: the shortest way to see it. Tests run every cell and read every story."""

from __future__ import annotations

CELLS: dict[int, str] = {
    101: "M04,S06,before",
    102: "M21,S02,before",
    103: "M17,S02,commanded",
    104: "L09,S01,before",
    105: "M20,S01,before",
    106: "M19,S10,before",
    110: "P05,S10,before",
    201: "O02,S13,running",
    203: "M11,S06,before",
    205: "M17,S23,before",
    206: "A04,S06,before",
    209: "A05,S09,before",
    210: "O16,S13,before",
    301: "V01,S11,before",
    302: "V02,S13,before",
    303: "V05,S03,before",
    304: "V07,S22,before",
    306: "V12,S16,before",
    307: "V08,S11,before",
    308: "V03,S13,before",
    401: "D01,S08,before",
    402: "D03,S08,before",
    403: "D04,S08,before",
    404: "D05,S08,before",
    405: "D05,S09,before",
    406: "D15,S14,before",
    407: "D09,S10,before",
    412: "D12,S14,before",
    413: "D14,S08,before",
    421: "D08,S08,before",
    501: "C10,S06,before",
    502: "C12,S06,before",
    503: "C13,S07,before",
    504: "C01,S06,before",
    601: "P01,S20,before",
    602: "P02,S20,before",
    603: "P03,S20,before",
    604: "D10,S17,before",
    611: "V04,S22,before",
    702: "B01,S04,before",
    711: "B05,S06,before",
    712: "B04,S19,before",
    713: "B08,S10,before",
    806: "N11,S04,before",
    901: "O08,S22,commanded",
    903: "O08,S11,before",
    907: "O12,S06,before",
    908: "O03,S07,before",
}
"""number -> fault, step and phase of the fault matrix, for `python -m tests.campaign run --cell`"""

STORIES: dict[int, str] = {
    107: "test_watched.py::test_a_device_that_falls_silent_at_rest_is_told_of_and_heard_again_after_a_reset",
    411: "test_part_lost.py::test_a_package_that_goes_in_the_instant_of_the_dip_is_missed_at_the_plate_and_asked_about",
    202: "test_rare_alarms.py::test_a_reference_that_is_lost_in_the_last_instant_is_the_drives_own_word",
    204: "test_rare_alarms.py::test_a_drive_with_narrower_limits_than_the_profile_names_refuses_the_target",
    208: "test_rare_alarms.py::test_another_nozzle_than_the_profile_names_is_refused_in_reset",
    310: "test_tray_and_site.py::test_failed_picks_are_not_forgotten_by_a_restart_of_the_service",
    305: "test_supply.py::test_without_trays_the_station_waits_as_well",
    309: "test_restart.py::test_a_glass_part_left_on_the_nozzle_by_a_kill_in_calibration_never_goes_to_the_bin",
    408: "test_wrong_boards.py::test_material_that_is_open_for_longer_than_its_pot_life_is_refused",
    409: "test_answers.py::test_material_that_runs_low_is_said_once_and_stops_nothing",
    410: "test_wrong_boards.py::test_a_lot_of_another_material_is_refused_before_anything_is_dipped",
    505: "test_light_segment.py::test_nothing_is_dipped_under_a_dead_segment_of_the_ring_light",
    506: "test_rare_alarms.py::test_without_its_glass_part_the_machine_is_not_calibrated_and_says_so",
    507: "test_light_segment.py::test_a_site_in_a_half_dark_field_is_not_believed",
    605: "test_rare_alarms.py::test_a_site_that_nobody_has_proven_free_gets_no_package",
    606: "test_bad_packages.py::test_a_package_that_hangs_askew_is_felt_before_it_is_let_go",
    701: "test_supply.py::test_without_boards_the_station_waits_and_goes_on_by_itself_when_one_comes",
    703: "test_wrong_boards.py::test_a_built_board_that_comes_again_is_refused",
    704: "test_wrong_boards.py::test_a_board_of_another_product_is_refused_by_its_code_and_nothing_is_placed",
    801: "test_power_loss.py::test_a_disk_that_fails_stops_the_machine_in_every_state_in_which_it_works",
    802: "test_rare_alarms.py::test_a_judgement_that_never_comes_ends_the_job_with_the_name_of_its_step",
    803: "test_bug.py::test_while_homing",
    804: "test_late.py::test_a_service_that_was_held_up_says_so_once_and_builds_on",
    805: "test_late.py::test_a_slow_disk_is_told_of_once_and_nothing_is_lost",
    902: "test_bad_packages.py::test_five_rejects_in_a_row_are_not_worked_through_silently",
    905: "test_site_look.py::test_what_the_station_cannot_tell_a_person_decides",
    906: "test_site_look.py::test_free_nozzle_and_a_free_site_is_a_lost_package_that_somebody_must_find",
    904: "test_power_loss.py::test_a_board_that_stands_clamped_was_not_let_go",
}
"""number -> test in tests/scenarios, for what no single fault of the machine brings about"""


def shown_by(number: int) -> str:
    """How to see this alarm, as the page of alarms says it; empty where nothing is known to raise it."""
    if number in CELLS:
        return f"`python -m tests.campaign run --cell {CELLS[number]}`"
    return f"`tests/scenarios/{STORIES[number]}`" if number in STORIES else ""
