"""The price of electricity: what counts when, who waits for a cheaper hour, and that no crop pays for it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, SITE, Play, site_of
from tests.edge.programs.crops import BALANCE, days, farm, growing, litres_of, memory, told
from tonnam_edge.agronomy import balance
from tonnam_edge.core.programs.kept import ZoneKept
from tonnam_edge.core.programs.price import Prices
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.site.check import BadSiteFile, load_site

# The hours of Thailand's time-of-use rate (the Energy Policy and Planning Office): dear from 9 to 22 o'clock on
# Mondays to Fridays that are no holidays. The prices are an example.
TOU = """
[electricity]
holidays = ["2026-11-24"]

[[tariff]]
id = "peak"
name = { th = "ออนพีค", en = "On peak" }
baht_kwh = 5.80
hours = ["09:00", "22:00"]
days = ["mon", "tue", "wed", "thu", "fri"]
holidays = false

[[tariff]]
id = "off-peak"
name = { th = "ออฟพีค", en = "Off peak" }
baht_kwh = 2.64
"""
PUMP_KW = "[electricity]\npump_kw = { pump = 1.5 }\n"
LATEST = '\nlatest = "16:00"\n'
DRY = 20.0


def with_power(text: str) -> str:
    return text.replace("[electricity]\n", PUMP_KW)


def prices(folder: Path, tariffs: str = TOU) -> Prices:
    site = site_of(folder, SITE + tariffs)
    return Prices(site, LocalTime(site.file.site))


def at(day: int, clock: str) -> int:
    """A time of November 2026 in Bangkok, UTC milliseconds. The 20th is a Friday."""
    hour, minute = map(int, clock.split(":"))
    return round((datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp() - 7 * 3600) * 1000)


@pytest.mark.parametrize(
    ("day", "clock", "baht"),
    [
        (20, "08:59", 2.64), (20, "09:00", 5.80), (20, "21:59", 5.80), (20, "22:00", 2.64),
        (21, "12:00", 2.64), (22, "12:00", 2.64), (23, "12:00", 5.80), (24, "12:00", 2.64),
    ],
)  # fmt: skip
def test_dear_on_workdays_from_nine_to_ten_at_night_and_never_on_holidays(
    tmp_path: Path, day: int, clock: str, baht: float
) -> None:
    assert prices(tmp_path).at(at(day, clock)) == baht


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(tmp_path: Path) -> None:
    night = TOU.replace('hours = ["09:00", "22:00"]', 'hours = ["22:00", "06:00"]').replace(
        '"tue", "wed", "thu", ', ""
    )
    found = prices(tmp_path, night)
    told_at = [(20, "23:00"), (21, "05:00"), (21, "23:00"), (22, "23:00"), (23, "05:00"), (23, "23:00")]
    assert [found.at(at(*when)) for when in told_at] == [5.80, 5.80, 2.64, 2.64, 2.64, 5.80]


def test_a_time_for_which_no_tariff_is_declared_has_no_price(tmp_path: Path) -> None:
    found = prices(tmp_path, TOU[: TOU.rindex("[[tariff]]")])
    assert found.at(at(21, "12:00")) is None
    assert found.cheaper(at(21, "12:00"), at(22, "12:00")) is None
    assert found.cheaper(at(20, "12:00"), at(20, "23:00")) is None


def test_the_cheapest_hour_is_found_before_the_latest_and_the_dear_ones_before_they_begin(tmp_path: Path) -> None:
    found = prices(tmp_path)
    assert found.cheaper(at(20, "12:00"), at(20, "23:00")) == (at(20, "22:00"), 2.64)
    assert found.cheaper(at(20, "12:00"), at(20, "16:00")) is None
    assert found.cheaper(at(20, "23:00"), at(21, "16:00")) is None
    assert found.dear_soon(at(20, "07:00"), 3 * HOUR_MS) == ((at(20, "09:00"), 5.80), at(20, "22:00"))
    assert found.dear_soon(at(20, "05:00"), 3 * HOUR_MS) is None
    assert found.dear_soon(at(23, "23:00"), 24 * HOUR_MS) is None  # tomorrow is a holiday
    assert found.dear_soon(at(20, "12:00"), 24 * HOUR_MS) is None  # dearer it never gets


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 14 * 24 * 60), st.integers(1, 24 * 60))
def test_whoever_waits_pays_less_and_in_time(
    tmp_path_factory: pytest.TempPathFactory, minute: int, ahead: int
) -> None:
    found = prices(tmp_path_factory.getbasetemp())
    now = at(20, "00:00") + minute * 60_000
    change = found.cheaper(now, now + ahead * 60_000)
    price = found.at(now)
    assert price is not None
    if change is None:
        assert all((found.at(now + n * 60_000) or 0) >= price for n in range(0, ahead, 7))
    else:
        assert now < change.at_ms <= now + ahead * 60_000
        assert found.at(change.at_ms) == change.baht_kwh < price


def plan(play: Play) -> dict[str, str]:
    found = [e for e in told(play, "zone.planned") if e.body["zone"] == "zone-1"]
    return dict(found[-1].body["text"])


def band_farm(folder: Path, latest: str, clock_h: float, tariffs: str = TOU) -> Play:
    """A dry zone with a moisture band, on Friday the 20th."""
    play = Play(site_of(folder, SITE + BAND + f'latest = "{latest}"\n' + tariffs), start_ms=at(20, "00:00"))
    play.now_ms += round(clock_h * HOUR_MS)
    play = Play(play.site, start_ms=play.now_ms)
    play.field.moisture[0] = DRY
    return play


def test_a_band_waits_for_the_night_and_says_what_that_saves(tmp_path: Path) -> None:
    play = band_farm(tmp_path, "23:00", 20.0, with_power(TOU))
    play.run(60)
    assert "run.started" not in play.kinds()
    said = plan(play)
    assert said["en"].startswith("Waiting for cheaper electricity at 22:00 (2.64 baht a kWh, now 5.80, about ")
    assert said["en"].endswith("baht less); waters at 23:00 at the latest")
    assert "รอไฟถูก 22:00 น. (2.64 บาท/หน่วย ตอนนี้ 5.80) ประหยัดราว" in said["th"]
    play.leap(2 * 3600 + 60)
    started = told(play, "run.started")[0]
    assert at(20, "22:00") <= started.at_ms <= at(20, "22:05")


def test_by_its_latest_hour_it_waters_at_any_price_and_on_through_its_pulses(tmp_path: Path) -> None:
    play = band_farm(tmp_path, "13:00", 10.0, TOU.replace('"22:00"]', '"12:30"]'))
    play.field.moisture[0] = DRY
    play.run(60)
    assert "waters at 13:00 at the latest" in plan(play)["en"]  # at 12:30 it is cheap
    late = band_farm(tmp_path, "13:00", 12.0)
    late.leap(6 * 3600, at_most_s=60)
    started = [event.at_ms for event in told(late, "run.started") if event.body["zone"] == "zone-1"]
    assert started[0] <= at(20, "12:05")  # nothing cheaper comes before 13:00
    assert len(started) > 2
    assert max(b - a for a, b in pairwise(started)) < 2 * HOUR_MS


def test_pulses_that_began_at_the_latest_hour_do_not_wait_for_the_next_one(tmp_path: Path) -> None:
    """Cheap electricity comes at 22:00, after the latest hour of the next day was asked for: it waits once only."""
    play = band_farm(tmp_path, "21:00", 20.5)
    play.leap(4 * 3600, at_most_s=60)
    started = [event.at_ms for event in told(play, "run.started") if event.body["zone"] == "zone-1"]
    assert started[0] <= at(20, "21:01")
    assert [when for when in started if at(20, "21:00") < when < at(20, "22:00")]


def test_a_clock_that_is_put_back_again_and_again_makes_nobody_wait_for_ever(tmp_path: Path) -> None:
    play = band_farm(tmp_path, "23:00", 12.0)
    for _ in range(7):
        play.leap(6 * 3600, at_most_s=600)
        play.skew_ms -= 6 * HOUR_MS
    assert "run.started" in play.kinds()


def test_with_an_unset_clock_nobody_waits(tmp_path: Path) -> None:
    play = band_farm(tmp_path, "23:00", 12.0)
    play.sure = False
    play.core = type(play.core)(play.site, None, now_ms=play.now_ms, mono_ms=play.now_ms, sure=False)
    play.run(120)
    assert "run.started" in play.kinds()


def test_people_never_wait_for_a_price(tmp_path: Path) -> None:
    play = band_farm(tmp_path, "23:00", 12.0)
    play.run(5)
    play.water(seconds=60)
    play.run(120)
    assert told(play, "run.started")[0].body["cause"] == "manual"


def bought(play: Play) -> float:
    """The share of the litres that were given in cheap hours."""
    found = prices_of(play)
    litres = litres_of(play)
    cheap = sum(given for when, given in litres if found.at(when) == 2.64)
    return cheap / sum(given for _, given in litres)


def prices_of(play: Play) -> Prices:
    return Prices(play.site, LocalTime(play.site.file.site))


def test_a_balance_waters_in_cheap_hours_before_the_dear_ones_and_lets_no_crop_suffer(tmp_path: Path) -> None:
    thrifty = farm(tmp_path, BALANCE + LATEST + TOU)
    spender = farm(tmp_path, BALANCE + TOU)
    least = 1.0
    for _ in range(14 * 4):
        days(thrifty, 0.25)
        least = min(least, balance.stress(growing(thrifty).water.depletion_mm, growing(thrifty).reserves))
    days(spender, 14)
    assert least > 0.93
    assert bought(thrifty) > 0.9 > bought(spender)
    given, otherwise = (sum(litres for _, litres in litres_of(play)) for play in (thrifty, spender))
    assert given == pytest.approx(otherwise, rel=0.12)
    reasons = [e.body["reason"]["en"] for e in told(thrifty, "run.started")]
    assert any("before electricity is dear at 09:00 (5.80 baht a kWh)" in reason for reason in reasons)


def test_a_thirsty_crop_waits_for_no_price(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE + '\nlatest = "23:00"\n' + TOU)
    play.leap(10.2 * 3600, at_most_s=300)
    state = memory(play)
    water = state.kept.zones["zone-1"].water
    assert water is not None
    held = growing(play).reserves
    state.kept.zones["zone-1"].water = {**water, "depletion_mm": 0.7 * held.taw_mm}
    play.memory = state.encode()
    play.restart()
    play.field.moisture[0] = 20.0
    play.run(600)
    assert told(play, "run.started")[-1].at_ms < MIDNIGHT_MS + 11 * HOUR_MS


def test_the_end_of_a_run_tells_kilowatt_hours_and_baht(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + with_power(TOU)), start_ms=at(20, "08:50"))
    play.run(5)
    play.water(seconds=1200)
    play.leap(1500)
    body = play.ended()[0].body
    assert body["kwh"] == pytest.approx(1.5 * body["duration_s"] / 3600, rel=0.02)
    assert body["baht"] == pytest.approx(body["kwh"] * (2.64 + 5.80) / 2, rel=0.1)


def test_without_a_tariff_there_is_no_money_and_without_power_nothing(tmp_path: Path) -> None:
    for tariffs, known in ((PUMP_KW, {"kwh"}), ("", set()), (TOU, set())):
        play = Play(site_of(tmp_path, SITE + tariffs))
        play.run(5)
        play.water(seconds=120)
        play.run(240)
        assert {"kwh", "baht"} & set(play.ended()[0].body) == known


def test_two_zones_share_what_their_pump_takes(tmp_path: Path) -> None:
    text = (SITE + with_power(TOU)).replace(
        'id = "pump"\nrole = "pump"\n', 'id = "pump"\nrole = "pump"\ncapacity_l_min = 200\nrenewable = "verified"\n'
    )
    play = Play(site_of(tmp_path, text))
    play.run(5)
    play.water("zone-1", 600, "c1")
    play.water("zone-2", 600, "c2")
    play.run(900)
    kwh = [event.body["kwh"] for event in play.ended()]
    assert len(kwh) == 2
    assert sum(kwh) == pytest.approx(1.5 * 600 / 3600, rel=0.1)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('latest = "12:00"\n', "two .*tariff"),
        ("[electricity]\npump_kw = { valve-1 = 2 }\n", "is not a pump"),
        ("[electricity]\nkw_per_a = { pump = 0.2 }\n", "nobody measures its current"),
        (TOU.replace('["09:00", "22:00"]', '["09:00", "09:00"]'), "different times"),
        (TOU.replace("2026-11-24", "2026-02-31"), "holidays"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    with pytest.raises(BadSiteFile, match=wrong):
        site_of(tmp_path, SITE + BAND + text)


def test_the_use_of_the_hours_to_come_is_that_of_the_last_days() -> None:
    of_zone = ZoneKept(etc=[(hour, 1.0 if hour % 24 == 12 else 0.1) for hour in range(48)])
    assert of_zone.etc_ahead_mm(48.0, 10) == pytest.approx(1.0)
    assert of_zone.etc_ahead_mm(48.0, 14) == pytest.approx(13 * 0.1 + 1.0)
    assert of_zone.etc_ahead_mm(48.0, 38) == pytest.approx(of_zone.etc_mm(48.0, 24) + 13 * 0.1 + 1.0)


DEAR_BY_DAY = """
[[tariff]]
id = "peak"
name = { th = "ออนพีค", en = "On peak" }
baht_kwh = 5.80
hours = ["09:00", "22:00"]

