"""An MQTT client as field devices have one: paho driven by the asyncio loop, reconnecting for ever."""

import asyncio
import contextlib
import random
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

_log = structlog.get_logger()
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_CONNECT_S = 4.0
_SLOWEST_RETRY_S = 30.0
_MOST_IN_FLIGHT = 20


class BrokerAway(Exception):
    """No broker where there should be one; the text says where."""


@dataclass(frozen=True, slots=True)
class FieldBroker:
    """The broker that field devices speak to."""

    host: str
    port: int
    username: str | None
    password: str | None = dataclass_field(repr=False)
    tls: bool

    @classmethod
    def parse(cls, url: str) -> "FieldBroker":
        """Read mqtt://[user:password@]host[:port] or mqtts://...; ValueError says what would be right."""
        right = "a broker's address is mqtt://host:1883 or mqtts://user:password@host:8883"
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ValueError(right)
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError as why:
            raise ValueError(f"{right}; its port is a number up to 65535") from why
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port, username, password, parts.scheme == "mqtts")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class FieldClient:
    """Connects for ever, from `run`.

    `birth` and `will` are (topic, payload), retained; the birth is said at every connect. What is published with
    `publish` while the broker is away is lost, as with most sensors; `deliver` waits instead.
    """

    def __init__(
        self,
        broker: FieldBroker,
        client_id: str,
        *,
        birth: tuple[str, bytes] | None = None,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.connected = asyncio.Event()
        self._broker = broker
        self._birth = birth
        self._will = will
        self._lost = asyncio.Event()
        self._moved = asyncio.Event()  # an acknowledgement came
        self._unacknowledged: set[int] = set()
        self._away_told = False
        self._wire: int | None = None
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=True)
        self._client.username_pw_set(broker.username, broker.password)
        self._client.connect_timeout = _CONNECT_S
        if broker.tls:
            self._client.tls_set()
        if will:
            self._client.will_set(*will, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self._lost.set()
        self._client.on_publish = self._on_publish
        self._client.on_socket_close = lambda *_: self._unwatch()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send now with QoS 0; False when not connected."""
        if not self.connected.is_set():
            return False
        return self._client.publish(topic, payload).rc == mqtt.MQTT_ERR_SUCCESS

    async def first_connection(self, patience_s: float) -> None:
        """Wait for the broker; BrokerAway when it does not come in time."""
        try:
            await asyncio.wait_for(self.connected.wait(), patience_s)
        except TimeoutError as why:
            raise BrokerAway(f"no broker answers at {self._broker}; is it running?") from why

    async def deliver(self, topic: str, payload: bytes) -> None:
        """Send with QoS 1, waiting for the broker and for room: at most 20 messages are unacknowledged."""
        await self.connected.wait()
        await self.drained(below=_MOST_IN_FLIGHT)
        self._unacknowledged.add(self._client.publish(topic, payload, qos=1).mid)

    async def drained(self, below: int = 1) -> None:
        """Wait until fewer than `below` messages are unacknowledged."""
        while len(self._unacknowledged) >= below:
            self._moved.clear()
            await self._moved.wait()

    async def run(self) -> None:
        """Connect, and again after every loss with a growing, jittered pause, until cancelled."""
        pause_s = 1.0
        try:
            while True:
                if await self._connect() and await self._stay():
                    pause_s = 1.0
                self._tell_away("the broker is away; trying again until it is back")
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(_SLOWEST_RETRY_S, 2.0 * pause_s)
        finally:
            self._say_goodbye()

    async def _connect(self) -> bool:
        """Open the connection; the broker's answer comes later, as `connected`."""
        self._lost.clear()
        try:
            await asyncio.to_thread(self._client.connect, self._broker.host, self._broker.port, 30)
        except OSError:
            return False
        return True

    async def _stay(self) -> bool:
        """Serve the socket until the connection is lost; whether the broker had taken us in."""
        wire = self._client.socket()
        if wire is None:
            return False
        self._wire = wire.fileno()
        asyncio.get_running_loop().add_reader(self._wire, self._client.loop_read)
        taken_in = False
        while not self._lost.is_set():
            if self._client.want_write():
                self._client.loop_write()
            self._client.loop_misc()
            taken_in = taken_in or self.connected.is_set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), 0.05 if self._client.want_write() else 1.0)
        self.connected.clear()
        return taken_in

    def _say_goodbye(self) -> None:
        """Leave on purpose, so that the broker keeps our will to itself; the last word is ours."""
        if self._will and self.connected.is_set():
            self._client.publish(*self._will, qos=0, retain=True)
        self._client.disconnect()
        self._unwatch()

    def _unwatch(self) -> None:
        if self._wire is not None:
            asyncio.get_running_loop().remove_reader(self._wire)
            self._wire = None

    def _on_connect(
        self, _client: mqtt.Client, _userdata: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, *_: object
    ) -> None:
        if reason.is_failure:
            self._tell_away(f"the broker refuses us: {reason}")
            return
        if self._away_told:
            _log.info("the broker is back", broker=str(self._broker))
        self._away_told = False
        self.connected.set()
        if self._birth:
            self._client.publish(*self._birth, qos=1, retain=True)

    def _on_publish(self, _client: mqtt.Client, _userdata: object, mid: int, *_: object) -> None:
        self._unacknowledged.discard(mid)
        self._moved.set()

    def _tell_away(self, what: str) -> None:
        if not self._away_told:
            _log.warning(what, broker=str(self._broker))
        self._away_told = True
