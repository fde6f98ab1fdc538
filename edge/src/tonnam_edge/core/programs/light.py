"""The light sum's program for substrate: so many millilitres a plant for so much light."""

from __future__ import annotations

from tonnam_edge.agronomy import light_sum
from tonnam_edge.agronomy.light_sum import Cause, LightSum, State
from tonnam_edge.core import texts
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.asked import Asked, in_window, opens_at
from tonnam_edge.core.wishes import Need, Wish
from tonnam_edge.site.program_file import LightPart

# With more of a dose's light than this not measured its reason says so.
GUESSED = 0.5


def settings_of(part: LightPart) -> LightSum:
    """The program's figures as the agronomy takes them."""
    return LightSum(
        dose_ml_plant=part.dose_ml_plant,
        dose_j_cm2=part.dose_j_cm2,
        least_interval_s=part.least_interval_min * 60,
        most_interval_s=part.most_interval_min * 60,
        drain_share=None if part.drain_pct is None else part.drain_pct / 100,
        drain_ec_ms_cm=part.drain_ec_max,
    )


def decide(program: LightPart, asked: Asked) -> None:
    """A dose when the light or the longest interval says so. Counted by elapsed time: no clock is needed."""
    zone, now = asked.fields.site.zones[program.zone], asked.image.now
    settings, state = settings_of(program), asked.passing.lights.get(program.id, State())
    dose = light_sum.due(state, settings)
    asked.need(zone, Need.NONE if dose is None and not asked.thirsts(zone) else Need.USUAL)
    if dose is None:
        asked.say(zone, words.enough_light_later(state.j_cm2, settings.dose_j_cm2))
        asked.decision.due(now.wall_ms + max(round(1000 * light_sum.seconds_to_due(state, settings)), 1000))
        return
    solar = asked.fields.site.file.holds.solar
    if solar is not None and solar.direct and not asked.sun_runs_the_pump:
        asked.pause(zone.id)
    if not in_window(program.between, now.wall_ms, asked.local):
        asked.pause(zone.id)
        opening = opens_at(program.between, now.wall_ms, asked.local)
        asked.say(zone, texts.window_closed(asked.local.clock(opening)), opening)
        asked.decision.due(opening)
        return
    by_light = dose.cause is Cause.LIGHT
    if not by_light:
        reason = words.by_interval(dose.ml_plant, settings.most_interval_s / 60)
    elif state.guessed_j_cm2 > GUESSED * settings.dose_j_cm2:
        reason = words.by_usual_light(dose.ml_plant)
    else:
        reason = words.by_light(dose.ml_plant, settings.dose_j_cm2)
    asked.say(zone, reason)
    wish = Wish(zone.id, "light", 0.0, reason, program.id)
    asked.decision.wishes.append(asked.wish_litres(zone, wish, program.plants * dose.ml_plant / 1000, None))
