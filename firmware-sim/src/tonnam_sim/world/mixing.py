"""Plumbing with injectors that are looked at closely: EC and pH from the stock tanks to the emitters, and what meets.

Carried beside salt: alkalinity (meq), inorganic carbon (mmol), and litres of each stock. The mixing line is a row of
equal cells (tanks in series, Levenspiel 1999, Chemical Reaction Engineering, 3rd ed., chapter 14) whose answer to a
constant inflow is known exactly; a zone's line is one more cell. A mixing tank exchanges with its loop exactly, too.
While water moves, an interval is run in parts of about one cell, until all has settled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..physics.noise import Stream, bell
from .chemistry import carbon_of, meets, ph_of
from .conditions import Conditions
from .config import InjectorConfig, MixingConfig, WorldConfig
from .nature import ZoneNature
from .pipes import MAIN_L, Line, Main
from .plumbing import BACK_INTO_STOCK_L_S, STOCK_SIPHON_L_S, Plumbing

_CELLS = 4
_MOST_PARTS, _TANK_PART = 48, 0.02
_TRACES_L_L = 1e-4  # litres of stock in a litre of line under which the line counts as rinsed of it
_UNDILUTED_L_L = 1e-3  # as much more than in the tank that a stock in the loop counts as undiluted
_RATE_SPREAD = 0.04
_SLIGHT = 1e-9
SALT, ALKALINITY, CARBON, STOCKS = 0, 1, 2, 3


class Cells:
    """Water in a row of equal cells: amounts in each, of everything that is carried."""

    def __init__(self, volume_l: float, strengths: Sequence[float]) -> None:
        self.cell_l = volume_l / _CELLS
        self.amounts = [[strength * self.cell_l for strength in strengths] for _ in range(_CELLS)]

    def push(self, entering: Sequence[float], litres: float) -> list[float]:
        """Let so many litres through, that bring these amounts evenly; the amounts that left."""
        turns = litres / self.cell_l
        weights = [math.exp(-turns)]
        for number in range(1, _CELLS):
            weights.append(weights[-1] * turns / number)
        left = [0.0] * len(entering)
        for what, amount in enumerate(entering):
            before = self.total(what)
            if amount == 0.0 and before == 0.0:
                continue
            settled = amount / turns
            apart = [cell[what] - settled for cell in self.amounts]
            for number, cell in enumerate(self.amounts):
                stays = settled
                for step in range(number + 1):
                    stays += weights[step] * apart[number - step]
                cell[what] = stays
            left[what] = before + amount - self.total(what)
        return left

    def total(self, what: int) -> float:
        """Of one thing, in all cells."""
        return sum([cell[what] for cell in self.amounts])


@dataclass(slots=True)
class SolutionSeen:
    """What the solution probes feel, late: dS/m; meq/L and mmol/L."""

    ec_ds_m: float
    alkalinity_meq_l: float
    carbon_mmol_l: float

    @property
    def ph(self) -> float:
        return ph_of(self.alkalinity_meq_l, self.carbon_mmol_l)


@dataclass(slots=True)
class Given:
    """What came out of a zone's emitters since the beginning: litres, and the amounts in them."""

    litres: float = 0.0
    amounts: list[float] = field(default_factory=list)


