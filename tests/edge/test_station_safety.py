"""Whatever comes: a flood pump runs when it must, is never moved while it is locked, and never runs dry."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.edge.floods import CANAL, EXAMPLE, GATE_KEY, INPUTS, METER_1, PUMP_KEY, RIVER, UPSTREAM, Flood
from tonnam_edge.core import Step
from tonnam_edge.site.check import load_site
from tonnam_link.messages import CommandAction

SITE = load_site(EXAMPLE)[0]
HOLD_S = 120
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
    *("key", "gate key", "switch", "water", "stop"),
    *("kill", "start", "reboot", "clock", "disk", "end"),
)
deeds = st.builds(Deed, st.sampled_from(DEEDS), st.floats(0, 1, allow_nan=False), st.sampled_from([1, 2, 7, 40, 130]))


class Watched:
    """A town whose promises are looked at every second. What must be true is told by conditions, not by the core."""

    def __init__(self) -> None:
        self.flood = flood = Flood(SITE)
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
        self.ending, self.calm_s = False, 0

    def _reboot(self, how: float) -> None:
        self.flood.reboot()
        self.ending, self.calm_s = False, 0

    def _clock(self, how: float) -> None:
        self.flood.skew_ms = round((how - 0.5) * 10 * 86_400_000)

    def _water(self, how: float) -> None:
        self._command(CommandAction.WATER, round(how * 2000))

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

    def _command(self, action: CommandAction, seconds: int) -> None:
        self.number += 1
        if self.flood.alive:
            self.flood.command(action, seconds=seconds, command_id=f"c{self.number}")

    # ---------------------------------------------------------------------------------------------- promises

    def _second(self) -> None:
        town, before = self.flood.town, len(self.flood.town.writes)
        if INPUTS not in town.silent and self.flood.alive:
            self.seen_locked, self.seen_gate_locked = PUMP_KEY in town.keys, GATE_KEY in town.keys
            self.seen_by_hand = town.mode != "auto"
        self.flood.step()
        written = {coil for _, coil, _ in town.writes[before:]}
        assert not (self.seen_locked and written & {0, 1}), "a pump was moved while it was locked"
        assert not (self.seen_gate_locked and 2 in written), "the gate was moved while it was locked"
        assert not (self.seen_by_hand and written & {0, 1}), "a pump was moved while in hand"
        self._count()
        self._look()

    def _after_a_step(self, flood: Flood, step: Step) -> None:
        """Nothing is ever held out of its safe state without a timer of the board."""
        for action in step.actions:
            assert action.safe or (action.hold_s is not None and action.hold_s <= HOLD_S)

    def _ours(self) -> bool:
        """Whether the agent is there, and nobody has the pumps in hand or hides whether he has."""
        town = self.flood.town
        return self.flood.alive and not town.keys and town.mode == "auto" and INPUTS not in town.silent

    def _count(self) -> None:
        """For how long which conditions have held without a break."""
        town, ours = self.flood.town, self._ours()
        high = RIVER not in town.silent and town.levels[RIVER] >= 250
        wet = town.levels[CANAL] >= 120 and CANAL not in town.silent
        dry = town.levels[CANAL] < 60 and CANAL not in town.silent
        blind = {RIVER, UPSTREAM} <= town.silent
        stands = 0 in town.broken_pumps and METER_1 in town.silent  # which nobody can know
        obeys = ours and self.flood.core.remembers and not self.ending
        self.calm_s += 1
        self.must_run_s = self.must_run_s + 1 if ours and high and wet and not stands else 0
        self.must_be_safe_s = self.must_be_safe_s + 1 if ours and blind and wet else 0
        self.must_be_off_s = self.must_be_off_s + 1 if obeys and dry else 0
        self.dead_s = 0 if self.flood.alive else self.dead_s + 1

    def _look(self) -> None:
        town, flood = self.flood.town, self.flood
        calm = self.calm_s > AFTER_A_FAULT_S
        may_rest = not calm or "within an hour" in flood.text()
        if self.must_run_s > SETTLED_S and not may_rest:
            assert any(flood.running()), "the river is high, there is water, and no pump runs"
        if self.must_be_safe_s > SETTLED_S and not may_rest:
            assert not any(town.coils[:3]), "nobody knows the level, and it is not in its safe state"
        if self.dead_s > HOLD_S:
            assert not any(town.coils[:3]), "the agent is dead, and it is not in its safe state"
        if self.must_be_off_s > DRAWS_AIR_S and calm:
            assert not any(flood.running()), "a pump runs, and the intake is known to be dry"
            assert max(town.dry_s) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(deeds, min_size=1, max_size=10))
@example([Deed("river", 1, 400), Deed("canal", 0.05, 130), Deed("kill", 0, 400), Deed("start", 0, 400)])
@example([Deed("river", 1, 130), Deed("canal", 0.15, 130)])
@example([Deed("silence", 0.1, 130), Deed("silence", 0.3, 130), Deed("canal", 0, 130)])
@example([Deed("key", 1, 7), Deed("silence", 0.7, 400), Deed("start", 0, 400), Deed("river", 1, 130)])
def test_the_town_keeps_its_promises_whatever_comes(history: list[Deed]) -> None:
    watched = Watched()
    for deed in [Deed("river", 0.1, 40), *history]:
        watched.play(deed)
