"""What an outbox needs besides what it is given: to know the time, and that its troubles are told."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Event
from tonnam_link.node.disk import Disk
from tonnam_link.node.node_clock import Disagreement, NodeClock
from tonnam_link.outbox.outbox import Outbox, Past
from tonnam_link.outbox.sealing import Sealed

HOUSE_EVERY_S = 5.0
WORTH_NOTING_MS = 1_000
DAMAGED = {
    "th": "ไฟล์ข้อมูลที่รอส่งเสียหาย ถูกเก็บแยกไว้แล้ว ข้อมูลบางส่วนอาจหายไป การให้น้ำไม่ได้รับผลกระทบ",
    "en": "The file of unsent readings was damaged and is set aside. Some of them may be lost. Watering goes on.",
}
DELETED = {
    "th": "มีผู้ลบไฟล์ข้อมูลที่รอส่งขณะระบบทำงาน ระบบเขียนไฟล์กลับคืนแล้ว ไม่มีข้อมูลสูญหาย",
    "en": "Somebody deleted the file of unsent readings while it was in use. It was written again; nothing is lost.",
}
DISAGREES = {
    "th": "นาฬิกาของระบบกับของเครื่องนี้ต่างกันเกินหนึ่งชั่วโมง เครื่องนี้เดินตามเวลาของตัวเองต่อไป"
    "จนกว่าจะเปิดเครื่องใหม่ โปรดตรวจนาฬิกาทั้งสองฝั่ง",
    "en": "The clocks of the cloud and of this machine differ by more than an hour. This machine goes by its own "
    "until it is started anew. Please check both clocks.",
}


class Accept(Protocol):
    """`Uplink.accept`. Raises OutboxUnavailable."""

    async def __call__(self, *, events: Sequence[Event]) -> None: ...


class Care:
    """Looks after one outbox. `offer` takes what becomes sealed when the time is told.

    `taught` is the epoch of the outbox that knows the time, if one does.
    """

    def __init__(
        self, disk: Disk, clock: NodeClock, *, accept: Accept, offer: Callable[[Sequence[Sealed]], None], log: Any
    ) -> None:
        self._disk, self._clock = disk, clock
        self._accept, self._offer, self._log = accept, offer, log
        self._asked: int | None = None
        self.taught: int | None = None
        self._aside: Path | None = None
        self._put_back = 0
        self._house_at = 0.0
        self._noted_ms = 0
        self._passes = 0
        self._disagreement: Disagreement | None = None

    def open(self) -> None:
        """Open the outbox and take from it what it remembers of this boot. Blocking; a refusal is only noted."""
        try:
            outbox = self._disk.open()
            try:
                self._disk.start()
            finally:
                self._remember(outbox.past(self._clock.boot))
        except OutboxUnavailable as error:
            self._disk.refuses(error)

    async def look(self) -> bool:
        """Do what has become due; whether more is. What the disk refuses is tried again with the next look."""
        try:
            await self._keep_time()
            await self._tell_damage()
            await self._tell_disagreement()
            return await self._keep_house()
        except OutboxUnavailable:
            return False
        finally:
            self._say_thinning()

    async def _keep_time(self) -> None:
        epoch = self._disk.epoch
        if epoch is None:
            return
        if self._clock.stamp() is not None and self._asked != epoch:
            self._asked = epoch
            self._remember(await self._disk.reading(Outbox.past, self._clock.boot))
        learned_ms, offset_ms = self._clock.learned_ms, self._clock.offset_ms
        if learned_ms is not None and self.taught != epoch:
            await self._teach(epoch, learned_ms)
            self._noted_ms = learned_ms
        elif offset_ms is not None and abs(offset_ms - self._noted_ms) >= WORTH_NOTING_MS:
            await self._disk(Outbox.follow, self._clock.boot, offset_ms)
            self._noted_ms = offset_ms

    async def _teach(self, epoch: int, learned_ms: int) -> None:
        """Tell the outbox the time: what waited for it can go now."""
        try:
            sealed = await self._disk(Outbox.learn, self._clock.boot, learned_ms)
        except ValueError as error:
            self._log.error("outbox.times", reason=str(error), meaning="what waits for the time waits on")
            sealed = []
        self.taught = epoch
        self._offer(sealed)

    def _remember(self, past: Past) -> None:
        self._clock.heed(past.taken, past.first_mono_ms)
        if past.offset_ms is not None:
            self._clock.resume(past.offset_ms)

    async def _tell_damage(self) -> None:
        outbox = self._disk.outbox
        if outbox is not None and outbox.set_aside is not None and outbox.set_aside != self._aside:
            aside = outbox.set_aside
            await self._tell("outbox.damaged", {"file": aside.name, "text": DAMAGED})
            self._log.error("outbox.damaged", set_aside=str(aside))
            self._aside = aside
        if outbox is not None and outbox.put_back > self._put_back:
            put_back = outbox.put_back
            self._log.error("outbox.deleted", meaning="it was written again, and nothing is lost")
            await self._tell("outbox.deleted", {"text": DELETED})
            self._put_back = put_back

    def _say_thinning(self) -> None:
        outbox = self._disk.outbox
        if outbox is not None and outbox.passes != self._passes:
            self._passes = outbox.passes
            self._log.warning(
                "outbox.thins",
                readings=outbox.backlog.readings,
                meaning="readings wait for so long that the oldest are kept as one value a minute, or dropped",
            )

    async def _keep_house(self) -> bool:
        """Let the outbox thin, drop and tidy, in short calls between others; whether there is more to do."""
        if self._disk.outbox is None or time.monotonic() < self._house_at:
            return False
        more = await self._disk(Outbox.tend)
        self._house_at = time.monotonic() + (0.0 if more else HOUSE_EVERY_S)
        return more

    async def _tell_disagreement(self) -> None:
        self._disagreement = self._disagreement or self._clock.disagreement()
        if self._disagreement is None:
            return
        utc_ms, now_ms = self._disagreement
        self._log.error("clock.disagrees", cloud_utc_ms=utc_ms, now_ms=now_ms)
        body = {
            "cloud_utc_ms": utc_ms,
            "now_ms": now_ms,
            "difference_s": (utc_ms - now_ms) // 1000,
            "text": DISAGREES,
        }
        await self._tell("clock.disagrees", body)
        self._disagreement = None

    async def _tell(self, kind: str, body: dict[str, Any]) -> None:
        now = self._clock.instant()
        await self._accept(events=[Event(uuid.uuid4().hex, kind, now.ms, body, now.stamp)])
