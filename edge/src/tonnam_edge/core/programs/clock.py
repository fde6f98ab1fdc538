"""How much time has passed since the last reckoning: through restarts, clocks that are set, days without power."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tonnam_edge.core.image import Now
from tonnam_edge.core.programs.kept import Kept
from tonnam_edge.core.programs.stamps import newest, put_before

HOUR_MS = 3_600_000
LONGEST_GAP_MS = 60 * 24 * HOUR_MS


def elapsed_ms(kept: Kept, now: Now) -> int:
    """Time since the last reckoning: by time since boot within a boot; by the clock between boots, once it is known.
    Never negative.

    After a boot that does not know the time yet only its own time counts; what the machine was off for is added when
    the time is there, and put before what was noted meanwhile: see `off_ms`.
    """
    same_boot, by_boot = kept.boot == now.boot, _by_boot_ms(kept, now)
    if (same_boot and (kept.sure or not now.sure)) or not now.sure or kept.wall_ms is None:
        return by_boot
    return min(max(now.wall_ms - kept.wall_ms, by_boot), LONGEST_GAP_MS)


def _by_boot_ms(kept: Kept, now: Now) -> int:
    """What has passed since the last reckoning, as far as no clock is needed to know that."""
    if kept.boot == now.boot:
        return min(max(now.mono_ms - kept.mono_ms, 0), LONGEST_GAP_MS)
    noted_h = min(max(newest(kept) - kept.hours, 0.0), 1.0)  # before that boot ended: more than an hour is reckoned
    return min(now.mono_ms + round(noted_h * HOUR_MS), LONGEST_GAP_MS)


def off_ms(kept: Kept, now: Now, elapsed: int) -> int:
    """For how much of `elapsed` the machine was off before hours that are reckoned already."""
    return elapsed - _by_boot_ms(kept, now) if now.sure and kept.unsure_h is not None else 0


@contextmanager
def while_off(kept: Kept, off: int, elapsed: int) -> Iterator[int]:
    """Reckon here what the machine was off for. It is put before all that was noted since the time was not known: no
    window of 24 hours begins anew because the time is told. Of several boots without the time nobody knows which came
    after it; all of them do, for what they gave is then the latest. Gives when it was over, UTC."""
    from_h, by_h, hours = kept.unsure_h or 0.0, off / HOUR_MS, kept.hours
    put_before(kept, from_h, by_h, hours + elapsed / HOUR_MS)
    kept.hours = from_h
    yield (kept.wall_ms or 0) + off - round((hours - from_h) * HOUR_MS)
    kept.hours = round(hours + by_h, 6)


def begin(kept: Kept, now: Now) -> None:
    """The first reckoning of all begins now."""
    kept.mono_ms, kept.boot, kept.sure = now.mono_ms, now.boot, now.sure
    kept.wall_ms = now.wall_ms if now.sure else None


def turn(kept: Kept, now: Now, elapsed: int) -> None:
    """All is reckoned until now."""
    if now.sure:
        kept.unsure_h = None
    elif kept.unsure_h is None:
        kept.unsure_h = kept.hours - min(elapsed, now.mono_ms) / HOUR_MS
    kept.mono_ms, kept.boot, kept.sure = now.mono_ms, now.boot, now.sure
    if now.sure:
        kept.wall_ms = now.wall_ms
    elif kept.wall_ms is not None:
        kept.wall_ms += elapsed


def due(kept: Kept, now: Now, elapsed: int) -> bool:
    """Whether an hour is over: by the clock where it is known, else by time since boot."""
    if elapsed >= HOUR_MS:
        return True
    known = now.sure and kept.sure and kept.wall_ms is not None and elapsed > 0
    return known and now.wall_ms // HOUR_MS != (kept.wall_ms or 0) // HOUR_MS


def next_due_ms(kept: Kept, now: Now) -> int:
    """When the hour is over, UTC."""
    left = HOUR_MS - elapsed_ms(kept, now)
    if now.sure:
        left = min(left, HOUR_MS - now.wall_ms % HOUR_MS)
    return now.wall_ms + max(left, 1)
