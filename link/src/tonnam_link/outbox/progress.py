"""How far an outbox has come, noted in its lock file after each commit.

SQLite cannot know of commits that are gone: a log that was cut or deleted, a file that was deleted or is an old copy.
The note is not synced. A power cut may leave an older one, which says nothing, and never one that is too new.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from typing import IO, NamedTuple

_NOTE = struct.Struct("<qQQ")
_CHECK = struct.Struct("<I")


class Progress(NamedTuple):
    """The epoch of a file, its next sequence, and how many readings and words wait in it.

    With each commit either the sequence grows, or it stays and what waits grows.
    """

    epoch: int
    next: int
    waiting: int

    def lacks(self, noted: Progress) -> bool:
        """Whether a file that has come so far lacks commits that were noted."""
        return self.epoch != noted.epoch or self[1:] < noted[1:]


def note(lock: IO[bytes], progress: Progress) -> None:
    """Note it. A disk that refuses keeps the one before."""
    packed = _NOTE.pack(*progress)
    with contextlib.suppress(OSError):
        os.pwrite(lock.fileno(), packed + _CHECK.pack(zlib.crc32(packed)), 0)


def noted(lock: IO[bytes]) -> Progress | None:
    """What was noted last; None when nothing was, or it cannot be read. Raises nothing."""
    with contextlib.suppress(OSError, struct.error):
        found = os.pread(lock.fileno(), _NOTE.size + _CHECK.size, 0)
        packed, (crc,) = found[: _NOTE.size], _CHECK.unpack(found[_NOTE.size :])
        if zlib.crc32(packed) == crc:
            return Progress(*_NOTE.unpack(packed))
    return None
