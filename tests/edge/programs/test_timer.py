"""Timers: every so many days, done by a time, by the season, and each slot at most once whatever the clock does."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.farms import HOUR_MS, MIDNIGHT_MS, MINUTE_MS, SITE, Play, site_of
from tonnam_edge.core.programs.schedule import LocalTime, Slots
from tonnam_edge.site.check import BadSiteFile
from tonnam_edge.site.profile import Words
from tonnam_edge.site.program_file import TimerPart
from tonnam_edge.site.site_file import PlacePart

PLACE = PlacePart(id="plot", name=Words(th="ก", en="A"), latitude=14.4, longitude=101.8)
LOCAL = LocalTime(PLACE)
DAY_MS = 24 * HOUR_MS


def slots(**keys: object) -> Slots:
    part = TimerPart.model_validate({"id": "t", "kind": "timer", "zone": "z", "run_min": 30.0, **keys})
    return Slots(part, LOCAL)


def dates(found: Slots, number: int, from_ms: int = MIDNIGHT_MS) -> list[str]:
    told, at = [], from_ms
    for _ in range(number):
        following = found.following(at)
        assert following is not None
        told.append(LOCAL.at(following).strftime("%Y-%m-%d %H:%M"))
        at = following
    return told


def test_every_third_day_from_a_day_on() -> None:
    found = slots(at="06:00", every_days=3, first="2026-11-22")
    assert dates(found, 3) == ["2026-11-22 06:00", "2026-11-25 06:00", "2026-11-28 06:00"]


def test_what_must_be_done_by_a_time_begins_so_long_before() -> None:
    assert dates(slots(finish="06:30"), 2) == ["2026-11-21 06:00", "2026-11-22 06:00"]
    assert dates(slots(finish="00:10"), 1) == ["2026-11-21 23:40"]


def test_what_must_be_done_soon_after_midnight_is_found_the_evening_before() -> None:
    found = slots(finish="00:10")
    evening = MIDNIGHT_MS + DAY_MS - 15 * MINUTE_MS
    assert found.latest(evening) == MIDNIGHT_MS + DAY_MS - 20 * MINUTE_MS


def test_the_season_changes_the_length_and_the_begin_of_what_must_be_done() -> None:
    season = [100.0] * 10 + [50.0, 0.0]
    found = slots(finish="06:30", season_pct=season)
    slot = found.following(MIDNIGHT_MS)
    assert slot is not None
    assert (LOCAL.clock(slot), found.seconds(slot)) == ("06:15", 900)
    december = LOCAL.ms(date(2026, 12, 1), "00:00")
    assert dates(found, 1, december) == ["2027-01-01 06:00"]


def test_what_is_done_just_after_a_month_begins_is_as_long_as_that_month_says() -> None:
    found = slots(finish="00:10", season_pct=[100.0] * 10 + [0.0, 50.0])
    slot = found.following(LOCAL.ms(date(2026, 11, 30), "00:00"))
    assert slot == LOCAL.ms(date(2026, 11, 30), "23:55")
    assert found.seconds(slot) == 900


def test_sunrise_with_an_offset_moves_with_the_sun() -> None:
    found = slots(finish="sunrise-10m")
    assert dates(found, 1)[0].startswith("2026-11-21 05:")


def test_only_on_the_days_of_the_week_that_are_named() -> None:
    found = slots(at="06:00", days=["mon", "thu"])  # 2026-11-21 is a Saturday
    assert dates(found, 3) == ["2026-11-23 06:00", "2026-11-26 06:00", "2026-11-30 06:00"]
    assert found.latest(LOCAL.ms(date(2026, 11, 25), "07:00")) is None


def test_sunset_is_in_the_evening_and_earlier_in_december_than_in_june() -> None:
    evening = slots(at="sunset-20m")
    june, december = (dates(evening, 1, LOCAL.ms(date(2026, month, 21), "00:00"))[0][11:] for month in (6, 12))
    assert "17:20" < december < "17:40" < "18:20" < june < "18:40"


def test_a_timer_has_a_begin_or_an_end(tmp_path: Path) -> None:
    both = '[[program]]\nid = "t"\nkind = "timer"\nzone = "zone-1"\nat = "06:00"\nfinish = "07:00"\nrun_min = 5\n'
    for text in (both, both.replace('at = "06:00"\nfinish = "07:00"\n', "")):
        with pytest.raises(BadSiteFile, match='either "at", when it begins, or "finish"'):
            site_of(tmp_path, SITE + text)


def test_a_day_that_is_not_in_the_calendar_is_refused(tmp_path: Path) -> None:
    text = '[[program]]\nid = "t"\nkind = "timer"\nzone = "zone-1"\nat = "06:00"\nfirst = "2026-02-31"\nrun_min = 5\n'
    with pytest.raises(BadSiteFile, match="day"):
        site_of(tmp_path, SITE + text)


TIMER = """
[[program]]
id = "t"
kind = "timer"
zone = "zone-1"
finish = "06:30"
run_min = 5
every_days = 2
first = "2026-11-21"
"""


# Hours by which a clock is wrong: some days, or years; often by whole days, at the hour of the slot again.
SKEW_H = st.one_of(
    st.integers(-30, 30),
    st.sampled_from([-72, 48, 49, 72, -24 * 365, 24 * 365]),
    st.integers(-40 * 365 * 24, 10 * 365 * 24),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(SKEW_H, st.integers(60, 5 * 3600), st.booleans()), min_size=1, max_size=6))
def test_each_slot_waters_at_most_once_whatever_the_clock_does(
    tmp_path: Path, turns: list[tuple[int, int, bool]]
) -> None:
    play = Play(site_of(tmp_path, SITE + TIMER), start_ms=MIDNIGHT_MS + 5 * HOUR_MS)
    for skew_h, seconds, restarts in turns:
        play.skew_ms = skew_h * HOUR_MS
        if restarts:
            play.restart()
            play.skew_ms = skew_h * HOUR_MS
        play.leap(seconds, at_most_s=600)
    begun = [event.body["reason"]["en"] for event in play.events if event.kind == "run.started"]
    days = [event.at_ms for event in play.events if event.kind == "run.started"]
    assert len(begun) == len({LOCAL.at(at).date() for at in days})


@pytest.mark.parametrize(
    ("ahead_h", "restarts"), [(49, False), (72, False), (24 * 365, False), (24 * 365, True), (-24 * 365 * 20, True)]
)
def test_a_clock_that_was_far_off_for_a_minute_waters_no_slot_again_and_silences_none(
    tmp_path: Path, ahead_h: int, *, restarts: bool
) -> None:
    play = Play(site_of(tmp_path, SITE + DAILY), start_ms=MIDNIGHT_MS + 6 * HOUR_MS)
    play.leap(36 * 60)
    for skew_ms in (ahead_h * HOUR_MS, -15 * MINUTE_MS):
        if restarts:
            play.restart()
        play.skew_ms = skew_ms
        play.leap(60, at_most_s=10)
    play.leap(2.1 * 86_400, at_most_s=900)
    assert [day for day in begun_days(play) if 0 <= day < 3] == [0, 1, 2]


def test_a_slot_that_was_left_out_is_told_once(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + TIMER), start_ms=MIDNIGHT_MS)
    play.run(5)
    play.pass_time(8 * 3600)
    play.run(60)
    told = [event.body for event in play.events if event.kind == "program.skipped"]
    assert [body["text"]["en"] for body in told] == [
        "The 06:25 watering was left out: it could not begin within 30 minutes"
    ]


def test_every_second_day_by_the_farms_own_clock(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + TIMER), start_ms=MIDNIGHT_MS)
    play.leap(5 * 86_400, at_most_s=1800)
    begun = [LOCAL.at(event.at_ms) for event in play.events if event.kind == "run.started"]
    assert [moment.date() for moment in begun] == [date(2026, 11, 21) + timedelta(days=n) for n in (0, 2, 4)]
    assert {moment.strftime("%H:%M") for moment in begun} == {"06:25"}


DAILY = TIMER.replace('every_days = 2\nfirst = "2026-11-21"\n', "")


def skipped(play: Play) -> list[str]:
    return [event.body["text"]["en"] for event in play.events if event.kind == "program.skipped"]


def begun_days(play: Play) -> list[float]:
    started = [event.at_ms for event in play.events if event.kind == "run.started"]
    return [(LOCAL.at(at).date() - date(2026, 11, 21)).days for at in started]


def test_slots_that_a_clock_ahead_has_used_up_are_told_and_not_promised(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + DAILY), start_ms=MIDNIGHT_MS)
    play.leap(86_400)
    play.skew_ms = 40 * HOUR_MS
    play.leap(43_200)
    play.skew_ms = 0
    put_right = len(play.events)
    play.leap(4 * 86_400)
    assert begun_days(play) == [0, 3, 4, 5]
    ahead = [text for text in skipped(play) if "the clock had been ahead" in text]
    assert ahead == ["The 06:25 watering was left out: the clock had been ahead, and used it up then"]
    planned = [e for e in play.events[put_right:] if e.kind == "zone.planned" and e.body["zone"] == "zone-1"]
    assert LOCAL.at(planned[0].body["next_at_ms"]).date() == date(2026, 11, 24)


def test_a_clock_that_is_set_back_a_little_leaves_nothing_out(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + DAILY), start_ms=MIDNIGHT_MS + 6 * HOUR_MS)
    play.leap(26 * 60, at_most_s=10)
    play.skew_ms = -5 * MINUTE_MS
    play.leap(2.1 * 86_400)
    assert (begun_days(play), skipped(play)) == ([0, 1, 2], [])


def test_an_edited_program_waters_no_day_twice(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + DAILY), start_ms=MIDNIGHT_MS)
    play.leap(6.52 * 3600)
    play.site = site_of(tmp_path, SITE + DAILY.replace("run_min = 5", "run_min = 3"))
    play.restart()
    play.leap(86_400)
    assert begun_days(play) == [0, 1]
    assert skipped(play) == ["The 06:27 watering was left out: this program has watered today already"]


def test_a_slot_that_was_left_out_may_be_moved_to_later_on_its_day(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + DAILY), start_ms=MIDNIGHT_MS)
    play.run(5)
    play.pass_time(8 * 3600)
    play.run(60)
    play.site = site_of(tmp_path, SITE + DAILY.replace("06:30", "10:30"))
    play.restart()
    play.leap(3 * 3600)
    assert begun_days(play) == [0]
