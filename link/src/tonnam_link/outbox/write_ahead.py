"""Whether SQLite's write-ahead log has lost commits.

After a kill SQLite takes from the log what comes before the first frame that is not whole, and silently forgets the
rest. Rightly so for the last transaction, which nobody was told of. But a commit *after* that frame was only begun
when the one before was on the disk: then something that was accepted has become unreadable. For the format see
"The WAL File Format" at sqlite.org.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, NamedTuple

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
BIG_ENDIAN_MAGIC = 0x377F0683
LAST_FRAME_AT = 16  # where the shared index has the number of the last frame that counts


def lost_commits(path: Path) -> bool:
    """Whether the log of a database, which must be open, has a commit that was not taken from it. Raises OSError."""
    log, index = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    try:
        with log.open("rb") as frames, index.open("rb") as shared:
            header = frames.read(HEADER_BYTES)
            if len(header) < HEADER_BYTES:
                return False
            if not _whole(header):
                return _length(frames) > HEADER_BYTES
            shared.seek(LAST_FRAME_AT)
            (taken,) = struct.unpack("=I", shared.read(4))
            return _commits(frames, _Header(*struct.unpack(">8x4I8x", header)), taken)
    except FileNotFoundError:
        return False


class _Header(NamedTuple):
    """Of a log: a log that is begun anew has one restart more, a first salt one higher and another second salt."""

    page_bytes: int
    restarts: int
    first_salt: int
    second_salt: int


def _whole(header: bytes) -> bool:
    magic, *_ = struct.unpack(">I", header[:4])
    words = struct.unpack(f"{'>' if magic == BIG_ENDIAN_MAGIC else '<'}6I", header[:24])
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFF_FFFF
        second = (second + odd + first) & 0xFFFF_FFFF
    return struct.unpack(">2I", header[24:]) == (first, second)


def _commits(frames: IO[bytes], header: _Header, taken: int) -> bool:
    """Whether a frame after the first `taken` ends a transaction of this log, or is nothing that was ever in one."""
    size = FRAME_HEADER_BYTES + header.page_bytes
    for at in range(HEADER_BYTES + taken * size, _length(frames) - size + 1, size):
        frames.seek(at)
        page, commit, first_salt, second_salt = struct.unpack(">4I", frames.read(16))
        if (first_salt, second_salt) == (header.first_salt, header.second_salt):
            if commit or not page:
                return True
        elif not page or not 0 < (header.first_salt - first_salt) % 2**32 <= header.restarts:
            return True
    return False


def _length(frames: IO[bytes]) -> int:
    return frames.seek(0, 2)
