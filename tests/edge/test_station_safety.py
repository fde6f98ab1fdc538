"""Whatever comes: a flood pump runs when it must, is never moved while it is locked, and never runs dry."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.edge.floods import (
    BOARD,
    CANAL,
    DRAIN,
    EXAMPLE,
    GATE_KEY,
    INPUTS,
    METER_1,
    PUMP_KEY,
    RIVER,
    UPSTREAM,
    Flood,
)
from tonnam_edge.core import Step
from tonnam_edge.site.check import load_site
from tonnam_edge.site.site import Site
from tonnam_link.messages import CommandAction


def drain() -> Site:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.toml"
        path.write_text(DRAIN, encoding="utf-8")
        return load_site(path)[0]


# Pumps that run in doubt and a gate that closes at high water; pumps that stand in doubt and a gate that opens then.
SITES = {"flood": load_site(EXAMPLE)[0], "drain": drain()}
HOLD_S = 120
ALL_CM = 320
STARTS_PER_HOUR = 6
RETRY_S = 600
# Switches settle or are given up within 10 s, a gauge is believed for 30 s, a motor rests for 30 s, what was moved by
# something else waits for 60 s; reading back takes some seconds more.
SETTLED_S = 45
AFTER_A_FAULT_S = 90
DRAWS_AIR_S = 15


class Deed(NamedTuple):
    what: str
    how: float
    then_s: int


DEEDS = (
    *("river", "canal", "silence", "motor", "coil", "power"),
    *("key", "gate key", "switch", "water", "gate water", "stop"),
    *("kill", "start", "reboot", "clock", "disk", "end", "wait"),
)
deeds = st.builds(Deed, st.sampled_from(DEEDS), st.floats(0, 1, allow_nan=False), st.sampled_from([1, 2, 7, 40, 130]))


class Watched:
    """A town whose promises are looked at every second. What must be true is told by conditions, not by the core."""

    def __init__(self, site: Site) -> None:
        self.flood = flood = Flood(site)
        self.safe_off = flood.town.runs_by_coil
        self.clock_moved = False
        self.starts: list[list[float]] = [[], []]  # when each pump began to run
        self.ran = [False, False]
        self.dry_word: tuple[float, bool] = (0.0, False)  # when the intake was last read, and whether it was dry
        self.told_safe: set[str] = set()  # by the agent, since it began
        self.seen_safe: set[str] = set()  # by their coils, since they were told
        self.held_out: set[str] = set()
        self.must_run_s = self.must_be_safe_s = self.must_be_off_s = self.dead_s = self.calm_s = 0
        self.seen_locked = self.seen_gate_locked = self.seen_by_hand = self.ending = False
        self.number = 0
        flood.watch = self._after_a_step

    def play(self, deed: Deed) -> None:
        getattr(self, "_" + deed.what.replace(" ", "_"))(deed.how)
        for _ in range(deed.then_s):
            self._second()

    # ------------------------------------------------------------------------------------------------- deeds

    def _river(self, how: float) -> None:
        self.flood.town.levels[RIVER] = 150 + 200 * how
        self.flood.town.levels[UPSTREAM] = 185 + 200 * how

    def _canal(self, how: float) -> None:
        self.flood.town.levels[CANAL] = 20 + 180 * how

    def _silence(self, how: float) -> None:
        unit = (RIVER, UPSTREAM, CANAL, INPUTS, METER_1)[min(4, int(how * 5))]
        self.flood.town.silent ^= {unit}

    def _key(self, how: float) -> None:
        self.flood.town.turn_key(PUMP_KEY, locked=how > 0.5)

    def _gate_key(self, how: float) -> None:
        self.flood.town.turn_key(GATE_KEY, locked=how > 0.5)

    def _switch(self, how: float) -> None:
        self.flood.town.turn_switch("auto" if how > 0.5 else "hand" if how > 0.25 else "off")

    def _kill(self, how: float) -> None:
        self.flood.kill()

    def _start(self, how: float) -> None:
        self.flood.start()
        self._begins()

    def _reboot(self, how: float) -> None:
        self.flood.reboot()
        self._begins()

    def _begins(self) -> None:
        self.ending, self.calm_s = False, 0
        self.told_safe, self.seen_safe, self.held_out = set(), set(), set()

    def _wait(self, how: float) -> None:
        """An hour and more, in steps of which each is still in time for what must be renewed."""
        for _ in range(round(60 + 140 * how)):
            self._second(20)

    def _clock(self, how: float) -> None:
        self.clock_moved = True
        self.flood.skew_ms = round((how - 0.5) * 10 * 86_400_000)

    def _water(self, how: float) -> None:
        self._command(CommandAction.WATER, round(how * 2000))

    def _gate_water(self, how: float) -> None:
        self._command(CommandAction.WATER, round(how * 2000), "sluice")

    def _stop(self, how: float) -> None:
        self._command(CommandAction.STOP, 0)

    def _motor(self, how: float) -> None:
        self.flood.town.broken_pumps ^= {0}
        self.must_run_s = 0

    def _coil(self, how: float) -> None:
        """A second master moves a coil, where the agent can see it."""
        if not self._ours():
            return
        coil = min(2, int(how * 3))
        self.flood.town.coils[coil] = not self.flood.town.coils[coil]
        self.flood.town.until.pop(coil, None)
        self.calm_s = 0
        for _ in range(5):
            self._second()

    def _power(self, how: float) -> None:
        self.flood.town.power_cut()
        self.calm_s = 0

    def _disk(self, how: float) -> None:
        self.flood.core.remembers = how > 0.5
        self.calm_s = 0

    def _end(self, how: float) -> None:
        self.flood.core.shut_down()
        self.ending = True

    def _command(self, action: CommandAction, seconds: int, station: str = "flood-pumps") -> None:
        self.number += 1
        if self.flood.alive:
            self.flood.command(action, station, seconds=seconds, command_id=f"c{self.number}")

    # ---------------------------------------------------------------------------------------------- promises

    def _second(self, seconds: float = 1.0) -> None:
        town, before = self.flood.town, len(self.flood.town.writes)
        if INPUTS not in town.silent and self.flood.alive:
            self.seen_locked, self.seen_gate_locked = PUMP_KEY in town.keys, GATE_KEY in town.keys
            self.seen_by_hand = town.mode != "auto"
        self._read_back()
        self.flood.step(seconds)
        written = {coil for _, coil, _ in town.writes[before:]}
        assert not (self.seen_locked and written & {0, 1}), "a pump was moved while it was locked"
        assert not (self.seen_gate_locked and 2 in written), "the gate was moved while it was locked"
        assert not (self.seen_by_hand and written & {0, 1}), "a pump was moved while in hand"
        self._count()
        self._look()

    def _read_back(self) -> None:
        """What the agent is about to read. The coil of all three is off in the safe state."""
        if self.flood.alive and BOARD not in self.flood.town.silent:
            coils = {name: self.flood.town.coil(n) for n, name in enumerate(("pump-1", "pump-2", "gate"))}
            self.seen_safe |= {name for name in self.told_safe if not coils[name]}

    def _after_a_step(self, flood: Flood, step: Step) -> None:
        """Nothing leaves its safe state before it was read back there, nor without a timer of the board."""
        for action in step.actions:
            if action.safe:
                self.told_safe.add(action.actuator)
                self.seen_safe.discard(action.actuator)
                self.held_out.discard(action.actuator)
                continue
            assert action.hold_s is not None
            assert action.hold_s <= HOLD_S
            assert action.actuator in self.held_out | self.seen_safe, "it left its safe state before that was proven"
            self.held_out.add(action.actuator)

    def _ours(self) -> bool:
        """Whether the agent is there, and nobody has the pumps in hand or hides whether he has."""
        town = self.flood.town
        return self.flood.alive and not town.keys and town.mode == "auto" and INPUTS not in town.silent

    def _count(self) -> None:
        """For how long which conditions have held without a break."""
        town, ours = self.flood.town, self._ours()
        obeys = ours and self.flood.core.remembers and not self.ending
        high = RIVER not in town.silent and town.levels[RIVER] >= 250
        wet = town.levels[CANAL] >= 120 and CANAL not in town.silent
        dry = self._intake_is_dry()
        blind = {RIVER, UPSTREAM} <= town.silent
        stands = 0 in town.broken_pumps and METER_1 in town.silent  # which nobody can know
        serves = obeys if self.safe_off else ours
        self.calm_s += 1
        self.must_run_s = self.must_run_s + 1 if serves and high and wet and not stands else 0
        self.must_be_safe_s = self.must_be_safe_s + 1 if ours and blind and wet else 0
        self.must_be_off_s = self.must_be_off_s + 1 if obeys and dry else 0
        self.dead_s = 0 if self.flood.alive else self.dead_s + 1
        for pump, runs in enumerate(self.flood.running()):
            if runs and not self.ran[pump]:
                self.starts[pump].append(town.now_s)
            self.ran[pump] = runs

    def _intake_is_dry(self) -> bool:
        """By its gauge, and for some time after that has fallen silent."""
        town = self.flood.town
        if CANAL not in town.silent and self.flood.alive:
            level = town.levels[CANAL]
            self.dry_word = town.now_s, level < 60 or (self.dry_word[1] and level < 120)
        return self.dry_word[1] and town.now_s - self.dry_word[0] < RETRY_S

    def _rests(self) -> bool:
        """Whether its motors may have started too often to start again, which counts for nothing in a flood."""
        town = self.flood.town
        if RIVER not in town.silent and town.levels[RIVER] >= ALL_CM:
            return False
        lately = [sum(town.now_s - at < 3600 + HOLD_S for at in starts) for starts in self.starts]
        worn = max(lately) >= STARTS_PER_HOUR or self.clock_moved
        return worn and "within an hour" in self.flood.text()

    def _look(self) -> None:
        town, flood = self.flood.town, self.flood
        calm = self.calm_s > AFTER_A_FAULT_S
        may_rest = not calm or self._rests()
        if self.must_run_s > SETTLED_S and not may_rest:
            assert any(flood.running()), "the river is high, there is water, and no pump runs"
        if self.must_be_safe_s > SETTLED_S and not may_rest:
            assert not any(town.coils[:3]), "nobody knows the level, and it is not in its safe state"
        if self.dead_s > HOLD_S:
            assert not any(town.coils[:3]), "the agent is dead, and it is not in its safe state"
        if self.must_be_off_s > DRAWS_AIR_S and calm:
            assert not any(flood.running()), "a pump runs, and the intake is known to be dry"
            assert max(town.dry_s) == 0


STARTS = [Deed("river", 0.55, 125), Deed("river", 0.2, 35)] * 12


@pytest.mark.parametrize("site", SITES)
@settings(max_examples=12, deadline=None)
@given(st.lists(deeds, min_size=1, max_size=10))
@example([Deed("river", 1, 400), Deed("canal", 0.05, 130), Deed("kill", 0, 400), Deed("start", 0, 400)])
@example([Deed("river", 1, 130), Deed("canal", 0.15, 130)])
@example([Deed("silence", 0.1, 130), Deed("silence", 0.3, 130), Deed("canal", 0, 130)])
@example([Deed("key", 1, 7), Deed("silence", 0.7, 400), Deed("start", 0, 400), Deed("river", 1, 130)])
@example([Deed("motor", 1, 1), Deed("river", 0.6, 130), Deed("river", 0.6, 130)])
@example([Deed("river", 0.6, 130), Deed("canal", 0.15, 40), Deed("silence", 0.5, 130)])
@example([Deed("water", 1, 40), Deed("gate water", 1, 40), Deed("silence", 0.1, 1), Deed("silence", 0.3, 130)])
@example([*STARTS, Deed("river", 1, 130)])
@example([*STARTS, Deed("kill", 0, 1), Deed("wait", 1, 1), Deed("reboot", 0, 1), Deed("river", 0.6, 130)])
def test_the_town_keeps_its_promises_whatever_comes(site: str, history: list[Deed]) -> None:
    watched = Watched(SITES[site])
    for deed in [Deed("river", 0.1, 40), *history]:
        watched.play(deed)
