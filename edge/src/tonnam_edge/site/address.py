"""Where a bus is: tcp://host:port, rtu+tcp://host:port, or the path of a serial port."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

ALLOWED = 'tcp://HOST:PORT, rtu+tcp://HOST:PORT (a serial server), or a serial port such as "/dev/ttyUSB0"'


class BusAddress(NamedTuple):
    kind: str  # "tcp", "rtu+tcp" or "serial"
    host: str  # or the serial port's path
    port: int = 0

    def __str__(self) -> str:
        return self.host if self.kind == "serial" else f"{self.kind}://{self.host}:{self.port}"


def parse_address(text: str) -> BusAddress:
    """The address in `text`. Raises ValueError that says what is allowed."""
    if "://" not in text:
        if text.startswith(("/", ".")) or text.upper().startswith("COM"):
            return BusAddress("serial", text)
        raise ValueError(f"{text!r} is not an address of a bus. Allowed: {ALLOWED}")
    parts = urlsplit(text)
    try:
        port = parts.port or 502
    except ValueError as wrong:
        raise ValueError(f"{text!r} has no port from 1 to 65535. Allowed: {ALLOWED}") from wrong
    if parts.scheme not in {"tcp", "rtu+tcp"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError(f"{text!r} is not an address of a bus. Allowed: {ALLOWED}")
    return BusAddress(parts.scheme, parts.hostname, port)
