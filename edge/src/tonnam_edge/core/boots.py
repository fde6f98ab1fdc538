"""The last boots of this machine: how old at least what one of them has done is, by their uptimes and the clock."""

from __future__ import annotations

from collections.abc import Set
from itertools import dropwhile

import msgspec

from tonnam_edge.core.image import Now
from tonnam_link.messages import Stamp

# What a clock may drift before the begin of a boot is noted anew.
DRIFT_MS = 5000
# What an earlier boot has done is taken as so much later than the clock has it: it may have been put right since.
CLOCK_DOUBT_MS = 60_000
# How often it is noted that a boot goes on: each time is a write to the disk.
UP_STEP_MS = 600_000


class BootSeen(msgspec.Struct):
    """One boot: for how long it was up at least, and when it began (UTC), the latest that a sure clock said."""

    boot: str
    up_ms: int
    began_ms: int | None = None


def note(boots: list[BootSeen], now: Now, of: Set[str]) -> None:
    """Note that this boot goes on, and forget those that were before the first of these."""
    if not boots or boots[-1].boot != now.boot:
        boots.append(BootSeen(now.boot, now.mono_ms))
    this = boots[-1]
    if not this.up_ms <= now.mono_ms < this.up_ms + UP_STEP_MS:
        this.up_ms = now.mono_ms
    began_ms = now.wall_ms - now.mono_ms
    if now.sure and (this.began_ms is None or began_ms > this.began_ms + DRIFT_MS):
        this.began_ms = began_ms
    boots[:-1] = dropwhile(lambda each: each.boot not in of, boots[:-1])


def mono_ms_of(stamp: Stamp, now: Now, boots: list[BootSeen]) -> int:
    """When that was, since boot: as late as can be. Of an earlier boot what is proven since counts: the uptimes of it
    and those after it, and the clock where it was known then and is now."""
    if stamp.boot == now.boot:
        return stamp.mono_ms if stamp.mono_ms <= now.mono_ms else 0
    since = list(dropwhile(lambda each: each.boot != stamp.boot, boots))
    if not since:
        return 0
    then, later = since[0], sum(each.up_ms for each in since[1:] if each.boot != now.boot)
    by_uptime = -max(then.up_ms - stamp.mono_ms, 0) - later
    if then.began_ms is None or not now.sure:
        return by_uptime
    return min(by_uptime, then.began_ms + stamp.mono_ms + CLOCK_DOUBT_MS - (now.wall_ms - now.mono_ms))
