"""The water of every zone's soil, hour by hour: by weather, crop, metered litres and rain, put right by probes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from tonnam_edge.agronomy import balance, observer
from tonnam_edge.agronomy.crop import USUAL_CLIMATE, Climate
from tonnam_edge.agronomy.marks import Mark
from tonnam_edge.agronomy.observer import Outcome, Reading, Watched
from tonnam_edge.agronomy.radiation import Radiation
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Text
from tonnam_edge.core.programs import climate, clock, day_bounds, gauge, stand_ins
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.clock import HOUR_MS
from tonnam_edge.core.programs.fields import Fields, Growing
from tonnam_edge.core.programs.kept import DAY_H, WEEK_H, Kept, ZoneKept, add
from tonnam_edge.core.programs.schedule import moment_ms
from tonnam_edge.core.programs.weather import LIT_W_M2, Seen, Sun, Watch
from tonnam_edge.site.growing import Ground
from tonnam_edge.site.site import Site, Zone

ONE_PIECE_H = 1.5  # longer than that nobody has looked: the hours are reckoned one by one
MOST_PIECES = 14 * 24
FIRST_LOOK_MS = 60_000  # a balance begins by the probe, if it says something by then
DAYS_TO_BE_USUAL = 3
AFTER_WATER_KEPT = 60
WETTING_RAIN_MM = 1.0  # of an hour: less does not reach roots
KNOWING = frozenset({"probe", "balance"})


class Told(NamedTuple):
    """Something that people should know of a zone."""

    kind: str
    zone: str
    text: Text


class Grounds:
    """Keeps the balances. `see` every image, tell of water with `watered`; returns what people should know."""

    def __init__(self, site: Site, kept: Kept, fields: Fields, now: Now) -> None:
        self._site, self._kept, self._fields = site, kept, fields
        self._sun, self._watch = Sun(site), Watch(site)
        self._known_h: dict[str, float] = {}
        self._since_mono_ms = now.mono_ms
        self._left_ms = kept.wall_ms  # until when somebody looked
        self._rain_told = False
        self._to_tell: list[Told] = []
        self._watch.recall(kept.rain_total_mm)

    def take_over(self, kept: Kept) -> None:
        """Go on with what is remembered, now that it can be read."""
        self._kept, self._left_ms = kept, kept.wall_ms
        self._watch.recall(kept.rain_total_mm)

    def see(self, image: Image) -> list[Told]:
        """Take in an image; when an hour is over, reckon it."""
        kept, now = self._kept, image.now
        if not kept.et0:
            self._begin(now)
        self._watch.see(image)
        elapsed = clock.elapsed_ms(kept, now)
        self._begin_zones(image)
        told = self._rain_while_off(now)
        for name, zone in self._site.zones.items():
            if image.value(zone.moisture) is not None:
                self._known_h[name] = kept.hours + elapsed / HOUR_MS
        anew = kept.boot != now.boot or kept.sure != now.sure  # how time is counted changes here
        if not anew and not clock.due(kept, now, elapsed):
            return told
        self._reckon(image, elapsed)
        told, self._to_tell = told + self._to_tell, []
        return told + [each for name in self._site.zones for each in self._probe(name, image)]

    def _rain_while_off(self, now: Now) -> list[Told]:
        """What is known of the rain that fell while nobody looked; said once, when gauge and clock have spoken."""
        known = self._watch.unseen_mm is not None or self._watch.begun_anew
        if self._rain_told or not known or not now.sure or self._sun.under_cover or self._left_ms is None:
            return []
        self._rain_told = True
        off_h = (now.wall_ms - (now.mono_ms - self._since_mono_ms) - self._left_ms) / HOUR_MS
        if off_h < ONE_PIECE_H:
            return []
        return [Told("rain.unseen", "", words.rain_unseen(off_h, self._watch.unseen_mm))]

    def watered(self, zone: str, litres: float, now: Now) -> None:
        """So much water was given to a zone by now."""
        kept = self._kept
        of_zone, hours = kept.zone(zone), kept.hours + clock.elapsed_ms(kept, now) / HOUR_MS
        of_zone.give(hours, litres)
        if litres <= 0:
            return
        of_zone.wetted(hours)
        growing = self._fields.of(zone, kept)
        if growing is not None:
            ground = growing.ground
            done = balance.advance(
                growing.water, ground.soil, ground.crop, day=growing.day, days=0, et0_mm=0, irrigation_l=litres
            )
            of_zone.water = _as_json(done.state)
            of_zone.surplus_mm = round(of_zone.surplus_mm + done.drained_mm, 4)

    @property
    def rain_now_mm(self) -> float:
        """Rain of the hour that is not over yet, as far as a gauge says that is believed."""
        unknown = self._sun.under_cover or self._kept.gauge_doubted
        return 0.0 if unknown else self._watch.grown.get("rain", 0.0)

    def expected_pct(self) -> dict[str, float]:
        """The moisture that the balances expect, by the zones' datastreams."""
        found = {}
        for name, zone in self._site.zones.items():
            growing = self._fields.of(name, self._kept)
            if growing is not None and zone.moisture is not None:
                found[zone.moisture] = growing.moisture_pct
        return found

    def next_due_ms(self, now: Now) -> int:
        """When the hour is over, UTC."""
        return clock.next_due_ms(self._kept, now)

    # ------------------------------------------------------------------------------------------------ an hour

    def _begin(self, now: Now) -> None:
        """Nothing is remembered: the day before is taken as this place's usual one."""
        kept = self._kept
        clock.begin(kept, now)
        middle_ms = now.wall_ms - now.wall_ms % HOUR_MS - DAY_H * HOUR_MS + HOUR_MS // 2
        for ago in range(DAY_H, 0, -1):
            mm = self._sun.usual_mm(self._fields.local.at(middle_ms + (DAY_H - ago) * HOUR_MS))
            kept.et0.append((-ago, round(mm, 4)))

    def _begin_zones(self, image: Image) -> None:
        kept = self._kept
        looked = image.now.mono_ms - self._since_mono_ms >= FIRST_LOOK_MS
        for name, zone in self._site.zones.items():
            of_zone, ground = kept.zone(name), self._fields.grounds.get(name)
            if not of_zone.etc:
                kc = 1.0 if ground is None else ground.crop.kc(self._fields.day(ground, kept))
                of_zone.etc = [(hour, round(kc * mm, 4)) for hour, mm in kept.et0 if kept.hours - hour <= DAY_H]
            if ground is None or self._fields.of(name, kept) is not None:
                continue
            moisture_pct = image.value(zone.moisture)
            if moisture_pct is None and not looked:
                continue
            moisture = None if moisture_pct is None else moisture_pct / 100
            day = self._fields.day(ground, kept)
            of_zone.water = _as_json(balance.start(ground.soil, ground.crop, day, moisture))
            of_zone.planted = ground.planted.isoformat()
            of_zone.probe = {**of_zone.probe, "kc_trim": 1.0, "streak": 0}

    def _reckon(self, image: Image, elapsed: int) -> None:
        """Let the time since the last reckoning pass; what the machine was off for is put where it was."""
        kept, now = self._kept, image.now
        off = clock.off_ms(kept, now, elapsed)
        dated = now.sure and kept.wall_ms is not None
        seen = self._watch.close(elapsed - off)
        unknown = self._watch.rain_gap or seen.rain is None
        before = Seen(rain=None if unknown else 0.0)  # what the gauge's total grew by is all of the last piece
        self._watch.rain_gap = self._watch.rain_gap and not now.sure
        if off > 0:
            with clock.while_off(kept, off, elapsed) as until_ms:
                self._pass(off, before, before, until_ms)
        self._pass(elapsed - off, seen, before, now.wall_ms if dated else None)
        clock.turn(kept, now, elapsed)
        kept.rain_total_mm = self._watch.totals.get("rain", kept.rain_total_mm)
        for name in self._site.zones:
            self._note_usual(name)

    def _pass(self, passed_ms: int, seen: Seen, before: Seen, until_ms: int | None) -> None:
        """Let time pass in pieces of about an hour, until then (UTC) if that is known."""
        kept, hours = self._kept, passed_ms / HOUR_MS
        pieces = 1 if hours <= ONE_PIECE_H else min(math.ceil(hours), MOST_PIECES)
        kept.hours += max(hours - MOST_PIECES, 0.0) if pieces == MOST_PIECES else 0.0
        span = min(hours, float(MOST_PIECES)) / pieces
        for piece in range(pieces):
            middle_ms = None if until_ms is None else until_ms - round((pieces - piece - 0.5) * span * HOUR_MS)
            of_piece = seen if pieces == 1 else Seen(rain=seen.rain) if piece == pieces - 1 else before
            self._hour(of_piece, span, middle_ms)

    def _hour(self, seen: Seen, hours: float, middle_ms: int | None) -> None:
        kept, light = self._kept, None
        if middle_ms is None:  # the sun's place is not known
            mm = self._sun.et0_undated_mm(seen, hours, kept)
        else:
            middle = self._fields.local.at(middle_ms)
            found, light = self._sun.et0(seen, middle, hours, kept)
            if kept.day not in {"", middle.date().isoformat()}:
                self._tell_stand_ins(stand_ins.end_of_day(kept))
            silent = self._site.weather_stream("rain") is not None and seen.rain is None
            stand_ins.note(kept, found.marks | {Mark.RAIN_UNKNOWN} if silent else found.marks, hours)
            mm = day_bounds.within(kept, found.mm * hours, middle.date(), under_cover=self._sun.under_cover)
            climate.follow(kept, seen.humidity, seen.wind_speed, hours, middle.date())
            if hours >= 0.5:
                self._sun.learn(seen, found, light, middle, kept)
        if (self._sun.pyranometer_w_m2(seen) or 0.0) >= LIT_W_M2:
            kept.lit_h = kept.hours
        kept.hours = round(kept.hours + hours, 6)
        climate.note_warmth(kept, seen.air_temperature)
        add(kept.et0, kept.hours - hours / 2, mm)
        rain_mm = self._believed_rain_mm(seen, light)
        add(kept.rain, kept.hours, rain_mm)
        for zone in self._site.zones.values():
            self._grow(zone, mm, hours, rain_mm)

    def _believed_rain_mm(self, seen: Seen, light: Radiation | None) -> float:
        """What is believed of the rain that the gauge has counted in an hour."""
        rain_mm = gauge.count(self._kept, seen, light)
        if gauge.lies(self._kept):
            self._to_tell.append(self._doubt_gauge())
            return 0.0
        if gauge.recovers(self._kept):
            self._to_tell.append(Told("rain.doubted", "", words.gauge_recovers()))
        return rain_mm

    def _doubt_gauge(self) -> Told:
        """Take back what the gauge has filled of late, and do without it until it is quiet for a day."""
        gauge.doubt(kept := self._kept)
        for name in self._site.zones:
            of_zone, growing = kept.zone(name), self._fields.of(name, kept)
            if growing is not None and of_zone.rained:
                depletion_mm = growing.water.depletion_mm + of_zone.rained_mm(kept.hours, gauge.TAKEN_BACK_H)
                depletion_mm = min(depletion_mm, growing.reserves.taw_mm)
                of_zone.water, of_zone.rained = _as_json(replace(growing.water, depletion_mm=depletion_mm)), []
        return Told("rain.doubted", "", words.gauge_doubted())

    def _tell_stand_ins(self, text: Text | None) -> None:
        if text is not None:
            self._to_tell.append(Told("weather.stand_ins", "", text))

    def _grow(self, zone: Zone, et0_mm: float, hours: float, rain_mm: float) -> None:
        kept = self._kept
        of_zone, growing = kept.zone(zone.id), self._fields.of(zone.id, kept)
        if growing is None:
            add(of_zone.etc, kept.hours - hours / 2, et0_mm)
            return
        ground, trim = growing.ground, growing.probe.kc_trim
        step = balance.advance(
            growing.water,
            ground.soil,
            ground.crop,
            day=growing.day,
            days=hours / DAY_H,
            et0_mm=et0_mm,
            kc_trim=trim,
            rain_mm=rain_mm,
            climate=self._climate(),
        )
        of_zone.water = _as_json(step.state)
        of_zone.used_mm = round(of_zone.used_mm + _drunk_mm(step, ground, growing.day), 4)
        if step.effective_rain_mm >= WETTING_RAIN_MM:
            of_zone.wetted(kept.hours)
        of_zone.surplus_mm = round(of_zone.surplus_mm + step.drained_mm, 4)
        add(of_zone.rained, kept.hours, max(step.effective_rain_mm - step.drained_mm, 0.0), gauge.TAKEN_BACK_H)
        add(of_zone.etc, kept.hours - hours / 2, step.etc_mm / trim)

    def _climate(self) -> Climate:
        """Wind and dry air of late, as far as the date is known."""
        wall_ms = self._kept.wall_ms
        if wall_ms is None:
            return USUAL_CLIMATE
        today = self._fields.local.at(wall_ms).date()
        return climate.of_days(self._kept, self._sun.part, today, under_cover=self._sun.under_cover)

    def _note_usual(self, name: str) -> None:
        """What seven days took on the whole, for days on which nothing will be known."""
        kept, of_zone = self._kept, self._kept.zone(name)
        of_zone.known_h = round(max(of_zone.known_h, min(self._known_h.get(name, 0.0), kept.hours)), 3)
        days = min(kept.hours, float(WEEK_H)) / DAY_H
        if of_zone.rung in KNOWING and days >= DAYS_TO_BE_USUAL and not of_zone.had_little(kept.hours):
            litres = of_zone.given_l(kept.hours, WEEK_H) / days
            of_zone.usual_l_day = round(litres, 1) if litres > 0 else of_zone.usual_l_day

    # ------------------------------------------------------------------------------------------------ probes

    def _probe(self, name: str, image: Image) -> list[Told]:
        """Let the probes correct the balance before dawn, and learn field capacity from them."""
        kept, zone = self._kept, self._site.zones[name]
        of_zone, growing = kept.zone(name), self._fields.of(name, kept)
        moisture_pct = image.value(zone.moisture)
        if growing is None or moisture_pct is None:
            return []
        probe = self._field_capacity(of_zone, growing, moisture_pct / 100)
        if not image.now.sure:
            of_zone.probe = _as_json(probe)
            return []
        today = self._fields.local.at(image.now.wall_ms).date()
        sunrise_ms = moment_ms("sunrise", today, self._fields.local)
        before_h = None if sunrise_ms is None else (sunrise_ms - image.now.wall_ms) / HOUR_MS
        since_h, heard_h = self._since_water_h(of_zone, growing, moisture_pct / 100), kept.age_h(of_zone.heard_h)
        reading = Reading(moisture_pct / 100, today.toordinal(), before_h, since_h, heard_h)
        ground = growing.ground
        found = observer.correct(
            probe, growing.water, ground.soil, ground.crop, crop_day=growing.day, reading=reading
        )
        of_zone.probe, of_zone.water = _as_json(found.state), _as_json(found.water)
        of_zone.heard_h = of_zone.heard_h if found.state.last_day == probe.last_day else round(kept.hours, 3)
        newly = found.outcome is Outcome.REJECTED and found.state.alert and not probe.alert
        rained = ground.soil.rained_on and kept.rain_mm(DAY_H) > 0
        text = words.probe_contradicts(zone.part.name, moisture_pct, growing.moisture_pct, rained=rained)
        gauges = [self._doubt_gauge()] if newly and rained and found.innovation_mm > 0 else []
        return [Told("probe.contradicts", name, text), *gauges] if newly else []

    def _since_water_h(self, of_zone: ZoneKept, growing: Growing, moisture: float) -> float:
        """Hours since the water that a reading must wait for. A probe that says drier than reckoned need not wait for
        rain: it may be that none fell, and of a gauge that bounces nobody would ever hear."""
        ground = growing.ground
        field_capacity = growing.probe.field_capacity
        measured = ground.soil.depletion_of_mm(moisture, ground.crop, growing.day, field_capacity)
        if measured <= growing.water.depletion_mm:
            return self._kept.age_h(of_zone.watered_h)
        return self._kept.age_h(of_zone.given[-1][0] if of_zone.given else None)

    def _field_capacity(self, of_zone: ZoneKept, growing: Growing, moisture: float) -> observer.State:
        since_h = self._kept.age_h(of_zone.watered_h)
        if since_h > observer.PLATEAU_HOURS[1]:
            return growing.probe
        row = (round(since_h, 2), moisture, of_zone.used_mm)
        of_zone.after_water = [*of_zone.after_water, row][-AFTER_WATER_KEPT:]
        reached = observer.plateau([Watched(*each) for each in of_zone.after_water], growing.root_zone_mm)
        if reached is None:
            return growing.probe
        of_zone.after_water = []
        filled = of_zone.surplus_mm >= observer.FILLED_OVER_RAW * growing.reserves.raw_mm
        return observer.learn_field_capacity(growing.probe, growing.ground.soil, reached, filled=filled)


def _drunk_mm(step: balance.Step, ground: Ground, day: float) -> float:
    """What roots took of a step's ET, mm. The rest evaporated from the top of the soil, above where probes are."""
    if ground.soil.surface is not None:
        return step.et_mm - step.evaporation_mm
    return step.et_mm * min(ground.crop.kcb(day) / ground.crop.kc(day), 1.0)


def _as_json(state: balance.State | observer.State) -> dict[str, Any]:
    kept: Mapping[str, Any] = asdict(state)
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in kept.items()}
