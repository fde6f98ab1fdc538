"""What people have said and what stands, once more beside the state: read when the state cannot be.

Somebody may be working at the pump. Lock-outs, latches, switches, the emergency stop, who has a station in hand, what
stands of dosing, and what counts for today's limits are few and change seldom, so they are written anew whenever they
change: to the disk, then in place of the file before. Amounts are rounded up: not every litre need be written twice.
"""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path

import msgspec

from tonnam_edge.core.dosing.kept import Spent
from tonnam_edge.core.dosing.ledger import COPIED
from tonnam_edge.core.memory import DayUse, Intent, Latch, Lockout, Pressed
from tonnam_edge.core.programs.kept import DAY_H

COPY_FILE = "standing.json"
# Stock that was used is copied in steps of so many mL, rounded up: not every pulse need be written twice.
STOCK_STEP_ML = 50.0
# Water of a day in steps of so many seconds; litres and mL in steps that each are a tenth more than the one before.
USED_STEP_S = 60.0
STEP_SHARE, LEAST_L, LEAST_ML = 1.1, 10.0, 1.0
GIVEN_STEP_H = 6
# After every day that a clock can say: what was used on a day that nobody knows counts when it is read.
SOME_DAY = "9999-12-31"


class UsedStock(msgspec.Struct):
    """What an injector has used of its tank, and of its caps: what it has dosed in a day counts for the hour, too."""

    used_ml: float = 0.0
    hour: list[Spent] = []
    day: list[Spent] = []


class LineStands(msgspec.Struct):
    """Which liquids stand in a line, and which zone got them last: its rinse is owed in full."""

    liquids: list[str] = []
    zone: str = ""


class DosingStands(msgspec.Struct):
    """What stands of dosing."""

    stocks: dict[str, UsedStock] = {}
    lines: dict[str, LineStands] = {}
    runs_on: dict[str, str] = {}
    boot: str = ""


class BookStands(msgspec.Struct):
    """Water of the day by zone, the slots that timers have used up, and programs that a person's stop holds."""

    used: dict[str, DayUse] = {}
    slots: dict[str, int] = {}
    held_until_ms: dict[str, int] = {}


class GuessStands(msgspec.Struct):
    """The book by a clock that nobody knows to be right."""

    book: BookStands = msgspec.field(default_factory=BookStands)


class ZoneGiven(msgspec.Struct):
    """Hours with litres; in a copy of a day, and below zero by how long ago it was."""

    given: list[tuple[float, float]] = []


class GivenStands(msgspec.Struct):
    """What counts for quotas."""

    hours: float = 0.0
    zones: dict[str, ZoneGiven] = {}


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
    runs: dict[str, Intent] = {}  # without what their meters say: of one that was cut off the whole plan counts
    known: BookStands = msgspec.field(default_factory=BookStands)
    guess: GuessStands | None = None  # in a copy it is part of `known`
    kept: GivenStands = msgspec.field(default_factory=GivenStands)
    blind_l: float = 0.0
    perhaps_burst: dict[str, list[str]] = {}
    unproven_l: dict[str, float] = {}


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
    standing.runs = {zone: msgspec.structs.replace(run, metered=None) for zone, run in standing.runs.items()}
    _copy_dosed(standing.dosing)
    _copy_day(standing)
    _copy_given(standing.kept)
    standing.blind_l = _coarse(standing.blind_l, LEAST_L)
    standing.unproven_l = {meter: _coarse(litres, LEAST_L) for meter, litres in standing.unproven_l.items()}
    return msgspec.json.encode(standing, order="deterministic")


def _copy_dosed(dosing: DosingStands) -> None:
    """What counts for the caps of a day, as if all of it had been dosed just now."""
    dosing.boot = ""
    for stock in dosing.stocks.values():
        stock.used_ml = _up(stock.used_ml, STOCK_STEP_ML)
        ml = sum(spent.ml for spent in stock.day)
        stock.day = [Spent(COPIED, 0, 0, _coarse(ml, LEAST_ML))] if ml > 0 else []
        stock.hour = list(stock.day)
        dosing.boot = COPIED if ml > 0 else dosing.boot


def _copy_day(standing: Standing) -> None:
    """What was used of the day. While the time is not known, that of the day by the guess, for whatever day it is."""
    known, guess = standing.known, standing.guess
    if guess is not None:
        known.used = {zone: DayUse(SOME_DAY, use.seconds) for zone, use in guess.book.used.items()}
    known.used = {zone: DayUse(use.day, _up(use.seconds, USED_STEP_S)) for zone, use in known.used.items()}
    standing.guess = None


def _copy_given(kept: GivenStands) -> None:
    """What counts for the quotas of a day, by how long ago it was given, in steps."""
    for zone in kept.zones.values():
        litres: dict[int, float] = {}
        for hour, each in zone.given:
            ago_h = int((kept.hours - hour) // GIVEN_STEP_H) * GIVEN_STEP_H
            litres[ago_h] = litres.get(ago_h, 0.0) + each
        lately = sorted((ago_h for ago_h in litres if ago_h < DAY_H), reverse=True)
        zone.given = [(0.0 - ago_h, _coarse(litres[ago_h], LEAST_L)) for ago_h in lately]
    kept.zones = {name: zone for name, zone in kept.zones.items() if zone.given}
    kept.hours = 0.0


def _up(value: float, step: float) -> float:
    return math.ceil(value / step) * step


def _coarse(value: float, least: float) -> float:
    """The next step from `value` up; 0 for nothing."""
    if value <= 0:
        return 0.0
    steps = math.ceil(round(math.log(max(value, least) / least, STEP_SHARE), 6))
    return float(least * STEP_SHARE**steps)


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
