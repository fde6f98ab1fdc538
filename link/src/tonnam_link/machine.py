"""What the machine says of its clocks. Where it cannot say, the answer is the careful one."""

from __future__ import annotations

import ctypes
import time
import uuid
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIMEX_BYTES = 512  # struct timex has 208 or fewer on every Linux
TIME_ERROR = 5  # adjtimex(2): "the system clock is not synchronized to a reliable server"


def ms_since_boot() -> int:
    """Milliseconds since boot, time asleep included."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


def boot_id() -> str:
    """A name for this boot of the machine; without one, every process counts as a boot of its own."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip() or uuid.uuid4().hex
    except (OSError, ValueError):
        return uuid.uuid4().hex


def synced_by_kernel() -> bool | None:
    """Whether something (NTP, PTP, a radio clock) keeps the kernel's clock right; None where that cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    state = int(adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
    return None if state < 0 else state != TIME_ERROR
