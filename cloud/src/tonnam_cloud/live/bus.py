"""What ingest says on the live bus after it stored something.

A message is a CRC-32 of topic and text, in 8 hex digits, and then the text, which is JSON: what is garbled on its way
must not raise an alarm.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from tonnam_link.quality import Quality
from tonnam_link.topics import ROOT, is_id

WORST = int(max(Quality))
LATEST_MS = 253_402_300_799_000  # the end of the year 9999, the last that a time can say
CHECKSUM = 8
_TOPIC = re.compile(rf"{ROOT}/live/([^/]+)/([^/]+)")


class LiveSample(msgspec.Struct, frozen=True, array_like=True):
    """The newest reading of a datastream in a batch; `path` is `{thing}/{property}`."""

    path: str
    observed_at_ms: Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)]
    value: float | None
    quality: Annotated[int, msgspec.Meta(ge=0, le=WORST)]


class Stored(msgspec.Struct, frozen=True):
    """One message of the bus: what of a site was just stored."""

    node: str = ""
    lane: str = "up"
    readings: list[LiveSample] = []
    events: list[str] = []
    outcomes: list[str] = []
    backlog: bool = False


@dataclass(frozen=True)
class Heard:
    """A message of the bus and the site that it is about."""

    tenant: str
    site: str
    stored: Stored = field(default_factory=Stored)

    def datastream(self, sample: LiveSample) -> str:
        return f"{self.tenant}/{self.site}/{sample.path}"


def sealed(topic: str, text: bytes) -> bytes:
    """A message of the bus for this topic."""
    return f"{zlib.crc32(text, zlib.crc32(topic.encode())):08x}".encode() + text


def read(topic: str, payload: bytes) -> Heard | None:
    """The message, or None when it is not one of the live bus, or not as it was said."""
    match = _TOPIC.fullmatch(topic)
    text = payload[CHECKSUM:]
    if match is None or not (is_id(match[1]) and is_id(match[2])) or sealed(topic, text) != payload:
        return None
    try:
        return Heard(match[1], match[2], msgspec.json.decode(text, type=Stored))
    except (ValueError, RecursionError):
        return None
