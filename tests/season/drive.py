"""Drives core and world under one clock: from one event of either to the next, and by the second around them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

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
    Stop,
    Visit,
    Water,
)
from tests.season.notes import Notes
from tests.season.process import SECOND_MS, Process
from tests.season.record import Act, Record, matters
from tests.season.site import LAYOUTS, SEASONS, Layout
from tests.season.wires import Wires, leave_out_contacts
from tonnam_edge.core import Action, Core
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.people.at_site import Request
from tonnam_edge.core.plant.runs import Phase, Run
from tonnam_link.messages import CommandAction
from tonnam_sim.world import World

DAY_MS = 86_400_000
DAY_IDLE_MS, NIGHT_IDLE_MS, RUNNING_MS = 1_800_000, 3_600_000, 240_000
# After something has happened the next looks come so much later.
LOOKS_MS = tuple(1000 * seconds for seconds in (1, 61))
STRUCK_LOOKS_MS = tuple(1000 * seconds for seconds in (1, 2, 3, 6, 11, 16, 21, 31, 46))
# Water that has flowed for so long flows on as it does.
STEADY_MS = 46_000
# When nothing moves though the core wants to look every second, looks become rarer after so long: they find nothing.
QUIET_MS, RARER, RAREST_MS = 16_000, 4, 1_800_000
# A run that ends by its litres has them no sooner than in this share of the time that they should take.
SOONEST = 0.9
# What goes on for long once it has begun: the usual looks see it.
SLOW = ("line:", "rain")
SETTLE_MS = 3 * 3_600_000
BOOT_MS = 20_000

MakeCore = Callable[..., Core]


class Episode(Process):
    """One life of a farm with its edge. `run` it, then look at `record` and `world`.

    With `every_s` every step is that long. `make_core` makes the core, or one that is wrong on purpose. `layout` is a
    farm that is not among those that cases name.
    """

    def __init__(
        self,
        case: Case,
        *,
        make_core: MakeCore = Core,
        every_s: float | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__()
        self.case = case
        self.layout = layout or (LAYOUTS | SEASONS)[case.layout]
        self.site = self.layout.site
        self.world = World(self.layout.config, case.seed)
        self.record = Record()
        self.now_ms = round(self.world.now_s * 1000)
        self.ends_ms = self.now_ms + round(case.days * DAY_MS)
        self._make_core, self._every_ms = make_core, None if every_s is None else round(every_s * 1000)
        self._wires = Wires(self.site, self.world.buses)
        self._notes = Notes(self.site, self.world, self.record)
        self._pulled = "probe_pulled" in case.kinds
        self._valves = {zone.part.valve: zone.id for zone in self.site.zones.values()}
        self.memory: bytes | None = None
        self._disk_well_ms = 0  # from when the disk takes everything
        self._boot, self._booted_ms = "boot-0", self.now_ms - 3_600_000
        self._up_ms = self.now_ms  # when the process starts
        self.core: Core | None = None
        self._looked_ms = self.now_ms
        self._happened_ms, self._signature = self.now_ms, (0, 0, 0)
        self._heard_of = self._moved = 0  # events of the world
        self._struck_ms = -DAY_MS
        self._todo = sorted(case.blows, key=lambda blow: blow.at_s)
        self._waiting: list[Blow] = []

    def run(self) -> Record:
        """Live through the episode, then let what has begun come to its end."""
        while self.now_ms < self.ends_ms and self._goes_on:
            self.advance(self.ends_ms)
        settled_ms = self.ends_ms + SETTLE_MS
        while self._unsettled and self.now_ms < settled_ms and self._goes_on:
            self.advance(settled_ms)
        self._commit()  # a disk that takes nothing does so at last: what waits for it is told then
        self._notes.end(self.now_ms)
        return self.record

    def advance(self, until_ms: int) -> None:
        """One look, and the time until the next."""
        self._strike()
        if self.core is None and self.now_ms >= self._up_ms:
            self._start()
        if self.core is not None:
            self._cycle(self.core)
        self._pass(self._next_ms(until_ms))

    @property
    def _goes_on(self) -> bool:
        return not self.record.raised and (self._every_ms is not None or self.record.steps <= self.most_steps)

    @property
    def most_steps(self) -> int:
        """More looks than that mean that something asks to be looked at for ever. Doses are looked at each second."""
        return round((40_000 if self.site.file.injector else 4000) * max(self.case.days, 0.3))

    @property
    def _unsettled(self) -> bool:
        return self.core is None or bool(self.core.running)

    # --------------------------------------------------------------------------------------------------- blows

    def _strike(self) -> None:
        """Whatever is due now."""
        for due in [each for each in self._later if each[0] <= self.now_ms]:
            self._later.remove(due)
            self._happened_ms = self._struck_ms = self.now_ms
            due[1]()
        while self._todo and self._begin_ms + self._todo[0].at_s * SECOND_MS <= self.now_ms:
            blow = self._todo.pop(0)
            if blow.on_run:
                self._waiting.append(blow)
            else:
                self._hit(blow)

    @property
    def _begin_ms(self) -> int:
        return self.ends_ms - round(self.case.days * DAY_MS)

    def _run_begins(self) -> None:
        for blow in self._waiting:
            self._in_ms(blow.after_s * SECOND_MS, partial(self._hit, blow))
        self._waiting = []

    def _hit(self, blow: Blow) -> None:
        self.record.struck.append((self.now_ms, str(blow.plain())))
        self._happened_ms = self._struck_ms = self.now_ms
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
            self._in_ms(self._disk_well_ms - self.now_ms, lambda: None)
        elif isinstance(what, Water):
            self._command(CommandAction.WATER, what.zone, what.lives_s, max_run_s=what.run_s)
        elif isinstance(what, Stop):
            self._command(CommandAction.STOP, what.zone, 60)
        elif isinstance(what, Lock):
            self._command(CommandAction.LOCK, what.zone, 60, who="Somchai", why="repairs")
        elif isinstance(what, Clear):
            for latch in () if self.core is None else self.core.latches.standing():
                self._command(CommandAction.CLEAR, "", 60, latch=latch.id, who="Somchai")
        elif isinstance(what, Visit) and self.core is not None:
            for deed in ("clear", "unlock"):
                self.core.ask(Request(f"{deed}-{self.now_ms}", deed, "Somchai"))
            for part in self.site.file.injector:
                self.core.ask(Request(f"{part.id}-{self.now_ms}", "refilled", "Somchai", injector=part.id))

    def _lose_power(self, what: EdgePower) -> None:
        self._die(what.down_s + BOOT_MS // 1000)
        self._boot, self._booted_ms = f"boot-{self.now_ms}", self.now_ms + what.down_s * SECOND_MS
        self._wires.forget()
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
        leave_out_contacts(self.core)
        self.record.starts_ms.append(self.now_ms)
        self._happened_ms = self.now_ms
        self._wires.forget()

    def _cycle(self, core: Core) -> None:
        """One cycle as the agent does it: closes at once, openings when what they rest on is on disk."""
        self.record.steps += 1
        core.observe(self._wires.read(self._mono_ms))
        core.remembers = self.now_ms >= self._disk_well_ms
        try:
            step = core.step(self._wall_ms, self._mono_ms, boot=self._boot, sure=self._sure)
        except Exception as failure:  # noqa: BLE001 - whatever the core raises is what this looks for
            self.record.raised.append(f"{type(failure).__name__}: {failure}")
            return
        self._step, dies = step, self._dies
        self._act([action for action in step.actions if action.safe])
        if dies is not None and dies.where == "before_commit":
            self._die(dies.down_s)
            return
        kept = core.remembers
        self._uncommitted.append(step)
        if kept:
            self._commit()
        if dies is not None and dies.where == "after_commit":
            self._die(dies.down_s)
            return
        if kept:
            self._act([action for action in step.actions if not action.safe])
        if dies is not None:
            self._die(dies.down_s)

    def _commit(self) -> None:
        """What a disk that failed has not taken is taken with what comes after it, unless the process dies before."""
        for step in self._uncommitted:
            self.memory = step.memory or self.memory
            for event in step.events:
                self.record.events.append((self.now_ms, event))
                if event.kind == "run.started":
                    self._run_begins()
                if self._pulled:
                    self._notes.told(self.now_ms, event, self.memory)
            self.record.outcomes.extend((self.now_ms, outcome) for outcome in step.outcomes)
            if step.outcomes or any(matters(event) for event in step.events):
                self._happened_ms = self.now_ms
        self._uncommitted = []

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            remembered = action.safe or self._remembers_run()
            self.record.acts.append(Act(self.now_ms, action, self._wires.act(action), remembered))
            zone = self._valves.get(action.actuator)
            if action.open and zone is not None:
                until_ms = self.now_ms + round(SECOND_MS * (action.hold_s or self._longest_s(zone)))
                self._notes.deadline_ms[zone] = max(self._notes.deadline_ms[zone], until_ms)

    def _remembers_run(self) -> bool:
        return self.memory is not None and bool(Memory.decode(self.memory).runs)

    def _longest_s(self, zone: str) -> float:
        """How long a valve without a board's timer may be open: its cut-off, or the longest run with its margins."""
        valve = self.site.actuators[self.site.zones[zone].part.valve].part
        return (valve.cut_off_min or 0) * 60 or self.site.zones[zone].max_run_s + 120

    # ---------------------------------------------------------------------------------------------------- time

    def _next_ms(self, until_ms: int) -> int:
        """When to look next: on a whole second, at the next event of either, and soon when something happened."""
        now_ms = self.now_ms
        if self._every_ms is not None:
            return min(until_ms, now_ms + self._every_ms)
        found = [until_ms, *(at_ms for at_ms, _ in self._later)]
        if self._todo:
            found.append(self._begin_ms + self._todo[0].at_s * SECOND_MS)
        if self.core is None:
            found += [self._up_ms, *(until for until in self._notes.deadline_ms.values() if until > now_ms)]
        else:
            found.append(self._next_look_ms(self.core))
        soonest_ms = min(*found, self.world.next_turn_s() * 1000 - 1e-3)
        return max(now_ms + SECOND_MS, _whole(math.ceil(soonest_ms)))

    def _next_look_ms(self, core: Core) -> int:
        """When the core wants to look, and not later than something that it cannot know of may need it to."""
        now_ms = self.now_ms
        running, not_off = len(core.running), len(core.not_off)
        signature = (self._world_has_moved(quiet=not running), running, not_off)
        if signature != self._signature:
            self._signature, self._happened_ms = signature, now_ms
        since_ms = now_ms - self._happened_ms
        rarely_ms = RUNNING_MS if running else self._idle_ms
        found = (now_ms // rarely_ms + 1) * rarely_ms
        if running or not_off:
            looks = STRUCK_LOOKS_MS if self._happened_ms == self._struck_ms else LOOKS_MS
            found = min([found, *(self._happened_ms + look for look in looks if look > since_ms)])
        elif since_ms < SECOND_MS:
            found = now_ms + SECOND_MS
        due_ms = now_ms if self._step is None else self._step.next_due_ms - self._step.now_ms + now_ms
        if since_ms > QUIET_MS and not running and due_ms <= now_ms + SECOND_MS:
            due_ms = now_ms + min(RAREST_MS, since_ms // RARER)
        elif since_ms > STEADY_MS and self._only_waters(core):
            due_ms = max(due_ms, self._first_end_ms(core))  # water flows as it has: such looks find nothing
        return min(found, due_ms)

    @property
    def _idle_ms(self) -> int:
        return DAY_IDLE_MS if 5 * 3_600_000 <= self.now_ms % DAY_MS < 19 * 3_600_000 else NIGHT_IDLE_MS

    def _only_waters(self, core: Core) -> bool:
        """Whether water runs and nothing is dosed into it, which goes pulse by pulse."""
        runs = core._runs
        watering = (run.phase is Phase.WATERING and runs.supply(zone).on for zone, run in runs.active.items())
        return bool(runs.active) and not self.site.file.injector and all(watering)

    def _first_end_ms(self, core: Core) -> int:
        """Before this no run ends by itself: of runs together, the end of the first."""
        return self.now_ms + min(self._lasts_ms(core, run) for run in core._runs.active.values())

    def _lasts_ms(self, core: Core, run: Run) -> int:
        """For how long a run goes on at least: for its time, or until its litres may be there."""
        left_s = run.left_s(self._mono_ms)
        if run.intent.planned_l is not None and run.litres is not None:
            missing_l = max(0.0, run.intent.planned_l - run.litres)
            left_s = min(left_s, SOONEST * missing_l / core._water.expected.l_min([run.intent.zone]) * 60)
        return round(left_s * SECOND_MS)

    def _world_has_moved(self, *, quiet: bool) -> int:
        """How much of what the world has told a second look may find more of. Lines fill and it rains on and on."""
        told = self.world.events[self._heard_of :]
        self._heard_of += len(told)
        slow = (*SLOW, "tank") if quiet else SLOW
        self._moved += sum(not event.subject.startswith(slow) for event in told)
        return self._moved

    def _pass(self, then_ms: int) -> None:
        """Let the world go on, and note what it did."""
        world = self.world
        world.step(then_ms / 1000 - world.now_s)
        self._notes.passed(self.now_ms, then_ms)
        self.now_ms = then_ms


def _whole(at_ms: int) -> int:
    return -(-at_ms // SECOND_MS) * SECOND_MS


def live(case: Case, **how: Any) -> Episode:
    """Run a case; returns the episode that is over."""
    episode = Episode(case, **how)
    episode.run()
    return episode
