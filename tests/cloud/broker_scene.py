"""A registry, a broker whose users are written from it, and parties that sign in there and try things."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner, Result

from tests.servers import HOST, BrokerServer, executable, free_port, running, wait_until
from tonnam_cloud.main import app

ROOT = Path(__file__).parents[2]
KINDS = ("nats", "mosquitto")
FARM, TOWN, PIER = "demo-farm/edge-1", "demo-town/gateway-1", "demo-town/edge-2"
PASSWORDS = {name: f"secret-of-{name}-0123456789" for name in ("cloud", "field", "health")}
USERS = """\
[[user]]
name = "cloud"
password_variable = "PASSWORD_CLOUD"
cloud = true

[[user]]
name = "field"
password_variable = "PASSWORD_FIELD"
writes = ["tele/#", "town/pm2.5/state"]
reads = ["cmnd/#"]
gateways = ["demo-town/gateway-1"]

[[user]]
name = "health"
password_variable = "PASSWORD_HEALTH"
reads = ["$SYS/broker/uptime"]
"""


class Access:
    """A directory with a registry of three nodes: a farm's, a town's gateway, and a node behind that gateway."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.out = directory / "broker"
        self.users = directory / "users.toml"
        self.users.write_text(USERS)
        self.environment = {"TONNAM_DATA": str(directory / "data")}
        self.environment |= {f"PASSWORD_{name.upper()}": password for name, password in PASSWORDS.items()}
        self.passwords = dict(PASSWORDS)
        for node in (FARM, TOWN):
            self.run("node", "add", *node.split("/"))
            self.new_password(node)
        self.run("node", "add", *PIER.split("/"), "--via", "gateway-1")
        self.new_password(PIER)

    def run(self, *arguments: str, code: int = 0, stdin: str | None = None) -> Result:
        """`tonnam-cloud` with these arguments, in this process."""
        result = CliRunner().invoke(app, list(arguments), input=stdin, env=self.environment)
        assert result.exit_code == code, result.output
        return result

    def new_password(self, node: str) -> str:
        """New credentials for a node; the password is remembered for `Party`."""
        said = self.run("node", "credentials", *node.split("/"), "--broker", "mqtt://broker.example").stdout
        self.passwords[user(node)] = said.split("\n")[0].split(":")[2].split("@")[0]
        return self.passwords[user(node)]

    def arguments(self, kind: str, port: int, *more: str) -> list[str]:
        """What `broker-config` is told; `more` may say it better."""
        where = [] if "--users" in more else ["--users", str(self.users)]
        listen = [] if "--listen" in more or "--listen-tls" in more else ["--listen", f"{HOST}:{port}"]
        return ["broker-config", kind, "--out", str(self.out), *where, *listen, *more]


def user(node: str) -> str:
    """A node's user name."""
    return node.replace("/", ".")


@contextmanager
def broker_of(access: Access, kind: str, *more: str, port: int | None = None) -> Iterator[BrokerServer]:
    """The broker of the directory, as production runs it: its configuration is written once before it starts."""
    port = port or free_port()
    access.run(*access.arguments(kind, port, *more))
    config = access.directory / f"{kind}.conf"
    config.write_text(_nats_text(access, port) if kind == "nats" else _mosquitto_text(access))
    command = [executable("nats-server" if kind == "nats" else "mosquitto"), "-c", str(config)]
    with running(BrokerServer(command, port, access.directory / "broker.log")) as server:
        assert isinstance(server, BrokerServer)
        yield server


def pid_file(access: Access) -> Path:
    """Where the broker tells its process number."""
    return access.directory / "broker.pid"


def _nats_text(access: Access, port: int) -> str:
    """`deploy/nats/nats.conf` with this machine's places. Each broker begins with nothing kept."""
    return _placed(
        ROOT / "deploy/nats/nats.conf",
        {
            "127.0.0.1:4222": f"{HOST}:{free_port()}",
            "/run/nats/nats.pid": str(pid_file(access)),
            "/var/lib/nats": f"{access.directory}/jetstream-{port}",
            'include "tonnam/': f'include "{access.out.name}/',
        },
        text_from="server_name",
    )


def _mosquitto_text(access: Access) -> str:
    root = "user root\n" if os.geteuid() == 0 else ""
    return f"pid_file {pid_file(access)}\npersistence false\n{root}include_dir {access.out}\n"


def _placed(file: Path, places: Mapping[str, str], text_from: str) -> str:
    text = file.read_text(encoding="utf-8")
    text = text[text.index(text_from) :]
    for theirs, ours in places.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    return text


def nats_port(access: Access) -> int:
    """NATS's own port."""
    text = (access.directory / "nats.conf").read_text()
    return int(text.split(f'listen: "{HOST}:')[1].split('"')[0])


