"""What a node knows of the time. Pure but for the clocks that it is given.

Until somebody who knows tells it, a node has only a guess: what happens then is stamped with boot and time since
boot. Once told it counts on from there by itself; steps of the machine's own clock do nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from tonnam_link.clock import Clock, system_clock
from tonnam_link.machine import boot_id, ms_since_boot, synced_by_kernel
from tonnam_link.messages import Stamp
from tonnam_link.outbox.spans import Span

EARLIEST_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
"""No clock that shows an earlier time can be right: this program is younger."""
FAR_MS = int(datetime(2036, 1, 1, tzinfo=UTC).timestamp()) * 1000
"""Clocks that have lost themselves show 2036, where the first era of NTP ends: from here on one word is too few."""
QUICK_MS = 2_000
SLOWEST_MS = 60_000
SLOW_WAIT_MS = 20_000
FAR_WAIT_MS = 3_600_000
SLEW = 10
FOLLOWED_MS = 3_600_000


class Instant(NamedTuple):
    """A moment by both clocks, in milliseconds. With a stamp `ms` is only a guess; without one it is final."""

    ms: int
    mono_ms: int
    stamp: Stamp | None


class Disagreement(NamedTuple):
    """A receiver's clock that is not followed, and ours at that moment."""

    utc_ms: int
    now_ms: int


@dataclass(frozen=True)
class _Claim:
    """What somebody says UTC minus time since boot is, give or take `trip_ms`; first said at `since_mono_ms`."""

    since_mono_ms: int
    trip_ms: int
    offset_ms: int
    far: bool

    @property
    def doubtful(self) -> bool:
        return self.far or self.trip_ms > QUICK_MS

    def agrees(self, other: _Claim) -> bool:
        return abs(self.offset_ms - other.offset_ms) <= self.trip_ms + other.trip_ms + 1


