"""What a gateway must know of itself when it starts again: until when it lived, and which devices were lost."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from tonnam_link.messages import Stamp


class NodeState(msgspec.Struct, frozen=True):
    """`alive_at_ms` is None at the first start; with a stamp it was only a guess."""

    alive_at_ms: int | None = None
    lost: list[str] = []
    stamp: Stamp | None = None


def load(path: Path) -> NodeState:
    """The state in the file. A file that is not there, or was torn by a power cut, is a first start."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=NodeState)
    except (FileNotFoundError, msgspec.DecodeError):
        return NodeState()


def save(path: Path, state: NodeState) -> None:
    """Replace the file in one step, so that a power cut leaves the old or the new one whole. Raises OSError."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
