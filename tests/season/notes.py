"""Notes down what the world does while an episode goes on: coils, litres, doses, nights."""

from __future__ import annotations

from tests.season.record import Booked, Night, Record, Span
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site
from tonnam_link.messages import Event
from tonnam_sim.world import World

DAY_MS = 86_400_000
DAY_H = 24


class Notes:
    """Looks at the world after each of its steps. `deadline_ms`: until when each zone's valve may be open."""

    def __init__(self, site: Site, world: World, record: Record) -> None:
        self._site, self._world, self._record = site, world, record
        self._coils = {name: name.removeprefix("valve-") for name in site.actuators}
        self._on_since: dict[str, int] = {}
        self._delivered_l = dict.fromkeys(site.zones, 0.0)
        self._dosed_ml: dict[str, float] = {}
        self.deadline_ms = dict.fromkeys(site.zones, -1)

    def passed(self, from_ms: int, then_ms: int) -> None:
        """Time has passed."""
        self._note_coils(from_ms, then_ms)
        self._note_litres(from_ms)
        if self._site.file.injector:
            self._note_doses(then_ms)
        if then_ms // DAY_MS > from_ms // DAY_MS:
            self._record.nights.append(self._night(then_ms))

    def told(self, now_ms: int, event: Event, memory: bytes | None) -> None:
        """A run begins or ends, as it was told with this on disk."""
        if event.kind not in {"run.started", "run.ended"} or memory is None:
            return
        kept, zone = Memory.decode(memory).kept, event.body["zone"]
        used_l = kept.zone(zone).etc_mm(kept.hours, DAY_H) * self._site.zones[zone].part.area_m2
        given_l = self._world.truth.zones[zone].delivered_l
        self._record.booked.append(Booked(now_ms, event.body["run_id"], zone, given_l, used_l))

    def end(self, now_ms: int) -> None:
        """Coils that are still on were on until now."""
        for name, since_ms in self._on_since.items():
            self._record.coils.append(Span(name, since_ms, now_ms))

    def _night(self, at_ms: int) -> Night:
        zones = self._world.truth.zones.values()
        watered = {zone.id: zone.delivered_l for zone in zones}
        return Night(at_ms, watered, {zone.id: zone.wished_l + zone.evaporated_l for zone in zones})

    def _note_coils(self, from_ms: int, then_ms: int) -> None:
        """Since when each coil is commanded on, to the second: there is a look wherever it can have been moved."""
        cabinet = self._world.cabinet
        masks = [board.mask for board in cabinet.boards]
        for name, world_name in self._coils.items():
            coil = cabinet.coils[world_name]
            if masks[coil.board] >> coil.channel & 1:
                self._on_since.setdefault(name, from_ms)
            elif name in self._on_since:
                self._record.coils.append(Span(name, self._on_since.pop(name), then_ms))

    def _note_litres(self, from_ms: int) -> None:
        """What each zone was given after the deadline that its valve was opened with."""
        for number, zone in enumerate(self._site.zones):
            delivered_l = self._world.plumbing.lines[number].delivered_l
            if delivered_l != self._delivered_l[zone]:
                if from_ms >= self.deadline_ms[zone]:
                    beyond_l = delivered_l - self._delivered_l[zone]
                    self._record.beyond_l[zone] = self._record.beyond_l.get(zone, 0.0) + beyond_l
                self._delivered_l[zone] = delivered_l

    def _note_doses(self, then_ms: int) -> None:
        for injector, ml in self._world.truth.dosed_ml.items():
            if ml != self._dosed_ml.get(injector, 0.0):
                self._record.doses.setdefault(injector, []).append((then_ms, ml))
                self._dosed_ml[injector] = ml
