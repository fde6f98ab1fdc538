"""Follows the light for the programs that water by it, and trims their doses by the drain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from tonnam_edge.agronomy import light_sum
from tonnam_edge.agronomy.light_sum import State
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.programs.kept import Kept
from tonnam_edge.core.programs.light import settings_of
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.core.programs.weather import Seen, Sun
from tonnam_edge.site.program_file import LightPart
from tonnam_edge.site.site import Site

LEAST_HOURS_BETWEEN_TRIMS = 20.0
NEARLY_WHOLE = 0.95  # of a dose: a meter's pulse and the filling of pipes are no failure
KEEP_MS = 600_000  # what is counted is put on disk this often, and with every dose


class Lights:
    """The light since the last dose, by program. `kept` holds what survives a restart."""

    def __init__(self, site: Site, kept: Callable[[], Kept], local: LocalTime) -> None:
        self._site, self._kept, self._local = site, kept, local
        self._programs = {p.id: p for p in site.programs if isinstance(p, LightPart)}
        self._settings = {name: settings_of(part) for name, part in self._programs.items()}
        self._sun = Sun(site)
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
        light_w_m2, guessed = self._light(image)
        for name, part in self._programs.items():
            before = self.states.get(name) or light_sum.restored(kept.zone(part.zone).light)
            state = light_sum.advance(
                before, self._settings[name], seconds=span_s, light_w_m2=light_w_m2, guessed=guessed
            )
            self._follow_drain(part, image)
            self.states[name] = self._trim(part, state, image)
        if now.mono_ms - self._written_mono_ms >= KEEP_MS or now.mono_ms < self._written_mono_ms:
            self._write(now)

    def watered(self, program: str | None, litres: float, now: Now) -> None:
        """A dose was given, or as much of it as there was."""
        part = self._programs.get(program or "")
        if part is None:
            return
        state, settings = self.states.get(part.id, State()), self._settings[part.id]
        share = litres / (part.plants * settings.dose_ml_plant * state.trim / 1000)
        self.states[part.id] = light_sum.dosed(state, settings, 1.0 if share > NEARLY_WHOLE else share)
        of_zone = self._kept().zone(part.zone)
        of_zone.dosed_l = round(of_zone.dosed_l + litres, 3)
        self._write(now)

    def _light(self, image: Image) -> tuple[float | None, bool]:
        """The light at the crop just now, W/m2, and whether it is only what is usual at this hour, for no sensor
        tells or what it tells cannot be. Without a clock only what is measured counts."""
        streams = (
            (name, self._site.weather_stream(name)) for name in ("radiation", "illuminance", "radiation_outside")
        )
        seen = Seen(**{name: image.value(stream) for name, stream in streams})
        if image.now.sure:
            return self._sun.light_w_m2(seen, self._local.at(image.now.wall_ms), self._kept())
        per_w = self._sun.part.lux_per_w_m2
        if seen.radiation is not None:
            return seen.radiation, False
        return (None if seen.illuminance is None or per_w is None else seen.illuminance / per_w), False

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
