"""A certificate authority for tests, and brokers that speak TLS with what it issues."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from tests.servers import HOST, BrokerServer, executable, free_port, running, wait_until

NAMES = ("localhost", HOST)


class Authority:
    """Issues certificates into the files `certificate` and `key` of a directory; `ca` is its own."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.ca = directory / "ca.pem"
        self.certificate = directory / "certificate.pem"
        self.key = directory / "key.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))
        self.issue()

    def issue(self, *names: str, begins_in: timedelta = timedelta(), ends_in: timedelta = timedelta(days=30)) -> None:
        """A new key and a new certificate for these names, in place of the last one."""
        now = datetime.now(UTC)
        earliest = min(now + begins_in, now + ends_in - timedelta(days=1))
        leaf = self._authority.issue_cert(*names or NAMES, not_before=earliest, not_after=now + ends_in)
        self.certificate.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(self.key))


class TlsBroker:
    """A broker whose MQTT port speaks TLS."""

    def __init__(self, server: BrokerServer, authority: Authority) -> None:
        self.server = server
        self.authority = authority

    def url(self, host: str = "localhost", user: str = "") -> str:
        """Its address, for one who trusts the authority."""
        return f"mqtts://{user}{host}:{self.server.port}?ca={self.authority.ca}"

    async def show(self, *names: str, **times: timedelta) -> None:
        """Let it show a new certificate from now on: `Authority.issue`, and a reload."""
        self.authority.issue(*names, **times)
        self.server.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(wait_until, self.shows_what_is_issued, "the new certificate")

    def shows_what_is_issued(self) -> bool:
        """Whether it shows the newest certificate."""
        try:
            shown = ssl.get_server_certificate((HOST, self.server.port))
        except ConnectionError:  # it may break off who comes in the middle of a reload
            return False
        return self.authority.certificate.read_text().startswith(shown.strip())


@contextmanager
def tls_broker(kind: str, directory: Path) -> Iterator[TlsBroker]:
    """A Mosquitto or NATS server with TLS, open to everybody."""
    authority, port = Authority(directory), free_port()
    config = directory / "broker.conf"
    if kind == "nats":
        tls = f'tls {{ cert_file: "{authority.certificate}", key_file: "{authority.key}", min_version: "1.2" }}'
        config.write_text(
            f'server_name: "test"\nlisten: "{HOST}:{free_port()}"\njetstream {{ store_dir: "{directory}/js" }}\n'
            f'mqtt {{ listen: "{HOST}:{port}"\n {tls} }}\n'
        )
        command = [executable("nats-server"), "-c", str(config)]
    else:
        config.write_text(
            f"listener {port} {HOST}\ncertfile {authority.certificate}\nkeyfile {authority.key}\n"
            "allow_anonymous true\npersistence false\nuser root\n"
        )
        command = [executable("mosquitto"), "-c", str(config)]
    with running(BrokerServer(command, port, directory / "broker.log")) as server:
        assert isinstance(server, BrokerServer)
        broker = TlsBroker(server, authority)
        # Mosquitto listens before it knows what SIGHUP means: who answers in TLS knows it.
        wait_until(broker.shows_what_is_issued, "its certificate")
        yield broker
