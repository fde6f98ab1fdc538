"""Tank, well, pump, filter, mains, meter, injectors and lines. Between two transitions every flow is constant.

Head lost in pump, filter and emitters goes with the square of the flow, so the flow through any set of open zones has
a closed form: Q = sqrt(head / (lost + 1 / C^2)), C the sum of the open conductances (L/min a root of a metre).
`solve` finds the flows, `next_s` says how long they hold, `advance` lets them run. Rates in L/s inside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .conditions import Conditions
from .config import InjectorConfig, WorldConfig
from .nature import SUBPLOTS, ZoneNature

MAIN_L = 20.0
_FILL_GAIN = 1.25  # an empty line takes more than its emitters
_KEEPS = 0.2  # share of a line that stays in its low places
_DRAIN_S, _BACK_S = 600.0, 240.0  # a full line drips empty, or runs back, over about this
BACK_INTO_STOCK_L_S = 0.5 / 60
STOCK_SIPHON_L_S = 0.05 / 60
_SLIGHT = 1e-9
_SHORTEST_S = 1e-6  # well above what a float of a year in seconds can tell apart
_LOW_DRAINS = (0.05, 0.05, 0.05, 0.05, 0.1, 0.1, 0.3, 0.3)  # what drains goes to the lowest sub-plots


@dataclass(slots=True)
class Line:
    """One zone's pipes behind its valve. Litres and dS/m litres; sums since the beginning."""

    capacity_l: float
    litres: float = 0.0
    salt: float = 0.0
    delivered_l: float = 0.0
    dripped_l: float = 0.0
    lost_l: float = 0.0
    back_l: float = 0.0
    salt_lost: float = 0.0
    inflow: float = 0.0
    drip: float = 0.0
    loss: float = 0.0
    back: float = 0.0
    draining: bool = False
    pending_l: list[float] = field(default_factory=lambda: [0.0] * SUBPLOTS)
    pending_salt: list[float] = field(default_factory=lambda: [0.0] * SUBPLOTS)


@dataclass(slots=True)
class Injector:
    """A dosing pump's books, litres of stock since the beginning."""

    config: InjectorConfig
    stock_l: float
    stock_salt: float
    ml_min: float
    running: bool = False
    valve_open: bool = True
    rate: float = 0.0
    back: float = 0.0
    injected_l: float = 0.0
    without_flow_l: float = 0.0
    siphoned_l: float = 0.0
    back_l: float = 0.0


@dataclass(slots=True)
class Sums:
    """Litres, dS/m litres and seconds since the beginning."""

    well_l: float = 0.0
    pumped_l: float = 0.0
    siphoned_l: float = 0.0
    main_leaked_l: float = 0.0
    tank_leaked_l: float = 0.0
    back_l: float = 0.0
    salt_well: float = 0.0
    salt_leaked: float = 0.0
    refilled_l: float = 0.0
    salt_refilled: float = 0.0
    running_s: float = 0.0
    no_path_s: float = 0.0
    dry_s: float = 0.0


