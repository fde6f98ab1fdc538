"""Mosquitto's dialect: a password file, an access list, and a file with the listeners that names both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tonnam_cloud.broker.files import CERTIFICATE, KEY
from tonnam_cloud.broker.listening import Address, Listening
from tonnam_cloud.broker.rights import User

FILE, PASSWORDS, ACCESS = "tonnam.conf", "passwords", "acl"
MAX_PACKET_BYTES = 512 * 1024


def files_of(users: Sequence[User], listening: Listening, directory: Path) -> dict[str, str]:
    """The three files; `directory` is where Mosquitto will find them."""
    return {
        PASSWORDS: "".join(f"{user.name}:{user.hashes.pbkdf2}\n" for user in users),
        ACCESS: "".join(line for user in users for line in _rights(user)),
        FILE: "\n".join(_settings(listening, directory)) + "\n",
    }


def _rights(user: User) -> Iterator[str]:
    yield f"user {user.name}\n"
    both = [topic for topic in user.writes if topic in user.reads]
    for word, topics in (("readwrite", both), ("write", user.writes), ("read", user.reads)):
        yield from (f"topic {word} {topic}\n" for topic in topics if word == "readwrite" or topic not in both)
    yield "\n"


def _settings(listening: Listening, directory: Path) -> Iterator[str]:
    yield "# Written by `tonnam-cloud broker-config mosquitto`. What is changed here is overwritten."
    if listening.plain is not None:
        yield _listener(listening.plain)
    if listening.tls is not None:
        yield _listener(listening.tls)
        yield from (f"certfile {directory / CERTIFICATE}", f"keyfile {directory / KEY}")
    yield from (
        "allow_anonymous false",
        f"password_file {directory / PASSWORDS}",
        f"acl_file {directory / ACCESS}",
        f"max_packet_size {MAX_PACKET_BYTES}",
    )


def _listener(at: Address) -> str:
    """Mosquitto takes an address without brackets, and none for every one."""
    return f"listener {at.port}" if at.host == "0.0.0.0" else f"listener {at.port} {at.host}"
