"""One MQTT session, driven by the asyncio loop: no thread of its own but while it connects.

QoS 0 in a clean session, reconnecting for ever. Nothing is kept here: what must not be lost is in an outbox.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import structlog

from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.connection import Connection, Message, OnMessage, Will
from tonnam_link.mqtt.tls import why
from tonnam_link.rarely import Rarely

__all__ = ["Message", "OnMessage", "Session", "Will"]

STEADY_S = 5.0
KEEPALIVE_S = 75
"""More than the minute between batches: they and their answers then spare the pings, which cost as much."""


class Session:
    """A clean session with a fixed client id: `client_id`, and a mark of the password (`Broker.client_id`).

    `will` is published, retained with QoS 1, when the connection breaks (by the broker) or ends well (by us); a
    function is asked anew at every connect, so that each connection can have a will of its own. Callbacks run on
    the loop; an exception in one is logged and does no more harm. `connections` counts the connections so far.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        will: Will | Callable[[], Will] | None = None,
        log: Any = None,
        keepalive_s: int = KEEPALIVE_S,
        pause_s: tuple[float, float] = (1.0, 30.0),
    ) -> None:
        self.connected = asyncio.Event()
        self.connections = 0
        self._broker = broker
        self._client_id = broker.client_id(client_id)
        self._make_will = will
        log = log or structlog.get_logger("tonnam.link")
        self._log = log.bind(broker=str(broker), client_id=client_id)
        self._rarely = Rarely(self._log)
        self._keepalive_s = keepalive_s
        self._pause_s = pause_s
        self._subscriptions: list[tuple[str, OnMessage]] = []
        self._wishes: set[str] = set()
        self._when_connected: list[Callable[[], None]] = []
        self._when_lost: list[Callable[[], None]] = []
        self._connection: Connection | None = None

    def subscribe(self, topic_filter: str, on_message: OnMessage, *, needed: bool = True) -> None:
        """Ask for messages at every connect; call it before `run`.

        Two callbacks may share a filter. Filters that overlap without being equal may deliver a message twice. When
        the broker does not grant a filter, the connection does not count; unless it is not `needed`: then that is
        logged, and asked again every minute.
        """
        self._subscriptions.append((topic_filter, on_message))
        if not needed:
            self._wishes.add(topic_filter)

    def when_connected(self, callback: Callable[[], None]) -> None:
        """Call `callback` after every connect, once all subscriptions are granted."""
        self._when_connected.append(callback)

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Call `callback` after every connection or attempt at one: what comes from then on is of a new one."""
        self._when_lost.append(callback)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        """Hand a message to the connection; False when there is none, or when it does not take more just now."""
        if self._connection is None or not self.connected.is_set():
            return False
        return self._connection.publish(topic, payload, qos, retain)

    async def run(self) -> None:
        """Connect, and connect again, until cancelled; then say farewell and end."""
        failures = 0
        lost_logged = False
        while True:
            steady, reason = await self._one_connection()
            if steady or not lost_logged:
                self._log.warning("broker.lost" if steady else "broker.unreachable", reason=reason)
                lost_logged = True
            failures = 0 if steady else failures + 1
            shortest, longest = self._pause_s
            await asyncio.sleep(random.uniform(0.5, 1.0) * min(longest, shortest * 2 ** min(failures, 16)))

    async def _one_connection(self) -> tuple[bool, str]:
        """One connection from beginning to end: whether it ever carried messages for a while, and why it ended."""
        will = self._make_will() if callable(self._make_will) else self._make_will
        connection = Connection(self._broker, self._client_id, will, self._keepalive_s, self._dispatch, self._log)
        started = time.monotonic()
        try:
            await connection.open(list(dict(self._subscriptions)), self._wishes)
            started = time.monotonic()
            self._start(connection)
            reason = await connection.ended()
        except (OSError, TimeoutError, ValueError) as error:
            return False, why(error)
        finally:
            self.connected.clear()
            self._connection = None
            connection.close()
            for callback in self._when_lost:
                self._guarded(callback)
        return time.monotonic() - started > STEADY_S, reason

    def _start(self, connection: Connection) -> None:
        self._connection = connection
        self.connections += 1
        self.connected.set()
        self._log.info("broker.connected")
        for callback in self._when_connected:
            self._guarded(callback)

    def _dispatch(self, message: Message) -> None:
        for topic_filter, on_message in self._subscriptions:
            if mqtt.topic_matches_sub(topic_filter, message.topic):
                self._guarded(on_message, message)

    def _guarded(self, callback: Callable[..., None], *arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:  # noqa: BLE001 - the top of a callback: logged, and the session lives on
            self._rarely.exception("callback.failed", callback=getattr(callback, "__qualname__", repr(callback)))
