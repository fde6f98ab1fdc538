"""What a node takes in from above: signed commands, and the cloud's keys. All else is refused, counted and told."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from tonnam_link.commands.checking import read_command
from tonnam_link.commands.keyring import Keyring
from tonnam_link.commands.refusals import KIND, TEXTS, Forged, Refusals, Why
from tonnam_link.commands.signing import open_signed, unverified_body
from tonnam_link.errors import OutboxUnavailable, Rejected
from tonnam_link.messages import Command, CommandState, Event, Frame, Outcome, Stamp
from tonnam_link.mqtt.session import Message
from tonnam_link.topics import Channel, Origin

COMMANDS_WAITING = 64
SAME_WITHIN_MS = 4_000
"""The same command within this time is one message that came twice; the cloud repeats after 5 s."""
IDS_KNOWN = 1_000
MOST_EVENTS = 50
"""So many events wait for a disk that refuses; what comes after them is counted, and told when there is room."""
MOST_ANSWERS = 100
"""So many commands are answered one by one by a node without a key; after that only their number is told."""
ANNOUNCE_AGAIN_MS = 10_000
TRY_AGAIN_S = 5.0


class Accept(Protocol):
    """`Uplink.accept`: takes events and outcomes into custody. Raises OutboxUnavailable."""

    async def __call__(
        self, frames: Sequence[Frame] = (), events: Sequence[Event] = (), outcomes: Sequence[Outcome] = ()
    ) -> None: ...


class Inbox:
    """The intake of one node. `hear_command` and `hear_config` are callbacks of its session; run `run` beside it.

    `commands` are those that were signed for this node by a key that it trusts: expired and repeated ones too, which
    the owner refuses. When the queue is full a command is dropped; the cloud sends it again.

    `moment` is the time now, and its stamp while the time is not known. `when_keys_change` is called when other keys
    count than before, so that the cloud is told.
    """

    def __init__(
        self,
        origin: Origin,
        keys: Keyring,
        *,
        accept: Accept,
        moment: Callable[[], tuple[int, Stamp | None]],
        when_keys_change: Callable[[], None],
        log: Any,
        mono_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self.commands: asyncio.Queue[Command] = asyncio.Queue(COMMANDS_WAITING)
        self.refusals = Refusals()
        self._origin, self._keys = origin, keys
        self._accept, self._moment = accept, moment
        self._when_keys_change = when_keys_change
        self._log, self._mono_ms = log, mono_ms
        self._came_ms: OrderedDict[str, int] = OrderedDict()
        self._reasons: dict[Why, str] = {}
        self._events: list[Event] = []
        self._answers: dict[str, Outcome] = {}
        self._answered = 0
        self._announced_ms: int | None = None
        self._stirred = asyncio.Event()
        if keys.damaged is not None:
            log.error("keys.damaged", reason=keys.damaged, meaning="the first key counts until the cloud tells more")

    def hear_command(self, message: Message) -> None:
        """Take a message from the node's command topic."""
        try:
            signed = open_signed(message.payload, self._keys.trusted, Channel.COMMAND, self._origin)
            command = read_command(signed.body)
        except Forged as error:
            self._refuse(error.why, error.reason)
            if error.why is Why.NO_KEY:
                self._answer_without_key(message.payload)
        except Rejected as error:
            self._refuse(Why.MALFORMED, error.reason)
        else:
            self._take(msgspec.structs.replace(command, signed_by=signed.key_id.hex()))

    def hear_config(self, message: Message) -> None:
        """Take a message from the node's config topic: a key document, or what a later version may say."""
        try:
            signed = open_signed(message.payload, self._keys.trusted, Channel.CONFIG, self._origin)
            if not _tells_keys(signed.body):
                self._log.warning("config.not_understood", meaning="signed by the cloud, but of no kind known here")
            elif self._keys.learn(signed.body):
                self._log.info("keys.learned", serial=self._keys.serial, keys=self._keys.ids)
                self._stirred.set()
            else:
                self._announce_again()
        except Forged as error:
            self._refuse(error.why, error.reason)
        except Rejected as error:
            self._refuse(Why.MALFORMED, error.reason)

    async def run(self) -> None:
        """Keep keys on disk and report what was refused, until cancelled. The disk may fail: it is tried again."""
        while True:
            await self._pause(await self.settle())

    async def settle(self) -> bool:
        """Do all that is due now; False when the disk did not take it."""
        if self._keys.unkept:
            await self._keep_keys()
        return await self._report() and not self._keys.unkept

    async def _pause(self, settled: bool) -> None:
        """Until something has to be done."""
        due_ms = self.refusals.next_due_ms()
        wait_s = None if due_ms is None else max(0.0, (due_ms - self._mono_ms()) / 1000)
        if not settled:
            wait_s = TRY_AGAIN_S
        try:
            async with asyncio.timeout(wait_s):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()

    def _take(self, command: Command) -> None:
        now_ms = self._mono_ms()
        if now_ms - self._came_ms.get(command.id, now_ms - SAME_WITHIN_MS) < SAME_WITHIN_MS:
            return
        try:
            self.commands.put_nowait(command)
        except asyncio.QueueFull:
            self._refuse(Why.TOO_MANY, "too many commands wait already")
            return
        self._came_ms[command.id] = now_ms
        self._came_ms.move_to_end(command.id)
        if len(self._came_ms) > IDS_KNOWN:
            self._came_ms.popitem(last=False)

    def _refuse(self, why: Why, reason: str) -> None:
        self._reasons[why] = reason[:200]
        self.refusals.note(why)
        self._stirred.set()

    def _answer_without_key(self, payload: bytes) -> None:
        """Whoever sent it: a node without a key does nothing of it, and says so. Only a few answers, each once."""
        try:
            command = read_command(unverified_body(payload) or b"")
        except Rejected:
            return
        if command.id in self._came_ms or self._answered >= MOST_ANSWERS:
            return
        self._answered += 1
        self._came_ms[command.id] = self._mono_ms()
        at_ms, stamp = self._moment()
        reason = TEXTS[Why.NO_KEY]
        self._answers[command.id] = Outcome(command.id, CommandState.REFUSED, at_ms, reason, stamp=stamp)

    def _announce_again(self) -> None:
        """The cloud does not know yet that its newest keys count here. A forger that repeats them is not echoed."""
        now_ms = self._mono_ms()
        if self._announced_ms is None or now_ms - self._announced_ms >= ANNOUNCE_AGAIN_MS:
            self._announced_ms = now_ms
            self._when_keys_change()

    async def _keep_keys(self) -> None:
        """What was learned counts already; on disk it also outlives this process."""
        try:
            await asyncio.to_thread(self._keys.keep)
        except OSError as error:
            self._log.error("keys.not_kept", reason=str(error))
        self._when_keys_change()

    async def _report(self) -> bool:
        """Whether all that is due could be told. What could not be is offered again as it is."""
        at_ms, stamp = self._moment()
        for each in self.refusals.due(self._mono_ms()) if len(self._events) < MOST_EVENTS else ():
            self._log.warning(KIND, why=each.why.value, count=each.times, reason=self._reasons[each.why])
            self._events.append(Event(uuid.uuid4().hex, KIND, at_ms, each.body(), stamp))
        events, answers = list(self._events), list(self._answers.values())
        if not events and not answers:
            return True
        try:
            await self._accept(events=events, outcomes=answers)
        except OutboxUnavailable:
            return False
        del self._events[: len(events)]
        for answer in answers:
            del self._answers[answer.command_id]
        return True


def _tells_keys(body: bytes) -> bool:
    """Whether a configuration is a key document, well formed or not."""
    try:
        return msgspec.json.decode(body, type=_Kind).kind == "keys"
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Rejected(f"config: {error}") from error


class _Kind(msgspec.Struct, frozen=True):
    kind: str
