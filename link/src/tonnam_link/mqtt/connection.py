"""One TCP connection to an MQTT broker, with paho's client on it: handshake, keeping alive, subscriptions, bytes."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.tls import NOT_YET_VALID, ClientContext, client_context
from tonnam_link.rarely import Rarely


class Message(NamedTuple):
    """What came. `retained`: the broker had kept it, from nobody knows when, and gave it because we subscribed."""

    topic: str
    payload: bytes
    retained: bool = False


OnMessage = Callable[[Message], None]
Will = tuple[str, bytes]

CONNECT_TIMEOUT_S = 4.0
HANDSHAKE_TIMEOUT_S = 10.0
FAREWELL_S = 0.5
MAX_UNWRITTEN_BYTES = 8 * 1024 * 1024
ASK_AGAIN_S = 60.0
RENEW_S = 1800.0
SILENCE_S = 10.0
PATIENCE_S = 30.0


class Connection:
    """One TCP connection with paho's client on it. A new client each time: nothing is carried over."""

    def __init__(
        self, broker: Broker, client_id: str, will: Will | None, keepalive_s: int, deliver: OnMessage, log: Any
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._keepalive_s = keepalive_s
        self._deliver = deliver
        self._will = will
        self._log = log
        self._rarely = Rarely(log)
        self._tls: ClientContext | None = None
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._end: asyncio.Future[str] = self._loop.create_future()
        self._filters: list[str] = []
        self._wishes: set[str] = set()
        self._refused: set[str] = set()
        self._ask_again_at = 0.0
        self._renew_at = 0.0
        self._sent_at = self._heard_at = self._spoke_at = time.monotonic()
        self._probed_at: float | None = None
        self._ungranted: dict[int | None, list[str]] = {}
        self._unwritten: dict[int, int] = {}
        self._unwritten_bytes = 0
        self._watched: Any = None
        self._client = self._make_client()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, self._client_id, clean_session=True, protocol=mqtt.MQTTv311)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.username = self._broker.username
        client.password = self._broker.password
        if self._will is not None:
            client.will_set(self._will[0], self._will[1], qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = lambda _client, _userdata, message: self._receive(message)
        client.on_socket_register_write = self._on_register_write
        client.on_socket_close = lambda *_: self._unwatch()
        return client

    async def open(self, filters: list[str], wishes: set[str]) -> None:
        """Connect and subscribe. Raises OSError, ValueError or TimeoutError when the broker refuses or is silent.

        Of the filters, `wishes` may be refused.
        """
        self._filters, self._wishes = filters, wishes
        await self._connect()
        self._watched = self._client.socket()
        if self._watched is None:
            raise ConnectionError("the connection broke at once")
        self._loop.add_reader(self._watched, self._readable)
        self._want_write()
        both: set[asyncio.Future[Any]] = {self._ready, self._end}
        await asyncio.wait(both, timeout=HANDSHAKE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if self._end.done():
            raise ConnectionError(self._end.result())
        if not self._ready.done():
            raise TimeoutError(f"no answer to connect and subscribe within {HANDSHAKE_TIMEOUT_S:g} s")

    async def _connect(self) -> None:
        """TCP and TLS. A certificate that has not begun means that our clock is wrong: then dates cannot be judged.

        Without this a machine that starts in 1970 could never reach the broker, from which it learns the time.
        """
        try:
            await self._loop.run_in_executor(None, self._dial, True)
        except ssl.SSLCertVerificationError as error:
            if error.verify_code != NOT_YET_VALID:
                raise
            self._client = self._make_client()
            await self._loop.run_in_executor(None, self._dial, False)

    def _dial(self, dates: bool) -> None:
        if self._broker.tls:
            self._tls = client_context(self._broker.ca, dates=dates)
            self._client.tls_set_context(self._tls)
        try:
            self._client.connect(self._broker.host, self._broker.port, self._keepalive_s)
        except OSError as error:
            if self._tls is None:
                raise
            raise self._tls.failed(error) from error

    async def ended(self) -> str:
        """Wait for the end and keep alive until then; why it ended.

        Every subscription is renewed now and then: one that was garbled on its way was granted all the same, and
        nobody would ever notice that we are deaf.
        """
        self._renew_at = _next_renewal()
        while not self._end.done():
            self._keep_alive(time.monotonic())
            self._probe(time.monotonic())
            if time.monotonic() >= self._renew_at:
                self._renew_at = _next_renewal()
                self._ask(self._filters)
            elif self._refused and time.monotonic() >= self._ask_again_at:
                self._ask(self._refused)
            await asyncio.wait({self._end}, timeout=1.0)
        return self._end.result()

    def _keep_alive(self, now: float) -> None:
        """Ping when nothing has gone one way for long. paho alone would ping whatever else it has sent."""
        if now - min(self._sent_at, self._heard_at) >= self._keepalive_s:
            self._client.loop_misc()
            self._spoke()

    def _probe(self, now: float) -> None:
        """Find out whether the broker is still there when nothing has come since we spoke: it may be half-open.

        What was published with QoS 0 would vanish without a word. A subscription that we have is always answered.
        """
        if self._probed_at is not None and self._heard_at > self._probed_at:
            self._probed_at = None
        if self._probed_at is not None:
            if now - self._probed_at >= PATIENCE_S:
                self._finish("the broker does not answer")
        elif self._filters and self._spoke_at > self._heard_at and now - self._spoke_at >= SILENCE_S:
            self._probed_at = now
            self._ask(self._filters[:1])

    def _spoke(self) -> None:
        self._sent_at = time.monotonic()
        if self._heard_at >= self._spoke_at:
            self._spoke_at = self._sent_at  # nothing that we said before is waiting for a word

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        if self._unwritten_bytes + len(payload) > MAX_UNWRITTEN_BYTES:
            return False
        sent = self._client.publish(topic, payload, qos=qos, retain=retain)
        if sent.rc != mqtt.MQTT_ERR_SUCCESS:
            return False
        self._spoke()
        if not sent.is_published():
            self._unwritten[sent.mid] = len(payload)
            self._unwritten_bytes += len(payload)
        return True

    def close(self) -> None:
        """Say farewell if that is possible at once, and close the socket."""
        if self._ready.done() and not self._end.done() and self._client.is_connected():
            if self._will is not None:
                self._client.publish(self._will[0], self._will[1], qos=1, retain=True)
            self._client.disconnect()
            deadline = time.monotonic() + FAREWELL_S
            while self._client.want_write() and time.monotonic() < deadline:
                self._client.loop_write()
        sock = self._watched
        self._unwatch()
        if self._tls is not None:
            self._tls.abandon()
        if sock is not None:
            sock.close()

    def _readable(self) -> None:
        sock = self._watched
        self._heard_at = time.monotonic()
        try:
            self._client.loop_read()
        except Exception as error:  # noqa: BLE001 - paho raises whatever a garbled packet makes of it, and then again
            self._finish(f"what the broker sent cannot be understood: {type(error).__name__}: {error}")
            self._loop.remove_reader(sock)
            return
        pending = getattr(sock, "pending", None)
        if sock is self._watched and pending is not None and pending():
            self._loop.call_soon(self._readable)  # TLS has decrypted more than paho took

    def _want_write(self) -> None:
        if self._watched is not None and self._client.want_write():
            self._loop.add_writer(self._watched, self._writable)

    def _writable(self) -> None:
        self._client.loop_write()
        if self._watched is not None and not self._client.want_write():
            self._loop.remove_writer(self._watched)

    def _on_register_write(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._want_write)  # paho calls this from the connecting thread, too

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
            self._loop.remove_writer(self._watched)
            self._watched = None

    def _finish(self, reason: str) -> None:
        if not self._end.done():
            self._end.set_result(reason)

    def _on_connect(self, _c: mqtt.Client, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:
        if code.is_failure:
            self._finish(f"the broker refuses: {code}")
            return
        self._ask(self._filters)
        self._check_ready()

    def _ask(self, filters: Iterable[str]) -> None:
        """All in one packet: there are few, and a packet costs more than they do."""
        self._ask_again_at = time.monotonic() + ASK_AGAIN_S
        wanted = list(filters)
        if wanted:
            _, mid = self._client.subscribe([(topic_filter, 0) for topic_filter in wanted])
            self._ungranted[mid] = wanted

    def _on_subscribe(self, _c: Any, _u: Any, mid: int, codes: list[ReasonCode], _p: Any) -> None:
        wanted = self._ungranted.pop(mid, [])
        refused = [code.is_failure for code in codes]
        if len(refused) != len(wanted):
            self._finish(f"the broker answers {len(wanted)} subscriptions with {len(refused)}")
            return
        for topic_filter, no in zip(wanted, refused, strict=True):
            self._granted(topic_filter, not no)
        self._check_ready()

    def _granted(self, topic_filter: str, granted: bool) -> None:
        if granted:
            if topic_filter in self._refused:
                self._refused.remove(topic_filter)
                self._log.info("subscription.granted", topic=topic_filter)
        elif topic_filter not in self._wishes:
            self._finish(f"the broker does not grant the subscription {topic_filter}")
        elif topic_filter not in self._refused:
            self._refused.add(topic_filter)
            self._log.warning("subscription.refused", topic=topic_filter)

    def _check_ready(self) -> None:
        if not (self._ungranted or self._end.done() or self._ready.done()):
            self._ready.set_result(None)

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:
        normal = ReasonCode(PacketTypes.DISCONNECT, "Normal disconnection")
        self._finish("closed" if code == normal else f"the connection broke: {code}")

    def _on_publish(self, _c: Any, _u: Any, mid: int, _code: Any, _p: Any) -> None:
        self._unwritten_bytes -= self._unwritten.pop(mid, 0)

    def _receive(self, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._rarely.warn("message.ignored", reason="its topic is not UTF-8")
            return
        self._deliver(Message(topic, bytes(message.payload), bool(message.retain)))


def _next_renewal() -> float:
    """Not at the same moment for all who lost their broker together."""
    return time.monotonic() + RENEW_S * random.uniform(0.75, 1.25)
