"""How much time has passed since the last reckoning: through restarts, clocks that are set, days without power."""

from __future__ import annotations

from tonnam_edge.core.image import Now
from tonnam_edge.core.programs.kept import Kept

HOUR_MS = 3_600_000
LONGEST_GAP_MS = 60 * 24 * HOUR_MS


def elapsed_ms(kept: Kept, now: Now) -> int:
    """Time since boot within a boot; the clock's between boots, once it is known. Never negative.

    After a boot that does not know the time yet only its own time counts; what the machine was off for is added when
    the time is there.
    """
    same_boot = kept.boot == now.boot
    by_boot = now.mono_ms - kept.mono_ms if same_boot else now.mono_ms
    if (same_boot and (kept.sure or not now.sure)) or not now.sure or kept.wall_ms is None:
        return min(max(by_boot, 0), LONGEST_GAP_MS)
    return min(max(now.wall_ms - kept.wall_ms, by_boot, 0), LONGEST_GAP_MS)


def begin(kept: Kept, now: Now) -> None:
    """The first reckoning of all begins now."""
    kept.mono_ms, kept.boot, kept.sure = now.mono_ms, now.boot, now.sure
    kept.wall_ms = now.wall_ms if now.sure else None


def turn(kept: Kept, now: Now, elapsed: int) -> None:
    """All is reckoned until now."""
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
