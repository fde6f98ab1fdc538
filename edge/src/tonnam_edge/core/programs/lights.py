"""Follows the light for the programs that water by it, and trims their doses by the drain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date

from tonnam_edge.agronomy import light_sum, radiation
from tonnam_edge.agronomy.light_sum import State
from tonnam_edge.agronomy.radiation import Transmissivity
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.programs.kept import Kept
from tonnam_edge.core.programs.light import settings_of
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.site.program_file import LightPart
from tonnam_edge.site.site import Site

LEAST_HOURS_BETWEEN_TRIMS = 20.0
KEEP_MS = 600_000  # what is counted is put on disk this often, and with every dose


class Lights:
    """The light since the last dose, by program. `kept` holds what survives a restart."""

    def __init__(self, site: Site, kept: Callable[[], Kept], local: LocalTime) -> None:
        self._site, self._kept, self._local = site, kept, local
        self._programs = {p.id: p for p in site.programs if isinstance(p, LightPart)}
        self._settings = {name: settings_of(part) for name, part in self._programs.items()}
        self._through = [
            Transmissivity(date.fromisoformat(one.since), one.pct / 100) for one in site.file.weather.transmissivity
        ]
        self._at_mono_ms: int | None = None
        self._written_mono_ms = 0
        self._drain_l: dict[str, float] = {}
        self.states: dict[str, State] = {}

    def see(self, image: Image) -> None:
        """Add the light since the last image, as this one shows it."""
        if not self._programs:
            return
        now, kept = image.now, self._kept()
        span_s = 0.0 if self._at_mono_ms is None else (now.mono_ms - self._at_mono_ms) / 1000
        self._at_mono_ms = now.mono_ms
        for name, part in self._programs.items():
            before = self.states.get(name) or light_sum.restored(kept.zone(part.zone).light)
            state = light_sum.advance(before, self._settings[name], seconds=span_s, light_w_m2=self.light_w_m2(image))
            self._follow_drain(part, image)
            self.states[name] = self._trim(part, state, image)
        if now.mono_ms - self._written_mono_ms >= KEEP_MS or now.mono_ms < self._written_mono_ms:
            self._write(now)

    def watered(self, program: str | None, litres: float, now: Now) -> None:
        """A dose was given."""
        part = self._programs.get(program or "")
        if part is None:
            return
        self.states[part.id] = light_sum.dosed(self.states.get(part.id, State()), self._settings[part.id])
        of_zone = self._kept().zone(part.zone)
        of_zone.dosed_l = round(of_zone.dosed_l + litres, 3)
        self._write(now)

    def light_w_m2(self, image: Image) -> float | None:
        """The light at the crop just now: measured there, by calibrated lux, or outside through the cover."""
        weather = self._site.file.weather
        streams = map(self._site.weather_stream, ("radiation", "illuminance", "radiation_outside"))
        inside, lux, outside = (image.value(stream) for stream in streams)
        if inside is not None:
            return inside
        if lux is not None and weather.lux_per_w_m2 is not None:
            return lux / weather.lux_per_w_m2
        if outside is None:
            return None
        today = self._local.at(image.now.wall_ms).date()
        share = radiation.transmissivity_on(today, self._through)[0] if self._site.file.site.under_cover else 1.0
        return outside * share

    def _follow_drain(self, part: LightPart, image: Image) -> None:
        total = None if part.drain is None else image.value(f"{self._site.id}/{part.drain}")
        if total is None:
            return
        passed = total - self._drain_l.get(part.id, total)
        self._drain_l[part.id] = total
        if not 0 < passed < 10_000:
            return
        of_zone = self._kept().zone(part.zone)
        of_zone.drained_l = round(of_zone.drained_l + passed, 3)
        ec = self._drain_ec(part, image)
        if ec is not None:
            of_zone.drain_ec_l = round(of_zone.drain_ec_l + passed, 3)
            of_zone.drain_salt = round(of_zone.drain_salt + ec * passed, 3)

    def _drain_ec(self, part: LightPart, image: Image) -> float | None:
        return None if part.drain_ec is None else image.value(f"{self._site.id}/{part.drain_ec}")

    def _trim(self, part: LightPart, state: State, image: Image) -> State:
        """Once a day, whatever the clock does, by the drain of the day before.

        Its salt is that of the water while it ran, for a cell that has fallen dry says nothing; without a counter of
        drain it is the reading of now.
        """
        kept = self._kept()
        if not image.now.sure or kept.age_h(kept.zone(part.zone).trimmed_h) < LEAST_HOURS_BETWEEN_TRIMS:
            return state
        today = self._local.at(image.now.wall_ms).date().toordinal()
        if state.trimmed_day == today:
            return state
        of_zone = kept.zone(part.zone)
        share = of_zone.drained_l / of_zone.dosed_l if part.drain is not None and of_zone.dosed_l > 0 else None
        ec = of_zone.drain_salt / of_zone.drain_ec_l if of_zone.drain_ec_l > 0 else None
        if part.drain is None:
            ec = self._drain_ec(part, image)
        of_zone.drained_l, of_zone.dosed_l, of_zone.drain_ec_l, of_zone.drain_salt = 0.0, 0.0, 0.0, 0.0
        of_zone.trimmed_h = kept.hours
        return light_sum.trimmed(
            state, self._settings[part.id], local_day=today, drained_share=share, drain_ec_ms_cm=ec
        )

    def _write(self, now: Now) -> None:
        self._written_mono_ms = now.mono_ms
        for name, state in self.states.items():
            kept = {key: round(v, 4) if isinstance(v, float) else v for key, v in asdict(state).items()}
            self._kept().zone(self._programs[name].zone).light = kept
