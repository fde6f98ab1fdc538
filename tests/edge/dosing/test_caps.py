"""Whatever is killed, cut or set: no cap is exceeded, nothing is dosed without flow, nothing meets what it fights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.dosing.rig import LINE, dose, farm
from tests.edge.farms import MINUTE_MS, Play, site_of
from tonnam_edge.core import Step
from tonnam_edge.core.dosing.liquids import compatible
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.plant.runs import Phase
from tonnam_edge.site.site import Site

ML_MIN, PULSE_ML, HOUR_ML, DAY_ML, STOCK_L, RINSE_L = 600, 60, 200, 450, 0.6, 20
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DOSERS = {"doser-a": (3, "a"), "doser-b": (4, "b"), "doser-acid": (5, "acid")}


@cache
def small_farm() -> Site:
    text = farm(
        dose(1, 'dose = [{ injector = "a", ml_per_l = 4 }, { injector = "b", ml_per_l = 3 }]'),
        dose(2, 'dose = [{ injector = "acid", ml_per_l = 2 }]'),
        line=LINE.replace("rinse_l = 60", f"rinse_l = {RINSE_L}"),
        probes=False,
        closing=False,
    )
    for old, new in (
        ("ml_min = 200", f"ml_min = {ML_MIN}"),
        ("max_pulse_ml = 200", f"max_pulse_ml = {PULSE_ML}"),
        ("max_hour_ml = 6000", f"max_hour_ml = {HOUR_ML}"),
        ("max_day_ml = 9000", f"max_day_ml = {DAY_ML}"),
        ("stock_l = 20", f"stock_l = {STOCK_L}"),
    ):
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        return site_of(Path(folder), text)


class Inspector:
    """Looks at every step of a play, and knows what the pipe truly holds."""

    def __init__(self, play: Play) -> None:
        self.doses: list[tuple[int, str, float]] = []  # true time, liquid, mL that it can have dosed at most
        self.in_line: dict[str, float] = {}  # by liquid, the meter's litres when its last pulse ended
        self._pump_litres = 0.0
        play.watch = self.look

    def look(self, play: Play, step: Step) -> None:
        field, now = play.field, play.now_ms
        for action in step.actions:
            if action.actuator == "pump" and action.open:
                self._pump_litres = field.litres
        for action in step.actions:
            if action.actuator in DOSERS and action.open:
                self._dose(play, step, DOSERS[action.actuator][1], action.hold_s or 10**9)
        for name in DOSERS:
            if play.core._actuators.said_open(name):
                assert play.core._runs.on("pump", Phase.WATERING), f"{name} goes on after the water"
        for coil, liquid in DOSERS.values():
            if field.coils[coil]:
                self.in_line[liquid] = field.litres
                assert field.coils[0] or not field.relay_answers, f"{liquid} is dosed into standing water at {now}"

    def _dose(self, play: Play, step: Step, liquid: str, hold_s: float) -> None:
        field = play.field
        assert field.coil(0), "dosed while the pump stands"
        assert field.coil(1) or field.coil(2), "dosed without a path"
        assert field.litres - self._pump_litres >= 2, "dosed before two pulses of the meter in this run"
        assert step.memory is not None, "dosed before it was booked"
        ml = ML_MIN * hold_s / 60
        assert ml <= PULSE_ML + 1e-6
        for other, litres in self.in_line.items():
            if not compatible(liquid, [other]):
                assert field.litres - litres >= RINSE_L - 1, f"{liquid} met {other} after {field.litres - litres} L"
        self.doses.append((play.now_ms, liquid, ml))
        booked = Memory.decode(step.memory).dosing.stocks[liquid].used_ml
        assert booked >= sum(each for _, name, each in self.doses if name == liquid) - 0.01

    def check(self) -> None:
        for _, liquid in DOSERS.values():
            mine = [(at, ml) for at, name, ml in self.doses if name == liquid]
            assert sum(ml for _, ml in mine) <= STOCK_L * 1000 + 1e-6
            for window_ms, most_ml in ((HOUR_MS, HOUR_ML), (DAY_MS, DAY_ML)):
                for at, _ in mine:
                    assert sum(ml for when, ml in mine if at <= when < at + window_ms) <= most_ml + 1e-6


Deed = Callable[[Play], None]


def waters(zone: str, minutes: int) -> Deed:
    def deed(play: Play) -> None:
        play.water(zone, minutes * 60, f"c{play.now_ms}")
        play.run(45)

    return deed


def stops(zone: str) -> Deed:
    return lambda play: play.stop(zone, f"s{play.now_ms}")


def steps_clock(hours: int) -> Deed:
    def deed(play: Play) -> None:
        play.skew_ms += hours * HOUR_MS

    return deed


def reboots(hours: int) -> Deed:
    return lambda play: play.reboot(play.now_ms + hours * HOUR_MS)


def hangs(what: str, seconds: int) -> Deed:
    def deed(play: Play) -> None:
        setattr(play.field, what, False)
        play.run(seconds)
        setattr(play.field, what, True)

    return deed


def jumps(litres: int) -> Deed:
    def deed(play: Play) -> None:
        play.field.litres += litres

    return deed


DEEDS: st.SearchStrategy[Deed] = st.one_of(
    st.builds(waters, st.sampled_from(["zone-1", "zone-2"]), st.integers(2, 9)),
    st.builds(waters, st.sampled_from(["zone-1", "zone-2"]), st.integers(2, 9)),
    st.builds(stops, st.sampled_from(["zone-1", "zone-2"])),
    st.builds(steps_clock, st.sampled_from([-30, -1, 1, 30])),
    st.builds(reboots, st.sampled_from([-20000, -5, 0, 30])),
    st.builds(hangs, st.sampled_from(["meter_answers", "relay_answers"]), st.integers(3, 40)),
    st.builds(jumps, st.sampled_from([7, 45, 100_000])),
    st.just(lambda play: play.restart()),
    st.just(lambda play: play.learn()),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(DEEDS, st.integers(1, 150)), min_size=2, max_size=9))
def test_no_order_of_events_exceeds_a_cap_or_doses_where_nothing_flows(deeds: list[tuple[Deed, int]]) -> None:
    play = Play(small_farm())
    inspector = Inspector(play)
    play.run(15)
    for deed, seconds in deeds:
        deed(play)
        play.run(seconds)
    play.run(60)
    inspector.check()


def test_caps_of_hour_and_day_hold_through_hours_of_water_and_the_stock_for_good() -> None:
    play = Play(small_farm())
    inspector = Inspector(play)
    play.run(15)
    for hour in range(30):
        play.water("zone-1" if hour % 3 else "zone-2", 150, f"c{hour}")
        play.run(185)
        play.leap(3600 - 185)
    inspector.check()
    by_liquid = {liquid: [ml for _, name, ml in inspector.doses if name == liquid] for _, liquid in DOSERS.values()}
    assert sum(by_liquid["a"]) > 0.9 * STOCK_L * 1000
    first_day = [ml for at, name, ml in inspector.doses if name == "a" and at < inspector.doses[0][0] + DAY_MS]
    assert 0.8 * DAY_ML < sum(first_day) <= DAY_ML
    assert any(latch.kind == "stock_empty" for latch in Memory.decode(play.memory or b"{}").latches.values())
    ended = [event.body for event in play.ended()]
    assert ended[-1]["outcome"] == "done"  # plain water goes on
    assert ended[-1]["dosed"].get("a", 0.0) == 0.0
    assert all(one < two for one, two in pairwise(at for at, _, _ in inspector.doses))


def test_a_reboot_into_any_year_frees_no_room_under_the_caps() -> None:
    play = Play(small_farm())
    inspector = Inspector(play)
    play.run(15)
    for number, hours in enumerate((-20_000, 0, 100, 26)):
        play.water("zone-1", 540, f"c{number}")
        play.run(600)
        play.reboot(play.now_ms + hours * HOUR_MS)
        play.run(60)
        play.learn()
        play.run(5)
    inspector.check()
    assert 0.8 * HOUR_ML < sum(ml for _, name, ml in inspector.doses if name == "a") <= HOUR_ML
    assert play.now_ms < inspector.doses[0][0] + 58 * MINUTE_MS
