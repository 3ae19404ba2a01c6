"""What faults of axes, vacuum, film, force, cameras and boards do to the machine, and what its devices then say."""

from __future__ import annotations

import asyncio
import json

import pytest

from drivers.wire import head as head_wire
from drivers.wire.camera_frame import HEADER_BYTES, FrameHeader, Trigger
from drivers.wire.dip_unit import LEVEL
from drivers.wire.film_gauge import MEASURE
from drivers.wire.handshake import Result
from drivers.wire.motion_plc import CLAMP, HOME, LOAD_BOARD, MOVE
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario
from tests.sim_hardware.head_bench import Bench
from tests.sim_hardware.raw import MOVE_ALONG, PlcHost, cell
from tests.support import virtual

FAR = {"x_um": 400_000, "y_um": 300_000, "theta_deg": 0, **MOVE_ALONG}


def give(plant: Plant, kind: str, **fields: object) -> None:
    plant.faults.inject(FaultSpec(kind, **fields), plant.now())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "result", "x_um"),
    [("axis_stalls", None, 0.0), ("done_never", None, 400_000.0), ("done_early", Result.DONE, 200_000.0)],
)
def test_a_gantry_move_goes_wrong_as_told(kind: str, result: Result | None, x_um: float) -> None:
    @virtual
    async def story() -> None:
        async with cell() as (plant, ports):
            host = await PlcHost.open(ports.plc)
            await host.run("gantry", HOME, 1)
            give(plant, kind, nth=1)
            await host.beat()
            await host.command("gantry", MOVE, 2, **FAR)
            ended_um, state = None, await host.channel("gantry")
            for _ in range(20):
                await asyncio.sleep(0.1)
                await host.beat()
                state = await host.channel("gantry")
                if not state.busy and ended_um is None:
                    ended_um = state.evidence[0] * 0.1
            assert state.busy is (result is None)
            if result is None:
                assert plant.gantry.measured_at(plant.now())[0] == pytest.approx(x_um)
            else:
                assert state.result is result
                assert ended_um == pytest.approx(x_um, rel=0.1)
            await host.close()

    story()


@virtual
async def test_a_ringing_axis_settles_later_and_a_stuck_home_switch_gives_up() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        give(plant, "home_stuck", nth=1)
        assert (await host.run("gantry", HOME, 1)).result is Result.TIMED_OUT
        assert not plant.plc.is_homed
        await host.run("gantry", HOME, 2)
        took = []
        for seq, x_um in ((3, 400_000), (4, 100_000)):
            began_s = plant.now()
            await host.run("gantry", MOVE, seq, **{**FAR, "x_um": x_um})
            took.append(plant.now() - began_s)
            give(plant, "axis_rings", nth=1, value=0.5)
        assert took[1] - took[0] == pytest.approx(0.5, abs=0.15)
        await host.close()


@virtual
async def test_lost_steps_show_in_the_truth_and_not_in_the_encoders() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        await host.run("gantry", HOME, 1)
        before = plant.tip().x_um
        give(plant, "lost_steps", value=150.0)
        await asyncio.sleep(0.01)
        assert plant.tip().x_um - before == pytest.approx(150.0)
        assert (await host.status())["x_um"] == 0.0
        give(plant, "axis_reading", value=7_000.0)
        assert (await host.status())["x_um"] == 7_000.0
        await host.close()


@virtual
async def test_hard_wired_inputs_hands_and_clamp_change_at_once() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        await host.run("transport", LOAD_BOARD, 1)
        await host.run("transport", CLAMP, 2)
        board = plant.board_in_nest
        assert board is not None
        x_um = board.nest_dx_um
        for kind, fields in (
            ("input_true", {"target": "bin_full"}),
            ("board_shifts", {"value": 200.0}),
            ("clamp_opens", {}),
            ("part_given", {}),
            ("part_turns", {"value": 3.0}),
        ):
            give(plant, kind, **fields)
        await asyncio.sleep(0.01)
        assert plant.safety.bin_full
        assert board.nest_dx_um - x_um == 200.0
        assert not plant.board_clamped
        assert plant.held is not None
        assert (plant.held.part.serial, plant.held.theta_deg) == ("FOREIGN-1", 3.0)
        give(plant, "part_taken")
        give(plant, "board_swapped")
        await asyncio.sleep(0.01)
        assert plant.held is None
        assert plant.board_in_nest is not board
        await host.close()


