"""What must be so before anything is started: room, free ports, nobody else on the data, servers that answer."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tonnam_link.mqtt.broker import Broker

NEEDED_BYTES = 300_000_000
CONNECT_TIMEOUT_S = 5.0


class CannotStart(Exception):
    """Something outside the demo is in the way; the message says what and what to do."""


def check_space(directory: Path) -> None:
    """Raise CannotStart when the disk is nearly full."""
    free = shutil.disk_usage(directory).free
    if free < NEEDED_BYTES:
        raise CannotStart(
            f"The disk of {directory} has {free // 1_000_000} MB left; the demo needs {NEEDED_BYTES // 1_000_000} MB."
        )


def check_port(host: str, port: int) -> None:
    """Raise CannotStart when somebody listens on the web port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used ({error.strerror}). Choose another: TONNAM_PORT={port + 1} make demo"
            ) from error


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the data directory; CannotStart when another demo holds it."""
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"A demo runs already with the data in {home}. End it first.") from error
        yield


def check_surroundings(host: str, port: int, broker: str | None, influx: str | None) -> None:
    """Raise CannotStart when the page's port is taken, or a server that the user named does not answer."""
    check_port(host, port)
    if broker is not None:
        at = Broker.parse(broker)
        check_answers(at.host, at.port, "The broker of TONNAM_BROKER")
    if influx is not None:
        parts = urlsplit(influx)
        check_answers(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), "InfluxDB")


def check_answers(host: str, port: int, what: str) -> None:
    """Raise CannotStart when nobody accepts a connection there."""
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise CannotStart(f"{what} does not answer at {host}:{port} ({error}). Start it, or leave it out.") from error
