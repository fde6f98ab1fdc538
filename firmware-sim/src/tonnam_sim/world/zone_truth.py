"""What is true of one zone: a live view, for tests and benchmarks only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .chemistry import ph_of
from .ground import Ground
from .mixing import ALKALINITY, CARBON, SALT, STOCKS, MixedPlumbing
from .nature import SUBPLOTS

if TYPE_CHECKING:
    from .world import World


@dataclass(frozen=True, slots=True)
class SubPlotTruth:
    """One eighth of a zone's beds. mm of water on the bed.

    `root_water_mm` lies within today's rooting depth; `depletion_share` is 0 at field capacity and 1 at wilting point
    there; `ks` is drinking over wishing at this moment; `stress_d` the sum of 1 - Ks over all whole days.
    """

    root_water_mm: float
    depletion_share: float
    ks: float
    stress_d: float
    watered_mm: float
    pore_ec_ds_m: float


class ZoneTruth:
    """One zone. Litres since the beginning."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number
        self.id = world.config.zones[number].id
        self._line = world.plumbing.lines[number]

    @property
    def ground(self) -> Ground:
        """The beds themselves."""
        return self._world.grounds[self._number]

    @property
    def path_open(self) -> bool:
        """Whether water could flow through master and valve now, if there were pressure."""
        return self._world.openness(self._number) > 0.0

    @property
    def valve_position(self) -> float:
        """0 shut to 1 open, where the valve was at the last transition."""
        return self._world.valves[self.id].position

    @property
    def flow_l_min(self) -> float:
        """Into the zone now."""
        return self._line.inflow * 60.0

    @property
    def delivered_l(self) -> float:
        """Through the valve."""
        return self._line.delivered_l

    @property
    def dripped_l(self) -> float:
        """Out of the emitters."""
        return self._line.dripped_l

    @property
    def lost_l(self) -> float:
        """Out of a burst pipe."""
        return self._line.lost_l

    @property
    def line_l(self) -> float:
        """In the pipes now."""
        return self._line.litres

    @property
    def given_ec_ds_m(self) -> float | None:
        """EC of all that its emitters gave, by litres; None without `mixing` or before the first."""
        amounts = self._given()
        return None if amounts is None else amounts[SALT]

    @property
    def given_ph(self) -> float | None:
        """pH of all that its emitters gave, were it mixed; None without `mixing` or before the first."""
        amounts = self._given()
        return None if amounts is None else ph_of(amounts[ALKALINITY], amounts[CARBON])

    @property
    def given_ml(self) -> dict[str, float]:
        """Stock that its emitters gave, by injector (with `mixing`)."""
        amounts, plumbing = self._given(), self._world.plumbing
        if amounts is None or not isinstance(plumbing, MixedPlumbing):
            return {}
        litres = plumbing.given[self._number].litres
        return {name: 1000.0 * litres * each for name, each in zip(plumbing.injectors, amounts[STOCKS:], strict=True)}

    @property
    def emitter_ec_ds_m(self) -> float | None:
        """EC of the water in its line now; None without `mixing`."""
        plumbing = self._world.plumbing
        return plumbing.at_emitters(self._number)[SALT] if isinstance(plumbing, MixedPlumbing) else None

    @property
    def emitter_ph(self) -> float | None:
        """pH of the water in its line now; None without `mixing`."""
        plumbing = self._world.plumbing
        if not isinstance(plumbing, MixedPlumbing):
            return None
        at = plumbing.at_emitters(self._number)
        return ph_of(at[ALKALINITY], at[CARBON])

    def _given(self) -> list[float] | None:
        """Strengths of all that its emitters gave."""
        plumbing = self._world.plumbing
        if not isinstance(plumbing, MixedPlumbing) or plumbing.given[self._number].litres <= 0.0:
            return None
        given = plumbing.given[self._number]
        return [amount / given.litres for amount in given.amounts]

    @property
    def drained_l(self) -> float:
        """Below the roots."""
        return self.ground.sums.drained_l

    @property
    def transpired_l(self) -> float:
        """Drunk by the crop."""
        return self.ground.sums.transpired_l

    @property
    def wished_l(self) -> float:
        """What the crop would have drunk from soil that is never dry."""
        return self.ground.sums.wished_l

    @property
    def evaporated_l(self) -> float:
        """From the bare bed."""
        return self.ground.sums.evaporated_l

    @property
    def runoff_l(self) -> float:
        """Over the bed's edge."""
        return self.ground.sums.runoff_l

    @property
    def subplots(self) -> tuple[SubPlotTruth, ...]:
        """All eight."""
        return tuple(self._subplot(number) for number in range(SUBPLOTS))

    @property
    def ks(self) -> float:
        """Mean stress coefficient of the sub-plots now: 1 none, 0 wilted."""
        return sum(plot.ks for plot in self.ground.subplots) / SUBPLOTS

    @property
    def driest_quarter_stress_d(self) -> float:
        """Sum of 1 - Ks over the whole days, mean of the two sub-plots that suffered most."""
        return sum(sorted(plot.stress_d for plot in self.ground.subplots)[-SUBPLOTS // 4 :]) / (SUBPLOTS // 4)

    @property
    def root_ec_ds_m(self) -> float:
        """EC of the soil's water, mean over the beds."""
        water = sum(sum(plot.water) for plot in self.ground.subplots)
        return sum(sum(plot.salt) for plot in self.ground.subplots) / water

    def _subplot(self, number: int) -> SubPlotTruth:
        ground = self.ground
        plot, soil = ground.subplots[number], ground.retention
        shares = ground.rooted
        water = sum(depth * share for depth, share in zip(plot.water, shares, strict=True))
        rooted_mm = sum(mm * share for mm, share in zip(soil.layers_mm, shares, strict=True))
        available = (water / rooted_mm - soil.wilting_point) / (soil.field_capacity - soil.wilting_point)
        salt = sum(plot.salt) / sum(plot.water)
        return SubPlotTruth(water, 1.0 - available, plot.ks, plot.stress_d, plot.watered, salt)
