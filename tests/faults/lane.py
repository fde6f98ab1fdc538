"""One direction of one connection through the proxy: packets come in, meet faults, and leave in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.faults.link_faults import Duplicate, Garble, LinkFault, Reorder, Swallow, Truncate, Way
from tests.faults.packets import Packet, Splitter

if TYPE_CHECKING:
    from tests.faults.proxy import Proxy

CHUNK_BYTES = 65_536
SLICE_BYTES = 256
WAITING_BYTES = 512 * 1024
HOLD_S = 1.0


@dataclass
class Strike:
    """A fault that was ordered. `struck` is set when it has happened, `over` when it lasts no more.

    `skip` packets that it might hit are still to pass before.
    """

    fault: LinkFault
    skip: int = 0
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Passed:
    """A PUBLISH that left the proxy, as it had come. `fault` is what happened to it; `whole`: it left as it came."""

    way: Way
    packet: Packet
    fault: str = ""
    whole: bool = True


Watch = Callable[[Passed], None]


@dataclass(frozen=True)
class _Due:
    """Bytes that may leave at `at`. `passed` is told then. `end`: after them the connection ends; True: by RST."""

    at: float
    raw: bytes
    passed: Passed | None = None
    end: bool | None = None


class Lane:
    """`end(reset)` is called when the connection must end because of what came through this lane.

    `left`: who speaks here has gone. `deaf`: who listens here has gone.
    """

    def __init__(
        self,
        proxy: Proxy,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        end: Callable[[bool], None],
    ) -> None:
        self.way = way
        self.left = False
        self.deaf = False
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self._end = end
        self._splitter = Splitter()
        self._queue: asyncio.Queue[_Due] = asyncio.Queue()
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._last_due = 0.0
        self._held: tuple[Packet, Strike] | None = None

    @property
    def stuck(self) -> bool:
        return not self._open.is_set()

    def stick(self) -> None:
        """Pass nothing."""
        self._open.clear()

    def release(self) -> None:
        """Pass what waits, and all that comes."""
        self._open.set()

    def leave(self, reset: bool) -> None:
        """Whoever speaks here has gone: the other side learns of it after what is on its way."""
        if not self.left:
            self.left = True
            self._put(b"", None, end=reset)

    async def read(self) -> None:
        """Take in packets until the side that speaks here leaves."""
        try:
            while chunk := await self._reader.read(CHUNK_BYTES):
                for packet in self._splitter.feed(chunk):
                    self._meet(packet)
                while self._waiting_bytes > WAITING_BYTES:
                    self._room.clear()
                    await self._room.wait()
            self.leave(reset=False)
        except OSError:
            self.leave(reset=True)

    async def write(self) -> None:
        """Let out what is due. Raises OSError when the side that listens here has gone."""
        while True:
            due = await self._queue.get()
            await asyncio.sleep(max(0.0, due.at - self._now()))
            await self._open.wait()
            await self._write(due.raw)
            self._waiting_bytes -= len(due.raw)
            self._room.set()
            if due.passed is not None:
                self._proxy.watch(due.passed)
            if due.end is not None:
                self._end(due.end)
                return

    async def _write(self, raw: bytes) -> None:
        """All of it, in slices while the bandwidth is throttled."""
        while raw:
            speed = self._proxy.bytes_per_s()
            part, raw = (raw, b"") if speed is None else (raw[:SLICE_BYTES], raw[SLICE_BYTES:])
            self._writer.write(part)
            await self._writer.drain()
            if speed is not None:
                await asyncio.sleep(len(part) / speed)

    def _meet(self, packet: Packet) -> None:
        """Let the packet meet its fault, if there is one for it."""
        if self._held is not None and packet.is_publish:
            self._swap(packet)
            return
        fault, strike = self._proxy.aimed_at(self.way, packet) or (None, None)
        dice = self._proxy.dice
        match fault:
            case None:
                self._pass(packet)
                return
            case Reorder():
                assert strike is not None
                self._hold(packet, strike)
                return
            case Duplicate():
                for _ in range(fault.times):
                    self._pass(packet, fault.kind)
            case Swallow():
                self._proxy.watch(Passed(self.way, packet, fault.kind, whole=False))
            case Garble():
                told = Passed(self.way, packet, fault.kind, whole=False) if packet.is_publish else None
                self._put(self._garbled(fault, packet, dice), told)
            case Truncate():
                self.left = True
                part = packet.raw[: dice.randrange(1, len(packet.raw))]
                self._put(part, Passed(self.way, packet, fault.kind, whole=False), end=fault.reset)
        assert strike is not None
        self._proxy.hit(strike, over=True)

    def _garbled(self, fault: Garble, packet: Packet, dice: Random) -> bytes:
        """Chance never hits the same packet in the same way twice; neither do we."""
        while (garbled := fault.garbled(packet, dice)) in self._proxy.garbled:
            pass
        self._proxy.garbled.add(garbled)
        return garbled

    def _hold(self, packet: Packet, strike: Strike) -> None:
        """Keep the packet back until the next one has passed, or for a moment if none comes."""
        self._held = (packet, strike)
        asyncio.get_running_loop().call_later(HOLD_S, self._let_go, packet)

    def _swap(self, packet: Packet) -> None:
        assert self._held is not None
        first, strike = self._held
        self._held = None
        for each in (packet, first):
            self._pass(each, strike.fault.kind)
        self._proxy.hit(strike, over=True)

    def _let_go(self, packet: Packet) -> None:
        """No second one came: this was no fault."""
        if self._held is not None and self._held[0] is packet:
            self._held = None
            self._pass(packet)

    def _pass(self, packet: Packet, fault: str = "") -> None:
        self._put(packet.raw, Passed(self.way, packet, fault) if packet.is_publish else None)

    def _put(self, raw: bytes, passed: Passed | None, end: bool | None = None) -> None:
        self._last_due = max(self._last_due, self._now() + self._proxy.delay_s())
        self._waiting_bytes += len(raw)
        self._queue.put_nowait(_Due(self._last_due, raw, passed, end))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
