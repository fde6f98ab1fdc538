"""What people have said and what stands, once more beside the state: read when the state cannot be.

Somebody may be working at the pump. Lock-outs, latches, switches, the emergency stop, who has a station in hand and
what stands of dosing are few and change seldom, so they are written anew whenever they change: to the disk, then in
place of the file before.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from tonnam_edge.core.memory import Latch, Lockout, Pressed

COPY_FILE = "standing.json"
# Stock that was used is copied in steps of so many mL, rounded up: not every pulse need be written twice.
STOCK_STEP_ML = 50.0


class UsedStock(msgspec.Struct):
    """What an injector has used of its tank."""

    used_ml: float = 0.0


class LineStands(msgspec.Struct):
    """Which liquids stand in a line, and which zone got them last: its rinse is owed in full."""

    liquids: list[str] = []
    zone: str = ""


class DosingStands(msgspec.Struct):
    """What stands of dosing."""

    stocks: dict[str, UsedStock] = {}
    lines: dict[str, LineStands] = {}
    runs_on: dict[str, str] = {}


class StationStands(msgspec.Struct):
    """What must not be forgotten of a pumping station or gate, as `core.stations.kept` has it."""

    above: bool | None = None
    flooded: bool = False
    dry: bool = False
    apart: bool = False
    locked: bool | None = None
    mode: str | None = None
    forgotten: bool = False


class Standing(msgspec.Struct):
    """The part of `core.memory.Memory` that is copied, by the same names: a copy is read as a memory."""

    latches: dict[str, Latch] = {}
    lockouts: dict[str, Lockout] = {}
    modes: dict[str, str] = {}
    emergency: Pressed | None = None
    dosing: DosingStands = msgspec.field(default_factory=DosingStands)
    stations: dict[str, StationStands] = {}


class Damaged(Exception):
    """There is a copy, and it is not what was written."""


class SecondCopy:
    """The copy in a state directory. Blocking."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / COPY_FILE
        self._written: bytes | None = None
        self.refusal: OSError | None = None  # why the last one could not be written

    def keep(self, memory: bytes) -> None:
        """Copy what stands by this memory, if it is other than what was written last; nothing of what is no memory. A
        disk that refuses is tried again with the next one."""
        try:
            document = _copied(memory)
        except msgspec.MsgspecError:
            return
        if document == self._written:
            return
        try:
            _write(self._path, hashlib.sha256(document).hexdigest().encode() + b"\n" + document)
        except OSError as failure:
            self.refusal = failure
        else:
            self._written, self.refusal = document, None

    def read(self) -> bytes | None:
        """The copy, as the document of a memory; None where none was ever written. Raises Damaged."""
        try:
            mark, _, document = self._path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as failure:
            raise Damaged(str(failure)) from failure
        if mark.decode(errors="replace") != hashlib.sha256(document).hexdigest():
            raise Damaged(f"{self._path}: its checksum is wrong")
        return document


def standing_of(memory: bytes) -> Standing:
    """What stands by the document of a memory, or of a copy. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(memory, type=Standing)


def _copied(memory: bytes) -> bytes:
    standing = standing_of(memory)
    for stock in standing.dosing.stocks.values():
        stock.used_ml = -(-stock.used_ml // STOCK_STEP_ML) * STOCK_STEP_ML
    return msgspec.json.encode(standing, order="deterministic")


def _write(path: Path, content: bytes) -> None:
    """On the disk whole, or not at all."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
