"""Drives a core and a flood gate's world under one clock, from one event of either to the next.

Smaller than the farms' driver: a core that holds a pump or a gate out of its safe state wants to be looked at every
few minutes anyway.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

from tests.season.blows import (
    Blow,
    Case,
    Clear,
    ClockStep,
    DiskFails,
    EdgeBlow,
    EdgePower,
    Kill,
    Lock,
    LockHere,
    Stop,
    Visit,
    Water,
)
from tests.season.drive import BOOT_MS, DAY_MS, MakeCore
from tests.season.process import SECOND_MS, Process
from tests.season.record import Act, Record, Span, matters
from tests.season.site_station import STATIONS, StationLayout
from tests.season.wires import Wires
from tonnam_edge.core import Action, Core
from tonnam_edge.core.people.at_site import Request
from tonnam_link.messages import CommandAction
from tonnam_sim.world.flood import FloodWorld

LOOKS_MS = tuple(1000 * seconds for seconds in (1, 2, 3, 6, 11, 16, 21, 31, 46, 61, 76))
# While nothing has happened for so long, looks come on a grid: a quarter of the deadlines that are then set anew, and
# less while the river may be about to move something.
QUIET_MS, RARELY_MS, OFTEN_MS = 120_000, 600_000, 240_000
FAR_BELOW_CM = 50.0
SETTLE_MS = 3_600_000


class Sample(NamedTuple):
    """What was true at a look. cm, and 0 shut to 1 open."""

    at_ms: int
    river_cm: float
    canal_cm: float
    gate: float
    running: frozenset[str]
    up_ms: int | None  # since when a process has been up, None without one


class StationEpisode(Process):
    """One life of a flood gate with its edge. `run` it, then look at `record`, `samples` and `world`."""

    def __init__(
        self,
        case: Case,
        *,
        make_core: MakeCore = Core,
        layout: StationLayout | None = None,
        every_s: float | None = None,
    ) -> None:
        super().__init__()
        self.case, self.layout = case, layout or STATIONS[case.layout]
        self.site = self.layout.site
        self.world = FloodWorld(self.layout.config, case.seed)
        self.record = Record()
        self.samples: list[Sample] = []
        self.locked: list[Span] = []  # by people at the place, in the program: a station's id, or "" for all
        self.diskless: list[Span] = []
        self.now_ms = self._began_ms = round(self.world.now_s * 1000)
        self.ends_ms = self.now_ms + round(case.days * DAY_MS)
        self.memory: bytes | None = None
        self.core: Core | None = None
        self._make_core, self._every_ms = make_core, None if every_s is None else round(every_s * 1000)
        self._wires = Wires(self.site, self.world.buses)
        self._disk_well_ms = 0
        self._boot, self._booted_ms = "boot-0", self.now_ms - 3_600_000
        self._up_ms = self.now_ms
        self._happened_ms = self.now_ms
        self._heard_of = 0
        self._on_since: dict[str, int] = {}
        self._todo = sorted(case.blows, key=lambda blow: blow.at_s)
        self._waiting: list[Blow] = []

    @property
    def most_steps(self) -> int:
        """More looks than that mean that something asks to be looked at for ever. A lossy cable asks for many."""
        return round(8000 * self.case.days) + 500

    def run(self) -> Record:
        """Live through the episode, and a while without a blow."""
        while self.now_ms < self.ends_ms + SETTLE_MS and not self.record.raised:
            if self._every_ms is None and self.record.steps > self.most_steps:
                break
            self._strike()
            if self.core is None and self.now_ms >= self._up_ms:
                self._start()
            if self.core is not None:
                self._cycle(self.core)
            self._pass(self._next_ms(self.core))
        for name, since_ms in self._on_since.items():
            self.record.coils.append(Span(name, since_ms, self.now_ms))
        return self.record

    # --------------------------------------------------------------------------------------------------- blows

    def _strike(self) -> None:
        for due in [each for each in self._later if each[0] <= self.now_ms]:
            self._later.remove(due)
            self._happened_ms = self.now_ms
            due[1]()
        while self._todo and self._began_ms + self._todo[0].at_s * SECOND_MS <= self.now_ms:
            blow = self._todo.pop(0)
            if blow.on_run:
                self._waiting.append(blow)
            else:
                self._hit(blow)

    def _moved(self) -> None:
        """What waits for a pump or gate to be moved strikes so long after it."""
        for blow in self._waiting:
            self._in_ms(blow.after_s * SECOND_MS, partial(self._hit, blow))
        self._waiting = []

    def _hit(self, blow: Blow) -> None:
        self.record.struck.append((self.now_ms, str(blow.plain())))
        self._happened_ms = self.now_ms
        if isinstance(blow.what, EdgeBlow):
            self._hit_edge(blow, blow.what)
            return
        until_s = None if blow.lasts_s is None else self.world.now_s + blow.lasts_s
        if blow.lasts_s is not None:
            self._in_ms(blow.lasts_s * SECOND_MS, lambda: None)
        self.world.add(blow.what.model_copy(update={"at_s": self.world.now_s, "until_s": until_s}))

    def _hit_edge(self, blow: Blow, what: EdgeBlow) -> None:
        if isinstance(what, Kill):
            self._dies = what
        elif isinstance(what, EdgePower):
            self._lose_power(what)
        elif isinstance(what, ClockStep):
            self._skew_ms += what.by_s * SECOND_MS
            if blow.lasts_s is not None:
                self._in_ms(blow.lasts_s * SECOND_MS, self._set_right)
        elif isinstance(what, DiskFails):
            self._disk_well_ms = self.now_ms + (blow.lasts_s or 3600) * SECOND_MS
            self.diskless.append(Span("disk", self.now_ms, self._disk_well_ms))
            self._in_ms(self._disk_well_ms - self.now_ms, lambda: None)
        else:
            self._hit_by_people(what)

    def _hit_by_people(self, what: EdgeBlow) -> None:
        if isinstance(what, Water):
            self._command(CommandAction.WATER, what.zone, what.lives_s, max_run_s=what.run_s)
        elif isinstance(what, Stop):
            self._command(CommandAction.STOP, what.zone, 60)
        elif isinstance(what, Lock):
            self._command(CommandAction.LOCK, what.zone, 60, who="Somchai", why="repairs")
        elif isinstance(what, Clear):
            for latch in () if self.core is None else self.core.latches.standing():
                self._command(CommandAction.CLEAR, "", 60, latch=latch.id, who="Somchai")
        elif isinstance(what, LockHere) and self.core is not None:
            self._ask("lock", zone=what.zone or None, why="repairs")
            self.locked.append(Span(what.zone, self.now_ms, self.ends_ms + DAY_MS))
        elif isinstance(what, Visit) and self.core is not None:
            for deed in ("clear", "unlock"):
                self._ask(deed)
            for lock in {lock.zone for lock in self.core._people.lockouts.standing()}:
                self._ask("unlock", zone=lock)
            self.locked = [Span(each.what, each.from_ms, min(each.to_ms, self.now_ms)) for each in self.locked]

    def _ask(self, deed: Any, **more: Any) -> None:
        if self.core is not None:
            self.core.ask(Request(f"{deed}-{self.now_ms}-{more.get('zone')}", deed, "Somchai", **more))

    def _lose_power(self, what: EdgePower) -> None:
        self._die(what.down_s + BOOT_MS // 1000)
        self._boot, self._booted_ms = f"boot-{self.now_ms}", self.now_ms + what.down_s * SECOND_MS
        if what.unsure_s:
            self._skew_ms, self._sure = what.wrong_s * SECOND_MS, False
            self._in_ms((what.down_s + what.unsure_s) * SECOND_MS, self._set_right)

    # ------------------------------------------------------------------------------------------------- process

    def _start(self) -> None:
        self.core = self._make_core(
            self.site,
            self.memory,
            now_ms=self._wall_ms,
            mono_ms=self._mono_ms,
            boot=self._boot,
            sure=self._sure,
            new_id=self._new_id,
        )
        self.record.starts_ms.append(self.now_ms)
        self._happened_ms = self.now_ms
        self._wires.forget()

    def _cycle(self, core: Core) -> None:
        """One cycle as the agent does it: what is safe at once, the rest when what it rests on is on disk."""
        self.record.steps += 1
        core.observe(self._wires.read(self._mono_ms))
        core.remembers = self.now_ms >= self._disk_well_ms
        try:
            step = core.step(self._wall_ms, self._mono_ms, boot=self._boot, sure=self._sure)
        except Exception as failure:  # noqa: BLE001 - whatever the core raises is what this looks for
            self.record.raised.append(f"{type(failure).__name__}: {failure}")
            return
        self._step, dies, kept = step, self._dies, core.remembers
        self._act([action for action in step.actions if action.safe])
        if dies is not None and dies.where == "before_commit":
            self._die(dies.down_s)
            return
        self._uncommitted.append(step)
        if kept:
            self._commit()
            if dies is None or dies.where == "after_acts":
                self._act([action for action in step.actions if not action.safe])
        if dies is not None:
            self._die(dies.down_s)

    def _commit(self) -> None:
        for step in self._uncommitted:
            self.memory = step.memory or self.memory
            self.record.events.extend((self.now_ms, event) for event in step.events)
            self.record.outcomes.extend((self.now_ms, outcome) for outcome in step.outcomes)
            if any(event.kind == "station.moved" for event in step.events):
                self._moved()
            if step.outcomes or any(matters(event) for event in step.events):
                self._happened_ms = self.now_ms
        self._uncommitted = []

    def _act(self, actions: list[Action]) -> None:
        self.record.acts.extend(Act(self.now_ms, action, self._wires.act(action), True) for action in actions)

    # ---------------------------------------------------------------------------------------------------- time

    def _next_ms(self, core: Core | None) -> int:
        """When to look next: on a whole second, at the next event of either, and soon when something happened."""
        now_ms = self.now_ms
        if self._every_ms is not None:
            return now_ms + self._every_ms
        if len(self.world.events) > self._heard_of:
            self._heard_of, self._happened_ms = len(self.world.events), now_ms
        low = self.world.truth.river_cm < self.layout.pumps.start_cm - FAR_BELOW_CM
        every_ms = RARELY_MS if low else OFTEN_MS
        found = [(now_ms // every_ms + 1) * every_ms, *(at_ms for at_ms, _ in self._later)]
        found += [self._began_ms + blow.at_s * SECOND_MS for blow in self._todo[:1]]
        if core is None:
            found.append(self._up_ms)
        elif self._step is not None and now_ms - self._happened_ms < QUIET_MS:
            found.append(self._step.next_due_ms - self._step.now_ms + now_ms)
            found += [self._happened_ms + look for look in LOOKS_MS if self._happened_ms + look > now_ms][:1]
        happens_s = self.world.next_event_s()
        if math.isfinite(happens_s):
            found.append(math.ceil(happens_s * 1000 - 1e-3))
        return max(now_ms + SECOND_MS, -(-min(found) // SECOND_MS) * SECOND_MS)

    def _pass(self, then_ms: int) -> None:
        """Let the world go on, and note what it did."""
        world, from_ms = self.world, self.now_ms
        world.step(then_ms / 1000 - world.now_s)
        for name in self.site.actuators:
            coil = world.cabinet.coils[name]
            if world.cabinet.boards[coil.board].mask >> coil.channel & 1:
                self._on_since.setdefault(name, from_ms)
            elif name in self._on_since:
                self.record.coils.append(Span(name, self._on_since.pop(name), then_ms))
        truth, starts = world.truth, self.record.starts_ms
        up_ms = starts[-1] if self.core is not None else None
        self.samples.append(
            Sample(then_ms, truth.river_cm, truth.canal_cm, world.gate.position, truth.pumps_running, up_ms)
        )
        self.now_ms = then_ms


def live_at_station(case: Case, **how: Any) -> StationEpisode:
    """Run a case; returns the episode that is over."""
    episode = StationEpisode(case, **how)
    episode.run()
    return episode
