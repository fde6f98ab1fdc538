"""What grows, followed cycle by cycle: soil, light and weather go on, water is noted, steps down are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonnam_edge.agronomy.observer import REJECTIONS_TO_ALERT
from tonnam_edge.core.decide import Decision, Settings
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.memory import Intent, Memory, Text
from tonnam_edge.core.plant.energy import Energy
from tonnam_edge.core.plant.power import Sun
from tonnam_edge.core.plant.runs import Runs
from tonnam_edge.core.programs import holds, ladder, solar, weather_hold
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.grounds import Grounds
from tonnam_edge.core.programs.lights import Lights
from tonnam_edge.core.programs.thirst import Thirst
from tonnam_edge.core.wishes import Delay, Passing, Wish
from tonnam_edge.site.site import Site


class Growth:
    """Follows what the programs go by. `tell` says events."""

    def __init__(self, site: Site, memory: Memory, settings: Settings, now: Now, tell: Tell) -> None:
        self._site, self._memory, self._settings, self._tell = site, memory, settings, tell
        self.resting = settings.resting
        self._grounds = Grounds(site, memory.kept, settings.fields, now)
        self._energy = Energy(site, settings.prices)
        self._lights = Lights(site, lambda: memory.kept, settings.local)
        self._delays: dict[str, Delay] = {}  # by timer, of its last slot that could not begin
        self.thirst = Thirst(site, memory)

    @property
    def passing(self) -> Passing:
        """What is so just now, and not remembered."""
        return Passing(self._lights.states, self._grounds.rain_now_mm, self._delays)

    @property
    def expected_pct(self) -> Mapping[str, float]:
        """The moisture that the balances expect, by the zones' datastreams."""
        return self._grounds.expected_pct()

    def standing(self) -> dict[str, list[dict[str, Any]]]:
        """What stands of soil and water, for the cloud; nothing of what does not."""
        found = {"doubts": self._doubts(), "thirsty": self.thirst.standing()}
        return {name: told for name, told in found.items() if told}

    def _doubts(self) -> list[dict[str, Any]]:
        """What is not believed any more, until it agrees again: by zone, or with none of the whole site. Its words
        hold no figures, so that what stands is told anew only when it is other."""
        kept = self._memory.kept
        found: list[dict[str, Any]] = [
            {"zone": name, "of": "probe", "text": words.probe_in_doubt(self._site.zones[name].part.name)}
            for name, of_zone in kept.zones.items()
            if name in self._site.zones and int(of_zone.probe.get("rejections", 0)) >= REJECTIONS_TO_ALERT
        ]
        return [*found, *([{"of": "rain_gauge", "text": words.gauge_doubted()}] if kept.gauge_doubted else [])]

    def recall(self) -> None:
        """Go on with what is remembered, now that it could be read."""
        self._grounds.take_over(self._memory.kept)

    def follow(self, image: Image) -> None:
        """Let soil, weather and light go on to now."""
        for told in self._grounds.see(image):
            self._tell(told.kind, image.now, **({"zone": told.zone} if told.zone else {}), text=told.text)
        self._lights.see(image)
        holds.forecast(self._site, self._memory.kept, image)

    def attend(self, runs: Runs, image: Image) -> Mapping[str, Sun]:
        """Follow what the runs take of electricity; returns what the sun means to pumps that have nothing else, by
        program."""
        self._energy.see(runs, image)
        return solar.sun_of(self._settings.site, self._settings.local, self._settings.solar_latest, image)

    def decided(self, decision: Decision, now: Now) -> None:
        """Tell when a program goes by something else than before, and ask to be followed when the hour is over."""
        decision.due(self._grounds.next_due_ms(now))
        for skipped in decision.skipped:
            self._tell("program.skipped", now, zone=skipped.zone, program=skipped.program, text=skipped.text)
        self._memory.kept.waits, self._memory.kept.slots = decision.waits, decision.last_slots
        self._memory.kept.pending = decision.pending
        self._delays.update(decision.delays)
        self.thirst.decided(decision)
        self._follow_weather_holds(decision, now)
        for name, (rung, best) in decision.rungs.items():
            of_zone = self._memory.kept.zone(name)
            told = ladder.told(self._site.zones[name].part.name, of_zone.rung, rung, best)
            of_zone.rung = rung.value
            if told is not None:
                self._tell("program.stepped", now, zone=name, rung=rung.value, text=told)

    def _follow_weather_holds(self, decision: Decision, now: Now) -> None:
        """Tell when weather has held a zone for a day: nobody notices a gauge or a wind cup that lies."""
        held, wanting = decision.weather_holds, decision.weather_waits
        for name, text in weather_hold.follow(self._site, self._memory.kept, held, wanting):
            self._tell("weather.holds", now, zone=name, text=text)

    def refused(self, wish: Wish, reason: Text, *, forbidden: bool) -> None:
        """A wish may not begin now: if it is left out in the end, or its zone waits for long, it is told why."""
        if wish.program is not None:
            self.thirst.refused(wish.zone, reason)
        if wish.program is not None and wish.slot_ms is not None:
            self._delays[wish.program] = Delay(wish.slot_ms, reason, forbidden=forbidden)

    def cost(self, run_id: str) -> dict[str, Any]:
        """What a run that is over has taken of electricity, as a part of its event; nothing where it is not known."""
        return self._energy.ended(run_id)

    def watered(self, intent: Intent, litres: float | None, seconds: float, now: Now) -> None:
        """Water was given to a zone: as metered, else what the zone takes in that time."""
        zone = self._site.zones.get(intent.zone)
        if zone is not None:
            flow_l_min = self._memory.flows_l_min.get(zone.id, zone.part.flow_l_min)
            given_l = seconds / 60 * flow_l_min if litres is None else litres
            self._grounds.watered(zone.id, given_l, now)
            self._lights.watered(intent.program, given_l, now)

    def poured(self, zone: str, litres: float, now: Now) -> None:
        """Somebody watered a zone at the cabinet."""
        self._grounds.watered(zone, litres, now)
