"""The film gauge behind its serial line: a confocal spot on its own stage over the plate, and a reference step.

The film itself lives in `world.film`; what a height means for the process is not known here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drivers.wire.encoding import Number
from drivers.wire.film_gauge import CHANNEL, COMMANDS, DEVICE_KIND, MEASURE, REFERENCE_STEP_UM
from drivers.wire.handshake import CommandSpec, Result, Stop
from sim_hardware.devices.handshake import CommandChannel
from sim_hardware.devices.lines import LineDevice

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

SERIAL_NUMBER = 4001
STAGE_UM_PER_S = 100_000.0
MEASURE_S = 0.050
"""settle of the stage and one exposure"""
REFERENCE_X_UM = 35_000.0
DRY_UM = 2.0
"""Below this the spot sees the bare plate through the material: no film."""
QUALITY_RATIO = 0.95
QUALITY_DRY_RATIO = 0.15


class FilmGauge(LineDevice):
    """One channel: measure a point of the film, or the reference step."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant, "film_gauge", DEVICE_KIND, SERIAL_NUMBER)
        self.channel: CommandChannel = CommandChannel(self.core, CHANNEL, COMMANDS[CHANNEL], self._start, self._stop)
        self.core.interlock = lambda: None if plant.safety.may_move else Result.INTERLOCK
        self._rng = plant.rng("film gauge")
        self._place_um = (REFERENCE_X_UM, 0.0)
        self._last: dict[str, Number] = {}
        """evidence of the last reading of the film"""

    def _start(self, spec: CommandSpec, args: dict[str, Number]) -> None:
        now_s = self.plant.now()
        target = (float(args["x_um"]), float(args["y_um"])) if spec is MEASURE else (REFERENCE_X_UM, 0.0)
        end_s = now_s + math.dist(self._place_um, target) / STAGE_UM_PER_S + MEASURE_S
        self._place_um = target
        if spec is MEASURE and self._is_taken():
            self.channel.finish(Result.INTERLOCK)
            return
        self.channel.at(end_s, self._measured if spec is MEASURE else self._referenced, end_s)

    def _is_taken(self) -> bool:
        """The blade or a package is where the spot wants to go."""
        return self.plant.film.wiping_until_s > self.plant.now() or self.plant.head.is_in_film_zone()

    def _reading_um(self, true_um: float, t_s: float) -> float:
        machine = self.plant.machine
        drift_um = machine.extras.get("gauge_drift_um_per_h", 0.0) * t_s / 3600
        noise_um = machine.gauge_noise_um * float(self._rng.standard_normal())
        wrong_um = self.plant.faults.value("gauge_offset", t_s)
        return true_um + machine.gauge_offset_um + drift_um + noise_um + wrong_um

    def _measured(self, end_s: float) -> None:
        x_um, y_um = self._place_um
        half_um = self.plant.machine.plate_size_um / 2
        if max(abs(x_um), abs(y_um)) > half_um:
            self.channel.finish(Result.NO_SIGNAL)
            return
        faults = self.plant.faults
        if self._last and faults.active("gauge_held", end_s) is not None:
            self.channel.finish(Result.DONE, self._last)
            return
        true_um = self.plant.film.height_at(x_um, y_um, end_s) * faults.value("gauge_sees_plate", end_s, 1.0)
        is_blind = faults.strikes("gauge_blind", end_s) is not None
        quality = QUALITY_RATIO if true_um >= DRY_UM and not is_blind else QUALITY_DRY_RATIO
        self._last = {"height_um": self._reading_um(true_um, end_s), "quality_ratio": quality}
        self.channel.finish(Result.DONE, self._last)

    def _referenced(self, end_s: float) -> None:
        height_um = self._reading_um(REFERENCE_STEP_UM, end_s) + self.plant.faults.value("step_smeared", end_s)
        self.channel.finish(Result.DONE, {"height_um": height_um, "quality_ratio": QUALITY_RATIO})

    def _stop(self, result: Result, urgency: Stop) -> None:
        self.channel.finish(result)

    def measured(self) -> tuple[str, ...]:
        sees = self.plant.film.generation > 0 or self._place_um[0] == REFERENCE_X_UM
        return ("1" if sees else "0",)
