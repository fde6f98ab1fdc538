"""A hand on the cabinet while a pulse is under way: the dosing pump stops first, and no drop follows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.edge.dosing.rig import dose, farm, remembered, tank_line, tank_world, world
from tests.edge.farms import site_of
from tests.edge.plants import Estate
from tests.edge.switches import switched
from tonnam_edge.core import Observation
from tonnam_edge.site.site import Site
from tonnam_sim.world.faults import CabinetSwitch

AUTO, HAND, OFF = (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)
POINTS = """dose = [{ injector = "a", ml_per_l = 4, most_ml_per_l = 12 }, { injector = "acid", most_ml_per_l = 2.5 }]
ec = { target = 2.0 }
ph = { target = 6.2 }"""
TANK = 'dose = [{ injector = "a" }, { injector = "acid" }]\nec = { target = 1.2 }\nph = { target = 6.6 }'
DOSERS = ("doser-a", "doser-acid")


@cache
def site(kind: str) -> Site:
    liquids = ("a", "acid")
    if kind == "tank":
        text = farm(dose(1, TANK), line=tank_line(), liquids=liquids)
        text = text.replace("max_pulse_ml = 200", "max_pulse_ml = 1500")
    else:
        text = farm(dose(1, POINTS), liquids=liquids)
    with tempfile.TemporaryDirectory() as folder:
        return site_of(Path(folder), switched(text))


class Cabinet:
    """A farm with set points whose cabinet has switches. `deed` is done by somebody who stands there."""

    def __init__(self, kind: str) -> None:
        self.estate = Estate(site(kind), tank_world() if kind == "tank" else world())
        self.zone, self.other, self.pressed = AUTO, AUTO, False
        self._observe = self.estate.core.observe
        setattr(self.estate.core, "observe", self._see)  # noqa: B010

    def _see(self, seen: Iterable[Any]) -> None:
        self._observe([*(each for each in seen if each.device != "switches"), self._switches()])

    def _switches(self) -> Observation:
        closed = (*self.zone, *self.other, float(not self.pressed))
        return Observation("switches", self.estate.mono_ms, {f"input_{n}": value for n, value in enumerate(closed)})

    def deed(self, what: str) -> None:
        if what == "emergency":
            self.pressed = True
        elif what == "person":
            self.estate.stop()
        else:
            self.zone = HAND if what == "hand" else OFF

    def until_a_pulse(self) -> None:
        """A dosing pump truly runs."""
        one = self.estate
        one.run(40)
        one.water(seconds=600)
        while not any(one.world.truth.dosed_ml.values()):
            one.step()
            assert one.at_s < 150, "no pulse has come"

    def stopped_at(self, name: str, since: int) -> int | None:
        """The place of its first action to stop among all of them."""
        actions = enumerate(self.estate.actions)
        return next((n for n, (_, act) in actions if n >= since and act.actuator == name and not act.open), None)


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.sampled_from(["main", "tank"]),
    st.sampled_from(["emergency", "hand", "off", "person"]),
    st.floats(0.1, 4.0),
)
def test_whoever_stops_the_water_under_a_pulse_stops_the_dosing_pump_first(
    kind: str, what: str, wait_s: float
) -> None:
    cabinet = Cabinet(kind)
    one = cabinet.estate
    cabinet.until_a_pulse()
    one.step(wait_s)
    runs = [name for name in DOSERS if one.core._actuators.said_open(name)]
    before = len(one.actions)
    cabinet.deed(what)
    for _ in range(3):  # a switch counts once it has settled
        one.step()
    assert not any(one.core._actuators.said_open(name) for name in DOSERS)
    pump = cabinet.stopped_at("pump", before)
    for name in runs:
        at = cabinet.stopped_at(name, before)
        assert at is not None
        assert pump is None or at < pump
    one.step()
    given_ml = dict(one.world.truth.dosed_ml)
    one.run(60)
    assert one.world.truth.dosed_ml == given_ml, "a drop came after the stop"
    assert not any(act.open for _, act in one.actions[before:] if act.actuator in DOSERS)
    for name, ml in given_ml.items():
        assert ml <= remembered(one).dosing.stocks[name].used_ml * 1.001 + 0.01 if ml else True


def by_hand(cabinet: Cabinet, *subjects: str, on: bool) -> None:
    """Somebody turns switches, and what they name gets its current whatever the coils say."""
    world = cabinet.estate.world
    for subject in subjects:
        world.add(CabinetSwitch(at_s=world.now_s, subject=subject, position="hand" if on else "auto"))


def test_water_by_hand_is_metered_and_told_and_nothing_is_dosed_into_it() -> None:
    cabinet = Cabinet("main")
    one = cabinet.estate
    one.run(40)
    cabinet.zone = HAND
    one.run(5)
    by_hand(cabinet, "zone-1", "pump", on=True)
    one.run(300)
    by_hand(cabinet, "zone-1", "pump", on=False)
    one.run(140)
    (ended,) = one.ended()
    assert [e.body["cause"] for e in one.events if e.kind == "run.started"] == ["hand"]
    assert ended["zone"] == "zone-1"
    assert isinstance(ended["litres"], float)
    assert ended["litres"] > 200
    assert not any(one.world.truth.dosed_ml.values())
    assert one.latches() == []


def test_dosing_stops_while_somebody_waters_another_zone_through_the_same_line() -> None:
    cabinet = Cabinet("main")
    one = cabinet.estate
    cabinet.until_a_pulse()
    cabinet.other = HAND
    one.run(3)
    by_hand(cabinet, "zone-2", on=True)
    one.run(20)
    given_ml = dict(one.world.truth.dosed_ml)
    one.run(80)
    assert one.world.truth.dosed_ml == given_ml
    (event,) = [each for each in one.events if each.kind == "dosing.stopped"]
    assert "at the cabinet" in event.body["text"]["en"]
    by_hand(cabinet, "zone-2", on=False)
    cabinet.other = AUTO
    one.run(200)
    assert sum(one.world.truth.dosed_ml.values()) > sum(given_ml.values())
    assert one.latches() == []
