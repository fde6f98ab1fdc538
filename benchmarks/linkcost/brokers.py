"""Real brokers on loopback that speak TLS, with certificates made on the fly."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.servers import HOST, BrokerServer, executable, free_port


@dataclass
class TlsBroker(BrokerServer):
    """A broker whose one port speaks TLS."""

    ca: Path = Path()

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """The same broker behind another port of this machine."""
        return f"mqtts://{HOST}:{port}?ca={self.ca}"


@dataclass(frozen=True)
class Certificates:
    ca: Path
    certificate: Path
    key: Path


def make_certificates(directory: Path) -> Certificates:
    """An authority, and the certificate of a broker on this machine."""
    made = Certificates(directory / "ca.pem", directory / "broker.pem", directory / "broker.key")
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    authority.cert_pem.write_to_path(made.ca)
    issued.private_key_pem.write_to_path(made.key)
    made.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return made


def mosquitto(directory: Path) -> TlsBroker:
    port, tls = free_port(), make_certificates(directory)
    config = directory / "mosquitto.conf"
    config.write_text(
        f"listener {port} {HOST}\ncertfile {tls.certificate}\nkeyfile {tls.key}\n"
        "allow_anonymous true\npersistence false\nuser root\nset_tcp_nodelay true\n"
    )
    command = [executable("mosquitto"), "-c", str(config)]
    return TlsBroker(command, port, directory / "mosquitto.log", ca=tls.ca)


def nats(directory: Path) -> TlsBroker:
    port, tls = free_port(), make_certificates(directory)
    config = directory / "nats.conf"
    config.write_text(
        f'server_name: "bench"\nlisten: "{HOST}:{free_port()}"\n'
        f'jetstream {{ store_dir: "{directory / "jetstream"}" }}\n'
        f'mqtt {{ listen: "{HOST}:{port}"\n  tls {{ cert_file: "{tls.certificate}", key_file: "{tls.key}" }} }}\n'
    )
    command = [executable("nats-server"), "-c", str(config)]
    return TlsBroker(command, port, directory / "nats.log", ca=tls.ca)


@contextlib.contextmanager
def started(name: str, directory: Path) -> Iterator[TlsBroker]:
    """One of `BROKERS`, with its files in a new directory, ended when the block is left."""
    directory.mkdir()
    broker = BROKERS[name](directory)
    try:
        yield broker
    finally:
        broker.stop()


BROKERS: dict[str, Callable[[Path], TlsBroker]] = {"nats": nats, "mosquitto": mosquitto}
