"""Where the broker is, from one address such as `mqtts://node:secret@broker.example:8883`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class Broker:
    """An MQTT broker and how to sign in to it. `ca`: the file of the authorities that may vouch for it, or None."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: str | None = None

    @classmethod
    def parse(cls, url: str) -> Broker:
        """The broker that `url` names. Raises ValueError that says what is right; it never repeats a password."""
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ValueError("a broker's address is mqtt://host, mqtt://host:port or mqtts://user:password@host:port")
        ca = _ca(parts.scheme, parts.query)
        if parts.path not in {"", "/"} or parts.fragment or (parts.query and ca is None):
            raise ValueError("a broker's address ends after the port: mqtt://host:port, or mqtts://host:port?ca=FILE")
        try:
            port = parts.port
        except ValueError as error:
            raise ValueError("a broker's port is a number from 1 to 65535, as in mqtt://host:1883") from error
        if port == 0:
            raise ValueError("a broker's port is a number from 1 to 65535, as in mqtt://host:1883")
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        port = port or DEFAULT_PORTS[parts.scheme]
        return cls(parts.hostname, port, username, password, parts.scheme == "mqtts", ca)

    def client_id(self, name: str) -> str:
        """The client id of one who signs in here: always the same, and nobody without the password can guess it.

        A broker ends a session when another one comes with its client id, whoever that is.
        """
        if self.password is None:
            return name
        secret = f"tonnam client id\0{self.username}\0{self.password}"
        return f"{name}-{hashlib.sha256(secret.encode()).hexdigest()[:12]}"

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def _ca(scheme: str, query: str) -> str | None:
    """The file of `?ca=FILE`, which belongs to mqtts only."""
    name, _, file = query.partition("=")
    return unquote(file) or None if (scheme, name) == ("mqtts", "ca") and "&" not in file else None
