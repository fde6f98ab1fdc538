"""One pumping station or gate: what it wants by its level, what forbids it, and what it says of that.

In this order: who has it in hand (nothing is moved), what is unknown (the safe state, and the end of an order), a
dry intake (pumps stop), an order from afar, the level. What is wrong with a pump makes it the last in turn; it is
used when there is no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Latches, LatchKind, Tell
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant.actuators import Actuators, Differs, Fault
from tonnam_edge.core.stations import texts
from tonnam_edge.core.stations.drive import Drive, No
from tonnam_edge.core.stations.hands import Hands
from tonnam_edge.core.stations.intake import Intake
from tonnam_edge.core.stations.kept import StationKept
from tonnam_edge.core.stations.levels import STILL_H, Gauges, Level, follow
from tonnam_edge.core.stations.proofs import Proofs
from tonnam_edge.limits import UNEXPECTED_TIMES
from tonnam_edge.site.site import Site
from tonnam_edge.site.station_file import StationPart
from tonnam_link.messages import CommandState

HOUR_MS = 3_600_000
# Fewer pumps than are wanted for so long, and somebody is told: they rest, or have started too often.
FEWER_S = 180.0
Say = Callable[[str, CommandState, Text], None]
"""Says what became of a command."""


class Goal(NamedTuple):
    """How many drives are to be active, None: all in their safe state. `key` is `why` but for its numbers."""

    number: int | None
    key: str
    why: Text


@dataclass
class Order:
    """What somebody afar has asked for, until when since boot."""

    command_id: str
    until_mono_ms: int
    seconds: float
    running: bool = False


class Station:
    """One station of a site. Times are since boot, in milliseconds."""

    def __init__(
        self,
        part: StationPart,
        site: Site,
        memory: Memory,
        actuators: Actuators,
        latches: Latches,
        tell: Tell,
        say: Say,
        now: Now,
    ) -> None:
        self.part, self._site, self._memory, self._actuators = part, site, memory, actuators
        self._latches, self._tell, self._say = latches, tell, say
        self.drives = [Drive(site.actuators[name], part, memory, actuators, now) for name in part.moved]
        self.hands = Hands(part, site.id, self.kept, now.mono_ms, self._changed)
        self._gauges = Gauges(part, site.id)
        self._intake = Intake(part, site.id, now.mono_ms)
        self._proofs = Proofs(part, site.id, self.drives, actuators, latches, tell)
        self.left: Text | None = None  # why nothing of it is moved at all
        self._order: Order | None = None
        self._level, self._frozen = Level(None, "nobody"), False
        self._told: tuple[str, Text] = ("", texts.begins())
        self._states = dict.fromkeys(part.moved, "unknown")
        self._alarm: Text | None = None  # what somebody must be told of at once
        self._moved: list[int] = []  # when something else moved a coil of it
        self._fewer: tuple[int, Text] | None = None  # since when fewer run than are wanted

    @property
    def kept(self) -> StationKept:
        """What survives a restart."""
        return self._memory.stations.setdefault(self.part.id, StationKept())

    @property
    def busy(self) -> bool:
        """Whether another core, which begins with the safe state, would disturb it: it follows an order, or its level
        is known and has said start, and pumps run for that or a gate stands out of its safe state."""
        if self._order is not None:
            return True
        if self.left is not None or self._level.cm is None or not (self.kept.above or self.kept.flooded):
            return False
        gate = self.part.gate is not None
        return any(drive.active and not (gate and drive.safe_active) for drive in self.drives)

    def look(self, image: Image, outside: Text | None) -> bool:
        """See who has it in hand. `outside`: why nothing is to be moved on the whole site. True: it is ours again."""
        self.hands.look(image)
        before, self.left = self.left, outside or self.hands.leaves_alone(image.now)
        return before is not None and self.left is None

    def advance(self, image: Image, held: Text | None) -> None:
        """One step. `held`: why nothing may leave its safe state now."""
        now, kept = image.now, self.kept
        level = self._gauges.level(image, kept, safe_above=self.drives[0].safe_active)
        self._level, self._frozen = level, self._gauges.frozen(image)
        follow(self.part, level, kept)
        self._intake.look(image, kept, self.drives)
        if self.left is not None:
            self._end_order(CommandState.FAILED, self.left)
            self._proofs.rest()
            self._states = {drive.name: self._proofs.seen(drive, image) for drive in self.drives}
            self._explain(f"left:{self.left['en']}", self.left, now)
            self._alarm, self._fewer = None, None
            return
        for drive in self.drives:
            drive.observe(now)
        self._proofs.look(image, self._intake.cm, dry=kept.dry)
        self._intake.judge(kept, self.drives, self._proofs.well, now.mono_ms)
        self._follow_order(level, now)
        goal = self._goal(level, held, now)
        noes = self._move(goal, held, now)
        if held is None:
            for drive in self.drives:
                drive.tend(image)
        self._states = {drive.name: drive.state if drive.proven else "unknown" for drive in self.drives}
        self._explain_all(goal, noes, now)

    def fault(self, fault: Fault, image: Image) -> None:
        """A coil is not as it was told: its safe state, and wait; never fight."""
        drive = next(each for each in self.drives if each.name == fault.actuator.id)
        now, state = image.now, drive.word(active=not drive.active)
        moved = fault.how in {Differs.WENT_OPEN, Differs.WENT_CLOSED}
        if moved:
            text = texts.moved_by_others(drive.words, state)
            self._moved = [at for at in self._moved if now.mono_ms - at < HOUR_MS] + [now.mono_ms]
            if len(self._moved) >= UNEXPECTED_TIMES:
                self._latches.set(LatchKind.UNEXPECTED, drive.name, now, text)
        elif drive.active is drive.safe_active:
            text = texts.not_safe(drive.words, drive.state)
        else:
            text = texts.not_left(drive.words)
        self._tell("actuator.fault", now, actuator=drive.name, text=text)
        drive.fault(now, moved=moved)

    # ------------------------------------------------------------------------------------------------ orders

    def order(self, command_id: str, seconds: float, held: Text | None, now: Now) -> Text | None:
        """Follow what somebody afar asks for, for a time; or why not. It is accepted when None is returned."""
        refused = self.left or held or self.hands.unknown(now)
        if refused is None and self._level.cm is None:
            refused = self._level_unknown
        if refused is None:
            refused = self._intake.refuses(self.kept)
        if refused is not None:
            return refused
        self._end_order(CommandState.DONE, texts.order_replaced())
        seconds = min(seconds, self.part.max_order_min * 60)
        self._order = Order(command_id, now.mono_ms + round(seconds * 1000), seconds)
        self.kept.order = command_id
        self._say(command_id, CommandState.ACCEPTED, texts.ordered(self._word(active=True), seconds))
        return None

    def stop_order(self) -> Text:
        """End what was asked for; what to say of that."""
        if self._order is None:
            return texts.no_order()
        self._end_order(CommandState.DONE, texts.order_stopped())
        return texts.order_stopped()

    def forget_order(self) -> None:
        """An order of an earlier process is over."""
        if self.kept.order is not None and self._order is None:
            self._say(self.kept.order, CommandState.FAILED, texts.order_interrupted())
            self.kept.order = None

    def _follow_order(self, level: Level, now: Now) -> None:
        order = self._order
        if order is None:
            return
        if level.cm is None:
            self._end_order(CommandState.FAILED, self._level_unknown)
        elif now.mono_ms >= order.until_mono_ms:
            self._end_order(CommandState.DONE, texts.order_over())
        elif not order.running and any(drive.active and drive.proven for drive in self.drives):
            order.running = True
            self._say(order.command_id, CommandState.RUNNING, texts.ordered(self._word(active=True), order.seconds))

    def _end_order(self, state: CommandState, why: Text) -> None:
        if self._order is not None:
            self._say(self._order.command_id, state, why)
            self._order, self.kept.order = None, None

    # -------------------------------------------------------------------------------------------------- goal

    def _goal(self, level: Level, held: Text | None, now: Now) -> Goal:
        part, safe = self.part, self._word(active=self.drives[0].safe_active)
        unknown = held or self.hands.unknown(now)
        if unknown is not None:
            return Goal(None, f"safe:{unknown['en']}", texts.safe_because(unknown, safe))
        if self._order is not None:
            why = texts.ordered(self._word(active=True), self._order.seconds)
            return Goal(len(self.drives) if self.kept.flooded else part.duty, f"order:{self._order.command_id}", why)
        if level.cm is None:
            return Goal(None, "level unknown", self._level_unknown)
        above = self.drives[0].safe_active if self.kept.above is None else self.kept.above
        if self.kept.flooded and part.all_cm is not None:
            return Goal(len(self.drives), "flooded", texts.flooded(level.cm, part.all_cm))
        return Goal(part.duty if above else 0, *self._by_level(level.cm, above))

    def _by_level(self, cm: float, above: bool) -> tuple[str, Text]:
        part, word = self.part, self._word(active=above)
        if above and cm >= part.start_cm:
            return "above", texts.above(cm, part.start_cm, word)
        if not above and cm <= part.stop_cm:
            return "below", texts.below(cm, part.stop_cm, word)
        return f"between:{word}", texts.between(part.stop_cm, part.start_cm, word)

    @property
    def _level_unknown(self) -> Text:
        return texts.level_unknown(self._word(active=self.drives[0].safe_active))

    def _word(self, *, active: bool) -> str:
        return self.drives[0].word(active=active)

    # ----------------------------------------------------------------------------------------------- moving

    def _move(self, goal: Goal, held: Text | None, now: Now) -> list[No]:
        """Move what is not as it should be; why the rest is not moved."""
        noes: list[No] = []
        dry = self._intake.forbids(self.kept, self._ready_first(now), now.mono_ms)
        noes += list({no.key: no for no in dry.values()}.values())
        chosen = self._chosen(goal, dry, noes, now)
        self._count(goal, sum(no.key == "dry" for no in dry.values()), now)
        for drive in self.drives:
            wanted = drive.name in chosen
            if wanted is drive.active:
                continue
            no = self._forbids(drive, goal, held, now, dry=drive.name in dry, wanted=wanted)
            if no is not None:
                noes.append(no)
                continue
            drive.move(now, active=wanted)
            self._moved_now(drive, dry.get(drive.name, No("", goal.why)).text, now)
        return noes

    def _forbids(
        self, drive: Drive, goal: Goal, held: Text | None, now: Now, *, dry: bool, wanted: bool
    ) -> No | None:
        """Why a drive stays as it is, or None. Into safety everything goes at once."""
        to_safety = wanted is drive.safe_active
        if not to_safety and held is not None:
            return No("held", held)
        if dry and not wanted:
            return None if to_safety else drive.may_not_leave(now)
        if goal.number is None and to_safety:
            return None
        return drive.may_not_move(now, active=wanted, flooded=self.kept.flooded)

    def _chosen(self, goal: Goal, dry: dict[str, No], noes: list[No], now: Now) -> set[str]:
        """Which drives are to be active: those that are, before the next in turn; what is latched last."""
        if goal.number is None:
            return {drive.name for drive in self.drives if drive.safe_active and drive.name not in dry}
        chosen: set[str] = set()
        waiting: list[No] = []
        for drive in sorted((each for each in self.drives if each.name not in dry), key=self._turn):
            if len(chosen) >= goal.number:
                break
            no = None if drive.active else drive.may_not_move(now, active=True, flooded=self.kept.flooded)
            if no is None:
                chosen.add(drive.name)
            else:
                waiting.append(no)
        if len(chosen) < goal.number:
            noes += waiting
        return chosen

    def _ready_first(self, now: Now) -> list[Drive]:
        """All drives in their turn, but last those that may not start now."""
        waits = {
            drive.name: not drive.active
            and drive.may_not_move(now, active=True, flooded=self.kept.flooded) is not None
            for drive in self.drives
        }
        return sorted(self.drives, key=lambda drive: (waits[drive.name], self._turn(drive)))

    def _turn(self, drive: Drive) -> tuple[bool, bool, int]:
        latched = any(latch.subject == drive.name for latch in self._latches.standing())
        turn = self.kept.turn
        return latched, not drive.active, turn.index(drive.name) if drive.name in turn else -1

    def _count(self, goal: Goal, dry: int, now: Now) -> None:
        """Notice when fewer pumps run than are wanted, but for those at an intake that is seen to be dry."""
        wanted = min(goal.number or 0, len(self.drives) - dry) if self.part.gate is None else 0
        run = sum(drive.active and drive.proven for drive in self.drives)
        since = now.mono_ms if self._fewer is None else self._fewer[0]
        self._fewer = (since, texts.fewer_run(run, wanted)) if run < wanted else None

    def _too_few(self, now: Now) -> Text | None:
        """That fewer pumps run than are wanted, and have for long; or None."""
        if self._fewer is None or now.mono_ms - self._fewer[0] < FEWER_S * 1000:
            return None
        return self._fewer[1]

    def _moved_now(self, drive: Drive, why: Text, now: Now) -> None:
        if drive.active:
            self.kept.turn = [name for name in self.kept.turn if name != drive.name] + [drive.name]
        self._tell("station.moved", now, station=self.part.id, actuator=drive.name, state=drive.state, text=why)

    # ---------------------------------------------------------------------------------------------- telling

    def told(self) -> dict[str, Any]:
        """What stands of it, for whoever looks from afar. Changes only when something has changed."""
        states = set(self._states.values())
        active = self._word(active=True)
        state = active if active in states else "unknown" if "unknown" in states else self._word(active=False)
        mode = self.hands.mode
        return {
            "id": self.part.id,
            "name": {"th": self.part.name.th, "en": self.part.name.en},
            "level": f"{self._site.id}/{self.part.level}",
            "state": state,
            "parts": [self._told_part(drive) for drive in self.drives],
            "mode": None if self.part.mode is None else "unknown" if mode is None else mode.value,
            "locked": None if self.part.lock is None else self.hands.locked,
            "in_hand": self.left is not None,
            "ordered": self._order is not None,
            "order_state": active,
            "max_order_s": round(self.part.max_order_min * 60),
            "level_by": self._level.by,
            "text": self._told[1],
            "alarm": self._alarm,
        }

    def _told_part(self, drive: Drive) -> dict[str, Any]:
        """A pump or gate, and what it is known to be."""
        name = drive.words
        return {
            "id": drive.name,
            "name": {"th": name.th, "en": name.en},
            "state": self._states.get(drive.name, "unknown"),
            "datastream": drive.actuator.datastream.id,
        }

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When it must be looked at again."""
        yield from self.hands.deadlines_mono_ms()
        yield from self._gauges.deadlines_mono_ms()
        yield from self._intake.deadlines_mono_ms()
        for drive in self.drives:
            yield from drive.deadlines_mono_ms(now)
        if self._order is not None:
            yield self._order.until_mono_ms
        if self._fewer is not None:
            yield self._fewer[0] + round(FEWER_S * 1000)

    def _explain_all(self, goal: Goal, noes: list[No], now: Now) -> None:
        notes = list({no.key: no.text for no in noes}.items())
        if self._level.apart:
            notes.append(("apart", texts.gauges_apart()))
        elif self._level.by == "witness":
            notes.append(("witness", texts.by_witness()))
        if self._proofs.rising is not None:
            notes.append(("rising", self._proofs.rising))
        few = self._too_few(now)
        if few is not None:
            notes.append((few["en"], few))
        if self._frozen:
            notes.append(("frozen", texts.gauges_still(STILL_H)))
        wrong = goal.number is None or self._level.apart or self._frozen
        wrong = wrong or self._proofs.rising is not None or few is not None
        key = "|".join([goal.key, *(key for key, _ in notes)])
        self._explain(key, texts.both(goal.why, *(text for _, text in notes)), now)
        self._alarm = self._told[1] if wrong else None

    def _explain(self, key: str, why: Text, now: Now) -> None:
        """Keep one explanation of how it stands, and tell it when it is another one."""
        if key != self._told[0]:
            self._told = key, why
            self._tell("station.explained", now, station=self.part.id, text=why)

    def _changed(self, kind: str, text: Text, now: Now) -> None:
        self._tell(kind, now, station=self.part.id, text=text)
