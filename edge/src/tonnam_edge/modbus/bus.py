"""One bus: a task that owns the port, reads every device in its turn, and writes before it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tonnam_edge.core.image import NotWritten, Observation
from tonnam_edge.core.plant.actuators import Action
from tonnam_edge.errors import EdgeError, Rejected, Transient
from tonnam_edge.limits import OPENING_FRESH_S
from tonnam_edge.modbus.wire import Transport
from tonnam_edge.modbus.write_queue import WriteQueue
from tonnam_edge.modbus.writes import writes_of
from tonnam_edge.site.polling import Poll, Values
from tonnam_edge.site.site import Device, Site

MonoClock = Callable[[], int]
Observer = Callable[[Observation], None]
Unwritten = Callable[[NotWritten], None]
BACK_OFF_MAX_S = 60.0
# A relay board that comes back must be found soon: something may be on.
RELAY_BACK_OFF_MAX_S = 5.0
# A bus with nothing to do looks up this often: who watches over it must see that it could do something.
REST_MS = 2_000


@dataclass
class _Turn:
    """When a device is read next, and how often it has failed to answer."""

    device: Device
    due_ms: int
    failures: int = 0

    @property
    def poll_ms(self) -> int:
        return round(self.device.poll_s * 1000)

    def next_wait_ms(self) -> int:
        """The time until the next poll: doubling with every failure, up to a limit."""
        limit_s = BACK_OFF_MAX_S if self.device.profile.relay is None else RELAY_BACK_OFF_MAX_S
        doubled = self.poll_ms << min(self.failures, 10)
        return max(self.poll_ms, min(doubled, round(limit_s * 1000)))


class Bus:
    """Polls the devices of one bus for ever and carries out actions, closing before opening before reading.

    A close is on the wire when the transaction that is under way has ended, at the latest with its time-out.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        transport: Transport,
        observe: Observer,
        mono_ms: MonoClock,
        log: Any,
        not_written: Unwritten = lambda lost: None,
    ) -> None:
        self.name = name
        self._site = site
        self._transport = transport
        self._observe, self._not_written = observe, not_written
        self._mono_ms = mono_ms
        self._log = log.bind(bus=name)
        self._turns = [_Turn(device, 0) for device in site.devices.values() if device.part.bus == name]
        self._queue = WriteQueue()
        self._wake = asyncio.Event()
        self.progress_mono_ms = mono_ms()

    def act(self, actions: Sequence[Action]) -> None:
        """Queue actions; a newer one of the same actuator replaces the older. A close is the next transaction."""
        self._queue.put(actions)
        if actions:
            self._wake.set()

    def leave(self, actuators: Collection[str]) -> None:
        """Carry out nothing that still waits for these: somebody has locked them."""
        self._queue.leave(actuators)

    async def run(self) -> None:
        """Serve the bus until cancelled, then close the port."""
        try:
            while True:
                await self._write_all()
                turn = self._due()
                if turn is None:
                    await self._rest()
                else:
                    await self._poll(turn)
                self._progress()
        finally:
            await self._transport.close()

    def _progress(self) -> None:
        """Something came to an end, if only a time-out. `progress_mono_ms` tells who watches over this task."""
        self.progress_mono_ms = self._mono_ms()

    def _due(self) -> _Turn | None:
        """The device that has been due the longest."""
        now = self._mono_ms()
        due = [turn for turn in self._turns if turn.due_ms <= now]
        return min(due, key=lambda turn: turn.due_ms, default=None)

    async def _rest(self) -> None:
        """Wait for the next poll or write; not for longer than shows that this task is alive."""
        self._wake.clear()
        now = self._mono_ms()
        until = min((turn.due_ms for turn in self._turns), default=now + REST_MS)
        retry_ms = self._queue.next_ms()
        until = min(until, now + REST_MS, until if retry_ms is None else retry_ms)
        try:
            async with asyncio.timeout(max(0.0, (until - now) / 1000)):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _poll(self, turn: _Turn) -> None:
        began = self._mono_ms()
        try:
            values = await self._drive(turn.device.plan.poll(), turn.device.part.unit)
        except EdgeError as failure:
            self._failed(turn, failure)
            self._observe(Observation(turn.device.part.id, began, None, isinstance(failure, Rejected)))
        except Exception as failure:  # noqa: BLE001 - one device's nonsense is that device's fault, not the bus's end
            self._failed(turn, failure)
            self._observe(Observation(turn.device.part.id, began, None, fault=True))
        else:
            if turn.failures:
                self._log.info("device.answers", device=turn.device.part.id)
                self._try_the_others_too()
            turn.failures = 0
            self._queue.answered(turn.device.part.id)
            self._observe(Observation(turn.device.part.id, began, values))
        turn.due_ms = max(turn.due_ms + turn.poll_ms, self._mono_ms()) if not turn.failures else self._later(turn)

    def _try_the_others_too(self) -> None:
        """Where one device answers again, the cable is whole again: do not wait for the others' turns."""
        for turn in self._turns:
            if turn.failures:
                turn.due_ms = min(turn.due_ms, self._mono_ms())

    def _later(self, turn: _Turn) -> int:
        return self._mono_ms() + turn.next_wait_ms()

    def _failed(self, turn: _Turn, failure: Exception) -> None:
        if not turn.failures and isinstance(failure, EdgeError):
            self._log.warning("device.silent", device=turn.device.part.id, reason=str(failure))
        elif not turn.failures:
            self._log.error("device.nonsense", device=turn.device.part.id, reason=repr(failure))
        turn.failures += 1
        if isinstance(failure, Transient):
            self._queue.silent(turn.device.part.id, self._mono_ms())

    async def _drive(self, poll: Poll, unit: int) -> Values:
        """Read what the planner asks for; waiting actions go between the reads, and after connecting."""
        try:
            read = next(poll)
            while True:
                await self._write_all()
                try:
                    await self._transport.connect()
                    await self._write_all()
                    words = await self._transport.read(unit, read)
                except EdgeError as failure:
                    read = poll.throw(failure)
                else:
                    read = poll.send(words)
                self._progress()
        except StopIteration as end:
            values: Values = end.value
            return values

    async def _write_all(self) -> None:
        """Carry out what waits, one by one: what is decided meanwhile may go before the rest."""
        while (action := self._queue.take(self._mono_ms())) is not None:
            if action.safe or not (self._too_old(action) or self._queue.overtaken(action)):
                await self._write(action)
                self._progress()

    async def _write(self, action: Action) -> None:
        """One write. Nobody's answer leaves a close waiting; a refusal does not: the core says an off again."""
        try:
            for number, write in enumerate(writes_of(action, self._site)):
                if number and not action.safe and self._queue.close_waits:
                    return self._queue.put([action])  # begun anew after the close
                await self._transport.write(write)
        except Transient as failure:
            if self._queue.failed(action, self._mono_ms()):
                self._log.warning("write.failed", actuator=action.actuator, open=action.open, reason=str(failure))
            self._lost(action)
        except Exception as failure:  # noqa: BLE001 - one board's nonsense must not keep another from closing
            reason = str(failure) if isinstance(failure, EdgeError) else repr(failure)
            self._log.warning("write.failed", actuator=action.actuator, open=action.open, reason=reason)
            self._lost(action)
        else:
            self._queue.answered(action.device)
            self._read_back_soon(action.device)

    def _lost(self, action: Action) -> None:
        """Say that an opening was not acknowledged: no read-back tells that of a pulse."""
        if not action.safe:
            self._not_written(NotWritten(action.actuator, action.decided_mono_ms))

    def _read_back_soon(self, device: str) -> None:
        """The proof of a write is the next poll of its board: take it now."""
        for turn in self._turns:
            if turn.device.part.id == device:
                turn.due_ms = self._mono_ms()

    def _too_old(self, action: Action) -> bool:
        """An opening that could not be sent soon is dropped: it would outlive what was decided."""
        old = self._mono_ms() - action.decided_mono_ms > OPENING_FRESH_S * 1000
        if old:
            self._log.warning("write.too_late", actuator=action.actuator)
            self._lost(action)
        return old
