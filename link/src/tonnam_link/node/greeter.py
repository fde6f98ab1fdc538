"""Says hello: asks for a reply, and so for the time, with a batch that nobody keeps."""

from __future__ import annotations

import asyncio
import secrets

from tonnam_link.messages import Reply
from tonnam_link.mqtt.session import Session
from tonnam_link.node.line import Line
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.topics import Channel, Origin, node_topic
from tonnam_link.wire.codec import encode_events

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
LOOK_S = 1.0
REMEMBERED = 16


class Greeter:
    """Greets at the begin of each connection, and while nobody answers or the time is not known.

    Its batches have an epoch of their own. Each is sent once, so that a reply tells the time however late it comes.
    """

    def __init__(self, session: Session, origin: Origin, line: Line, clock: NodeClock) -> None:
        self.epoch = int.from_bytes(secrets.token_bytes(8), "big", signed=True)
        self._session, self._origin, self._line, self._clock = session, origin, line, clock
        self._topic = node_topic(*origin, Channel.UP)
        self._sequence = 0
        self._sent_mono_ms: dict[int, int] = {}
        self._stirred = asyncio.Event()
        session.when_connected(self._stirred.set)

    def answered(self, reply: Reply) -> None:
        """A reply of our epoch. Only the first to each greeting counts."""
        sent_mono_ms = self._sent_mono_ms.pop(reply.sequence, None)
        if sent_mono_ms is not None:
            self._clock.learn(reply.utc_ms, sent_mono_ms, self._clock.mono_ms())
        self._stirred.set()

    async def run(self) -> None:
        """Greet until cancelled."""
        loop = asyncio.get_running_loop()
        connection, pause_s, due = 0, FIRST_PAUSE_S, 0.0
        while True:
            await self._session.connected.wait()
            self._stirred.clear()
            if connection != self._session.connections or not self._needed():
                connection, pause_s, due = self._session.connections, FIRST_PAUSE_S, loop.time()
            if self._needed() and loop.time() >= due:
                self._greet()
                due = loop.time() + pause_s
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            await self._pause(LOOK_S)

    def _needed(self) -> bool:
        return self._clock.stamp() is not None or not self._line.answers(asyncio.get_running_loop().time())

    def _greet(self) -> None:
        self._sequence += 1
        payload = encode_events(self._origin, self.epoch, self._sequence, [])
        if self._session.publish(self._topic, payload):
            self._sent_mono_ms[self._sequence] = self._clock.mono_ms()
            self._line.asked(asyncio.get_running_loop().time())
        while len(self._sent_mono_ms) > REMEMBERED:
            del self._sent_mono_ms[next(iter(self._sent_mono_ms))]

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return
