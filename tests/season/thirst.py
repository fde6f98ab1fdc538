"""What a crop may lose in an episode: nothing to speak of while there was water and nothing that takes it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.season.drive import Episode

# What may rightly keep water from a zone: what is broken, unheard, without power, locked or stopped, and meters that
# lie, by which zones are latched. Not among them: kills, clocks, and probes that say anything at all.
TAKE_WATER = frozenset(
    {"stuck_coil", "welded_contact", "jammed_valve", "cabinet_switch", "foreign_write", "emergency_stop"}
    | {"burnt_contact", "board_reboot", "board_down", "board_clock", "brownout", "power_loss"}
    | {"bus_loss", "lossy_bus", "dead_unit", "refusing_unit", "disk_fails"}
    | {"line_burst", "clogged_emitters", "main_leak", "clogged_filter", "pump_dead", "pump_worn", "siphon"}
    | {"well_dry", "check_valve_failed", "tank_leak", "leaking_valve", "blocked_zone"}
    | {"sensor_offset", "sensor_gain", "sensor_frozen", "sensor_drift", "meter_blind", "meter_phantom", "meter_reset"}
    | {"stop", "lock"}
)
# 1 - Ks summed over the days, mean of the driest quarter of a zone. A crop of the world that is thirstier than its
# plan loses up to 0.25 before the soil tells of that; without water bags lose 0.4 and more.
MOST_STRESS_D = 0.3
# Whole seasons are held to bounds of their own, see test_seasons.
LONGEST_D = 14.0


def crops_are_not_thirsty(episode: Episode) -> Iterator[str]:
    """Where there was water, and no fault that takes it, no zone's driest quarter loses more than a declared Ks.

    Of zones that have a program which looks: a timer gives what it was set to, however thirsty the world's crop is.
    """
    if episode.case.kinds & TAKE_WATER or episode.case.days > LONGEST_D:
        return
    looked_at = {program.zone for program in episode.site.programs if program.kind != "timer"}
    for zone in episode.world.truth.zones.values():
        if zone.id in looked_at and zone.driest_quarter_stress_d > MOST_STRESS_D:
            yield f"{zone.id} was thirsty for {zone.driest_quarter_stress_d:.2f} days of {MOST_STRESS_D:.2f}"
