"""Boards that restart, cables that fail, valves that jam, meters that lie: what the pipes say of the doses."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.dosing.rig import ML_MIN, dose, farm, remembered, world
from tests.edge.farms import site_of
from tests.edge.plants import Estate
from tonnam_edge.site.site import Site
from tonnam_sim.world import faults as f

LIQUIDS = ("a", "b", "acid")
PULSE_ML = 200.0


@cache
def site() -> Site:
    keys = 'dose = [{ injector = "a", ml_per_l = 4 }, { injector = "acid", ml_per_l = 1 }]'
    with tempfile.TemporaryDirectory() as folder:
        return site_of(Path(folder), farm(dose(1, keys), dose(2, 'dose = [{ injector = "b", ml_per_l = 3 }]')))


def _faults() -> st.SearchStrategy[f.Fault]:
    at, long = st.floats(20.0, 500.0), st.floats(3.0, 60.0)

    def spell(kind: type, **keys: object) -> st.SearchStrategy[f.Fault]:
        return st.tuples(at, long).map(lambda when: kind(at_s=when[0], until_s=sum(when), **keys))

    def once(kind: type, **keys: object) -> st.SearchStrategy[f.Fault]:
        return at.map(lambda when: kind(at_s=when, **keys))

    return st.one_of(
        spell(f.PumpDead),
        spell(f.MeterBlind),
        spell(f.BusLoss, bus="cabinet"),
        spell(f.LossyBus, bus="cabinet", share=0.4),
        spell(f.DeadUnit, bus="cabinet", unit=11),
        spell(f.JammedValve, actuator="zone-1"),
        spell(f.StuckCoil, actuator="a", closed=False),
        spell(f.BlockedZone, zone="zone-1"),
        spell(f.EmergencyStop),
        once(f.MeterReset),
        once(f.BoardReboot, board=0),
        once(f.BoardReboot, board=1),
        once(f.ForeignWrite, actuator="pump", on=False),
        once(f.ForeignWrite, actuator="zone-2", on=True),
    )


@settings(max_examples=8, deadline=None)
@given(st.lists(_faults(), max_size=3), st.lists(st.integers(60, 300), min_size=1, max_size=3), st.integers(0, 400))
def test_pipes_never_see_more_than_was_booked_nor_what_fights_nor_stock_where_nothing_flows(
    faults: list[f.Fault], gaps: list[int], killed_s: int
) -> None:
    one = Estate(site(), world(*faults))
    one.run(20)
    stops = 0
    for number, gap_s in enumerate(gaps):
        one.water("zone-1" if number % 2 == 0 else "zone-2", 240, f"c{number}")
        one.run(gap_s)
        if killed_s // 100 == number:
            one = Estate(site(), one.world, one.memory)
            one.run(30)
            stops += 1
    one.run(60)
    truth, booked = one.world.truth, remembered(one).dosing.stocks
    for name in LIQUIDS:
        most_ml = booked[name].used_ml if name in booked else 0.0
        siphoned_ml = truth.stock_siphoned_l[name] * 1000
        assert truth.dosed_ml[name] - siphoned_ml <= most_ml * 1.02 + 1e-6
        under_way_l = (len(faults) + stops + 1) * min(PULSE_ML, ML_MIN[name] * 6 / 60) / 1000
        assert truth.injected_without_flow_l[name] <= under_way_l
        assert truth.injector_backflow_l[name] == 0
        # Until its board's timer shuts a closing valve that cannot be told to, in a main that drains.
        assert truth.stock_siphoned_l[name] <= (len(faults) + stops + 1) * 0.03
    assert not any(truth.mixed_without_rinse_l.values())
