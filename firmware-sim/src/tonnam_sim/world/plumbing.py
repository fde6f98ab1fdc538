"""Tank, well, pump, filter, mains, meter, injectors and lines. Between two transitions every flow is constant.

Head lost in pump, filter and emitters goes with the square of the flow, so the flow through any set of open zones has
a closed form: Q = sqrt(head / (lost + 1 / C^2)), C the sum of the open conductances (L/min a root of a metre).
`solve` finds the flows, `next_s` says how long they hold, `advance` lets them run. Rates in L/s inside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .conditions import Conditions
from .config import WorldConfig
from .nature import SUBPLOTS, ZoneNature
from .pipes import MAIN_L, Injector, Line, Main, PumpBooks, Sums, mains_of, pressed

_FILL_GAIN = 1.25  # an empty line takes more than its emitters
_KEEPS = 0.2  # share of a line that stays in its low places
_DRAIN_S, _BACK_S = 600.0, 240.0  # a full line drips empty, or runs back, over about this
BACK_INTO_STOCK_L_S = 0.5 / 60
STOCK_SIPHON_L_S = 0.05 / 60
_SLIGHT = 1e-9
_SHORTEST_S = 1e-6  # well above what a float of a year in seconds can tell apart
_LOW_DRAINS = (0.05, 0.05, 0.05, 0.05, 0.1, 0.1, 0.3, 0.3)  # what drains goes to the lowest sub-plots


class Plumbing:
    """All water from the well to the emitters. The world tells what is open, then calls `solve`."""

    def __init__(self, config: WorldConfig, natures: Sequence[ZoneNature]) -> None:
        self._config = config
        self._natures = natures
        tank = config.tank
        self.tank_l = tank.start_l
        self.tank_salt = tank.start_l * tank.ec_ds_m
        self.primed = True
        self.mains = mains_of(config)
        self._pumps = config.pumps
        self.pumps = [PumpBooks() for _ in self._pumps]
        self.slug_l = 0.0
        self.lines = [Line(zone.line_l) for zone in config.zones]
        self.injectors = {
            each.id: Injector(each, each.stock_l, each.stock_l * each.stock_ec_ds_m, each.ml_min)
            for each in config.injectors
        }
        self.sums = Sums()
        self._tank_in = 0.0
        self._well = self._leak = self._drawn_l_s = 0.0
        self._emitters = [nature.emitters for nature in natures]

    @property
    def flow(self) -> float:
        """Past the injectors, L/s: through the first main's meter, less what its back-flush valve lets out."""
        return self.mains[0].flow - self.mains[0].flush

    @property
    def drawn_l_s(self) -> float:
        """Out of the tank into all mains, L/s."""
        return self._drawn_l_s

    @property
    def meter_l(self) -> float:
        """Through the first main's meter since the beginning."""
        return self.mains[0].meter_l

    # ------------------------------------------------------------------------------------------------- flows

    def solve(self, speeds: Sequence[float], paths: Sequence[float], on: Conditions, flush: float = 0.0) -> None:
        """Find the flows for pumps at these shares of their speed, zones open by these shares (master included),
        and the first main's back-flush valve.
        """
        config = self._config
        self._well = 0.0 if on.well_dry else config.tank.well_l_min / 60.0
        self._leak = on.tank_leak_l_min / 60.0 if self.tank_l > _SLIGHT else 0.0
        self._emitters = [self._spread_of(number, on) for number in range(len(self.lines))]
        siphon_m = self._prime(on)
        conductances = [self._conductance(number, path, on) for number, path in enumerate(paths)]
        for number, main in enumerate(self.mains):
            main.pumping = any(speeds[pump] > 0.0 for pump in main.pumps)
            leak = on.main_leak * self._natures[0].conductance if number == 0 else 0.0
            total = sum([conductances[zone] for zone in main.zones]) + leak
            self._press(main, speeds, siphon_m, (total, flush if number == 0 else 0.0), on)
            into = main.flow - main.flush
            if number == 0:
                self._dose(into, paths, on)
                into += self._added(into)
            main.leak = into * leak / total if total > 0.0 else 0.0
            for zone in main.zones:
                inflow = into * conductances[zone] / total if total > 0.0 else 0.0
                self._run_line(self.lines[zone], inflow, on.bursts.get(config.zones[zone].id, 0.0), paths[zone], on)
            main.back = sum([self.lines[zone].back for zone in main.zones])
        self._drawn_l_s = sum([main.flow for main in self.mains])
        if self.flow > 0.0 and self.slug_l > 0.0:
            self._push_slug(conductances)
        if self.tank_l >= config.tank.full_l - _SLIGHT:
            self._well = min(self._well, self._drawn_l_s + self._leak)

    def _press(
        self, main: Main, speeds: Sequence[float], siphon_m: float, outlets: tuple[float, float], on: Conditions
    ) -> None:
        """The flow through one main, by pump, and what of it a back-flush valve lets out before the filter."""
        config, (total, flush) = self._config, outlets
        heads = [(self._head_m(pump, speeds[pump], siphon_m, on), self._pumps[pump].slope) for pump in main.pumps]
        filter_lost = config.filter.resistance * self._filter_factor(main, on)
        if flush > 0.0:
            through = 1.0 / math.sqrt(filter_lost + 1.0 / total**2) if total > 0.0 else 0.0
            brought = pressed(heads, 0.0, through + flush)
        else:
            brought = pressed(heads, filter_lost, total)
        for pump, l_min in zip(main.pumps, brought, strict=True):
            self.pumps[pump].flow = l_min / 60.0
        main.flow = sum(brought) / 60.0
        main.flush = 0.0
        if flush > 0.0:
            main.flush = main.flow * flush / (through + flush) if through > 0.0 else main.flow

    def _added(self, flow: float) -> float:
        """What the injectors add to the flow."""
        return sum(each.rate - each.back for each in self.injectors.values()) if flow > 0.0 else 0.0

    def _prime(self, on: Conditions) -> float:
        """Whether the pumps hold water, by the tank; the head of its water over the field while they stand, m."""
        tank = self._config.tank
        if self.tank_l <= tank.dry_l + _SLIGHT:
            self.primed = False
        elif self.tank_l >= tank.primed_l - _SLIGHT:
            self.primed = True
        return max(tank.siphon_m, on.siphon_m) if self.tank_l > tank.dry_l + _SLIGHT else 0.0

    def _head_m(self, pump: int, speed: float, siphon_m: float, on: Conditions) -> float:
        config = self._pumps[pump]
        worn = on.worn_pumps.get(config.id, 0.0)
        return max(config.head_m * (1.0 - worn) * speed * speed if self.primed else 0.0, siphon_m)

    def _filter_factor(self, main: Main, on: Conditions) -> float:
        return on.filter_factor * (1.0 + main.filtered_l / self._config.filter.clogs_l)

    def filter_lost_m(self, on: Conditions) -> float:
        """Head lost in the first main's filter now."""
        l_min = self.flow * 60.0
        return self._config.filter.resistance * self._filter_factor(self.mains[0], on) * l_min**2

    def wash_filters(self) -> None:
        """All filters as good as new."""
        for main in self.mains:
            main.filtered_l = 0.0

    def _conductance(self, number: int, path: float, on: Conditions) -> float:
        """Of one zone: emitters and holes, as open as its valve; an empty line takes more."""
        zone, line = self._config.zones[number], self.lines[number]
        emitters = self._natures[number].conductance * sum(self._emitters[number])
        wide = emitters * (1.0 + on.bursts.get(zone.id, 0.0))
        return path * wide * (_FILL_GAIN if line.litres < line.capacity_l - _SLIGHT else 1.0)

    def _spread_of(self, number: int, on: Conditions) -> tuple[float, ...]:
        """Shares of a zone's emitters, less what is clogged: they no longer sum to 1 then."""
        shares, zone = self._natures[number].emitters, self._config.zones[number].id
        if not on.emitters:
            return shares
        return tuple(share * on.emitters.get((zone, at), 1.0) for at, share in enumerate(shares))

    def _run_line(self, line: Line, inflow: float, burst: float, path: float, on: Conditions) -> None:
        """A line fills, then drips what comes; without inflow it drains to its low places, or back."""
        line.inflow, line.loss = inflow, inflow * burst / (1.0 + burst)
        line.drip = line.back = 0.0
        line.draining = inflow <= 0.0 and line.litres > _KEEPS * line.capacity_l + _SLIGHT
        if line.draining:
            line.drip = line.capacity_l / _DRAIN_S
            line.back = line.capacity_l / _BACK_S if on.check_failed and path > 0.0 else 0.0
        elif inflow > 0.0 and line.litres >= line.capacity_l - _SLIGHT:
            line.drip = inflow - line.loss

    def _dose(self, flow: float, paths: Sequence[float], on: Conditions) -> None:
        """Each injector's stock into the mains, or water back into its stock."""
        draining = any(
            path > 0.0 and line.litres > _KEEPS * line.capacity_l + _SLIGHT
            for path, line in zip(paths, self.lines, strict=True)
        )
        for injector in self.injectors.values():
            config = injector.config
            injector.rate = injector.back = 0.0
            if not injector.valve_open:
                continue
            if injector.running:
                injector.rate = self._dosing_rate(injector, on)
            elif flow > 0.0 and (not config.check_valve or config.id in on.injector_checks_failed):
                injector.back = min(BACK_INTO_STOCK_L_S, 0.2 * flow)
            elif flow <= 0.0 and draining and injector.stock_l > _SLIGHT:
                injector.rate = STOCK_SIPHON_L_S

    def _dosing_rate(self, injector: Injector, on: Conditions) -> float:
        """What a running injector doses, L/s."""
        name = injector.config.id
        if injector.stock_l <= _SLIGHT or name in on.airlocked or name in on.stocks_empty:
            return 0.0
        return injector.ml_min / 60_000

    def _push_slug(self, conductances: Sequence[float]) -> None:
        """Stock that was dosed into standing water goes into the open lines as soon as it flows."""
        zones = self.mains[0].zones
        total = sum([conductances[zone] for zone in zones])
        if total <= 0.0:
            return
        for zone in zones:
            self.lines[zone].litres += self.slug_l * conductances[zone] / total
            self.lines[zone].delivered_l += self.slug_l * conductances[zone] / total
        self.slug_l = 0.0

    # -------------------------------------------------------------------------------------------------- time

    def next_s(self) -> float:
        """How long the flows hold: until a line is full or drained, the tank dry, primed or full, a stock empty."""
        spans = [each.stock_l / each.rate for each in self.injectors.values() if each.rate > 0.0]
        for line in self.lines:
            fills = line.inflow - line.loss - line.drip
            if line.draining:
                spans.append((line.litres - _KEEPS * line.capacity_l) / (line.drip + line.back))
            elif fills > 0.0:
                spans.append((line.capacity_l - line.litres) / fills)
        spans.extend(self.tank_spans())
        return max(_SHORTEST_S, min(spans, default=math.inf))

    def tank_spans(self) -> list[float]:
        """How long until the tank is dry, primed or full, as far as its level goes there."""
        tank = self._config.tank
        back = sum([main.back for main in self.mains])
        rises = self._well + back - self._drawn_l_s - self._leak + self._tank_in
        if rises > _SLIGHT:
            marks = (tank.full_l,) if self.primed else (tank.full_l, tank.primed_l)
        elif rises < -_SLIGHT:
            marks = (tank.dry_l,) if self._drawn_l_s > 0.0 else (0.0,)
        else:
            return []
        return [(mark - self.tank_l) / rises for mark in marks if (mark - self.tank_l) / rises > _SLIGHT]

    def advance(self, seconds: float, *, running: Sequence[bool], has_path: Sequence[bool]) -> None:
        """Let the flows run for so long (not beyond `next_s`): which pumps have current, which mains an open path."""
        strength = self._run_tank(seconds)
        for at, main in enumerate(self.mains):
            into_lines_salt, leaked_salt = self._run_main(at, main, seconds, strength)
            entering = sum([self.lines[zone].inflow for zone in main.zones])
            for zone in main.zones:
                share = self.lines[zone].inflow / entering if entering > 0.0 else 0.0
                self._run_through(zone, seconds, share, into_lines_salt)
            self.sums.salt_leaked += leaked_salt
            self.sums.main_leaked_l += main.leak * seconds
            for pump in main.pumps:
                if running[pump]:
                    self._book_pump(self.pumps[pump], seconds, has_path=has_path[at])

    def _book_pump(self, pump: PumpBooks, seconds: float, *, has_path: bool) -> None:
        for books in (pump, self.sums):
            books.running_s += seconds
            books.no_path_s += 0.0 if has_path else seconds
            books.dry_s += 0.0 if self.primed else seconds

    def _run_main(self, at: int, main: Main, seconds: float, strength: float) -> tuple[float, float]:
        """Meter, filter, injectors (of the first main) and pipe; the salt into the lines, and out of a leak."""
        salt_drawn = self._run_meter(main, seconds, strength)
        dosed_l = dosed_salt = 0.0
        if at == 0:
            for injector in self.injectors.values():
                litres, salt = self._run_injector(injector, seconds)
                dosed_l += litres
                dosed_salt += salt
        if main.flow - main.flush <= 0.0:
            main.salt += dosed_salt
            self.slug_l += dosed_l
            return 0.0, 0.0
        out = main.leak + sum([self.lines[zone].inflow for zone in main.zones])
        return main.run(seconds, salt_drawn, dosed_salt, out)

    def _run_meter(self, main: Main, seconds: float, strength: float) -> float:
        """Meter and filter; the salt that came through both."""
        drawn_l = main.flow * seconds
        salt = strength * drawn_l
        main.meter_l += drawn_l + main.back * seconds
        if main.pumping:
            self.sums.pumped_l += drawn_l
            main.filtered_l += drawn_l
        else:
            self.sums.siphoned_l += drawn_l
        if main.flush <= 0.0:
            return salt
        flushed_l = main.flush * seconds
        main.filtered_l = (main.filtered_l - drawn_l) * math.exp(-flushed_l / self._config.filter.flush_l)
        self.sums.flushed_l += flushed_l
        self.sums.salt_flushed += strength * flushed_l
        return salt - strength * flushed_l

    def _run_tank(self, seconds: float) -> float:
        """Well in, water out; the strength of what was drawn, dS/m."""
        drawn_l, well_l = self._drawn_l_s * seconds, self._well * seconds
        leak_l = self._leak * seconds
        strength = self.tank_salt / self.tank_l if self.tank_l > _SLIGHT else 0.0
        self.tank_l += well_l - drawn_l - leak_l
        well_salt = well_l * self._config.tank.ec_ds_m
        self.tank_salt += well_salt - strength * (drawn_l + leak_l)
        sums = self.sums
        sums.well_l += well_l
        sums.salt_well += well_salt
        sums.tank_leaked_l += leak_l
        sums.salt_leaked += strength * leak_l
        return strength

    def _run_injector(self, injector: Injector, seconds: float) -> tuple[float, float]:
        """Litres and salt that it put into the mains (negative: that it took)."""
        out_l, back_l = min(injector.stock_l, injector.rate * seconds), injector.back * seconds
        strength = injector.stock_salt / injector.stock_l if injector.stock_l > _SLIGHT else 0.0
        main_salt = self.mains[0].salt
        back_salt = min(main_salt, main_salt / MAIN_L * back_l)
        injector.stock_l += back_l - out_l
        injector.stock_salt += back_salt - strength * out_l
        self._book(injector, out_l, back_l, flows=self.flow > 0.0)
        return out_l - back_l, strength * out_l - back_salt

    def _book(self, injector: Injector, out_l: float, back_l: float, *, flows: bool) -> None:
        injector.back_l += back_l
        if injector.running:
            injector.injected_l += out_l
            injector.without_flow_l += 0.0 if flows else out_l
        else:
            injector.siphoned_l += out_l

    def refill(self, name: str) -> None:
        """Fill a stock tank up with fresh stock."""
        injector, config = self.injectors[name], self.injectors[name].config
        missing_l = max(0.0, config.stock_l - injector.stock_l)
        injector.stock_l += missing_l
        injector.stock_salt += missing_l * config.stock_ec_ds_m
        self.sums.refilled_l += missing_l
        self.sums.salt_refilled += missing_l * config.stock_ec_ds_m

    def _run_through(self, number: int, seconds: float, share: float, salt_in: float) -> None:
        """One line: its share of what came in, what dripped, leaked or ran back, and with which salt."""
        line, salt_in = self.lines[number], salt_in * share
        if line.inflow <= 0.0 and not line.draining:
            return
        in_l, drip_l = line.inflow * seconds, line.drip * seconds
        lost_l, back_l = line.loss * seconds, line.back * seconds
        salt_lost = salt_in * line.loss / line.inflow if line.inflow > 0.0 else 0.0
        before_l = line.litres
        line.litres += in_l - lost_l - drip_l - back_l
        line.delivered_l += in_l
        line.dripped_l += drip_l
        line.lost_l += lost_l
        line.back_l += back_l
        line.salt_lost += salt_lost
        line.salt += salt_in - salt_lost
        if drip_l + back_l <= 0.0:
            return
        gone = self._goes(line, line.salt, salt_in - salt_lost, (before_l, drip_l + back_l))
        line.salt -= gone
        gone_back = gone * back_l / (drip_l + back_l)
        self.tank_l += back_l
        self.tank_salt += gone_back
        self.sums.back_l += back_l
        self._wet(line, drip_l, gone - gone_back, self._emitters[number])

    def _goes(self, line: Line, held: float, entered: float, moved: tuple[float, float]) -> float:
        """How much of what a line holds, with what just entered, goes with litres from (`before`, `out`) of it."""
        before_l, out_l = moved
        if line.draining:
            return held * min(1.0, out_l / before_l)
        return held * -math.expm1(-out_l / line.capacity_l)

    def _wet(self, line: Line, drip_l: float, salt: float, emitters: Sequence[float]) -> None:
        """Divide what dripped among the sub-plots: by emitters under pressure, to the lowest while draining."""
        shares = _LOW_DRAINS if line.draining else emitters
        total = sum(shares)
        if total <= 0.0:
            shares, total = _LOW_DRAINS, 1.0
        for at, share in enumerate(shares):
            line.pending_l[at] += drip_l * share / total
            line.pending_salt[at] += salt * share / total

    def take(self, number: int) -> tuple[list[float], list[float]]:
        """What dripped on each sub-plot of a zone since the last call: litres, and their salt."""
        line = self.lines[number]
        taken = line.pending_l, line.pending_salt
        line.pending_l, line.pending_salt = [0.0] * SUBPLOTS, [0.0] * SUBPLOTS
        return taken

    # ------------------------------------------------------------------------------------------------- books

    def stored(self) -> Mapping[str, float]:
        """Litres now in tank, lines, slug and stocks, with what waits to reach the ground."""
        return {
            "tank": self.tank_l,
            "lines": sum(line.litres + sum(line.pending_l) for line in self.lines),
            "slug": self.slug_l,
            "stocks": sum(each.stock_l for each in self.injectors.values()),
        }

    def stored_salt(self) -> float:
        """Salt in all of these and the mains, dS/m litres."""
        lines = sum(line.salt + sum(line.pending_salt) for line in self.lines)
        stocks = sum(each.stock_salt for each in self.injectors.values())
        return self.tank_salt + sum([main.salt for main in self.mains]) + lines + stocks
