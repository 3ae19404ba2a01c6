"""The wire is declared once and used on both sides: nothing in it is dead, undocumented or out of step."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path

import pytest

from drivers.devices.head import LiftProfile, PressProfile
from drivers.wire import board_reader, common, dip_unit, film_gauge, head, lights, motion_plc, serial_frames
from drivers.wire.document import registers_document
from drivers.wire.encoding import Block, Quantity, WireError
from drivers.wire.handshake import ARG_COUNT, EVIDENCE_COUNT, CommandSpec, Reject, Result
from tests.drivers.cell import Bench, bench
from tests.support import virtual

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "registers.md"
COMMANDED = {
    "motion_plc": motion_plc,
    "dip_unit": dip_unit,
    "head": head,
    "film_gauge": film_gauge,
}
SPECS = [(name, spec) for name, module in COMMANDED.items() for specs in module.COMMANDS.values() for spec in specs]


def words_of(folder: str) -> set[str]:
    """Every identifier and every text constant in the Python files of a folder."""
    words: set[str] = set()
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for attribute in ("id", "attr", "arg", "name"):
                word = getattr(node, attribute, None)
                if isinstance(word, str):
                    words.add(word)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
    return words


HOST_WORDS = words_of("drivers/devices") | words_of("drivers/links")
DEVICE_WORDS = words_of("sim_hardware")


def constant_name(module_name: str, spec: CommandSpec) -> str:
    module = COMMANDED[module_name]
    return next(name for name, value in vars(module).items() if value is spec)


@pytest.mark.parametrize(("module_name", "spec"), SPECS, ids=[f"{name}.{spec.name}" for name, spec in SPECS])
def test_every_command_its_arguments_and_its_evidence_are_used_on_both_sides(module_name, spec):
    wanted = {q.name for q in (*spec.args, *spec.evidence)}
    missing = (wanted | {constant_name(module_name, spec)}) - HOST_WORDS
    assert not missing, f"no driver uses {sorted(missing)}"
    # a device takes its whole table of commands, so only the numbers can be forgotten there
    assert wanted <= DEVICE_WORDS, f"no simulated device uses {sorted(wanted - DEVICE_WORDS)}"


def test_no_command_has_more_arguments_or_evidence_than_the_block_holds():
    for _, spec in SPECS:
        assert len(spec.args) <= ARG_COUNT
        assert len(spec.evidence) <= EVIDENCE_COUNT


def test_blocks_of_a_device_do_not_overlap_and_fit_one_request():
    for module in (motion_plc, dip_unit):
        end, before = 0, ""
        for block in sorted(module.BLOCKS, key=lambda block: block.address):
            assert block.address >= end, f"{block.name} overlaps {before}"
            assert block.word_count <= (125 if block.access == "read" else 121)
            end, before = block.address + block.word_count, block.name


def test_all_devices_on_a_line_or_bus_have_their_own_kind():
    kinds = [m.DEVICE_KIND for m in (motion_plc, dip_unit, head, film_gauge, lights, board_reader)]
    assert len(set(kinds)) == len(kinds)


def test_every_result_and_reject_reason_can_come_from_the_simulated_devices_or_the_host_knows_it():
    assert {result.name for result in Result if result is not Result.NONE} <= HOST_WORDS
    # TIMED_OUT and NO_SIGNAL need sensors that the simulated cell may lack; the rest must be producible
    rare = {"NONE", "TIMED_OUT"}
    assert {result.name for result in Result} - rare <= DEVICE_WORDS
    assert {reason.name for reason in Reject} <= DEVICE_WORDS


@pytest.mark.parametrize(
    "block", [*motion_plc.BLOCKS, *dip_unit.BLOCKS], ids=lambda block: f"{block.name}-{block.word_count}"
)
def test_every_block_returns_what_was_put_in_also_at_its_limits(block: Block):
    for pick in (min, max):
        values = {q.name: q.from_count(pick(limits_of(q))) for q in block.quantities}
        assert block.unpack(block.pack(values)) == pytest.approx(values)


def limits_of(quantity: Quantity) -> tuple[int, int]:
    low, high = quantity.kind.limits
    if quantity.lower is not None:
        low = max(low, round(quantity.lower / quantity.scale))
    if quantity.upper is not None:
        high = min(high, round(quantity.upper / quantity.scale))
    return low, high


def test_a_value_outside_its_limits_or_not_finite_never_reaches_the_wire():
    for _, spec in SPECS:
        for quantity in spec.args:
            for value in (float("nan"), float("inf"), (quantity.upper or 0) + 1e6, (quantity.lower or 0) - 1e6):
                with pytest.raises(WireError):
                    quantity.to_count(value)


# -- every number that a device reports is alive ------------------------------------------------------------------

PICK = PressProfile(20_980, 21_130, 21_480, 5_000, 0.3, 1.0, 0.05, 5.0)
LIFT = LiftProfile(20_700, 5_000, 9_000, 500_000)


async def a_busy_minute(cell: Bench) -> None:
    """Use every device once, so that every number has a reason to move."""
    await asyncio.gather(cell.gantry.home(), cell.head.home(), cell.dip_unit.home(), cell.feeder.change_tray())
    await cell.head.tare()
    await cell.gantry.move_to(30_000, 40_000, 1)
    await cell.dip_unit.level(100, 30_000, 1)
    await cell.film_gauge.measure(1_000, 0)
    await cell.head.press(PICK)
    await cell.head.beat()
    await cell.head.vacuum_on(-60, 0.5)
    await cell.head.lift(LIFT)
    await cell.conveyor.load_board()
    await cell.conveyor.clamp()
    await asyncio.sleep(0.2)


def test_every_status_number_is_sent_by_the_device_and_understood_by_the_driver():
    moved: dict[str, set[str]] = {}

    @virtual
    async def story():
        async with bench() as cell:
            for device in (cell.plc, cell.dip_unit, cell.head, cell.film_gauge):
                watch(device, moved)
            await a_busy_minute(cell)

    story()
    for name, device in (("plc", motion_plc), ("dip unit", dip_unit), ("head", head), ("film gauge", film_gauge)):
        # a reject has its own stories; not every command fills all places for evidence
        apart = re.compile(r"_reject_|_evidence_\d$")
        expected = {q.name for q in device.STATUS.quantities if not apart.search(q.name)}
        optional = {"reservoir"}  # FULL is 0
        assert expected - optional <= moved[name], f"{name} never reported {sorted(expected - optional - moved[name])}"


def watch(device, moved: dict[str, set[str]]) -> None:
    """Note by name every number of every reading that was not 0."""
    seen = moved.setdefault(device.name, set())
    take = device._take

    def noting(reading):
        seen.update(name for name, value in reading.values.items() if value)
        take(reading)

    device._take = noting


def test_every_own_status_number_is_read_by_a_driver():
    common_names = {q.name for q in (*common.status_head(), *common.status_tail(), *serial_frames.status_head())}
    for module in COMMANDED.values():
        channels = tuple(f"{name}_" for name in module.COMMANDS)
        own = {q.name for q in module.STATUS.quantities if not q.name.startswith(channels)} - common_names
        assert own <= HOST_WORDS, f"no driver reads {sorted(own - HOST_WORDS)}"


# -- the document -------------------------------------------------------------------------------------------------


def test_the_document_is_the_one_that_the_declarations_give():
    assert DOCUMENT.read_text(encoding="utf-8") == registers_document(), "run: station registers write"


def test_the_document_names_every_register_with_its_address_and_every_command():
    text = registers_document()
    for module in (motion_plc, dip_unit):
        for block in module.BLOCKS:
            for quantity in block.quantities:
                address = block.address_of(quantity.name)
                assert f"| {address} | 0x{address:04X} | {quantity.name} |" in text
    for _, spec in SPECS:
        assert f"`{spec.name}`" in text
        assert f"CMD_CODE {spec.code}" in text
    for result in Result:
        assert f"| {int(result)} | {result.name} |" in text
    for frame in re.findall(r"`([#@][0-9A-F]{4} [A-Z]{3}[^`]*)`", text):
        serial_frames.decode(frame.encode())
