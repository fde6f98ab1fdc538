"""How many litres one fault may let into a zone after the deadline of its valve."""

from __future__ import annotations

from tests.season.drive import Episode
from tonnam_edge.limits import FILL_S, PROVE_S, PULSES_TO_WAIT, REPEAT_OFF_S
from tonnam_sim.world.config import ZoneConfig

TRANSACTION_S = 2.0
# How much more than planned a zone's emitters may let through, and what a look of the meter takes.
MORE_THAN_PLANNED, POLL_S = 1.3, 2.0


def may_spill_l(episode: Episode, zone: str) -> float:
    """The flow for as long as it takes to prove a close that failed, and one line that fills or drains. Without a
    meter nobody sees a valve that stays open while others behind the same supply are watered: then all of their runs.
    """
    config = next(each for each in episode.layout.config.zones if each.id == zone)
    seconds = _proof_s(episode, config)
    if not episode.layout.metered:
        ended = [event.body for _, event in episode.record.of("run.ended")]
        seconds += sum(body["duration_s"] for body in ended if body["zone"] != zone)
    return MORE_THAN_PLANNED * config.flow_l_min / 60 * seconds + config.line_l


def _proof_s(episode: Episode, zone: ZoneConfig) -> float:
    """Until its coil is known not to have closed, or the meter counts what another zone does not take."""
    told_s = REPEAT_OFF_S + zone.valve.travel_s + PROVE_S + TRANSACTION_S
    pulse_s = episode.layout.config.pulse_l / zone.flow_l_min * 60
    return max(told_s, FILL_S + PULSES_TO_WAIT * 2 * pulse_s + POLL_S + zone.valve.travel_s)
