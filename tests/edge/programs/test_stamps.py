"""What was noted while the time was not known stays as old as it is when the time is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, SITE, Play, site_of
from tests.edge.programs.crops import memory
from tests.edge.programs.test_holds import farm, field
from tests.edge.test_unknown_time import IN_1970_MS
from tonnam_edge.core.image import Now
from tonnam_edge.core.programs import clock, stamps
from tonnam_edge.core.programs import kept as kept_module
from tonnam_edge.core.programs.kept import Kept, PendingKept, SlotKept, ThirstKept, ZoneKept, add

OFF_H = 30
# The figures that are no hours of `Kept.hours`, by the struct that they are in. Another one must be put here, or be
# an `Hour` or a `WholeHour`.
OTHERS = {
    "Kept": (
        "hours wall_ms mono_ms unsure_h et0.1 own.0 own.1 roof.0 roof.1 clearness day_mm rain.1 rain_total_mm "
        "warmth.1 marked_h waits.0 watered_slots.0"
    ),
    "ZoneKept": (
        "given.1 etc.1 usual_l_day after_water.0 after_water.1 after_water.2 used_mm surplus_mm rained.1 drained_l "
        "dosed_l drain_ec_l drain_salt"
    ),
    "ThirstKept": "since_ms paused_h",
    "SlotKept": "slot_ms",
    "PendingKept": "slot_ms forecast_mm",
    "DayAirKept": "rh_min_pct rh_h wind_m wind_h",
}


def figures(kind: Any, name: str) -> Iterator[tuple[str, bool]]:
    """Each figure in a type, by where it is in a tuple, and whether it is a stamp."""
    of, args = get_origin(kind), get_args(kind)
    if of is Annotated or kind in {int, float}:
        yield name, stamps.STAMP in args
    elif of is tuple:
        for number, each in enumerate(args):
            yield from figures(each, f"{name}.{number}")
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        assert kind.__name__ in OTHERS
    else:
        for each in args:
            yield from figures(each, name)


@pytest.mark.parametrize("struct", OTHERS)
def test_each_figure_is_known_as_a_stamp_or_as_none(struct: str) -> None:
    kind = getattr(kept_module, struct)
    hints = get_type_hints(kind, include_extras=True)
    found = [each for name, hint in hints.items() for each in figures(hint, name)]
    assert {name for name, stamp in found if not stamp} == set(OTHERS[struct].split())


def noted(hour: float) -> Kept:
    """All that has a stamp, noted at that hour."""
    thirst = ThirstKept(hour, pause_h=hour, told_h=hour)
    zone = ZoneKept(given=[(hour, 5.0)], etc=[(int(hour), 0.5)], watered_h=hour, thirst=thirst)
    return Kept(
        rain=[(int(hour), 2.0)],
        gauge_h=hour,
        dry_rain_h=[hour],
        zones={"zone-1": zone},
        waits={"band": (7, hour)},
        slots={"morning": SlotKept(7, hour)},
        pending={"morning": PendingKept(7, hour, 1.0, hour)},
        watered_slots={"morning": [(7, hour)]},
    )


def test_all_that_was_noted_since_is_moved_along_and_nothing_before() -> None:
    kept = noted(12.5)
    stamps.put_before(kept, 12.0, 30.0, 50.0)
    assert kept == noted(42.5)
    stamps.put_before(kept, 43.0, 30.0, 80.0)
    assert kept == noted(42.5)
    assert stamps.newest(kept) == 42.5
    stamps.put_before(kept, 42.0, 30.0, 60.0)
    assert stamps.newest(kept) == 60, "the hour that sixty is in has begun"
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Kept) == kept


def test_what_was_noted_before_a_power_cut_is_older_than_what_comes_after_it() -> None:
    kept = Kept()
    clock.begin(kept, Now(HOUR_MS, 1000, "first"))
    kept.zone("zone-1").give(0.9, 100.0)
    begun = Now(0, 60_000, "second", sure=False)
    elapsed = clock.elapsed_ms(kept, begun)
    assert elapsed == 0.9 * HOUR_MS + 60_000
    clock.turn(kept, begun, elapsed)
    assert kept.unsure_h is not None


def test_a_boot_before_the_last_one_is_moved_along_too() -> None:
    kept = Kept()
    clock.begin(kept, Now(HOUR_MS, 1000, "first"))
    for number, boot in enumerate(["second", "third"]):
        for mono_ms in (60_000, HOUR_MS):
            now = Now(mono_ms, mono_ms, boot, sure=False)
            elapsed = clock.elapsed_ms(kept, now)
            kept.hours = round(kept.hours + elapsed / HOUR_MS, 6)
            clock.turn(kept, now, elapsed)
        add(kept.rain, number + 0.5, 1.0)
    told = Now(50 * HOUR_MS, HOUR_MS, "third")
    elapsed = clock.elapsed_ms(kept, told)
    off = clock.off_ms(kept, told, elapsed)
    with clock.while_off(kept, off, elapsed) as until_ms:
        add(kept.rain, kept.hours + 1, 9.0)
    assert (off, round(until_ms / 1000)) == (47 * HOUR_MS, 48 * 3600)
    assert (kept.rain, kept.hours) == ([(1, 9.0), (47, 1.0), (48, 1.0)], 49.0)


def untold(play: Play) -> None:
    """A cut, and a boot in 1970."""
    play.run(60)
    play.reboot(IN_1970_MS, off_s=OFF_H * 3600)


def test_a_quota_does_not_begin_anew_when_the_time_is_told(tmp_path: Path) -> None:
    text = (SITE + BAND).replace("max_day_min = 60", "max_day_min = 600\nquota_l_day = 1200", 1)
    play = Play(site_of(tmp_path, text), start_ms=MIDNIGHT_MS)
    untold(play)
    play.field.moisture[0], before_l = 5.0, play.field.litres
    play.leap(2 * 3600)
    play.learn()
    play.leap(2 * 3600)
    assert play.field.litres - before_l <= 1201
    play.leap(21 * 3600)
    assert play.field.litres - before_l > 1201


def test_rain_holds_for_its_day_though_the_time_is_told_meanwhile(tmp_path: Path) -> None:
    play = farm(tmp_path, "rain_mm = 8\n", program=BAND)
    play.field.moisture[0] = 28.0
    untold(play)
    play.leap(3700)
    field(play).rain_mm += 20.0
    play.leap(3600)
    play.learn()
    play.field.moisture[0] = 20.0
    play.leap(2 * 3600)
    assert play.ended() == []
    kept = memory(play).kept
    assert [mm for hour, mm in kept.rain if kept.hours - hour < 4] == [20.0]
    assert kept.hours == pytest.approx(OFF_H + 4, abs=0.2)
