"""What hypothesis draws for a flood gate: waves of the river, and up to twenty blows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.season.blows import (
    Blow,
    Case,
    Clear,
    ClockStep,
    DiskFails,
    EdgePower,
    Kill,
    Lock,
    LockHere,
    Stop,
    Visit,
    Water,
)
from tests.season.site_station import STATIONS, StationLayout
from tonnam_sim.world import faults as f

DAYS = 3
MOST_BLOWS = 20
_SPAN_S = DAYS * 86_400
_LASTS = st.sampled_from([2, 7, 20, 60, 240, 900, 3600, 14_400, 86_400, None])
# What begins when a pump or gate was moved begins while its motor turns, rests, or later.
_AFTER = st.one_of(st.integers(0, 70), st.integers(0, 2000))
_DOWN = st.sampled_from([1, 3, 10, 60, 600, 3600, 7200])
_SENSORS = st.sampled_from(["river", "upstream", "canal", "current-pump-1", "current-pump-2"])
_UNITS = st.integers(1, 7)


def _edge(layout: StationLayout) -> dict[type[Any], st.SearchStrategy[Any]]:
    return {
        Kill: st.builds(Kill, where=st.sampled_from(["after_acts", "after_commit", "before_commit"]), down_s=_DOWN),
        EdgePower: st.builds(
            EdgePower,
            down_s=_DOWN,
            wrong_s=st.sampled_from([0, -600, 600, -86_400, 86_400, 1_000_000_000, -1_795_000_000]),
            unsure_s=st.sampled_from([0, 10, 600, 20_000]),
        ),
        ClockStep: st.builds(ClockStep, by_s=st.sampled_from([-5, 60, -3600, 3600, -86_400, 86_400])),
        DiskFails: st.just(DiskFails()),
    }


def _people(layout: StationLayout) -> dict[type[Any], st.SearchStrategy[Any]]:
    stations = st.sampled_from(sorted(layout.site.stations))
    lives, runs = st.sampled_from([60, 0, 600]), st.sampled_from([600, 0, 1, 60, 3600])
    return {
        Water: st.builds(Water, zone=stations, run_s=runs, lives_s=lives),
        Stop: st.builds(Stop, zone=stations),
        Lock: st.builds(Lock, zone=stations),
        LockHere: st.builds(LockHere, zone=st.just("") | stations),
        Clear: st.just(Clear()),
        Visit: st.just(Visit()),
    }


def _soft() -> dict[type[Any], st.SearchStrategy[Any]]:
    of_bus: dict[str, Any] = {"at_s": st.just(0.0), "bus": st.just("cabinet")}
    shares = st.sampled_from([0.1, 0.5, 0.9])
    return {
        f.BusLoss: st.builds(f.BusLoss, **of_bus),
        f.LossyBus: st.builds(f.LossyBus, share=shares, loses=st.sampled_from(["requests", "answers"]), **of_bus),
        f.DeadUnit: st.builds(f.DeadUnit, unit=_UNITS, **of_bus),
        f.RefusingUnit: st.builds(f.RefusingUnit, unit=_UNITS, **of_bus),
        f.BoardReboot: st.builds(f.BoardReboot, at_s=st.just(0.0), board=st.just(0)),
    }


def _hard(layout: StationLayout) -> dict[type[Any], st.SearchStrategy[Any]]:
    now: dict[str, Any] = {"at_s": st.just(0.0)}
    actuators = st.sampled_from(sorted(layout.site.actuators))
    pumps = st.sampled_from(layout.pumps.pumps)
    places = st.sampled_from(["pumps", "gate"])
    return {
        f.BoardDown: st.builds(f.BoardDown, board=st.just(0), **now),
        f.BoardClock: st.builds(f.BoardClock, board=st.just(0), rate=st.sampled_from([0.5, 0.97, 1.03, 2.0]), **now),
        f.StuckCoil: st.builds(f.StuckCoil, actuator=actuators, closed=st.booleans(), **now),
        f.WeldedContact: st.builds(f.WeldedContact, actuator=actuators, **now),
        f.BurntContact: st.builds(f.BurntContact, actuator=actuators, **now),
        f.ForeignWrite: st.builds(f.ForeignWrite, actuator=actuators, on=st.booleans(), **now),
        f.PowerLoss: st.builds(f.PowerLoss, **now),
        f.Brownout: st.builds(f.Brownout, share=st.sampled_from([0.65, 0.75, 0.85]), **now),
        f.CabinetSwitch: st.builds(
            f.CabinetSwitch, subject=places, position=st.sampled_from(["off", "hand", "auto"]), **now
        ),
        f.LockTurned: st.builds(f.LockTurned, key=places, **now),
        f.FloatFailed: st.builds(f.FloatFailed, pump=pumps, **now),
        f.JammedValve: st.builds(f.JammedValve, actuator=st.just("gate"), **now),
        f.PumpDead: st.builds(f.PumpDead, pump=pumps, **now),
        f.PumpWorn: st.builds(f.PumpWorn, pump=pumps, share=st.sampled_from([0.2, 0.9]), **now),
        f.SensorOffset: st.builds(
            f.SensorOffset, sensor=_SENSORS, offset=st.sampled_from([-200.0, -40.0, 5.0, 60.0, 300.0]), **now
        ),
        f.SensorGain: st.builds(f.SensorGain, sensor=_SENSORS, gain=st.sampled_from([0.0, 0.5, 1.5, 10.0]), **now),
        f.SensorFrozen: st.builds(f.SensorFrozen, sensor=_SENSORS, **now),
        f.SensorDrift: st.builds(f.SensorDrift, sensor=_SENSORS, per_day=st.sampled_from([-80.0, 80.0]), **now),
        f.Downpour: st.builds(f.Downpour, mm_h=st.sampled_from([10.0, 60.0, 200.0]), **now),
    }


def _waves() -> st.SearchStrategy[Blow]:
    """A river that comes up within hours, stays, and falls."""
    wave = st.builds(
        f.RiverWave,
        at_s=st.just(0.0),
        cm=st.sampled_from([80.0, 120.0, 160.0]),
        rises_s=st.sampled_from([7200.0, 14_400.0, 36_000.0]),
    )
    lasts = st.sampled_from([14_400, 43_200, 86_400])
    return st.builds(Blow, what=wave, at_s=st.integers(0, _SPAN_S - 14_400), lasts_s=lasts)


def _blows(what: st.SearchStrategy[Any]) -> st.SearchStrategy[Blow]:
    return st.builds(
        Blow,
        what=what,
        at_s=st.integers(0, _SPAN_S),
        on_run=st.booleans(),
        after_s=_AFTER,
        lasts_s=_LASTS,
    )


def station_cases(name: str, *, days: float = DAYS) -> st.SearchStrategy[Case]:
    """Episodes of a flood gate: waves, people, and one blow, some that only cut off, or anything."""
    layout = STATIONS[name]
    edge, people, soft, hard = _edge(layout), _people(layout), _soft(), _hard(layout)
    gently = _blows(st.one_of(*edge.values(), *soft.values()))
    any_of = _blows(st.one_of(*edge.values(), *people.values(), *soft.values(), *hard.values()))
    asked = st.builds(Blow, what=st.one_of(*people.values()), at_s=st.integers(0, _SPAN_S))
    struck = st.one_of(
        st.lists(any_of, max_size=1),
        st.lists(gently, min_size=1, max_size=8),
        st.lists(any_of, min_size=2, max_size=MOST_BLOWS - 6),
    )
    return st.builds(
        lambda seed, waves, asked, struck: Case(name, seed, (*waves, *asked, *struck), float(days)),
        st.integers(0, 2**31 - 1),
        st.lists(_waves(), min_size=1, max_size=2),
        st.lists(asked, max_size=4),
        struck,
    )