@virtual
async def test_new_boards_come_as_told() -> None:
    async with cell(Scenario()) as (plant, _):
        for kind, value in (
            ("board_stretched", 0.006),
            ("board_high", 250.0),
            ("bottom_turned", 90.0),
            ("site_taken", 0.0),
        ):
            give(plant, kind, nth=1, value=value)
        plant.bring_board()
        board = plant.board_in_nest
        assert board is not None
        assert (board.scale_ratio, board.height_um) == (pytest.approx(1.006), 250.0)
        assert [site.bottom_dtheta_deg for site in board.sites[:2]] == [90.0, 0.0]
        assert [len(site.placed) for site in board.sites[:2]] == [1, 0]
        give(plant, "board_again", nth=1)
        plant.bring_board()
        assert [board.serial for board in plant.boards] == ["B0001", "B0001"]


@virtual
async def test_the_film_and_its_gauge_are_wrong_as_told() -> None:
    bench = await Bench().ready()
    level = {"gap_um": 200, "wipe_speed_um_per_s": 100_000, "strokes": 1}
    give(bench.plant, "wipe_stuck", nth=1)
    result, _ = await bench.blade(LEVEL, **level)
    assert (result, bench.plant.film.generation) == (Result.TIMED_OUT, 0)
    await bench.blade(LEVEL, **level)
    good = (await bench.gauge(MEASURE, x_um=0, y_um=0))[1]
    give(bench.plant, "gauge_offset", value=8.0)
    give(bench.plant, "gauge_blind", nth=1)
    wrong = (await bench.gauge(MEASURE, x_um=0, y_um=0))[1]
    assert wrong["height_um"] - good["height_um"] == pytest.approx(8.0, abs=1.0)
    assert wrong["quality_ratio"] < 0.5 < good["quality_ratio"]
    laid_s = bench.plant.film.laid_s
    give(bench.plant, "film_aged", value=60.0)
    give(bench.plant, "reservoir_empty", value=0.0)
    await asyncio.sleep(0.01)
    assert (laid_s - bench.plant.film.laid_s, bench.plant.film.reservoir_nl) == (60.0, 0.0)


@virtual
async def test_the_head_reads_what_its_spoilt_sensors_say() -> None:
    bench = await Bench().ready()
    give(bench.plant, "vacuum_sensor", value=-70.0)
    give(bench.plant, "force_sensor", value=0.0)
    lift = {"z_slow_um": 0, "slow_um_per_s": 5_000, "z_end_um": 0, "speed_um_per_s": 100_000}
    assert (await bench.head(head_wire.LIFT, **lift))[1]["vacuum_kpa"] == -70.0
    assert (await bench.head(head_wire.TARE))[1] == {"offset_n": 0.0, "noise_n": 0.0}
    bench.plant.faults.heal()
    assert (await bench.head(head_wire.TARE))[1]["noise_n"] > 0.0
    z_um = bench.plant.head.z_um_at(bench.now)
    give(bench.plant, "z_sags", value=300.0)
    give(bench.plant, "force_zero", value=1.5)
    await asyncio.sleep(0.01)
    assert bench.plant.head.z_um_at(bench.now) - z_um == 300.0
    assert bench.plant.head.cell.zero_n == pytest.approx(1.5)


@virtual
async def test_a_camera_sends_old_late_dark_and_meaningless_pictures() -> None:
    async with cell() as (plant, ports):
        control = await PlcHost.open(ports.plc)
        await control.run("transport", LOAD_BOARD, 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", ports.down_camera)

        async def picture(number: int) -> tuple[FrameHeader, bytes, float]:
            began_s = plant.now()
            writer.write(Trigger(plant.down_camera.number, number, 2_000).encode())
            header = FrameHeader.decode(await reader.readexactly(HEADER_BYTES))
            return header, await reader.readexactly(header.payload_bytes), plant.now() - began_s

        first = await picture(1)
        give(plant, "frame_repeated", nth=1)
        again = await picture(2)
        assert (again[0].frame_number, again[0].trigger_number, again[1]) == (first[0].frame_number, 2, first[1])
        give(plant, "frame_late", nth=1, value=3.0)
        late = await picture(3)
        assert late[2] - first[2] == pytest.approx(3.0, abs=0.01)
        give(plant, "frame_lost", nth=1)
        writer.write(Trigger(plant.down_camera.number, 4, 2_000).encode())
        await asyncio.sleep(1.0)
        assert (await picture(5))[0].trigger_number == 5
        assert all(json.loads(payload) is not None for payload in (first[1], late[1]))
        writer.close()
        await control.close()
        await asyncio.sleep(0.01)
