"""Moisture bands: from below the band to the top of it, in pulses with rests."""

from __future__ import annotations

from tonnam_edge.core import texts
from tonnam_edge.core.programs import balance, ladder
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.asked import Asked, in_window, opens_at
from tonnam_edge.core.programs.rungs import Rung
from tonnam_edge.core.wishes import Need, Wish
from tonnam_edge.site.program_file import MoisturePart
from tonnam_edge.site.site import Zone


def decide(program: MoisturePart, asked: Asked) -> None:
    """By the probes where they are believed, else as the ladder says."""
    zone = asked.fields.site.zones[program.zone]
    growing = asked.growing(zone)
    site = asked.fields.site
    rain_is_known = site.file.site.under_cover or site.weather_stream("rain") is not None
    rung = ladder.of_moisture(zone, asked.image, asked.kept, growing, rain_is_known=rain_is_known)
    pulse_s = program.pulse_min * 60
    asked.decision.rungs[zone.id] = rung, Rung.PROBE
    if rung is Rung.PROBE:
        _by_probe(program, zone, asked)
    elif rung is Rung.BALANCE and growing is not None:
        least_l = _least_l(program, zone, asked)
        most_l = ladder.allowed_by_probe_l(zone, asked.kept, least_l)
        most_l = most_l if most_l >= least_l else 0.0
        balance.refill(zone, program.id, program.between, pulse_s, growing, asked, most_l=most_l)
    else:
        balance.below(zone, program.id, program.between, pulse_s, rung, asked)


def _by_probe(program: MoisturePart, zone: Zone, asked: Asked) -> None:
    moisture, band = asked.image.value(zone.moisture), zone.band
    filling = program.id in asked.memory.filling
    if moisture is not None:
        filling = moisture < band.high_pct if filling else moisture < band.low_pct
    if filling:
        asked.decision.filling.append(program.id)
    asked.need(zone, Need.KNOWN if _is_dry(zone, moisture, asked) else Need.NONE)
    if moisture is None:
        asked.say(zone, words.looking_for_probe())
    elif not filling:
        asked.say(zone, texts.when_dry(band.low_pct))
    elif not asked.waits(program.id, program.between):
        _pulse(program, zone, moisture, asked)
    else:
        _say_why_not(program, zone, asked)


def _is_dry(zone: Zone, moisture: float | None, asked: Asked) -> bool:
    """Whether a zone needs water: from below its band on until the middle of it, so that no probe that wavers ends
    that."""
    thirsts, band = asked.thirsts(zone), zone.band
    if moisture is None:
        return thirsts
    return moisture < ((band.low_pct + band.high_pct) / 2 if thirsts else band.low_pct)


def _pulse(program: MoisturePart, zone: Zone, moisture: float, asked: Asked) -> None:
    """A pulse, if a probe alone may still ask for one: one that hangs in the air is always dry."""
    seconds, flow_l_min = program.pulse_min * 60, asked.flow_l_min(zone)
    least_l = _least_l(program, zone, asked)
    allowed_l = ladder.allowed_by_probe_l(zone, asked.kept, least_l)
    if allowed_l < least_l:
        allowed_mm = ladder.MOST_BY_PROBE * asked.of(zone).etc_mm(asked.kept.hours, 24)
        asked.say(zone, words.probe_asks_too_much(allowed_mm))
        asked.need(zone, Need.NONE)
        return
    asked.say(zone, texts.when_dry(zone.band.low_pct))
    reason = texts.by_moisture(moisture, zone.band.low_pct, zone.band.high_pct)
    wish = Wish(zone.id, "moisture", min(seconds, allowed_l / flow_l_min * 60), reason, program.id)
    asked.decision.wishes.append(wish._replace(litres=allowed_l) if allowed_l < seconds * flow_l_min / 60 else wish)


def _least_l(program: MoisturePart, zone: Zone, asked: Asked) -> float:
    """What is worth a pulse where a probe has had what it may ask for: half of one, or a quarter of a day's water."""
    half_l = program.pulse_min * asked.flow_l_min(zone) / 2
    return max(asked.least_l(zone), min(half_l, ladder.most_by_probe_l(zone, asked.kept) / 4))


def _say_why_not(program: MoisturePart, zone: Zone, asked: Asked) -> None:
    now = asked.image.now
    if not in_window(program.between, now.wall_ms, asked.local):
        opening = opens_at(program.between, now.wall_ms, asked.local)
        asked.say(zone, texts.window_closed(asked.local.clock(opening)), opening)
    else:
        asked.say(zone, texts.resting(), now.wall_ms + asked.resting_until[program.id] - now.mono_ms)
