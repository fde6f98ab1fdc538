"""Commands: taken from people, kept in the database, sent to the node until it answers or the command expires."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.farm import repository, schemas
from tonnam_cloud.keys.vault import CloudKey, Vault
from tonnam_cloud.outage import Outage
from tonnam_cloud.people.person import Person
from tonnam_cloud.refusals import Conflict, Invalid, NotAllowed, NotFound
from tonnam_cloud.registry import standing
from tonnam_cloud.registry.models import Command
from tonnam_cloud.times import utc
from tonnam_cloud.words import Words
from tonnam_link import messages
from tonnam_link.topics import Channel, Origin, node_topic

ACCEPT_WITHIN_MS = 60_000
"""A command that the node has not accepted after so long must do nothing."""
SEND_AGAIN_MS = 5_000
ANSWER_GRACE_MS = 15_000
"""An answer given in the last moment needs time to arrive before the command is called expired."""
ROUND_S = 0.5
LONGEST_NAME = 64
NAMED = frozenset({messages.CommandAction.CLEAR, messages.CommandAction.LOCK})
"""Commands that say who gave them."""

UNANSWERED = Words(
    th="ตู้ควบคุมที่ฟาร์มไม่ตอบภายในเวลา คำสั่งนี้จะไม่เริ่มรดน้ำอีกแล้ว ถ้าเริ่มไปก่อนสัญญาณขาด ตู้จะปิดน้ำเองตามเวลา ดูไฟและสัญญาณที่ตู้ แล้วสั่งใหม่",
    en="The farm's cabinet did not answer in time. This command will not start water any more; if it had started "
    "before the link was lost, the cabinet stops it in time. Check the cabinet's power and signal, then try again.",
)
STATION_UNANSWERED = Words(
    th="ตู้ควบคุมของสถานีไม่ตอบภายในเวลา คำสั่งนี้จะไม่เริ่มอีกแล้ว ถ้าเริ่มไปก่อนสัญญาณขาด จะจบเองตามเวลา ดูไฟและสัญญาณที่ตู้ แล้วสั่งใหม่",
    en="The station's cabinet did not answer in time. This order will not begin any more; if it had begun before the "
    "link was lost, it ends in time. Check the cabinet's power and signal, then try again.",
)
UNTRUSTED = Words(
    th="ตู้ควบคุมไม่รู้จักกุญแจของระบบนี้ จึงไม่ทำตามคำสั่ง ทุกอย่างยังเหมือนเดิม บอกผู้ดูแลให้ใส่ TONNAM_CLOUD_KEY ที่ตู้ใหม่",
    en="The cabinet does not know this cloud's key, so it obeyed nothing and all is as it was. "
    "Ask whoever looks after it to give the cabinet TONNAM_CLOUD_KEY anew.",
)
KEYS_CHANGED = Words(
    th="กุญแจของระบบเปลี่ยนขณะที่คำสั่งนี้กำลังส่ง คำสั่งนี้จะไม่เริ่มอีกแล้ว ถ้าเริ่มไปก่อนหน้านั้น ตู้จะจบเองตามเวลา สั่งใหม่ได้เลย",
    en="The cloud's keys changed while this command was on its way. It will not begin any more; if it had begun "
    "before, the cabinet ends it in time. Try again now.",
)
NOT_DONE = Words(
    th="ตู้ควบคุมไม่ตอบภายในเวลา และจะไม่ทำคำสั่งนี้อีกแล้ว ดูที่หน้านี้ว่าปลดหรือล็อกแล้วหรือยัง ถ้ายัง ดูไฟและสัญญาณที่ตู้ แล้วสั่งใหม่",
    en="The cabinet did not answer in time and will not do this any more. See here whether it was done; "
    "if not, check the cabinet's power and signal, then try again.",
)
NEEDS_MINUTES = Words(
    th="รดน้ำแปลงนี้ได้ครั้งละ {low} ถึง {high} นาที", en="This zone can be watered for {low} to {high} minutes at a time."
)
NO_MINUTES = Words(th="คำสั่งหยุดไม่ต้องบอกเวลาหรือลิตร", en="A stop takes no minutes or litres.")
NEEDS_LITRES = Words(th="สั่งรดได้ครั้งละ {low} ถึง {high} ลิตร", en="Ask for {low} to {high} litres at a time.")
STATION_MINUTES = Words(
    th="สั่งสถานีนี้ได้ครั้งละ {low} ถึง {high} นาที", en="This station takes an order for {low} to {high} minutes."
)
NO_LITRES = Words(th="สถานีสูบน้ำและประตูสั่งเป็นนาที", en="A pumping station or a gate is asked by minutes.")
OTHER_WISH = Words(th="รหัสคำสั่งนี้ใช้กับคำสั่งอื่นไปแล้ว", en="This Idempotency-Key was already used for another command.")


class OutOfRange(Invalid):
    """`low` to `high` of something are allowed."""

    def __init__(self, low: int, high: int, needs: Words) -> None:
        self.low, self.high = low, high
        super().__init__(needs.filled(low=low, high=high))


class MinutesOutOfRange(OutOfRange):
    code = "minutes_out_of_range"


class LitresOutOfRange(OutOfRange):
    code = "litres_out_of_range"


@dataclass(frozen=True)
class Wanted:
    """What a person wants of a site. `max_run_s` raises Invalid for a wish that cannot be; 0 litres are no limit."""

    action: messages.CommandAction
    zone: str
    max_run_s: Callable[[], int] = lambda: 0
    max_litres: int = 0
    latch: str | None = None
    why: str | None = None


class Commands:
    """Takes commands and sends them, signed. `publish(topic, payload)` is False while there is no link to the broker.

    `on_change(tenant, command)` is told of every state that a command comes into here.
    """

    def __init__(
        self,
        database: Database,
        publish: Callable[[str, bytes], bool],
        vault: Vault,
        clock_ms: Callable[[], int],
        on_change: Callable[[str, schemas.Command], None],
    ) -> None:
        self._database = database
        self._publish = publish
        self._vault = vault
        self._clock_ms = clock_ms
        self._on_change = on_change

    def order(
        self, person: Person, tenant: str, site: str, zone: str, wish: schemas.CommandWish, key: str | None
    ) -> schemas.Command:
        """Keep a command; it is sent soon after. The same key again gives the same command.

        Raises NotFound, NotAllowed, Invalid (OutOfRange), or Conflict when the key stands for another wish.
        """

        def wanted(session: Session) -> Wanted:
            ground = repository.zone(session, tenant, site, zone)
            longest_s = _longest_order_s(session, tenant, site, zone) if ground is None else ground.max_run_s
            if longest_s is None:
                raise NotFound
            if ground is None:
                _require(wish.litres is None, lambda: Invalid(NO_LITRES))
            needs = STATION_MINUTES if ground is None else NEEDS_MINUTES
            action = messages.CommandAction(wish.action)
            return Wanted(action, zone, lambda: _max_run_s(longest_s, wish, needs), wish.litres or 0)

        return self._take(person, (tenant, site), wanted, key)

    def clear(self, person: Person, tenant: str, site: str, latch: str, key: str | None) -> schemas.Command:
        """Keep a wish to clear a latch that stands. Raises as `order`, and NotFound when it does not stand."""

        def wanted(session: Session) -> Wanted:
            row = repository.site(session, tenant, site)
            found = [] if row is None else [each.id for each in standing.of(row).latches if each.id == latch]
            if not found and not (key and repository.command_of_key(session, tenant, person.name, key)):
                raise NotFound
            return Wanted(messages.CommandAction.CLEAR, "", latch=latch)

        return self._take(person, (tenant, site), wanted, key)

    def lock(
        self, person: Person, tenant: str, site: str, wish: schemas.LockWish, key: str | None
    ) -> schemas.Command:
        """Keep a wish to lock a zone or a whole site. Raises as `order`."""

        def wanted(session: Session) -> Wanted:
            if repository.site(session, tenant, site) is None:
                raise NotFound
            if wish.zone is not None and repository.zone(session, tenant, site, wish.zone) is None:
                raise NotFound
            return Wanted(messages.CommandAction.LOCK, wish.zone or "", why=wish.why.strip())

        return self._take(person, (tenant, site), wanted, key)

    def _take(
        self, person: Person, place: tuple[str, str], wanted: Callable[[Session], Wanted], key: str | None
    ) -> schemas.Command:
        _require(person.may_see(place[0]), NotFound)
        try:
            return self._keep(person, place, wanted, key)
        except IntegrityError:  # the same key at the same moment, on a database that lets two write: now it is known
            return self._keep(person, place, wanted, key)

    def _keep(
        self, person: Person, place: tuple[str, str], wanted: Callable[[Session], Wanted], key: str | None
    ) -> schemas.Command:
        tenant, site = place
        with self._database.writing() as session:
            wish = wanted(session)
            _require(person.may_command(tenant), NotAllowed)
            row = repository.command_of_key(session, tenant, person.name, key) if key else None
            if row is not None:
                return _same(row, site, wish)
            row = self._new(place, repository.node_of(session, *place), person, wish, key)
            session.add(row)
            session.flush()
            command = command_out(row)
        self._on_change(tenant, command)
        return command

    def _new(self, place: tuple[str, str], node: str, person: Person, wish: Wanted, key: str | None) -> Command:
        now_ms, named = self._clock_ms(), wish.action in NAMED
        return Command(
            id=uuid.uuid4().hex,
            tenant=place[0],
            site=place[1],
            node=node,
            zone=wish.zone,
            action=wish.action.value,
            max_run_s=wish.max_run_s(),
            max_litres=wish.max_litres,
            latch=wish.latch,
            who=one_line(person.display_name)[:LONGEST_NAME] or person.name if named else None,
            why=wish.why,
            state=messages.CommandState.QUEUED.value,
            created_by=person.name,
            idempotency_key=key,
            created_ms=now_ms,
            changed_ms=now_ms,
            expires_ms=now_ms + ACCEPT_WITHIN_MS,
        )

    def get(self, person: Person, command_id: str) -> schemas.Command:
        """A command in a tenant of this person. Raises NotFound."""
        with self._database.reading() as session:
            row = repository.command(session, command_id)
            if row is None or not person.may_see(row.tenant):
                raise NotFound
            return command_out(row)

    def tell(self, command_ids: Sequence[str]) -> None:
        """Tell of commands whose state changed elsewhere, as by an outcome that ingest stored."""
        with self._database.reading() as session:
            rows = [repository.command(session, command_id) for command_id in command_ids]
            changed = [command_out(row) for row in rows if row is not None]
        for command in changed:
            self._on_change(command.tenant, command)

    async def run(self) -> None:
        """Send and expire commands until cancelled; what was queued before a restart goes on."""
        outage = Outage("commands wait for the database")
        while True:
            try:
                await self.round()
                outage.over()
            except Transient as error:
                outage.note(error)
            await asyncio.sleep(ROUND_S)

    async def round(self) -> None:
        """Expire what nobody answered, then publish what is due."""
        due = await asyncio.to_thread(self._expire_and_list)
        sent = {each.command.id: key.id for each in due if (key := self._send(each)) is not None}
        if sent:
            await asyncio.to_thread(self._mark_sent, sent)

    def _send(self, each: repository.Addressed) -> CloudKey | None:
        """Publish a command; by which key it is signed, or None when it was not published."""
        row, origin = each.command, Origin(each.command.tenant, each.command.node)
        key = self._signer(each)
        if key is None:
            return None
        envelope = key.sign(Channel.COMMAND, origin, _wire(row))
        return key if self._publish(node_topic(*origin, Channel.COMMAND), envelope) else None

    def _signer(self, each: repository.Addressed) -> CloudKey | None:
        """The key that signs a command. But for a stop it stays the first, and when the node obeys that no more there
        is none: what a node remembers of commands belongs to a key, and it must not have one under two."""
        row, trusts = each.command, each.trusts
        if row.signed_by is None or row.action == messages.CommandAction.STOP.value:
            return self._vault.signer(trusts)
        return self._vault.trusted_by({row.signed_by}) if trusts is None or row.signed_by in trusts else None

    def _expire_and_list(self) -> Sequence[repository.Addressed]:
        now_ms = self._clock_ms()
        with self._database.reading() as session:
            due = repository.to_send(session, now_ms, now_ms - SEND_AGAIN_MS)
            overdue = repository.has_overdue(session, now_ms - ANSWER_GRACE_MS)
        if overdue:
            self.tell(self._expire(now_ms))
        return due

    def _expire(self, now_ms: int) -> Sequence[str]:
        """Give up commands that nobody answered; their ids. If the node speaks of one later, that counts."""
        with self._database.writing() as session:
            over = repository.overdue(session, now_ms - ANSWER_GRACE_MS)
            for each in over:
                row = each.command
                row.state, row.changed_ms = messages.CommandState.EXPIRED.value, now_ms
                of_zone = repository.zone(session, row.tenant, row.site, row.zone) is not None
                row.reason = self._why_unheard(each, of_zone=of_zone).model_dump()
            return [each.command.id for each in over]

    def _why_unheard(self, each: repository.Addressed, *, of_zone: bool) -> Words:
        """Why the node may not have answered, in words; `of_zone`: of water, and not of a station."""
        if each.trusts is not None and self._vault.trusted_by(each.trusts) is None:
            return UNTRUSTED
        if each.command.action in NAMED:
            return NOT_DONE
        if self._signer(each) is None:
            return KEYS_CHANGED
        return UNANSWERED if of_zone else STATION_UNANSWERED

    def _mark_sent(self, sent: Mapping[str, str]) -> None:
        """Note commands that were published, each with the id of its key."""
        now_ms = self._clock_ms()
        with self._database.writing() as session:
            first = [each for each, key in sent.items() if repository.mark_sent(session, each, key, now_ms)]
        self.tell(first)


def command_out(row: Command) -> schemas.Command:
    """A command as the API tells it."""
    return schemas.Command.model_validate(
        {
            "id": row.id,
            "tenant": row.tenant,
            "site": row.site,
            "zone": row.zone or None,
            "action": row.action,
            "latch": row.latch,
            "minutes": row.max_run_s // 60 if row.action == messages.CommandAction.WATER else None,
            "litres": row.max_litres or None,
            "state": row.state,
            "reason": Words.read(row.reason),
            "created_at": utc(row.created_ms),
            "expires_at": utc(row.expires_ms),
            "run_id": row.run_id,
        }
    )


def _wire(row: Command) -> bytes:
    """The command as the node reads it, before it is signed."""
    return msgspec.json.encode(
        messages.Command(
            id=row.id,
            action=messages.CommandAction(row.action),
            zone=row.zone,
            issued_at_ms=row.created_ms,
            expires_at_ms=row.expires_ms,
            max_run_s=row.max_run_s,
            latch=row.latch or "",
            who=row.who or "",
            why=row.why or "",
            max_litres=row.max_litres or 0,
        )
    )


def _longest_order_s(session: Session, tenant: str, site: str, station: str) -> float | None:
    """The longest time for which somebody afar may ask a pumping station or gate to act; None where there is none."""
    row = repository.site(session, tenant, site)
    found = () if row is None else standing.of(row).stations
    return next((each.max_order_s for each in found if each.id == station), None)


def _max_run_s(longest_s: float, wish: schemas.CommandWish, needs: Words) -> int:
    """How long the water may run for this wish, in seconds; 0 for a stop. Raises Invalid.

    Litres end it before; without minutes the longest time is its end in any case.
    """
    if wish.action == "stop":
        _require(wish.minutes is None and wish.litres is None, lambda: Invalid(NO_MINUTES))
        return 0
    longest = int(longest_s // 60)
    if wish.litres is not None and not 1 <= wish.litres <= schemas.MOST_LITRES:
        raise LitresOutOfRange(1, schemas.MOST_LITRES, NEEDS_LITRES)
    if wish.litres is not None and wish.minutes is None:
        return int(longest_s)
    if wish.minutes is None or not 1 <= wish.minutes <= longest:
        raise MinutesOutOfRange(1, longest, needs)
    return wish.minutes * 60


def _same(row: Command, site: str, wish: Wanted) -> schemas.Command:
    wished = (site, wish.zone, wish.action.value, wish.max_run_s(), wish.max_litres, wish.latch, wish.why)
    if (row.site, row.zone, row.action, row.max_run_s, row.max_litres or 0, row.latch, row.why) != wished:
        raise Conflict(OTHER_WISH)
    return command_out(row)


def one_line(text: str) -> str:
    """A name as the wire takes it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _require(holds: bool, refusal: Callable[[], Exception]) -> None:
    if not holds:
        raise refusal()
