"""Commands that were not obeyed: why, how many, and how often that is told. A forger must not fill the outbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from tonnam_link.errors import LinkError

KIND = "command.rejected"
SOONEST_MS = 60_000
LATEST_MS = 3_600_000


class Why(StrEnum):
    """Why a command or a configuration was not obeyed."""

    NO_KEY = "no_key"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    ALTERED = "altered"
    MALFORMED = "malformed"
    EXPIRED = "expired"
    REPEATED = "repeated"
    AHEAD = "ahead"
    TOO_MANY = "too_many"
    NO_ROOM = "no_room"
    OLD_KEYS = "old_keys"


class Forged(LinkError):
    """Nobody whom this node trusts has said this: do nothing of it. `why` is its kind, `reason` says more."""

    def __init__(self, why: Why, reason: str) -> None:
        super().__init__(reason)
        self.why = why
        self.reason = reason


TEXTS: Mapping[Why, dict[str, str]] = {
    Why.NO_KEY: {
        "th": "เครื่องควบคุมนี้ยังไม่มีกุญแจของระบบ จึงไม่ทำตามคำสั่งจากระยะไกล ใส่ TONNAM_CLOUD_KEY ที่เครื่องแล้วเริ่มใหม่",
        "en": "This controller has no key of the cloud, so it obeys no command from afar. "
        "Give it TONNAM_CLOUD_KEY and start it again",
    },
    Why.UNSIGNED: {
        "th": "มีคำสั่งที่ไม่ได้ลงชื่อส่งมาถึงเครื่องควบคุม จึงไม่ทำตาม ถ้ามีอีกให้ตรวจว่าใครเข้าถึงโบรกเกอร์ได้",
        "en": "A command without a signature came to this controller and was not obeyed. "
        "If it goes on, see who can reach the broker",
    },
    Why.UNKNOWN_KEY: {
        "th": "มีคำสั่งที่ลงชื่อด้วยกุญแจที่เครื่องควบคุมไม่รู้จักหรือเลิกใช้แล้ว จึงไม่ทำตาม ถ้าเป็นช่วงที่เปลี่ยนกุญแจก็ไม่เป็นไร "
        "ถ้ามีอีกและเป็นระบบของคุณเอง ให้ใส่ TONNAM_CLOUD_KEY ใหม่ที่เครื่อง",
        "en": "A command signed with a key that this controller does not know, or no longer, was not obeyed. "
        "While keys are being changed that is nothing. If it goes on from your own cloud, give the controller the "
        "new TONNAM_CLOUD_KEY",
    },
    Why.ALTERED: {
        "th": "มีคำสั่งที่ถูกแก้ระหว่างทางหรือเป็นของเครื่องอื่น จึงไม่ทำตาม ถ้ามีอีกให้ตรวจว่าใครเข้าถึงโบรกเกอร์ได้",
        "en": "A command that was changed on its way, or is meant for another controller, was not obeyed. "
        "If it goes on, see who can reach the broker",
    },
    Why.MALFORMED: {
        "th": "มีคำสั่งจากระบบที่เครื่องควบคุมอ่านไม่ได้ จึงไม่ทำตาม เครื่องหรือระบบอาจเป็นรุ่นเก่า",
        "en": "A command of the cloud that this controller cannot read was not obeyed. Either may be out of date",
    },
    Why.EXPIRED: {
        "th": "มีคำสั่งรดน้ำมาถึงช้าเกินไป จึงไม่ทำตาม",
        "en": "A command to water came too late and was not obeyed",
    },
    Why.REPEATED: {
        "th": "มีคนส่งคำสั่งเก่าที่ทำไปแล้วซ้ำมาอีก จึงไม่ทำตาม ถ้ามีอีกให้ตรวจว่าใครเข้าถึงโบรกเกอร์ได้",
        "en": "An old command was sent again and was not obeyed. If it goes on, see who can reach the broker",
    },
    Why.AHEAD: {
        "th": "คำสั่งลงเวลาไว้ล่วงหน้าเกินไป นาฬิกาของเครื่องควบคุมกับของระบบไม่ตรงกัน จึงไม่เปิดน้ำ ตรวจนาฬิกา",
        "en": "A command was dated too far ahead: the clocks of the controller and of the cloud differ, so no water. "
        "Check the clocks",
    },
    Why.TOO_MANY: {
        "th": "มีคำสั่งเข้ามามากเกินไป บางคำสั่งจึงไม่ได้ทำ",
        "en": "Too many commands came at once, and some were not obeyed",
    },
    Why.NO_ROOM: {
        "th": "วันนี้มีคำสั่งมากเกินกว่าที่เครื่องควบคุมจำได้ จึงไม่รับคำสั่งรดน้ำเพิ่ม สั่งหยุดยังทำได้",
        "en": "More commands came today than this controller can remember, so it takes none to water, only stops",
    },
    Why.OLD_KEYS: {
        "th": "มีคนส่งรายการกุญแจเก่าของระบบซ้ำมาอีก จึงไม่ใช้ ถ้ามีอีกให้ตรวจว่าใครเข้าถึงโบรกเกอร์ได้",
        "en": "An old list of the cloud's keys was sent again and was not used. "
        "If it goes on, see who can reach the broker",
    },
}


class Counted(NamedTuple):
    """So many were refused for this reason since that was last told."""

    why: Why
    times: int

    def body(self) -> dict[str, Any]:
        """The body of the event `command.rejected`."""
        return {"why": self.why.value, "count": self.times, "text": TEXTS[self.why]}


@dataclass
class _Tally:
    count: int = 0
    due_ms: int | None = None
    pause_ms: int = SOONEST_MS


class Refusals:
    """Counts refusals by reason, and says when they are to be told.

    The first of a reason is due at once, the next after a minute. While it goes on the pause doubles up to an hour; a
    reason that was quiet for a whole pause is told at once again.
    """

    def __init__(self) -> None:
        self.totals: Counter[Why] = Counter()
        self._tallies: dict[Why, _Tally] = {}

    def note(self, why: Why, count: int = 1) -> None:
        """One more was refused."""
        self.totals[why] += count
        self._tallies.setdefault(why, _Tally()).count += count

    def due(self, mono_ms: int) -> list[Counted]:
        """What is to be told now; it counts as told."""
        told = []
        for why, tally in self._tallies.items():
            if tally.count and (tally.due_ms is None or mono_ms >= tally.due_ms):
                quiet = tally.due_ms is None or mono_ms >= tally.due_ms + tally.pause_ms
                tally.pause_ms = SOONEST_MS if quiet else min(2 * tally.pause_ms, LATEST_MS)
                tally.due_ms = mono_ms + tally.pause_ms
                told.append(Counted(why, tally.count))
                tally.count = 0
        return told

    def next_due_ms(self) -> int | None:
        """When something that waits is to be told; None while nothing waits, 0 for at once."""
        waiting = [tally.due_ms or 0 for tally in self._tallies.values() if tally.count]
        return min(waiting, default=None)