@contextmanager
def following(access: Access, kind: str, *more: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`tonnam-cloud broker-config --follow` in a process of its own, ended when the block is left."""
    arguments = [*access.arguments(kind, port, *more), "--follow", "--reload-pid-file", str(pid_file(access))]
    log = access.directory / "follow.log"
    with log.open("wb") as file:
        environment = {**os.environ, **access.environment}
        process = subprocess.Popen([executable("tonnam-cloud"), *arguments], env=environment, stderr=file)
    try:
        wait_until(lambda: b"reads its users anew" in log.read_bytes(), "the follower")
        yield process
    finally:
        process.terminate()
        assert process.wait(5) == 0, log.read_text()


class Party:
    """A client that never comes back by itself, and remembers what it heard and how it fared."""

    def __init__(
        self,
        port: int,
        name: str | None,
        password: str | None,
        *,
        client_id: str | None = None,
        will: str | None = None,
        protocol: int = mqtt.MQTTv311,
        ca: Path | None = None,
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.connect_code: int | None = None
        self.lost = False
        self._granted: dict[int | None, int] = {}
        self._client = self._make_client(name, password, client_id, protocol)
        if will is not None:
            self._client.will_set(will, b"will", qos=1, retain=True)
        if ca is not None:
            self._client.tls_set(str(ca))
        self._client.connect(HOST, port)
        self._client.loop_start()
        wait_until(lambda: self.connect_code is not None or self.lost, f"an answer to {name}")

    def _make_client(
        self, name: str | None, password: str | None, client_id: str | None, protocol: Any
    ) -> mqtt.Client:
        named = client_id or f"party-{os.urandom(4).hex()}"
        client = mqtt.Client(CallbackAPIVersion.VERSION2, named, protocol=protocol, reconnect_on_failure=False)
        client.username = name
        client.password = password
        client.on_message = lambda _c, _u, message: self.heard.append((message.topic, bytes(message.payload)))
        client.on_connect = lambda _c, _u, _f, code, _p: setattr(self, "connect_code", code.value)
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._granted.update({mid: codes[0].value})
        client.on_disconnect = lambda *_: setattr(self, "lost", True)
        return client

    @property
    def is_in(self) -> bool:
        """Whether it was let in and is still connected."""
        return self.connect_code == 0 and not self.lost

    @property
    def address(self) -> tuple[str, int]:
        """Its end of the TCP connection."""
        sock = self._client.socket()
        assert isinstance(sock, socket.socket)
        name: tuple[str, int] = sock.getsockname()
        return name

    def subscribe(self, topic_filter: str, qos: int = 0) -> int:
        """The broker's answer: the granted QoS, or 0x80 and above."""
        _, mid = self._client.subscribe(topic_filter, qos)
        wait_until(lambda: mid in self._granted or self.lost, f"an answer to {topic_filter}")
        return self._granted.get(mid, 0x80)

    def say(self, topic: str, payload: bytes = b"x", qos: int = 0, retain: bool = False) -> None:
        """Publish."""
        self._client.publish(topic, payload, qos, retain)

    def hears(self, topic: str, payload: bytes) -> None:
        """Wait until it has heard this."""
        wait_until(lambda: (topic, payload) in self.heard, f"{topic} {payload!r}")

    def vanish(self) -> None:
        """Break the connection without a farewell."""
        sock = self._client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Stage:
    """Parties at one broker."""

    def __init__(self, access: Access, kind: str, server: BrokerServer) -> None:
        self.access = access
        self.kind = kind
        self.server = server
        self._parties: list[Party] = []

    def enter(self, who: str, password: str | None = None, **options: Any) -> Party:
        """A user signs in; a node is named by tenant/node."""
        name = user(who)
        party = Party(self.server.port, name, password or self.access.passwords[name], **options)
        self._parties.append(party)
        return party

    def stranger(self, name: str | None, password: str | None) -> Party:
        """Somebody tries to sign in."""
        party = Party(self.server.port, name, password)
        self._parties.append(party)
        return party

    def url(self, who: str) -> str:
        """The broker as this user has it in TONNAM_BROKER."""
        return f"mqtt://{user(who)}:{self.access.passwords[user(who)]}@{HOST}:{self.server.port}"

    def close(self) -> None:
        """Everybody leaves."""
        while self._parties:
            self._parties.pop().close()


@contextmanager
def staged(access: Access, kind: str, *more: str) -> Iterator[Stage]:
    """A broker and an empty stage."""
    with broker_of(access, kind, *more) as server:
        scene = Stage(access, kind, server)
        try:
            yield scene
        finally:
            scene.close()
