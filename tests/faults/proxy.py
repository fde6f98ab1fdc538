"""A TCP proxy between an MQTT client and its broker, on loopback, that lets faults happen to what passes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

from tests.faults.lane import Lane, Strike, Watch
from tests.faults.link_faults import Aimed, Cut, Delay, Garble, HalfOpen, LinkFault, Refuse, Throttle, Way
from tests.faults.packets import Packet
from tests.servers import HOST

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST."""


class Proxy:
    """Clients connect to `port`. `happened` counts the faults that did happen, by kind."""

    def __init__(self, upstream_port: int, dice: Random, watch: Watch = lambda _: None) -> None:
        self.dice = dice
        self.watch = watch
        self.happened: Counter[str] = Counter()
        self._upstream_port = upstream_port
        self._aimed: list[tuple[Aimed, Strike]] = []
        self._weather: list[tuple[Delay | Throttle | Refuse, Strike]] = []
        self._connections: set[Connection] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.garbled: set[bytes] = set()
        self._stopped = False
        self._place = _bound()
        self.port: int = self._place.getsockname()[1]

    @property
    def connected(self) -> bool:
        """Whether a connection passes through that is not stuck."""
        return any(not connection.stuck for connection in self._connections)

    def strike(self, fault: LinkFault) -> Strike:
        """Let a fault happen: at once, or as soon as a packet passes that it is aimed at.

        What needs a connection does not happen when there is none.
        """
        strike = Strike(fault, fault.skip if isinstance(fault, Garble) else 0)
        match fault:
            case Cut() if self._connections:
                self._cut(fault.reset)
                self.hit(strike, over=True)
            case Cut():
                pass
            case HalfOpen():
                self._stick(fault, strike)
            case Delay() | Throttle() | Refuse():
                self._let_last(fault, strike)
            case Garble(part="connect" | "subscribe"):
                self._aimed.append((fault, strike))
                self._cut(reset=True)
            case _:
                self._aimed.append((fault, strike))
        return strike

    def forget(self, strike: Strike) -> None:
        """Take back a fault that has not happened yet."""
        self._aimed = [(fault, each) for fault, each in self._aimed if each is not strike]

    async def heal(self) -> None:
        """From now on everything passes, what was held up included."""
        self._aimed.clear()
        for _, strike in list(self._weather):
            self.end(strike)
        for connection in list(self._connections):
            connection.release()
        await self._listen()

    def hit(self, strike: Strike, *, over: bool = False) -> None:
        """The fault has happened."""
        self.happened[strike.fault.kind] += 1
        strike.struck.set()
        if over:
            strike.over.set()

    def aimed_at(self, way: Way, packet: Packet) -> tuple[Aimed, Strike] | None:
        """The fault that this packet meets, if any; it meets no other one."""
        for each in self._aimed:
            fault, strike = each
            if fault.way is not way or not fault.wants(packet):
                continue
            if strike.skip == 0:
                self._aimed.remove(each)
                return each
            strike.skip -= 1
        return None

    def delay_s(self) -> float:
        """By how much what comes now is late."""
        delays = [fault for fault, _ in self._weather if isinstance(fault, Delay)]
        return sum(self.dice.uniform(fault.least_s, fault.most_s) for fault in delays)

    def bytes_per_s(self) -> float | None:
        """How fast bytes may pass now; None as fast as they can."""
        return min((fault.bytes_per_s for fault, _ in self._weather if isinstance(fault, Throttle)), default=None)

    @property
    def _refusing(self) -> bool:
        return any(isinstance(fault, Refuse) for fault, _ in self._weather)

    async def start(self) -> None:
        """Listen."""
        await self._listen()

    async def stop(self) -> None:
        """Reset every connection and listen no more."""
        self._stopped = True
        self._deafen()
        self._cut(reset=True)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._place.close()

    async def _listen(self) -> None:
        if self._server is None and not self._stopped:
            self._server = await asyncio.start_server(self._accept, HOST, self.port, reuse_port=True)
            if self._refusing:
                self._deafen()

    def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # by `stop`; asyncio would log it as an error
            await self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            upstream = await asyncio.open_connection(HOST, self._upstream_port)
        except OSError:
            reset(writer)
            return
        finally:
            self._running.discard(task)
        self._running.add(task)
        connection = Connection(self, (reader, writer), upstream)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._running.discard(task)

    def _cut(self, reset: bool) -> None:
        for connection in list(self._connections):
            connection.end(reset)

    def _stick(self, fault: HalfOpen, strike: Strike) -> None:
        stuck = [connection for connection in self._connections if not connection.stuck]
        for connection in stuck:
            connection.stick(fault.ways)
        if not stuck:
            return
        self.hit(strike, over=fault.for_s is None)
        if fault.for_s is not None:
            asyncio.get_running_loop().call_later(fault.for_s, self._release, stuck, strike)

    def _release(self, stuck: list[Connection], strike: Strike) -> None:
        for connection in stuck:
            connection.release()
        strike.over.set()

    def _let_last(self, fault: Delay | Throttle | Refuse, strike: Strike) -> None:
        self._weather.append((fault, strike))
        if isinstance(fault, Refuse):
            self._deafen()
            self._cut(reset=True)
        self.hit(strike)
        asyncio.get_running_loop().call_later(fault.for_s, self.end, strike)

    def end(self, strike: Strike) -> None:
        """Let a fault that lasts be over."""
        self._weather = [(fault, each) for fault, each in self._weather if each is not strike]
        strike.over.set()
        if not self._refusing:
            self._running.add(task := asyncio.create_task(self._listen()))
            task.add_done_callback(self._running.discard)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Connection:
    """One connection through the proxy: two lanes, ended together."""

    def __init__(self, proxy: Proxy, client: Streams, broker: Streams) -> None:
        self._writers = (client[1], broker[1])
        self._over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._up = Lane(proxy, Way.UP, client[0], broker[1], self.end)
        self._down = Lane(proxy, Way.DOWN, broker[0], client[1], self.end)
        self._lanes = (self._up, self._down)

    @property
    def stuck(self) -> bool:
        return any(lane.stuck for lane in self._lanes)

    def stick(self, ways: tuple[Way, ...]) -> None:
        for lane in self._lanes:
            if lane.way in ways:
                lane.stick()

    def release(self) -> None:
        for lane in self._lanes:
            lane.release()

    def end(self, reset: bool) -> None:
        if not self._over.done():
            self._over.set_result(reset)

    async def run(self) -> None:
        """Pass bytes until one side ends, or a fault does it."""
        tasks = [asyncio.create_task(work) for lane in self._lanes for work in (self._read(lane), self._write(lane))]
        aborted = True
        try:
            aborted = await self._over
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in self._writers:
                reset(writer) if aborted else writer.close()

    async def _read(self, lane: Lane) -> None:
        await lane.read()
        self._end_when_left()

    async def _write(self, lane: Lane) -> None:
        """Who does not listen any more has left; the other side is told by the lane that comes from there."""
        try:
            await lane.write()
        except OSError:
            lane.deaf = True
            (self._down if lane is self._up else self._up).leave(reset=True)
        self._end_when_left()

    def _end_when_left(self) -> None:
        """A stuck connection that both sides have left ends, though nothing tells them."""
        if all(lane.left and (lane.stuck or lane.deaf) for lane in self._lanes):
            self.end(True)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


def _bound() -> socket.socket:
    """Holds a free port for as long as the proxy lives: while nobody listens there, nobody else takes it."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind((HOST, 0))
    return place


@contextlib.asynccontextmanager
async def between(upstream_port: int, dice: Random, watch: Watch = lambda _: None) -> AsyncIterator[Proxy]:
    """A proxy that runs while the block does."""
    proxy = Proxy(upstream_port, dice, watch)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
