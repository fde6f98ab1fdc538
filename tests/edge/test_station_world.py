"""The example's controller before a simulated river, canal and gate: the town stays dry, and no pump does."""

from __future__ import annotations

from collections.abc import Iterable

from tests.edge.floods import EXAMPLE, NOON_MS
from tonnam_edge.core import Core
from tonnam_edge.modbus.direct import DirectTransport, act_once, poll_once
from tonnam_edge.site.check import load_site
from tonnam_sim.world.faults import Fault, FloatFailed, RiverWave
from tonnam_sim.world.flood import FloodWorld
from tonnam_sim.world.flood_config import CanalConfig, FloodConfig, RiverConfig

SITE = load_site(EXAMPLE)[0]
HOUR_S = 3600
STEP_S = 4.0


class River:
    """A core before the world, every few seconds; `dead` are the times when no process runs."""

    def __init__(self, faults: Iterable[Fault], inflow_m3_s: float, area_m2: float = 15_000) -> None:
        config = FloodConfig(river=RiverConfig(wave_days=1e6), canal=CanalConfig(area_m2, base_m3_s=inflow_m3_s))
        self.world = FloodWorld(config, seed=5, faults=faults)
        self.ports = {name: DirectTransport(bus.execute) for name, bus in self.world.buses.items()}
        self.memory: bytes | None = None
        self.kinds: list[str] = []
        self.highest_closed_cm = 0.0

    def run(self, seconds: float) -> None:
        """A process begins, lives for so long, and is killed."""
        core = Core(SITE, self.memory, now_ms=self._now_ms(), mono_ms=self._mono_ms())
        until_s = self.world.now_s + seconds
        while self.world.now_s < until_s:
            core.observe(poll_once(self.ports, SITE, self._mono_ms()))
            step = core.step(self._now_ms(), self._mono_ms())
            act_once(step.actions, self.ports, SITE)
            self.memory = step.memory or self.memory
            self.kinds += [event.kind for event in step.events]
            self.world.step(STEP_S)

    def _mono_ms(self) -> int:
        return round(self.world.now_s * 1000)

    def _now_ms(self) -> int:
        return NOON_MS + self._mono_ms()


def test_a_wave_on_the_river_does_not_come_into_the_town_and_the_canal_is_pumped_out() -> None:
    river = River([RiverWave(at_s=HOUR_S / 2, until_s=3 * HOUR_S, cm=150.0, rises_s=HOUR_S)], inflow_m3_s=0.3)
    river.run(1.2 * HOUR_S)
    river.world.step(300)  # killed: the board shuts the gate, and both pumps run
    assert river.world.truth.pumps_running == {"pump-1", "pump-2"}
    river.run(2.8 * HOUR_S)
    truth = river.world.truth
    assert truth.river_cm < 220
    assert (truth.flooded_s, max(truth.pump_dry_s.values())) == (0, 0)
    assert truth.highest_cm < 260  # what the river had at the gate when it closed, and no more
    assert (truth.gate_position, truth.pumps_running) == (1.0, frozenset())
    assert abs(sum(river.world.ledger().values())) < 1e-3
    assert "latch.set" not in river.kinds


def test_without_a_float_switch_the_controller_keeps_the_pumps_from_running_dry() -> None:
    wave = RiverWave(at_s=60, until_s=4 * HOUR_S, cm=200.0, rises_s=600)
    river = River(
        [wave, FloatFailed(at_s=0, pump="pump-1"), FloatFailed(at_s=0, pump="pump-2")], inflow_m3_s=0.0, area_m2=4000
    )
    river.run(2 * HOUR_S)
    truth = river.world.truth
    assert max(truth.pump_dry_s.values()) == 0
    assert 40 < truth.lowest_cm < 62
    assert sum(truth.pumped_m3.values()) > 500
