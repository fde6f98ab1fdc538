"""Where the broker is, from one address such as `mqtts://node:secret@broker.example:8883`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class Broker:
    """An MQTT broker and how to sign in to it."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Broker:
        """The broker that `url` names. Raises ValueError that says what is right; it never repeats a password."""
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ValueError("a broker's address is mqtt://host, mqtt://host:port or mqtts://user:password@host:port")
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError("a broker's address ends after the port: mqtt://host:port")
        try:
            port = parts.port
        except ValueError as error:
            raise ValueError("a broker's port is a number from 1 to 65535, as in mqtt://host:1883") from error
        if port == 0:
            raise ValueError("a broker's port is a number from 1 to 65535, as in mqtt://host:1883")
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port or DEFAULT_PORTS[parts.scheme], username, password, parts.scheme == "mqtts")

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"
