"""What each actuator was told, and whether its coil says the same. Its safe state is said until it is proven."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tonnam_edge.core.image import Image, NotWritten, Position
from tonnam_edge.limits import EARLY_SHARE, PROVE_S, REPEAT_OFF_S
from tonnam_edge.site.site import Actuator


class Action(NamedTuple):
    """Open or close one actuator. `hold_s` is the deadline that the board itself guards; None where it cannot.

    Into a safe state first, pumps before valves: the order of a step's actions is the order on the wire.
    """

    actuator: str
    device: str
    coil: int
    open: bool
    hold_s: float | None
    decided_mono_ms: int
    safe_open: bool = False

    @property
    def safe(self) -> bool:
        """Whether it leads to the safe state: then it waits for nothing."""
        return self.open is self.safe_open


@dataclass
class _Said:
    open: bool
    since_mono_ms: int
    last_mono_ms: int
    proven: bool = False
    proven_mono_ms: int = 0  # since when it is proven
    unproven_told: bool = False
    until_mono_ms: int | None = None  # the deadline, held by the board where it can
    lost: bool = False  # no board has acknowledged the pulse that opens it
    ends_from: int | None = None  # of one that was open already: from when on its deadline before may end it
    unheard: bool = False  # nobody knows which of the two deadlines its board goes by


class Differs(Enum):
    """How a coil is not as it was told."""

    WENT_OPEN = "went open"
    WENT_CLOSED = "went closed"
    NOT_OPENED = "not opened"
    NOT_CLOSED = "not closed"


class Fault(NamedTuple):
    actuator: Actuator
    how: Differs


Still = Callable[[str, int, float, int], bool]
"""Whether no water has flowed through an actuator since then for so many seconds, now: by a meter that works."""


class Actuators:
    """Says open and closed, and compares with what is read back. At the start everything goes to its safe state.

    A latching valve's coils do not say where it stands. It counts as open once its pulse is over; as closed when the
    meter has stood still for `still_s` since: after that it gets another pulse, but not while it waits for somebody
    who waters by hand, see `wait_for_hand`. One that opens it and was not written is given again until that must be
    proven.
    """

    def __init__(self, actuators: Mapping[str, Actuator], mono_ms: int, still_s: Mapping[str, float]) -> None:
        self._actuators, self._still_s = actuators, still_s
        self._order = sorted(actuators, key=lambda name: actuators[name].stops_at)
        self._said = {name: _Said(actuators[name].part.safe_open, mono_ms, -(10**12)) for name in actuators}
        self._actions: list[Action] = []
        self._left: frozenset[str] = frozenset()
        self._behind_hand: frozenset[str] = frozenset()

    @property
    def all_safe(self) -> bool:
        """Whether every actuator was told to be in its safe state and its coil has said so."""
        return self.safe(self._said)

    def safe(self, names: Iterable[str]) -> bool:
        """Whether each of them was told to be in its safe state and is proven to be, as far as it is ours to move."""
        known = ((name, self._said[name]) for name in names if name not in self._left)
        return all(self._in_safe_state(name) and said.proven for name, said in known)

    @property
    def left(self) -> frozenset[str]:
        """Those that are not ours to move now."""
        return self._left

    def said_open(self, name: str) -> bool:
        return self._said[name].open

    def proven(self, name: str) -> bool:
        """Whether the actuator has been seen as it was told, since it was told."""
        return self._said[name].proven

    def held(self, name: str) -> bool | None:
        """Whether it is open, of one that is proven; else None."""
        return self._said[name].open if self._said[name].proven else None

    def overdue(self, name: str) -> bool:
        """Whether it should have been seen as it was told by now."""
        return self._said[name].unproven_told and not self._said[name].proven

    def unproven_since_mono_ms(self, name: str) -> int | None:
        """Since when it was told to be in its safe state and has not been seen in it, or None."""
        said = self._said[name]
        return said.since_mono_ms if self._in_safe_state(name) and not said.proven else None

    def until_mono_ms(self, name: str) -> int | None:
        """The deadline of one that is open, or None."""
        said = self._said[name]
        return said.until_mono_ms if said.open else None

    def held_until_mono_ms(self, name: str) -> int | None:
        """The deadline of one that is held out of its safe state, or None."""
        return self._said[name].until_mono_ms

    def deadline_unknown(self, name: str) -> bool:
        """Whether one that is open was given another deadline, and nobody knows whether its board has heard that."""
        return self._said[name].open and self._said[name].unheard

    def told_mono_ms(self, name: str) -> int:
        """Since when it is as it was told last."""
        return self._said[name].since_mono_ms

    def proven_mono_ms(self, name: str) -> int | None:
        """Since when it has been seen as it was told; None while it has not been."""
        return self._said[name].proven_mono_ms if self._said[name].proven else None

    def open(self, name: str, hold_s: float, mono_ms: int) -> None:
        """Open for at most `hold_s`: the board guards that where it can, and so does `compare` here."""
        longest = self._actuators[name].timer_s
        held = None if longest is None else min(hold_s, longest)
        until = mono_ms + round((hold_s if held is None else held) * 1000)
        before = self._said[name]
        ends_from = before.ends_from if before.unheard else _early_end(before)
        ends_from = ends_from if before.open and before.proven else None
        self._said[name] = _Said(True, mono_ms, mono_ms, until_mono_ms=until, ends_from=ends_from)
        self._act(name, True, held, mono_ms)

    def close(self, name: str, mono_ms: int) -> None:
        """Close. Said again every two seconds until it is read back."""
        if self._said[name].open:
            self._said[name] = _Said(False, mono_ms, mono_ms)
            self._act(name, False, None, mono_ms)

    def all_to_safety(self, mono_ms: int, *, again: bool = False, but: Collection[str] = ()) -> None:
        """Bring everything into its safe state, pumps first; with `again` also what was already told to be."""
        for name in self._order:
            if name not in but and (again or not self._in_safe_state(name)):
                self._say_safe(name, mono_ms)

    def to_safety(self, name: str, mono_ms: int, *, again: bool = False) -> None:
        """Bring one into its safe state. Said again every two seconds until it is read back."""
        if again or not self._in_safe_state(name):
            self._say_safe(name, mono_ms)

    def hold_out(self, name: str, hold_s: float, mono_ms: int) -> None:
        """Hold one out of its safe state, for `hold_s` by its board; what is held out already gets a new deadline."""
        if self._in_safe_state(name):
            self._said[name] = _Said(not self._actuators[name].part.safe_open, mono_ms, mono_ms)
        said = self._said[name]
        said.since_mono_ms, said.until_mono_ms = mono_ms, mono_ms + round(hold_s * 1000)
        self._act(name, said.open, hold_s, mono_ms)

    def leave(self, names: Collection[str], mono_ms: int) -> None:
        """From now on move none of these, whatever is said, and leave no others: somebody has locked them.

        What is left no more begins anew: it is told to go into its safe state until that is read back.
        """
        for name in self._left.difference(names):
            self._said[name] = _Said(self._actuators[name].part.safe_open, mono_ms, -(10**12))
        self._left = frozenset(names)
        self._actions = [action for action in self._actions if action.actuator not in self._left]

    def wait_for_hand(self, names: Iterable[str], mono_ms: int) -> None:
        """Somebody waters by hand on the meter of these latching valves: it cannot stand still as their proof.

        Each gets the pulse that closes it once, and is judged from when nobody waters by hand there any more.
        """
        now_behind = frozenset(name for name in names if name in self._still_s)
        for name in self._behind_hand - now_behind:
            if self.awaits_hand(name):
                said = self._said[name]
                said.since_mono_ms = said.last_mono_ms = mono_ms
        self._behind_hand = now_behind

    def awaits_hand(self, name: str) -> bool:
        """Whether it had its pulse, and nobody can know whether it has closed while somebody waters by hand."""
        said = self._said[name]
        return name in self._behind_hand and self._in_safe_state(name) and not said.proven and said.last_mono_ms >= 0

    def not_written(self, seen: NotWritten) -> None:
        """The last opening was not written. Of a coil that stays the read-back says so; of a pulse nothing would."""
        said = self._said[seen.actuator]
        if self._by_pulse(seen.actuator, said) and said.last_mono_ms == seen.decided_mono_ms:
            said.lost, said.proven = True, False

    def compare(self, image: Image, still: Still) -> list[Fault]:
        """Look at every coil: prove, repeat what is safe, end what is past its deadline, and tell what differs."""
        found = []
        for name in self._ours:
            how = self._look(name, self._said[name], image.positions[name], image.now.mono_ms, still)
            if how is not None:
                found.append(Fault(self._actuators[name], how))
        self._repeat(image.now.mono_ms)
        self._pulse_again(image.now.mono_ms)
        return found

    def take(self) -> tuple[Action, ...]:
        """The actions since the last call: into safety before out of it, pumps before valves into safety."""
        self._say_what_waits()
        place = {name: n for n, name in enumerate(self._order)}
        ordered = sorted(
            self._actions, key=lambda a: (not a.safe, place[a.actuator] if a.safe else -place[a.actuator])
        )
        self._actions = []
        return tuple(ordered)

    def _say_what_waits(self) -> None:
        """What goes into safety now goes with all of it that is not proven: a board that was silent until now must
        stop its pump before it closes another valve."""
        safe = [action for action in self._actions if action.safe]
        told = {action.actuator for action in self._actions}
        for name in self._ours if safe else ():
            said = self._said[name]
            if name not in told and name not in self._still_s and self._in_safe_state(name) and not said.proven:
                said.last_mono_ms = safe[0].decided_mono_ms
                self._act(name, said.open, None, said.last_mono_ms)

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When something must be looked at again: proofs, repeats and deadlines."""
        for said in map(self._said.__getitem__, self._ours):
            if not said.proven:
                yield said.last_mono_ms + 1000
            elif said.until_mono_ms is not None:
                yield said.until_mono_ms

    @property
    def _ours(self) -> list[str]:
        """Those that are ours to move, in the order of stopping."""
        return [name for name in self._order if name not in self._left]

    def _in_safe_state(self, name: str) -> bool:
        return self._said[name].open is self._actuators[name].part.safe_open

    def _look(self, name: str, said: _Said, at: Position, mono_ms: int, still: Still) -> Differs | None:
        if said.until_mono_ms is not None and mono_ms >= said.until_mono_ms:
            self.to_safety(name, mono_ms)
            return None
        told_mono_ms = said.last_mono_ms if self._by_pulse(name, said) else said.since_mono_ms
        newer = at.heard and at.mono_ms > told_mono_ms
        seen = self._seen(name, said, at, still, mono_ms) if newer else None
        if seen is said.open:
            said.proven_mono_ms = said.proven_mono_ms if said.proven else mono_ms
            said.proven, said.unproven_told = True, False
            return None
        if seen is not None and said.proven:
            return self._differs(name, said, mono_ms)
        if said.proven or self.awaits_hand(name):
            return None
        refused = seen is not None and self._refuses(name, said, at, mono_ms)
        late = mono_ms - said.since_mono_ms > self._prove_s(name, said) * 1000
        if late and seen is None and said.ends_from is not None:
            said.proven, said.proven_mono_ms, said.unheard = True, mono_ms, True  # it is on as it was
            return None
        if (late or refused) and not said.unproven_told:
            said.unproven_told = True
            return Differs.NOT_OPENED if said.open else Differs.NOT_CLOSED
        return None

    def _refuses(self, name: str, said: _Said, at: Position, mono_ms: int) -> bool:
        """Whether the board was told twice to go into safety, and says after its travel and the second time that it
        did not. One that is silent has longer: what it does is not known."""
        again = said.since_mono_ms < said.last_mono_ms < at.mono_ms
        travelled_ms = mono_ms - said.since_mono_ms - self._actuators[name].part.travel_s * 1000
        return self._in_safe_state(name) and again and travelled_ms >= REPEAT_OFF_S * 1000

    def _repeat(self, mono_ms: int) -> None:
        """Say again what is safe and not proven: all of it together, so that a board that was silent stops the pump
        first. A latching valve gets its next pulse when the meter had time to stand still."""
        waiting = [name for name in self._ours if self._in_safe_state(name) and not self._said[name].proven]
        plain = [name for name in waiting if name not in self._still_s]
        due = [name for name in waiting if name in self._still_s and self._is_due(name, mono_ms)]
        due = [name for name in due if not self.awaits_hand(name)]
        due += plain if any(self._is_due(name, mono_ms) for name in plain) else []
        for name in due:
            self._said[name].last_mono_ms = mono_ms
            self._act(name, self._said[name].open, None, mono_ms)

    def _pulse_again(self, mono_ms: int) -> None:
        """Give those pulses again that were to open a valve and were not written. After `PROVE_S` it is a fault."""
        for name in self._ours:
            said = self._said[name]
            if said.lost and not said.unproven_told:
                said.lost, said.last_mono_ms = False, mono_ms
                self._act(name, True, None, mono_ms)

    def _by_pulse(self, name: str, said: _Said) -> bool:
        """Whether it was opened by a pulse."""
        return said.open and self._actuators[name].part.kind == "latching"

    def _is_due(self, name: str, mono_ms: int) -> bool:
        again_s = max(REPEAT_OFF_S, self._still_s.get(name, 0.0))
        return mono_ms - self._said[name].last_mono_ms >= again_s * 1000

    def _prove_s(self, name: str, said: _Said) -> float:
        """How long the proof may take of a board that does not contradict: for a close with its travel or the meter's
        wait."""
        if said.open:
            return PROVE_S
        return PROVE_S + self._actuators[name].part.travel_s + self._still_s.get(name, 0.0)

    def _seen(self, name: str, said: _Said, at: Position, still: Still, mono_ms: int) -> bool | None:
        """Whether it is open, by its coil; a latching valve by the pulse that it had, and closed by the meter."""
        part = self._actuators[name].part
        if part.kind != "latching":
            return at.open
        if said.open:
            again = said.last_mono_ms > said.since_mono_ms
            moves = again and mono_ms - said.last_mono_ms < part.travel_s * 1000
            return None if said.lost or moves else True
        stood = said.proven or still(name, said.since_mono_ms, self._still_s.get(name, 0.0), mono_ms)
        return False if stood else None

    def _differs(self, name: str, said: _Said, mono_ms: int) -> Differs | None:
        """A board whose clock is fast ends a deadline a little early: that is no fault, and closes it."""
        moved = Differs.WENT_CLOSED if said.open else Differs.WENT_OPEN
        if self._in_safe_state(name):
            return moved
        ends_from = said.ends_from if said.unheard else _early_end(said)
        if ends_from is None or mono_ms < ends_from:
            return moved
        self.to_safety(name, mono_ms)
        return None

    def _say_safe(self, name: str, mono_ms: int) -> None:
        is_open = self._actuators[name].part.safe_open
        self._said[name] = _Said(is_open, mono_ms, mono_ms)
        self._act(name, is_open, None, mono_ms)

    def _act(self, name: str, is_open: bool, hold_s: float | None, mono_ms: int) -> None:
        part = self._actuators[name].part
        self._actions = [a for a in self._actions if a.actuator != name]
        if name in self._left:
            return
        self._actions.append(Action(name, part.device, part.coil, is_open, hold_s, mono_ms, part.safe_open))


def _early_end(said: _Said) -> int | None:
    """From when on the board may end its deadline, if it has one."""
    if said.until_mono_ms is None:
        return None
    return said.since_mono_ms + round(EARLY_SHARE * (said.until_mono_ms - said.since_mono_ms))
