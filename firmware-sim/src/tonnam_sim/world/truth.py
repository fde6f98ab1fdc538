"""What is true, whatever the devices say: a live view of a world, for tests and benchmarks only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .chemistry import pair_of, pairs, ph_of
from .mixing import ALKALINITY, CARBON, SALT, MixedPlumbing
from .pipes import PumpBooks
from .zone_truth import ZoneTruth

if TYPE_CHECKING:
    from .world import World


class Truth:
    """The whole world. Litres and seconds since the beginning."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.zones = {zone.id: ZoneTruth(world, number) for number, zone in enumerate(world.config.zones)}
        self._water_l = self._held_l()
        self._salt = self._held_salt()

    @property
    def open_zones(self) -> frozenset[str]:
        """Zones whose path is hydraulically open now (valve and master, not blocked)."""
        return frozenset(zone.id for zone in self.zones.values() if zone.path_open)

    @property
    def pump_running(self) -> bool:
        """Whether a pump has current."""
        return any(self._world.pump_house.running)

    @property
    def pumps_running(self) -> list[str]:
        """The pumps that have current."""
        return [name for name, motor in self._world.pump_house.motors.items() if motor.on]

    @property
    def pump_starts(self) -> dict[str, int]:
        """How often each pump started."""
        return {name: books.starts for name, books in self._pumps()}

    @property
    def pump_s_of(self) -> dict[str, float]:
        """How long each pump ran."""
        return {name: books.running_s for name, books in self._pumps()}

    @property
    def pump_flow_l_min(self) -> dict[str, float]:
        """What each pump brings now."""
        return {name: books.flow * 60.0 for name, books in self._pumps()}

    @property
    def flushed_l(self) -> float:
        """Out of the filter's drain while it was flushed."""
        return self._world.plumbing.sums.flushed_l

    @property
    def filter_lost_m(self) -> float:
        """Head lost in the first main's filter now."""
        return self._world.plumbing.filter_lost_m(self._world.conditions)

    def _pumps(self) -> list[tuple[str, PumpBooks]]:
        return list(zip(self._world.pump_house.motors, self._world.plumbing.pumps, strict=True))

    @property
    def flow_l_min(self) -> float:
        """Out of the tank through the meters now."""
        return self._world.plumbing.drawn_l_s * 60.0

    @property
    def pump_s(self) -> float:
        """How long the pumps ran, together."""
        return self._world.plumbing.sums.running_s

    @property
    def pump_without_path_s(self) -> float:
        """How long the pump ran against closed valves."""
        return self._world.plumbing.sums.no_path_s

    @property
    def pump_dry_s(self) -> float:
        """How long the pump ran without water."""
        return self._world.plumbing.sums.dry_s

    @property
    def tank_l(self) -> float:
        """In the tank now."""
        return self._world.plumbing.tank_l

    @property
    def level_cm(self) -> float:
        """In the tank now."""
        return self._world.level_cm

    @property
    def pumped_l(self) -> float:
        """Out of the tank while the pump turned."""
        return self._world.plumbing.sums.pumped_l

    @property
    def siphoned_l(self) -> float:
        """Out of the tank while the pump stood."""
        return self._world.plumbing.sums.siphoned_l

    @property
    def well_l(self) -> float:
        """Into the tank."""
        return self._world.plumbing.sums.well_l

    @property
    def leaked_l(self) -> float:
        """Lost from tank, mains and burst lines."""
        sums = self._world.plumbing.sums
        return sums.main_leaked_l + sums.tank_leaked_l + sum(line.lost_l for line in self._world.plumbing.lines)

    @property
    def backflow_l(self) -> float:
        """From the lines back into the tank."""
        return self._world.plumbing.sums.back_l

    @property
    def injected_l(self) -> dict[str, float]:
        """Stock that each injector pumped."""
        return {name: each.injected_l for name, each in self._world.plumbing.injectors.items()}

    @property
    def injected_without_flow_l(self) -> dict[str, float]:
        """Of that, into water that stood."""
        return {name: each.without_flow_l for name, each in self._world.plumbing.injectors.items()}

    @property
    def stock_siphoned_l(self) -> dict[str, float]:
        """Stock that draining lines drew in through an open closing valve."""
        return {name: each.siphoned_l for name, each in self._world.plumbing.injectors.items()}

    @property
    def injector_backflow_l(self) -> dict[str, float]:
        """Water that went back into each stock tank."""
        return {name: each.back_l for name, each in self._world.plumbing.injectors.items()}

    @property
    def dosed_ml(self) -> dict[str, float]:
        """Stock that left each stock tank, pumped or drawn, in mL."""
        injectors = self._world.plumbing.injectors
        return {name: 1000.0 * (each.injected_l + each.siphoned_l) for name, each in injectors.items()}

    @property
    def stock_l(self) -> dict[str, float]:
        """In each stock tank now (0 while its lance hangs in the air)."""
        empty = self._world.conditions.stocks_empty
        return {n: 0.0 if n in empty else each.stock_l for n, each in self._world.plumbing.injectors.items()}

    @property
    def mixed_without_rinse_l(self) -> dict[str, float]:
        """Stock that was dosed where another stood undiluted that it must not meet, by pair as "a+b" (with `mixing`).

        "acid+hypochlorite" is chlorine.
        """
        plumbing = self._world.plumbing
        if not isinstance(plumbing, MixedPlumbing):
            return {}
        named = [each.config.liquid for each in plumbing.injectors.values()]
        return {pair: plumbing.mixed_l.get(pair_of(pair), 0.0) for pair in pairs(named)}

    @property
    def line_ec_ds_m(self) -> float | None:
        """EC at the end of the mixing line, or in the mixing tank; None without `mixing`."""
        at = self._mixed()
        return None if at is None else at[SALT]

    @property
    def line_ph(self) -> float | None:
        """pH at the end of the mixing line, or in the mixing tank; None without `mixing`."""
        at = self._mixed()
        return None if at is None else ph_of(at[ALKALINITY], at[CARBON])

    @property
    def injector_ec_ds_m(self) -> float | None:
        """EC where the stock goes in: the line's first cell, or the loop; None without `mixing`."""
        plumbing = self._world.plumbing
        return plumbing.at_injectors()[SALT] if isinstance(plumbing, MixedPlumbing) else None

    def _mixed(self) -> list[float] | None:
        plumbing = self._world.plumbing
        if not isinstance(plumbing, MixedPlumbing):
            return None
        return plumbing.at_tank() if plumbing.in_tank else plumbing.at_line()

    @property
    def energy_wh(self) -> float:
        """What the pump used."""
        return self._world.energy_wh

    @property
    def rain_mm(self) -> float:
        """Fallen outside."""
        return self._world.field.rain_mm

    def ledger(self) -> dict[str, float]:
        """What came in, less what went out, less what is more than at the beginning: zero, but for rounding.

        `water` in litres, `salt` in dS/m litres.
        """
        world = self._world
        sums, grounds = world.plumbing.sums, [ground.sums for ground in world.grounds]
        water_in = sums.well_l + sum(g.rain_l for g in grounds) + sums.refilled_l
        water_out = (
            self.leaked_l
            + sums.flushed_l
            + sum(g.transpired_l + g.evaporated_l + g.drained_l + g.runoff_l for g in grounds)
        )
        salt_out = sums.salt_leaked + sums.salt_flushed + sum(line.salt_lost for line in world.plumbing.lines)
        salt_out += sum(g.salt_drained + g.salt_taken + g.salt_runoff for g in grounds)
        return {
            "water": water_in - water_out - (self._held_l() - self._water_l),
            "salt": sums.salt_well + sums.salt_refilled - salt_out - (self._held_salt() - self._salt),
        }

    def snapshot(self) -> dict[str, Any]:
        """A JSON-able copy of the figures above, for tables and failing tests."""
        plain = {
            name: getattr(self, name)
            for name, kind in type(self).__dict__.items()
            if isinstance(kind, property) and name != "open_zones"
        }
        zones = {
            zone.id: {n: getattr(zone, n) for n, kind in ZoneTruth.__dict__.items() if isinstance(kind, property)}
            for zone in self.zones.values()
        }
        for figures in zones.values():
            del figures["ground"], figures["subplots"]
        return {"now_s": self._world.now_s, **plain, "open_zones": sorted(self.open_zones), "zones": zones}

    def _held_l(self) -> float:
        return sum(self._world.plumbing.stored().values()) + sum(g.stored_l() for g in self._world.grounds)

    def _held_salt(self) -> float:
        return self._world.plumbing.stored_salt() + sum(g.stored_salt() for g in self._world.grounds)
