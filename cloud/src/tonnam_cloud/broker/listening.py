"""Where the broker listens, and with which certificate: as told on the command line, and checked first."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tonnam_cloud.errors import Misconfigured


class Address(NamedTuple):
    """An address to listen on."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, option: str) -> Address:
        """From HOST:PORT, or PORT alone for every address. Raises Misconfigured."""
        host, _, port = text.rpartition(":")
        if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535) or " " in host:
            raise Misconfigured(f"{option}: {text!r} is not an address: 127.0.0.1:1883, or 8883 for all, is right")
        return cls(host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Pair(NamedTuple):
    """A certificate, with those that vouch for it, and its key: in PEM form."""

    certificate: str
    key: str


@dataclass(frozen=True)
class Listening:
    """A listener without TLS, one with, or both."""

    plain: Address | None
    tls: Address | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if self.plain is None and self.tls is None:
            raise Misconfigured("where shall the broker listen? --listen 127.0.0.1:1883, or --listen-tls 8883")
        complete = self.certificate is not None and self.key is not None
        if (self.tls is not None) != complete or (self.certificate is None) != (self.key is None):
            raise Misconfigured("--listen-tls, --tls-certificate and --tls-key belong together")

    def read_pair(self) -> Pair | None:
        """Certificate and key as they are on the disk now; None without TLS.

        Raises Misconfigured when they do not fit each other: a broker that read them then would be left without.
        """
        if self.certificate is None or self.key is None:
            return None
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
            return Pair(self.certificate.read_text("ascii"), self.key.read_text("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            both = f"{self.certificate} and {self.key}"
            raise Misconfigured(f"{both} are no certificate and its key in PEM form") from error
        except OSError as error:
            raise Misconfigured(f"{self.certificate} or {self.key} cannot be read: {error.strerror}") from error
