"""Who may water beside whom: what one pump can feed, what pumps of a group may draw together, who waters alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tonnam_edge.core import texts
from tonnam_edge.core.image import Now
from tonnam_edge.core.latches import Latches, LatchKind
from tonnam_edge.core.memory import Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.plant.flow import Expected
from tonnam_edge.core.plant.power import Power, Whose
from tonnam_edge.core.plant.runs import Phase, Runs
from tonnam_edge.core.plant.supply import Supply
from tonnam_edge.core.wishes import Wait
from tonnam_edge.limits import PROVE_S
from tonnam_edge.site.plant_file import GroupPart
from tonnam_edge.site.site import Site

# Between the outlets in the subject of a latch: no id has one.
AND = "+"
# Outlets whose flow is wrong together though each is right alone are tried together again: so often in a row at most,
# after a rest that is longer each time. Then it is latched. Together for so long is well.
TRIES, REST_S, WELL_S = 3, 3600.0, 300.0


class _Tried(NamedTuple):
    """How often some outlets were wrong together in a row, and when last."""

    times: int
    mono_ms: int


class Sharing:
    """Judges who may begin. Times are since boot, in milliseconds."""

    def __init__(
        self, site: Site, runs: Runs, expected: Expected, powers: Mapping[str, Power], latches: Latches
    ) -> None:
        self._site, self._runs, self._expected, self._powers = site, runs, expected, powers
        self._latches = latches
        self.suspects: set[str] = set()  # outlets that were open together when the flow was wrong: each waters alone
        self._tried: dict[frozenset[str], _Tried] = {}

    def wrong_together(self, outlets: Iterable[str], now: Now) -> None:
        """These were open when the flow was wrong: each waters alone, until it has done so as it should."""
        named = frozenset(outlets)
        self.suspects |= named
        times = self._times(named) + 1
        self._tried[named] = _Tried(times, now.mono_ms)
        if times >= TRIES:
            text = plant_texts.wrong_together(self._site.outlets[name].name for name in sorted(named))
            self._latches.set(LatchKind.TOGETHER, self._key(named), now, text)

    def well_together(self, outlets: Iterable[str], since_mono_ms: int, now: Now) -> None:
        """The flow of these has been right since then."""
        if self._tried and now.mono_ms - since_mono_ms >= WELL_S * 1000:
            self._tried.pop(frozenset(outlets), None)

    def wait(self, outlet: str, seconds: float, now: Now, whose: Whose) -> Wait | None:
        """What an outlet must wait for before it may water for so long, or None."""
        supply = self._runs.supply(outlet)
        others = [each for each in self._runs.active if self._runs.supply(each) is not supply]
        return (
            self._beside(outlet, supply, others, now)
            or self._in_groups(outlet, supply, now)
            or self._on_own_supply(outlet, supply, seconds, now, whose)
        )

    def gate(self, supply: str, now: Now) -> Text | None:
        """Why a pump that has stopped for a moment may not start now because of others of its groups, or None."""
        for group in self._site.paths.groups_of(supply):
            starting = [one for one in self._members(group) if one.name != supply and self._is_starting(one)]
            if group.least_s and (starting or self._next_start_mono_ms(group, now) > now.mono_ms):
                return plant_texts.starts_too_soon(group.least_s)
        return None

    def rivals(self, one: str, other: str) -> bool:
        """Whether one outlet's water may have to wait for the other's, though their supplies differ."""
        paths, first, second = self._site.paths, self._site.supply_of(one), self._site.supply_of(other)
        if first == second or not paths.side_by_side(first, second):
            return True
        if any(second in group.pumps for group in paths.groups_of(first)):
            return True
        return paths.meter(one) == paths.meter(other) and (self._alone(one) or self._alone(other))

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When a pump of a group may start again."""
        for group in self._site.paths.groups.values():
            at = self._next_start_mono_ms(group, now)
            if at > now.mono_ms:
                yield at

    def _beside(self, outlet: str, supply: Supply, others: list[str], now: Now) -> Wait | None:
        """Whether another supply that waters now forbids it."""
        paths = self._site.paths
        apart = [each for each in others if not paths.side_by_side(supply.name, self._site.supply_of(each))]
        if apart:
            return Wait(texts.busy_elsewhere(self._site.outlets[min(apart)].name), shared=True)
        same = [each for each in others if paths.meter(each) == paths.meter(outlet)]
        if same and (any(self._alone(each) for each in (outlet, *same)) or self._apart((outlet, *same), now)):
            return Wait(plant_texts.waters_alone(), shared=True)
        return None

    def _in_groups(self, outlet: str, supply: Supply, now: Now) -> Wait | None:
        for group in self._site.paths.groups_of(supply.name):
            text = self._in_group(group, outlet, supply, now)
            if text is not None:
                return Wait(text, shared=True)
        return None

    def _in_group(self, group: GroupPart, outlet: str, supply: Supply, now: Now) -> Text | None:
        busy = [each for each in self._runs.active if self._site.supply_of(each) in group.pumps]
        drawn_l_min = sum(map(self._expected.most_l_min, (outlet, *busy)))
        if busy and group.capacity_l_min is not None and drawn_l_min > group.capacity_l_min:
            return plant_texts.group_full(group.capacity_l_min)
        doubtful = [one for one in self._members(group) if one is not supply and one.may_still_run(now)]
        for one in doubtful if group.capacity_l_min is not None else ():
            if one.pump is not None:
                return texts.not_proven(one.pump.part.name, on=False)
        if not supply.off or self._runs.on(supply.name):
            return None  # its pump runs, or is about to: no other start is needed
        members = [one for one in self._members(group) if one is not supply]
        busy_pumps = sum(self._is_busy(one) or one in doubtful for one in members)
        if group.most_pumps is not None and busy_pumps >= group.most_pumps:
            return plant_texts.most_pumps(group.most_pumps)
        waits = self._next_start_mono_ms(group, now) > now.mono_ms
        if group.least_s and (waits or any(map(self._is_starting, members))):
            return plant_texts.starts_too_soon(group.least_s)
        return None

    def _members(self, group: GroupPart) -> list[Supply]:
        return [self._runs.supplies[pump] for pump in group.pumps if pump in self._runs.supplies]

    def _is_busy(self, supply: Supply) -> bool:
        return not supply.off or bool(self._runs.on(supply.name))

    def _is_starting(self, supply: Supply) -> bool:
        return supply.starting or (supply.off and any(not run.ending for run in self._runs.on(supply.name)))

    def _next_start_mono_ms(self, group: GroupPart, now: Now) -> int:
        starts = [at for one in self._members(group) if (at := one.starts.last_mono_ms(now)) is not None]
        return max((at + round(group.least_s * 1000) for at in starts), default=now.mono_ms)

    def _on_own_supply(self, outlet: str, supply: Supply, seconds: float, now: Now, whose: Whose) -> Wait | None:
        """What its own pump can do: rest, power, capacity, and how long its deadline lasts."""
        busy, pump = [run.intent.zone for run in self._runs.on(supply.name)], supply.pump
        power = self._powers.get(supply.name)
        if not busy and supply.off:
            text = supply.starts.may_not(now)
            if text is None and power is not None and not power.may_start(now.mono_ms, whose):
                text = next(map(power.said, whose.programs), None) or plant_texts.too_little_power()
            return None if text is None else Wait(text)
        if any(self._site.outlets[each].is_filter for each in busy):
            return Wait(plant_texts.filter_flushes())
        if pump is None or pump.part.capacity_l_min is None or self._site.outlets[outlet].is_filter:
            return Wait(texts.busy_elsewhere(self._site.outlets[min(busy)].name) if busy else texts.not_ready())
        return self._joining(outlet, supply, busy, seconds, now)

    def _joining(self, outlet: str, supply: Supply, busy: list[str], seconds: float, now: Now) -> Wait | None:
        pump = supply.pump
        if pump is None or pump.part.capacity_l_min is None:
            return Wait(texts.not_ready())
        if any(self._alone(each) for each in (outlet, *busy)) or self._apart((outlet, *busy), now):
            return Wait(plant_texts.waters_alone())
        if sum(map(self._expected.most_l_min, (outlet, *busy))) > pump.part.capacity_l_min:
            return Wait(plant_texts.pump_full(pump.part.name, pump.part.capacity_l_min))
        just_begun = supply.off and all(run.since == now.mono_ms for run in self._runs.on(supply.name))
        if just_begun:
            return None
        if supply.unheard:
            return Wait(plant_texts.pump_not_heard(pump.part.name))
        if not supply.on or not supply.covers(seconds, now.mono_ms):
            return Wait(plant_texts.pump_deadline_too_short())
        return None if self._outlasts_opening(supply, now) else Wait(plant_texts.nearly_done())

    def _outlasts_opening(self, supply: Supply, now: Now) -> bool:
        """Whether what waters now goes on until another valve is open: else the pump would stop and start for it."""
        watering = self._runs.on(supply.name, Phase.WATERING)
        return any(run.left_s(now.mono_ms) > PROVE_S + supply.travel_s for run in watering)

    def _alone(self, outlet: str) -> bool:
        """Whether it must water alone: it is under suspicion, or only the meter proves that its valve closes."""
        latching = any(self._site.actuators[name].part.kind == "latching" for name in self._site.path_of(outlet))
        return latching or outlet in self.suspects

    def _apart(self, outlets: Iterable[str], now: Now) -> bool:
        """Whether some of these were wrong together, and rest or are latched."""
        wanted = set(outlets)
        latched = {latch.subject for latch in self._latches.standing() if latch.kind == LatchKind.TOGETHER}
        if any(wanted.issuperset(subject.split(AND)) for subject in latched):
            return True
        lately = (
            named
            for named, tried in self._tried.items()
            if self._times(named) and now.mono_ms - tried.mono_ms < tried.times * REST_S * 1000
        )
        return any(wanted.issuperset(named) for named in lately)

    def _times(self, outlets: frozenset[str]) -> int:
        """How often they were wrong together; none any more when a person has cleared what was latched of them."""
        times = self._tried[outlets].times if outlets in self._tried else 0
        cleared = times >= TRIES and not self._latches.stands(LatchKind.TOGETHER, self._key(outlets))
        return 0 if cleared else times

    def _key(self, outlets: frozenset[str]) -> str:
        return AND.join(sorted(outlets))