class Plumbing:
    """All water from the well to the emitters. The world tells what is open, then calls `solve`."""

    def __init__(self, config: WorldConfig, natures: Sequence[ZoneNature]) -> None:
        self._config = config
        self._natures = natures
        tank = config.tank
        self.tank_l = tank.start_l
        self.tank_salt = tank.start_l * tank.ec_ds_m
        self.primed = True
        self.main_salt = MAIN_L * tank.ec_ds_m
        self.slug_l = 0.0
        self.filtered_l = 0.0
        self.meter_l = 0.0
        self.flow = 0.0
        self.lines = [Line(zone.line_l) for zone in config.zones]
        self.injectors = {
            each.id: Injector(each, each.stock_l, each.stock_l * each.stock_ec_ds_m, each.ml_min)
            for each in config.injectors
        }
        self.sums = Sums()
        self.pumping = False
        self._tank_in = 0.0
        self._well = self._leak = self._main_leak = self._main_back = 0.0
        self._emitters = [nature.emitters for nature in natures]

    # ------------------------------------------------------------------------------------------------- flows

    def solve(self, speed: float, paths: Sequence[float], on: Conditions) -> None:
        """Find the flows for a pump at that share of its speed and zones open by those shares (master included)."""
        config = self._config
        self.pumping = speed > 0.0
        self._well = 0.0 if on.well_dry else config.tank.well_l_min / 60.0
        self._leak = on.tank_leak_l_min / 60.0 if self.tank_l > _SLIGHT else 0.0
        self._emitters = [self._spread_of(number, on) for number in range(len(self.lines))]
        head_m = self._head_m(speed, on)
        conductances = [self._conductance(number, path, on) for number, path in enumerate(paths)]
        leak = on.main_leak * self._natures[0].conductance
        total = sum(conductances) + leak
        flow = 0.0
        if head_m > 0.0 and total > 0.0:
            lost = config.pump.slope + config.filter.resistance * self._filter_factor(on)
            flow = math.sqrt(head_m / (lost + 1.0 / total**2)) / 60.0
        self.flow = flow
        self._dose(flow, paths, on)
        added = self._added(flow)
        self._main_leak = (flow + added) * leak / total if total > 0.0 else 0.0
        for number, line in enumerate(self.lines):
            inflow = (flow + added) * conductances[number] / total if total > 0.0 else 0.0
            self._run_line(line, inflow, on.bursts.get(config.zones[number].id, 0.0), paths[number], on)
        self._main_back = sum(line.back for line in self.lines)
        if flow > 0.0 and self.slug_l > 0.0:
            self._push_slug(conductances)
        if self.tank_l >= config.tank.full_l - _SLIGHT:
            self._well = min(self._well, flow + self._leak)

    def _added(self, flow: float) -> float:
        """What the injectors add to the flow."""
        return sum(each.rate - each.back for each in self.injectors.values()) if flow > 0.0 else 0.0

    def _head_m(self, speed: float, on: Conditions) -> float:
        tank = self._config.tank
        if self.tank_l <= tank.dry_l + _SLIGHT:
            self.primed = False
        elif self.tank_l >= tank.primed_l - _SLIGHT:
            self.primed = True
        pumped_m = (
            self._config.pump.head_m * (1.0 - on.worn_pumps.get("pump", 0.0)) * speed * speed if self.primed else 0.0
        )
        siphon_m = max(tank.siphon_m, on.siphon_m) if self.tank_l > tank.dry_l + _SLIGHT else 0.0
        return max(pumped_m, siphon_m)

    def _filter_factor(self, on: Conditions) -> float:
        return on.filter_factor * (1.0 + self.filtered_l / self._config.filter.clogs_l)

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
        total = sum(conductances)
        if total <= 0.0:
            return
        for line, conductance in zip(self.lines, conductances, strict=True):
            line.litres += self.slug_l * conductance / total
            line.delivered_l += self.slug_l * conductance / total
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
        spans.extend(self._tank_spans())
        return max(_SHORTEST_S, min(spans, default=math.inf))

    def _tank_spans(self) -> list[float]:
        tank = self._config.tank
        rises = self._well + self._main_back - self.flow - self._leak + self._tank_in
        if rises > _SLIGHT:
            marks = (tank.full_l,) if self.primed else (tank.full_l, tank.primed_l)
        elif rises < -_SLIGHT:
            marks = (tank.dry_l,) if self.flow > 0.0 else (0.0,)
        else:
            return []
        return [(mark - self.tank_l) / rises for mark in marks if (mark - self.tank_l) / rises > _SLIGHT]

    def advance(self, seconds: float, *, motor_on: bool, has_path: bool) -> None:
        """Let the flows run for so long (not beyond `next_s`)."""
        into_lines_salt, leaked_salt = self._run_mains(seconds)
        entering = sum(line.inflow for line in self.lines)
        for number, line in enumerate(self.lines):
            share = line.inflow / entering if entering > 0.0 else 0.0
            self._run_through(number, seconds, share, into_lines_salt)
        sums = self.sums
        sums.salt_leaked += leaked_salt
        sums.main_leaked_l += self._main_leak * seconds
        if motor_on:
            sums.running_s += seconds
            sums.no_path_s += 0.0 if has_path else seconds
            sums.dry_s += 0.0 if self.primed else seconds

    def _run_mains(self, seconds: float) -> tuple[float, float]:
        """Tank, meter and mains; the salt that went into the lines, and out of a leak."""
        salt_drawn = self._run_tank(seconds)
        dosed_l = dosed_salt = 0.0
        for injector in self.injectors.values():
            litres, salt = self._run_injector(injector, seconds)
            dosed_l += litres
            dosed_salt += salt
        if self.flow <= 0.0:
            self.main_salt += dosed_salt
            self.slug_l += dosed_l
            return 0.0, 0.0
        out = self._main_leak + sum(line.inflow for line in self.lines)
        entering = (salt_drawn + dosed_salt) / seconds
        settled = entering / out * MAIN_L if out > 0.0 else self.main_salt
        after = settled + (self.main_salt - settled) * math.exp(-out * seconds / MAIN_L)
        left = self.main_salt + salt_drawn + dosed_salt - after
        self.main_salt = after
        leaked = left * self._main_leak / out if out > 0.0 else 0.0
        return left - leaked, leaked

    def _run_tank(self, seconds: float) -> float:
        """Well in, water out (and back); the salt drawn, dS/m litres."""
        drawn_l, well_l = self.flow * seconds, self._well * seconds
        leak_l = self._leak * seconds
        strength = self.tank_salt / self.tank_l if self.tank_l > _SLIGHT else 0.0
        self.tank_l += well_l - drawn_l - leak_l
        well_salt = well_l * self._config.tank.ec_ds_m
        self.tank_salt += well_salt - strength * (drawn_l + leak_l)
        self.meter_l += drawn_l + self._main_back * seconds
        sums = self.sums
        sums.well_l += well_l
        sums.salt_well += well_salt
        sums.tank_leaked_l += leak_l
        sums.salt_leaked += strength * leak_l
        if self.pumping:
            sums.pumped_l += drawn_l
            self.filtered_l += drawn_l
        else:
            sums.siphoned_l += drawn_l
        return strength * drawn_l

    def _run_injector(self, injector: Injector, seconds: float) -> tuple[float, float]:
        """Litres and salt that it put into the mains (negative: that it took)."""
        out_l, back_l = min(injector.stock_l, injector.rate * seconds), injector.back * seconds
        strength = injector.stock_salt / injector.stock_l if injector.stock_l > _SLIGHT else 0.0
        back_salt = min(self.main_salt, self.main_salt / MAIN_L * back_l)
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
        return self.tank_salt + self.main_salt + lines + stocks
