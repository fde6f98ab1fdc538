"""What tiers say to each other, as values. How it looks on the wire is in `codec`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from tonnam_link.quality import Quality
from tonnam_link.topics import ID_PATTERN, Channel, Origin

LINE = r"^[^\x00-\x1f\x7f]*\Z"
"""One line of words for people."""
LATEST_MS = 253_402_300_799_999  # the end of the year 9999, which is as far as calendars go


class Sample(NamedTuple):
    """One sample of a datastream. `value` is None when it is not known; `raw` keeps a number that was rejected."""

    value: float | None
    quality: Quality = Quality.GOOD
    raw: float | None = None


class DatastreamSpec(msgspec.Struct, frozen=True):
    """What a number in a dictionary stands for.

    `datastream` is `{site}/{thing}/{property}` within the tenant; `unit` a UCUM code; `resolution` the step, in
    that unit, to which values are rounded on the wire (0 sends a full float64).
    """

    datastream: str
    unit: str
    resolution: float


class Stamp(NamedTuple):
    """When something happened at a node that does not know the time yet: which boot, and how long after its begin.

    It never travels. A time that goes with a stamp is only a guess.
    """

    boot: str
    mono_ms: int


class Frame(msgspec.Struct, frozen=True):
    """The samples of one frozen image: all observed at the same instant, in milliseconds since 1970 (UTC)."""

    observed_at_ms: int
    samples: Mapping[str, Sample]
    stamp: Stamp | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened at a node: a run that started, a gap, a fault. `id` is unique for ever."""

    id: str
    kind: str
    at_ms: int
    body: dict[str, Any]
    stamp: Stamp | None = None


class CommandAction(StrEnum):
    """What a command may ask for."""

    WATER = "water"
    STOP = "stop"
    CLEAR = "clear"
    """A person has looked at what was found wrong: the latch may go."""
    LOCK = "lock"
    """Nothing starts here until somebody unlocks it at the place itself."""


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's or the cloud's wish. After `expires_at_ms` it must do nothing; the same `id` never acts twice.

    `zone` is empty where the whole site is meant, which only `clear` and `lock` may. `latch` is the id of the one to
    clear, `who` and `why` are for people: who clears or locks, and why it is locked. `max_litres` ends a watering
    before `max_run_s` does; 0 is no limit of litres, and a time there always is.
    The bounds hold for what is read from the wire (see `commands`). `signed_by` is the id of the key whose signature
    was right, in hex; the node's inbox sets it, whatever the wire says.
    """

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
    action: CommandAction
    zone: Annotated[str, Meta(pattern=rf"^(?:{ID_PATTERN})?\Z")]
    issued_at_ms: Annotated[int, Meta(ge=0, le=LATEST_MS)]
    expires_at_ms: Annotated[int, Meta(ge=0, le=LATEST_MS)]
    max_run_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    signed_by: str = ""
    latch: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z")] = ""
    who: Annotated[str, Meta(max_length=64, pattern=LINE)] = ""
    why: Annotated[str, Meta(max_length=200, pattern=LINE)] = ""
    max_litres: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class CommandState(StrEnum):
    """Where a command stands. The last four are final."""

    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    RUNNING = "running"
    REFUSED = "refused"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        return self in {self.REFUSED, self.DONE, self.FAILED, self.EXPIRED}


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command, on the node's own evidence. Reasons are for people: {"th": ..., "en": ...}."""

    command_id: str
    state: CommandState
    at_ms: int
    reason: dict[str, str] = {}
    run_id: str | None = None
    stamp: Stamp | None = None


class Forwarded(msgspec.Struct, frozen=True):
    """A sealed batch of another node, passed on unopened by the gateway that has it in custody."""

    origin: Origin
    channel: Channel
    payload: bytes


class Verdict(StrEnum):
    """What a receiver says of a batch. The first two release it from the sender's disk."""

    STORED = "stored"
    QUARANTINED = "quarantined"
    NEED_DICTIONARY = "need_dictionary"
    BUSY = "busy"

    @property
    def releases(self) -> bool:
        return self in {self.STORED, self.QUARANTINED}


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """The answer to one batch, after the receiver's own commit. On the wire it is an array in MessagePack.

    `epoch` and `sequence` name the batch; `utc_ms` is the receiver's clock (0: it does not know the time);
    `back_credit` how many backlog batches
    may now be sent; `retry_s` goes with `busy`, `reason` with `quarantined` and `busy`.
    """

    epoch: int
    sequence: int
    verdict: Verdict
    utc_ms: int
    back_credit: int = 0
    retry_s: float = 0.0
    reason: str = ""


class Presence(msgspec.Struct, frozen=True):
    """Whether a node is connected. A last will names its session, so that a will of an older one is ignored.

    `keys` is the serial of the key document that counts at the node, `trusts` the ids of its keys (see `keyring`);
    None when it does not say.
    """

    session: str
    online: bool
    at_ms: int
    keys: Annotated[int, Meta(ge=0, le=2**53)] = 0
    trusts: Annotated[list[Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]], Meta(max_length=8)] | None = None