class NodeClock:
    """A node's time.

    It is known by the first reply of this boot, when the kernel says so (or the owner trusts the machine: then
    `kernel_synced` is always true), or by `resume`. From then on it never goes back, follows the receiver by at most
    a tenth of the time that passes, and does not follow one that is more than an hour away. It begins after the
    readings that are there already, as far as it may be wrong.
    """

    def __init__(
        self,
        wall: Clock = system_clock,
        mono: Clock = ms_since_boot,
        boot: str | None = None,
        kernel_synced: Callable[[], bool | None] = synced_by_kernel,
    ) -> None:
        self.boot = boot or boot_id()
        self._wall, self._mono, self._kernel_synced = wall, mono, kernel_synced
        self._first_mono_ms = mono()
        self._taken: tuple[Span, ...] = ()
        self._learned_ms: int | None = None
        self._base_ms: int | None = None
        self._goal_ms = self._since_mono_ms = 0
        self._claim: _Claim | None = None
        self._disagreement: Disagreement | None = None
        self._disagreed = False

    @property
    def synced(self) -> bool:
        """Whether the time is known."""
        return self._base_ms is not None

    @property
    def offset_ms(self) -> int | None:
        """UTC minus time since boot, as it counts now; None while the time is not known."""
        return None if self._base_ms is None else self._offset(self._base_ms, self._mono())

    @property
    def learned_ms(self) -> int | None:
        """UTC minus time since boot, as it was when the time became known: it is what stamps are told by.

        What is stamped later than that rises from there; by what the offset became since, they would overtake it.
        """
        return self._learned_ms

    def mono_ms(self) -> int:
        """Time since boot, time asleep included."""
        return self._mono()

    def now_ms(self) -> int:
        """UTC; while the time is not known, what the machine's clock shows, which may jump."""
        return self.instant().ms

    def stamp(self) -> Stamp | None:
        """For what happens now: None once the time is known."""
        return self.instant().stamp

    def instant(self) -> Instant:
        """Now, by one look at the clocks."""
        mono_ms = self._mono()
        if self._base_ms is None:
            self._ask_kernel(mono_ms)
        if self._base_ms is None:
            return Instant(self._wall(), mono_ms, Stamp(self.boot, mono_ms))
        return Instant(mono_ms + self._offset(self._base_ms, mono_ms), mono_ms, None)

    def time_of(self, at_ms: int, stamp: Stamp | None) -> int | None:
        """When something happened that was noted as `at_ms` with `stamp`; None if that is not known (yet)."""
        if stamp is None:
            return at_ms
        if stamp.boot != self.boot or self._learned_ms is None:
            return None
        return stamp.mono_ms + self._learned_ms

    def heed(self, taken: Sequence[Span], first_mono_ms: int | None) -> None:
        """Say which times readings have already, and since when some of this boot wait for theirs, if any do."""
        self._taken = (*self._taken, *taken)
        if first_mono_ms is not None:
            self._first_mono_ms = min(self._first_mono_ms, first_mono_ms)

    def resume(self, offset_ms: int) -> None:
        """Go on with what an earlier process of this boot knew. Does nothing once the time is known."""
        if self._base_ms is None:
            self._begin(_Claim(self._mono(), 0, offset_ms, far=False))

    def learn(self, utc_ms: int, sent_mono_ms: int, received_mono_ms: int) -> None:
        """Learn from a reply to something that was sent once. `utc_ms` is 0 when the receiver has no time itself.

        The receiver's clock showed `utc_ms` somewhen between the two: that bounds ours, the closer the shorter the
        trip. A late reply bounds nothing that a quick one has not bounded better.
        """
        trip_ms = received_mono_ms - sent_mono_ms
        if utc_ms < EARLIEST_MS or trip_ms < 0:
            return
        lowest, highest = utc_ms - received_mono_ms, utc_ms - sent_mono_ms
        if self._base_ms is not None:
            self._follow(self._base_ms, lowest, highest, utc_ms)
        elif trip_ms <= SLOWEST_MS:
            self._weigh(_Claim(received_mono_ms, trip_ms, (lowest + highest) // 2, utc_ms >= FAR_MS))

    def disagreement(self) -> Disagreement | None:
        """A receiver's clock that is not followed, told once in a boot."""
        found, self._disagreement = self._disagreement, None
        return found

    def _ask_kernel(self, mono_ms: int) -> None:
        if self._kernel_synced():
            wall_ms = self._wall()
            if wall_ms >= EARLIEST_MS:
                self._weigh(_Claim(mono_ms, 0, wall_ms - mono_ms, wall_ms >= FAR_MS))

    def _weigh(self, claim: _Claim) -> None:
        """Believe it at once, or, if it is slow or far away, when the same has been said for a while."""
        before = self._claim
        if not claim.doubtful:
            self._begin(claim)
            return
        now_mono_ms = claim.since_mono_ms
        if before is not None and before.agrees(claim):
            best = claim if claim.trip_ms < before.trip_ms else before
            claim = replace(best, since_mono_ms=before.since_mono_ms)
        self._claim = claim
        if now_mono_ms - claim.since_mono_ms >= (FAR_WAIT_MS if claim.far else SLOW_WAIT_MS):
            self._begin(replace(claim, since_mono_ms=now_mono_ms))

    def _begin(self, claim: _Claim) -> None:
        self._goal_ms, self._since_mono_ms = claim.offset_ms, claim.since_mono_ms
        self._base_ms = self._learned_ms = claim.offset_ms + self._short_ms(claim)
        self._claim = None

    def _short_ms(self, claim: _Claim) -> int:
        """How much later the first of this boot must be so as not to be among readings of an earlier process."""
        first_ms = self._first_mono_ms + claim.offset_ms
        short = (last_ms + 1 - first_ms for _, last_ms in self._taken)
        return max((ms for ms in short if 0 < ms <= claim.trip_ms + QUICK_MS), default=0)

    def _follow(self, base_ms: int, lowest: int, highest: int, utc_ms: int) -> None:
        """Move the goal no further than the reply asks for."""
        goal_ms = min(max(self._goal_ms, lowest), highest)
        mono_ms = self._mono()
        offset_ms = self._offset(base_ms, mono_ms)
        if abs(goal_ms - self._goal_ms) > FOLLOWED_MS:
            if not self._disagreed:
                self._disagreed, self._disagreement = True, Disagreement(utc_ms, mono_ms + offset_ms)
            return
        if goal_ms != self._goal_ms:
            self._base_ms, self._since_mono_ms, self._goal_ms = offset_ms, mono_ms, goal_ms

    def _offset(self, base_ms: int, mono_ms: int) -> int:
        """On the way from the base to the goal, so slowly that the time never goes back."""
        moved_ms = max(0, mono_ms - self._since_mono_ms) // SLEW
        if self._goal_ms >= base_ms:
            return min(self._goal_ms, base_ms + moved_ms)
        return max(self._goal_ms, base_ms - moved_ms)