class MixedPlumbing(Plumbing):
    """Plumbing with a mixing line or a mixing tank. `circulating` is told by the world."""

    def __init__(self, config: WorldConfig, natures: Sequence[ZoneNature], seed: int) -> None:
        super().__init__(config, natures)
        assert config.mixing is not None
        mixing: MixingConfig = config.mixing
        self.mixing, self.circulating = mixing, False
        kinds = STOCKS + len(self.injectors)
        carbon = carbon_of(mixing.alkalinity_meq_l, mixing.ph)
        self._supply = [config.tank.ec_ds_m, mixing.alkalinity_meq_l, carbon, *[0.0] * len(self.injectors)]
        self._tank_more = [strength * self.tank_l for strength in self._supply[1:]]
        self.cells = Cells(mixing.volume_l if mixing.kind == "line" else MAIN_L, self._supply)
        self.loop = [strength * self._loop_l for strength in self._supply]
        self._lines_more = [[0.0] * (kinds - 1) for _ in self.lines]
        self.given = [Given(0.0, [0.0] * kinds) for _ in self.lines]
        self.seen = SolutionSeen(*self._supply[:STOCKS])
        self.mixed_l: dict[tuple[str, str], float] = {}
        self._gone = [0.0] * (kinds - 1)
        self._into = [[0.0] * kinds for _ in self.mains]
        self._stocks_more = [self._stock(number, each.config) for number, each in enumerate(self.injectors.values())]
        for number, each in enumerate(self.injectors.values()):
            each.ml_min *= 1.0 + _RATE_SPREAD * config.spread * bell(seed, Stream.INJECTOR_BORN, number)
        self._mirror_salt()

    def _stock(self, number: int, config: InjectorConfig) -> list[float]:
        """What a stock tank holds beside salt: made up with well water, so its carbon is the well's."""
        more = [config.stock_alkalinity_meq_l, self._supply[CARBON], *[0.0] * len(self.injectors)]
        more[STOCKS - 1 + number] = 1.0
        return [strength * config.stock_l for strength in more]

    @property
    def in_tank(self) -> bool:
        """Whether stock goes into a mixing tank and not into a line."""
        return self.mixing.kind == "tank"

    @property
    def _loop_l(self) -> float:
        return self.mixing.volume_l if self.mixing.kind == "tank" else 0.0

    @property
    def flows_at_injectors(self) -> bool:
        """Whether the flow switch should be closed."""
        if self.in_tank:
            return self.circulates and self.mixing.circulation_l_min >= self.mixing.flow_switch_l_min
        return self.flow * 60.0 >= self.mixing.flow_switch_l_min

    @property
    def circulates(self) -> bool:
        """Whether water turns in the loop: pump on, and the tank not dry."""
        return self.circulating and self.tank_l > self._config.tank.dry_l + _SLIGHT

    # ------------------------------------------------------------------------------------------------- flows

    def _dose(self, flow: float, paths: Sequence[float], on: Conditions) -> None:
        if not self.in_tank:
            super()._dose(flow, paths, on)
            return
        for injector in self.injectors.values():
            injector.rate = injector.back = 0.0
            if not injector.valve_open:
                continue
            failed = not injector.config.check_valve or injector.config.id in on.injector_checks_failed
            if injector.running:
                injector.rate = self._dosing_rate(injector, on)
            elif failed and self.circulates:
                injector.back = BACK_INTO_STOCK_L_S
            elif failed and injector.stock_l > _SLIGHT:
                injector.rate = STOCK_SIPHON_L_S
        self._tank_in = sum(each.rate - each.back for each in self.injectors.values())

    def _added(self, flow: float) -> float:
        return 0.0 if self.in_tank else super()._added(flow)

    # -------------------------------------------------------------------------------------------------- time

    def advance(self, seconds: float, *, running: Sequence[bool], has_path: Sequence[bool]) -> None:
        """Let the flows run for so long (not beyond `next_s`), in parts while anything mixes."""
        for part_s in self._parts(seconds):
            super().advance(part_s, running=running, has_path=has_path)
            self._feel(part_s)

    def _parts(self, seconds: float) -> Iterator[float]:
        fine_s = self.cells.cell_l / self.flow if self.flow > 0.0 else math.inf
        if self.in_tank and self.circulates:
            fine_s = min(fine_s, self._loop_l / (self.mixing.circulation_l_min / 60.0))
        count = math.ceil(seconds / fine_s) if seconds < _MOST_PARTS * fine_s else _MOST_PARTS + 1
        if count <= _MOST_PARTS:
            for _ in range(max(1, count)):
                yield seconds / max(1, count)
            return
        for _ in range(_MOST_PARTS):
            yield fine_s
        rest_s = seconds - _MOST_PARTS * fine_s
        count = max(1, math.ceil(rest_s / self._tank_part_s()))
        for _ in range(count):
            yield rest_s / count

    def _tank_part_s(self) -> float:
        """How long a mixing tank is nearly the same while water is drawn and stock comes in."""
        if not self.in_tank or self.flow <= 0.0:
            return math.inf
        return max(1.0, _TANK_PART * self.tank_l / self.flow)

    def _run_tank(self, seconds: float) -> float:
        held_l = self.tank_l
        strength = super()._run_tank(seconds)
        left = [amount / held_l for amount in self._tank_more] if held_l > _SLIGHT else [0.0] * len(self._tank_more)
        self._gone = left
        gone_l, well_l = (self._drawn_l_s + self._leak) * seconds, self._well * seconds
        self._tank_more = [
            amount - min(1.0, gone_l / max(held_l, _SLIGHT)) * amount + enters * well_l
            for amount, enters in zip(self._tank_more, self._supply[1:], strict=True)
        ]
        return strength

    def _run_main(self, at: int, main: Main, seconds: float, strength: float) -> tuple[float, float]:
        salt = self._run_meter(main, seconds, strength)
        through_l = (main.flow - main.flush) * seconds
        drawn = [salt, *(each * through_l for each in self._gone)]
        out = main.leak + sum([self.lines[zone].inflow for zone in main.zones])
        left = self._run_mixing(drawn, seconds, out) if at == 0 else drawn
        if at > 0:
            kept = main.run(seconds, salt, 0.0, out) if main.flow > 0.0 else (0.0, 0.0)
            self._into[at] = [kept[0], *drawn[1:]]
            return kept
        leaked = main.leak / out if out > 0.0 else 0.0
        self._into[0] = [amount * (1.0 - leaked) for amount in left]
        self._mirror_salt()
        return self._into[0][SALT], left[SALT] * leaked

    def _run_mixing(self, drawn: Sequence[float], seconds: float, out: float) -> list[float]:
        """Injectors and mixing line, or the mixing tank's loop; what left the line. `out` in L/s."""
        dosed_l, dosed = self._run_injectors(seconds)
        entering = list(drawn)
        if self.in_tank:
            self.tank_l += dosed_l
            self._circulate(dosed, seconds)
        elif self.flow > 0.0:
            _add(entering, dosed)
        else:
            self.slug_l += dosed_l
            _add(self.cells.amounts[0], dosed)
        return self.cells.push(entering, out * seconds) if self.flow > 0.0 and out > 0.0 else [0.0] * len(dosed)

    def _run_injectors(self, seconds: float) -> tuple[float, list[float]]:
        """Litres and amounts that all of them put into line or loop; what one takes is taken from there at once."""
        dosed_l, dosed = 0.0, [0.0] * len(self._supply)
        self._book_meetings(seconds)
        near, near_l = (self.loop, self._loop_l) if self.in_tank else (self.cells.amounts[0], self.cells.cell_l)
        flows = self.circulates if self.in_tank else self.flow > 0.0
        for injector, more in zip(self.injectors.values(), self._stocks_more, strict=True):
            out_l, back_l = min(injector.stock_l, injector.rate * seconds), injector.back * seconds
            if out_l <= 0.0 and back_l <= 0.0:
                continue
            given = out_l / injector.stock_l if injector.stock_l > _SLIGHT else 0.0
            taken = [amount * min(1.0, back_l / near_l) for amount in near]
            _add(near, [-amount for amount in taken])
            away = [injector.stock_salt * given, *(amount * given for amount in more)]
            injector.stock_l += back_l - out_l
            injector.stock_salt += taken[SALT] - away[SALT]
            _add(more, [one - other for one, other in zip(taken[1:], away[1:], strict=True)])
            self._book(injector, out_l, back_l, flows=flows)
            dosed_l += out_l - back_l
            _add(dosed, away)
        return dosed_l, dosed

    def _circulate(self, dosed: Sequence[float], seconds: float) -> None:
        """Stock into the loop, and loop and tank towards each other: two boxes, solved exactly."""
        if not self.circulates:
            _add(self.loop, dosed)
            return
        loop_l, tank_l = self._loop_l, self.tank_l
        share, rate = loop_l / (loop_l + tank_l), self.mixing.circulation_l_min / 60.0 * (1.0 / loop_l + 1.0 / tank_l)
        fades = math.exp(-rate * seconds)
        tank = [self.tank_salt, *self._tank_more]
        for what, amount in enumerate(dosed):
            both = self.loop[what] + tank[what]
            apart = (self.loop[what] - share * both) * fades
            fresh = amount * (1.0 - share) * (1.0 - fades) / (rate * seconds)
            self.loop[what] = share * (both + amount) + apart + fresh
            tank[what] = both + amount - self.loop[what]
        self.tank_salt, self._tank_more = tank[SALT], tank[1:]

    def _book_meetings(self, seconds: float) -> None:
        """Litres of each stock that goes where another is that it must not meet."""
        running = [each for each in self.injectors.values() if each.rate > 0.0]
        for injector in running:
            for other, there in enumerate(self.injectors.values()):
                liquids = injector.config.liquid, there.config.liquid
                if meets(*liquids) and (there.rate > 0.0 or self._holds(STOCKS + other)):
                    pair = min(liquids), max(liquids)
                    out_l = min(injector.stock_l, injector.rate * seconds)
                    self.mixed_l[pair] = self.mixed_l.get(pair, 0.0) + out_l

    def _holds(self, stock: int) -> bool:
        """Whether a stock stands undiluted where the injectors are."""
        if self.in_tank:
            in_tank = self._tank_more[stock - 1] / self.tank_l if self.tank_l > _SLIGHT else 0.0
            return self.loop[stock] / self._loop_l - in_tank > _UNDILUTED_L_L
        return self.cells.total(stock) > _TRACES_L_L * self.mixing.volume_l

    def _run_through(self, number: int, seconds: float, share: float, salt_in: float) -> None:
        line = self.lines[number]
        if line.inflow <= 0.0 and not line.draining:
            return
        before_salt, before_l = line.salt, line.litres
        lost = line.loss / line.inflow if line.inflow > 0.0 else 0.0
        super()._run_through(number, seconds, share, salt_in)
        drip_l, back_l = line.drip * seconds, line.back * seconds
        more, entered = (
            self._lines_more[number],
            [amount * share * (1.0 - lost) for amount in self._into[self._config.zones[number].main][1:]],
        )
        _add(more, entered)
        if drip_l + back_l <= 0.0:
            return
        moved = before_l, drip_l + back_l
        away = [self._goes(line, *each, moved) for each in zip(more, entered, strict=True)]
        _add(more, [-amount for amount in away])
        dripped, given = drip_l / (drip_l + back_l), self.given[number]
        salt = before_salt + salt_in * share * (1.0 - lost) - line.salt
        given.litres += drip_l
        _add(given.amounts, [amount * dripped for amount in (salt, *away)])
        _add(self._tank_more, [amount * (1.0 - dripped) for amount in away])

    def _goes(self, line: Line, held: float, entered: float, moved: tuple[float, float]) -> float:
        """As of one well mixed cell that this entered evenly: exact for any span."""
        if line.draining or moved[1] <= 0.0:
            return super()._goes(line, held, entered, moved)
        turns = moved[1] / line.capacity_l
        settled = entered / turns
        return held - settled - (held - entered - settled) * math.exp(-turns)

    def refill(self, name: str) -> None:
        """Fill a stock tank up with fresh stock."""
        number = list(self.injectors).index(name)
        injector = self.injectors[name]
        missing = max(0.0, injector.config.stock_l - injector.stock_l) / injector.config.stock_l
        super().refill(name)
        _add(self._stocks_more[number], [missing * amount for amount in self._stock(number, injector.config)])

    # ------------------------------------------------------------------------------------------- what is there

    def _feel(self, seconds: float) -> None:
        """Let the probes feel what is around them."""
        if self.in_tank and not self.circulates:
            return
        at, mixing = self.at_tank() if self.in_tank else self.at_line(), self.mixing
        ec, ph = -math.expm1(-seconds / mixing.ec_lag_s), -math.expm1(-seconds / mixing.ph_lag_s)
        seen = self.seen
        seen.ec_ds_m += (at[SALT] - seen.ec_ds_m) * ec
        seen.alkalinity_meq_l += (at[ALKALINITY] - seen.alkalinity_meq_l) * ph
        seen.carbon_mmol_l += (at[CARBON] - seen.carbon_mmol_l) * ph

    def at_tank(self) -> list[float]:
        """Strengths in the tank (dS/m, meq/L, mmol/L, L/L of each stock)."""
        if self.tank_l <= _SLIGHT:
            return list(self._supply)
        return [self.tank_salt / self.tank_l, *(amount / self.tank_l for amount in self._tank_more)]

    def at_injectors(self) -> list[float]:
        """Strengths where the stock goes in: the line's first cell, or the loop."""
        if self.in_tank:
            return [amount / self._loop_l for amount in self.loop]
        return [amount / self.cells.cell_l for amount in self.cells.amounts[0]]

    def at_line(self) -> list[float]:
        """Strengths at the end of the mixing line."""
        return [amount / self.cells.cell_l for amount in self.cells.amounts[-1]]

    def at_emitters(self, number: int) -> list[float]:
        """Strengths in a zone's line."""
        line: Line = self.lines[number]
        if line.litres <= _SLIGHT:
            return list(self._supply)
        return [line.salt / line.litres, *(amount / line.litres for amount in self._lines_more[number])]

    def _mirror_salt(self) -> None:
        self.mains[0].salt = self.cells.total(SALT) + self.loop[SALT]


def _add(to: list[float], amounts: Sequence[float]) -> None:
    for what, amount in enumerate(amounts):
        to[what] += amount
