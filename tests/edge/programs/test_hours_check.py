"""What `tonnam-edge check` warns of: timers and latest hours that a day does not leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import BAND, SITE
from tests.edge.programs.test_holds import STATION
from tests.edge.test_supply_check import problems

SOLAR = 'solar = { power = "roof/active_power", least = 1500, latest = "14:00" }\n'


def timer(number: int, keys: str, run_min: float = 10) -> str:
    named = f'id = "t{number}"\nkind = "timer"\nzone = "zone-{(number - 1) % 2 + 1}"\n'
    return f"\n[[program]]\n{named}run_min = {run_min}\n{keys}\n"


def warned(folder: Path, *programs: str, holds: str = "", edit: tuple[str, str] = ("", "")) -> list[str]:
    text = SITE.replace("max_run_min = 20", "max_run_min = 50").replace("max_day_min = 60", "max_day_min = 1440")
    text = text.replace("[tank]", f"{STATION}{holds}\n[tank]").replace(*edit)
    found = problems(folder, text + "".join(programs))
    assert not [each for each in found if each.startswith("error")], found
    return [each for each in found if "warning" in each and ("program" in each or "holds" in each)]


def many(number: int, keys: str, first: int = 1) -> str:
    return "".join(timer(n, keys, 50) for n in range(first, first + number))


@pytest.mark.parametrize(
    ("first", "second", "number"),
    [
        (many(14, 'at = "06:00"'), many(14, 'at = "06:00"', 20), 0),
        (many(14, 'at = "06:00"'), many(16, 'at = "18:00"', 20), 1),
        (many(14, 'at = "06:00"\ndays = ["mon"]'), many(16, 'at = "06:00"\ndays = ["tue"]', 20), 0),
        (many(14, 'at = "06:00"\nevery_days = 2'), many(16, 'at = "06:00"\ndays = ["tue"]', 20), 1),
    ],
)
def test_the_timers_of_a_day_that_cannot_all_water(tmp_path: Path, first: str, second: str, number: int) -> None:
    found = warned(tmp_path, first, second)
    assert len(found) == number
    assert all('the timers of "pump" take 25.0 hours on some days, and they have 24' in each for each in found)


def test_what_a_pump_can_feed_together_fits(tmp_path: Path) -> None:
    both = ('role = "pump"\n', 'role = "pump"\ncapacity_l_min = 130\n')
    assert warned(tmp_path, many(36, 'at = "06:00"'), edit=both) == []


def test_a_timer_that_waits_until_it_is_too_late_to_be_done_by_its_time(tmp_path: Path) -> None:
    two = (timer(1, 'finish = "06:30"', 40), timer(2, 'finish = "06:30"', 35))
    (told,) = warned(tmp_path, *two)
    assert told.endswith('waits for "t1" on the same pump until 06:30, too late to be done by 06:30')
    assert warned(tmp_path, two[0], two[1].replace("06:30", "07:10")) == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('at = "03:00"', "begins at 03:00, in the quiet hours, 21:00 to 05:00: it waters when they end, at 05:00"),
        ('finish = "04:00"', "begins at 03:50, in the quiet hours, 21:00 to 05:00: it never waters"),
        (
            'finish = "05:05"',
            "begins at 04:55, in the quiet hours, 21:00 to 05:00: it waters when they end, at 05:00",
        ),
    ],
)
def test_timers_in_quiet_hours(tmp_path: Path, keys: str, told: str) -> None:
    (found,) = warned(tmp_path, timer(1, keys), timer(2, 'at = "06:00"'), holds='quiet = ["21:00", "05:00"]\n')
    assert told in found


@pytest.mark.parametrize(
    ("holds", "between", "told"),
    [
        (SOLAR, '["06:00", "12:00"]', "without sun it waters from 11:00 on"),
        (SOLAR, '["11:30", "12:00"]', "without sun it waters from 11:30 on"),
        (SOLAR + 'quiet = ["13:00", "15:00"]\n', '["06:00", "18:00"]', "14:00 lies in the quiet hours"),
        (SOLAR.replace('"14:00"', '"18:10", direct = true'), '["06:00", "22:00"]', "at 18:10 it may be night here"),
    ],
)
def test_latest_hours_for_the_sun_that_are_none(tmp_path: Path, holds: str, between: str, told: str) -> None:
    (found,) = warned(tmp_path, BAND + f"between = {between}\n", holds=holds)
    assert told in found
    assert warned(tmp_path, BAND + 'between = ["06:00", "16:00"]\n', holds=SOLAR) == []
