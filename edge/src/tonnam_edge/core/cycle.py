"""The cycle without its rim: judge, freeze, decide, interlock, act, prove, tell. Pure but for what it remembers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tonnam_edge.core import texts
from tonnam_edge.core.books import Books
from tonnam_edge.core.commands import Commands
from tonnam_edge.core.decide import Decision, Settings, Wish, decide, plan_of
from tonnam_edge.core.devices import Devices
from tonnam_edge.core.dosing.dosing import Dosing
from tonnam_edge.core.image import Image, NotWritten, Now, Observation, Observed
from tonnam_edge.core.interlocks import Granted, Standing, pass_interlocks
from tonnam_edge.core.latches import Latches
from tonnam_edge.core.memory import Intent, Memory, Text
from tonnam_edge.core.orders import Orders
from tonnam_edge.core.people.at_site import Answer, Request
from tonnam_edge.core.people.people import People
from tonnam_edge.core.plant.actuators import Action
from tonnam_edge.core.plant.runs import Phase
from tonnam_edge.core.plant.stops import Stops
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.programs.growth import Growth
from tonnam_edge.core.queue import Queue, ready_at
from tonnam_edge.core.run_book import RunBook
from tonnam_edge.core.stations import texts as station_texts
from tonnam_edge.core.stations.stations import Stations
from tonnam_edge.core.telling import Frames, described
from tonnam_edge.core.wishes import waiting
from tonnam_edge.site.site import Site
from tonnam_link.commands.refusals import KIND
from tonnam_link.messages import Command, CommandState, Event, Frame, Outcome, Stamp

# When something is overdue already, such as a proof, it is looked at again after this long.
LOOK_AGAIN_MS = 1000
# Who has a connection knows the time by then. Until then nothing that goes by the clock begins on a guess.
FIRST_WORD_MS = 30_000


@dataclass(frozen=True)
class Step:
    """What one cycle came to.

    `memory` is the state document when it changed: it must be on disk before an action that turns something on.
    `next_due_ms` is when the core must be stepped again at the latest, UTC. `answers` wait for the disk.
    """

    now_ms: int
    actions: tuple[Action, ...]
    frame: Frame | None
    urgent: bool
    events: tuple[Event, ...]
    outcomes: tuple[Outcome, ...]
    memory: bytes | None
    next_due_ms: int
    answers: tuple[Answer, ...] = ()


class Core:
    """One farm's mind. Give it observations and commands, step it, and do what the step says.

    On the first steps it turns everything off until that is read back. Runs that `memory` holds were cut off by the
    end of the process before: they end as interrupted, with what their meter says by then, see `core.cut_off`.

    `sure` says whether the UTC is known or only the guess of `boot`. With `unread` the memory on disk could not be
    read yet: nothing starts and nothing is to be written until `recall`. `interrupted` says what cut the runs off,
    when that was not the end of a process.
    """

    def __init__(
        self,
        site: Site,
        memory: bytes | None = None,
        *,
        now_ms: int,
        mono_ms: int | None = None,
        boot: str = "",
        sure: bool = True,
        unread: bool = False,
        interrupted: Text | None = None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        now = Now(now_ms, now_ms if mono_ms is None else mono_ms, boot, sure)
        self.site = site
        self._memory = Memory() if memory is None else Memory.decode(memory)
        self._written, self._mark = memory, b""
        self._new_id = new_id
        self._interrupted = interrupted or texts.interrupted()
        self._settings = Settings(site)
        holds_ms = {name: round(zone.part.hold_after_stop_min * 60_000) for name, zone in site.zones.items()}
        self._growth = Growth(site, self._memory, self._settings, now, self._event)
        self._books = Books(self._memory, self._settings.local, holds_ms)
        self._events: list[Event] = []
        self._water = Water(site, self._memory, now, self._event, new_id)
        self._actuators, self._runs = self._water.actuators, self._water.runs
        self._observed = Observed(site, now.mono_ms, self._actuators.held, self._memory.doubts)
        self._devices = Devices(site, self._observed, self._event)
        self._dosing = Dosing(site, self._memory, self._water, self._event)
        restarted = now.mono_ms if memory is not None or unread else None
        self._queue = Queue(site, ready_at(site, restarted), self._water.sharing.rivals)
        self._commands = Commands(self._memory, now)
        self._run_book = RunBook(
            site, self._memory, self._water, self._books, self._growth, self._dosing, self._commands, self._event
        )
        self._cut_off = self._run_book.cut_off
        self._stops = Stops(site, self._memory, self._actuators, self._runs, now.mono_ms)
        self._people = People(
            site, self._memory, self._water, self._books, now, self._event, new_id, self._growth.poured
        )
        self.stations = Stations(site, self._memory, self._water, self._people, self._event, self._commands.say, now)
        self._orders = Orders(
            site, self._commands, self._stops, self._books, self._water, self._people, self.stations
        )
        self._frames = Frames(site)
        self._planned: dict[str, tuple[int | None, Text]] = {}
        self._put_off: set[str] = set()  # zones whose plan, as told, says that water must wait
        self._run_book.rest(now.mono_ms)
        self._first_word_until = now.mono_ms + FIRST_WORD_MS
        self._shutting_down = False
        self.remembers = True  # set by the owner: whether its disk takes what must survive
        self.makes_way = False  # set by the owner: whether another description waits until nothing runs
        self._unread = unread
        self._begin_at(now)

    @property
    def safe(self) -> bool:
        """Whether every valve and pump is in its safe state by its own coil, and nothing runs."""
        return self._water.safe

    @property
    def running(self) -> frozenset[str]:
        """The zones with a run in progress, closing included, or with one that was cut off and is not judged yet."""
        return self._cut_off.outlets.union(self._runs.active)

    @property
    def under_way(self) -> list[str]:
        """The outlets with a run in progress, closing included."""
        return sorted(self._runs.active)

    @property
    def not_off(self) -> frozenset[str]:
        """The valves and pumps that are not proven to be in their safe state."""
        return frozenset(name for name in self.site.actuators if not self._actuators.safe([name]))

    @property
    def left(self) -> frozenset[str]:
        """The pumps and gates that somebody has in hand: nothing is to move them, whatever was decided before."""
        return self._actuators.left

    @property
    def latches(self) -> Latches:
        """What was found wrong with the water, and stands until a person clears it."""
        return self._water.latches

    @property
    def document(self) -> bytes:
        """What another core needs in order to go on after this one."""
        return self._memory.encode()

    def observe(self, observations: Iterable[Observation | NotWritten]) -> None:
        """Take in what the buses have read, and which openings they could not write."""
        for seen in observations:
            if isinstance(seen, NotWritten):
                self._actuators.not_written(seen)
            else:
                self._observed.add(seen)

    def command(self, command: Command) -> None:
        """Take in a command; it is decided on in the next step."""
        self._commands.add(command)

    def ask(self, request: Request) -> None:
        """Take in what somebody wants at the controller itself; it is answered by a step."""
        self._people.ask(request)

    def shut_down(self) -> None:
        """From the next step on: end every run, turn everything off, start nothing."""
        self._shutting_down = True

    @property
    def unread(self) -> bool:
        """Whether what the disk remembers is still to be recalled."""
        return self._unread

    def recall(self, memory: bytes | None, now_ms: int, mono_ms: int, *, boot: str, sure: bool) -> None:
        """Take over what the disk remembers, now that it can be read. Raises as the making of a core does."""
        if memory is not None:
            self._memory.take_over(Memory.decode(memory))
            self._stops.take_over(mono_ms)
            self._people.recall()
            self.stations.recall()
            self._observed.begin_anew()
            self._growth.recall()
            self._run_book.rest(mono_ms)  # of an older process: a wish that had to wait has not watered
        self._unread, self._written = False, memory
        self._begin_at(Now(now_ms, mono_ms, boot, sure))

    def describe(self, now_ms: int, stamp: Stamp | None = None) -> Event:
        """The event that tells the cloud the whole truth of this site. Sent at every start."""
        return Event(self._new_id(), "site.described", now_ms, described(self.site), stamp)

    def step(self, now_ms: int, mono_ms: int | None = None, *, boot: str = "", sure: bool = True) -> Step:
        """One cycle at `now_ms` (UTC) and `mono_ms` (since boot; the same when only one clock is simulated)."""
        now = Now(now_ms, now_ms if mono_ms is None else mono_ms, boot, sure)
        image = self._observed.freeze(now, self._growth.expected_pct)
        self._commands.now = image.now
        self._books.turn(image.now)
        self._devices.look(image.now)
        if not self._unread:
            self._people.attend(image.now)
        self._people.look(image)
        self.stations.look(image)
        if self._shutting_down:
            self._people.leave(image.now)
            self._water.stop_everything(texts.interrupted(), image.now)
        self._follow_runs(image)
        self.stations.advance(image, self._held())
        self._people.count(image.now)
        self._growth.follow(image)
        decision = decide(image, self._memory, self._run_book.resting_until, self._settings, self._growth.passing)
        self._growth.decided(decision, now)
        self._books.decided(decision, now)
        self._memory.filling = decision.filling
        wishes = self._orders.wishes(image) + self._water.filters.wishes(now)
        wishes += [wish for wish in decision.wishes if self._may_go_by_clock(wish, image)]
        refused = self._start([*wishes, *self._dosing.rinses(wishes, image.now)], image)
        self._run_book.note(image.now)
        self._dosing.advance(image, books=self.remembers and not self._unread)
        self._tell_plans(decision, refused, image)
        return self._finish(image, decision)

    def _may_go_by_clock(self, wish: Wish, image: Image) -> bool:
        """Whether a program may want this now. What goes by the time of day waits a moment to be told it."""
        waits = not image.now.sure and image.now.mono_ms < self._first_word_until
        return not (waits and self._settings.goes_by_clock(wish))

    def _held(self) -> Text | None:
        """Why nothing of a station may leave its safe state now."""
        if self._shutting_down:
            return texts.shutting_down()
        return None if self.remembers and not self._unread else station_texts.disk_fails()

    def _begin_at(self, now: Now) -> None:
        self._commands.now = now
        self._cut_off.begin(self._interrupted, now)
        self.stations.begin()
        self._books.turn(now)

    def _follow_runs(self, image: Image) -> None:
        self._water.sun = self._growth.attend(self._runs, image)
        for run in self._water.advance(image):
            if run.phase is Phase.WATERING:
                self._run_book.say(run, CommandState.RUNNING, run.intent.reason)
            elif run.phase is Phase.ENDED:
                self._run_book.ended(run, image.now)
        for zone, seconds in self._runs.late(image.now):
            self._books.use(zone, seconds, image.now)
        self._run_book.follow(image, self._people.bars, self._people.modes.by_hand)
        for stopped in self._stops.advance(image):
            self._commands.say(stopped.command_id, stopped.state, stopped.reason)

    def _start(self, wishes: list[Wish], image: Image) -> dict[str, Text]:
        """Pass wishes through the interlocks and start what is granted; returns why programs must wait, by zone."""
        refused: dict[str, Text] = {}
        for wish in self._queue.order(wishes, image):
            verdict = pass_interlocks(wish, image, self._memory, self._standing(wish, image), self.site)
            if isinstance(verdict, Granted):
                self._begin(wish, verdict, image)
                continue
            self._queue.refused(wish, image.now, waits=verdict.waits, shared=verdict.shared)
            self._dosing.refused(wish, image.now, waits=verdict.waits)
            self._growth.refused(wish, verdict.reason, forbidden=verdict.forbidden)
            if wish.command_id is not None:
                self._commands.say(wish.command_id, CommandState.REFUSED, verdict.reason)
            elif wish.zone not in self._runs.active:
                refused.setdefault(wish.zone, verdict.reason)
        for zone, text in self._queue.overlong(refused, image.now):
            self._event("zone.waits", image.now, zone=zone, text=text)
        return refused

    def _standing(self, wish: Wish, image: Image) -> Standing:
        zone, now = wish.zone, image.now
        return Standing(
            ready=self._water.ready(zone),
            shutting_down=self._shutting_down,
            remembers=self.remembers and not self._unread,
            fault_hold=self._water.holds(zone, now),
            running=frozenset(self._runs.active),
            used_s=self._books.used_s(zone, now) + self._cut_off.planned_s(zone),
            blind_l=self._water.blind.litres,
            latched=self._people.blocks(zone, now, by_person=wish.whose.by_person)
            or self._water.latches.blocks(zone)
            or self._dosing.forbids(zone, now),
            forbidden=self._people.bars(zone),
            wait=self._cut_off.waits(wish)
            or self._water.wait(zone, wish.seconds, now, wish.whose)
            or waiting(self._dosing.wait(wish, now))
            or self._queue.behind(wish, now)
            or waiting(self._making_way(wish)),
            starting=self._queue.starting(zone, now),
        )

    def _making_way(self, wish: Wish) -> Text | None:
        """Why a program waits while another description of the site does; people need not."""
        return texts.new_description() if self.makes_way and self._runs.active and wish.cause != "manual" else None

    def _begin(self, wish: Wish, granted: Granted, image: Image) -> None:
        now = image.now
        intent = Intent(
            self._new_id(),
            wish.zone,
            wish.cause,
            wish.program,
            wish.command_id,
            granted.seconds,
            now.wall_ms,
            self._dosing.reason(wish, granted.reason, now),
            now.stamp,
            wish.litres,
            wish.slot_ms,
            for_person=wish.for_person,
        )
        self._cut_off.settle(wish.zone, now)
        self._memory.runs[wish.zone] = intent
        self._dosing.begun(intent, now)
        self._water.start(intent, now)
        self._queue.started(wish, now)
        self._run_book.begun(intent, wish, now)
        if wish.command_id is not None:
            self._commands.say(wish.command_id, CommandState.ACCEPTED, granted.reason, intent.run_id)

    def _tell_plans(self, decision: Decision, refused: dict[str, Text], image: Image) -> None:
        for zone in () if self._shutting_down else self.site.zones.values():
            if zone.id in self._runs.active and zone.id not in self._put_off:
                continue
            at_ms, told = plan_of(zone, decision, image, self._memory, refused, self._settings)
            plan = (at_ms if image.now.sure else None, told)
            if self._planned.get(zone.id) == plan:
                continue
            self._planned[zone.id] = plan
            waits = zone.id in refused or self._memory.book.held_until_ms.get(zone.id, 0) > image.now.wall_ms
            (self._put_off.add if waits else self._put_off.discard)(zone.id)
            self._event("zone.planned", image.now, zone=zone.id, next_at_ms=plan[0], text=plan[1])

    def _event(self, kind: str, now: Now, /, **body: Any) -> None:
        self._events.append(Event(self._new_id(), kind, now.wall_ms, {"site": self.site.id, **body}, now.stamp))

    def _finish(self, image: Image, decision: Decision) -> Step:
        if image.now.sure:
            self._commands.forget()
        for counted in self._commands.refusals.due(image.now.mono_ms):
            self._event(KIND, image.now, **counted.body())
        if not self._unread:
            self._growth.thirst.follow(image.now, self._runs.active, self._people.keeps_off)
            self._people.tell_standing(image.now, self.stations.standing(), self._growth.standing())
        events, self._events = tuple(self._events), []
        frame = self._frames.of(image)
        return Step(
            now_ms=image.now.wall_ms,
            actions=self._actuators.take(),
            frame=frame,
            urgent=frame is not None and self._frames.urgent(frame),
            events=events,
            outcomes=self._commands.outcomes(),
            memory=self._changed_document(),
            next_due_ms=self._next_due(image, decision),
            answers=self._people.answers(),
        )

    def _changed_document(self) -> bytes | None:
        """What is remembered, when it is other than before."""
        mark = None if self._unread else self._memory.mark
        if mark is None or mark == self._mark:
            return None
        before, self._mark = self._written, mark
        self._written = self._memory.encode()
        return self._written if self._written != before else None

    def _next_due(self, image: Image, decision: Decision) -> int:
        now = image.now
        deadlines = [
            *self._water.deadlines_mono_ms(now),
            *self._queue.deadlines_mono_ms(now),
            *self._dosing.deadlines_mono_ms(now),
            *self._people.deadlines_mono_ms(now),
            *self.stations.deadlines_mono_ms(now),
            *self._cut_off.deadlines_mono_ms(now),
        ]
        candidates = [now.wall_ms + (at - now.mono_ms if at > now.mono_ms else LOOK_AGAIN_MS) for at in deadlines]
        if decision.next_due_ms is not None:
            candidates.append(decision.next_due_ms)
        return max(now.wall_ms + 1, min(candidates, default=now.wall_ms + 3_600_000))