[[tariff]]
id = "off-peak"
name = { th = "ออฟพีค", en = "Off peak" }
baht_kwh = 2.64
"""
QUIET = '[holds]\nquiet = ["21:30", "09:30"]\n\n[tank]\n'


@pytest.mark.parametrize(
    ("hours", "quiet"), [('between = ["10:00", "16:00"]\nlatest = "09:00"\n', False), ('latest = "23:00"\n', True)]
)
def test_nobody_waits_for_a_cheaper_hour_at_which_nothing_may_be_watered(
    tmp_path: Path, hours: str, quiet: bool
) -> None:
    """The cheap hours begin at 22 o'clock, outside of the program's hours, or in the quiet ones."""

    def edit(text: str) -> str:
        return text.replace("[tank]\n", QUIET, 1) if quiet else text

    play = farm(tmp_path, BAND + hours + DEAR_BY_DAY, grows=False, edit=edit)
    play.field.moisture[0] = 20.0
    days(play, 0.45)
    assert litres_of(play)


def test_what_waits_waits_for_the_first_cheap_hour_at_which_it_may_water(tmp_path: Path) -> None:
    hours = 'between = ["10:00", "23:30"]\nlatest = "23:00"\n'
    quiet = '[holds]\nquiet = ["21:30", "22:30"]\n\n[tank]\n'
    play = farm(
        tmp_path, BAND + hours + DEAR_BY_DAY, grows=False, edit=lambda text: text.replace("[tank]\n", quiet, 1)
    )
    play.field.moisture[0] = 20.0
    days(play, 1)
    assert litres_of(play)[0][0] >= MIDNIGHT_MS + 22.5 * HOUR_MS
    assert "Waiting for cheaper electricity at 22:30" in str([e.body["text"] for e in told(play, "zone.planned")])


@pytest.mark.parametrize(
    ("hours", "wrong"),
    [
        ('between = ["10:00", "16:00"]\nlatest = "18:00"\n', "18:00 lies outside of between, 10:00 to 16:00"),
        ('latest = "23:00"\n', "23:00 lies in the quiet hours, 21:30 to 09:30"),
        ('between = ["10:00", "16:00"]\nlatest = "16:00"\n', ""),
    ],
)
def test_a_latest_hour_that_cannot_be_kept_is_warned_of(tmp_path: Path, hours: str, wrong: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("[tank]\n", QUIET, 1) + BAND + hours + DEAR_BY_DAY, encoding="utf-8")
    found = [problem.text for problem in load_site(path)[1] if problem.where.endswith("latest")]
    assert [text.startswith(wrong) for text in found] == ([True] if wrong else [])
