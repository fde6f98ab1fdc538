"""What the thin rims have in common: where they listen, and what they ask."""

import os
from collections.abc import Callable
from dataclasses import dataclass

Execute = Callable[[int, bytes], bytes | None]
"""(unit, request PDU) -> response PDU or None. Brings the farm up to the present moment first."""


class CannotListen(Exception):
    """An address or path that this process cannot have; the text says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a TCP server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read HOST:PORT (port 0: any free one); ValueError says what would be right."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise ValueError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:15020")
        return cls(host.strip("[]"), int(port))


def cannot_listen(where: str, why: OSError) -> CannotListen:
    """The one line for a port or path that is taken or forbidden."""
    return CannotListen(f"cannot listen on {where}: {os.strerror(why.errno) if why.errno else why}")
