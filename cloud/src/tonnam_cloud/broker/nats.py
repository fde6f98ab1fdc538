"""The NATS server's dialect: one file for its own configuration to include."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tonnam_cloud.broker.files import CERTIFICATE, KEY
from tonnam_cloud.broker.listening import Listening
from tonnam_cloud.broker.rights import User

FILE = "tonnam.conf"
MAX_PAYLOAD_BYTES = 512 * 1024
QOS_1 = "$MQTT.sub.>"
"""Through this come messages of QoS 1 subscriptions. No MQTT client may subscribe to it by itself."""
EVERYTHING = ">"


def files_of(users: Sequence[User], listening: Listening, directory: Path) -> dict[str, str]:
    """The file: the MQTT listener and everybody who may sign in, by MQTT only (not at NATS's own port).

    `directory` is where the server will find certificate and key.
    """
    lines = ",\n".join(f"    {json.dumps(_user(user))}" for user in users)
    return {
        FILE: f"""# Written by `tonnam-cloud broker-config nats`. What is changed here is overwritten.
max_payload: {MAX_PAYLOAD_BYTES}
{_listener(listening, directory)}
authorization {{
  users = [
{lines}
  ]
}}
"""
    }


def subjects_of(topic_filter: str) -> list[str]:
    """The NATS subjects of an MQTT filter: `a/#` also means `a` itself, and a dot within a level is written `//`."""
    levels = (level.replace(".", "//") for level in topic_filter.split("/"))
    subject = ".".join({"+": "*", "#": ">"}.get(level, level) for level in levels)
    return [subject.removesuffix(".>"), subject] if subject.endswith(".>") else [subject]


def _user(user: User) -> dict[str, object]:
    reads = _allowed(topic for topic in user.reads if not topic.startswith("$"))
    return {
        "user": user.name,
        "password": user.hashes.bcrypt,
        "allowed_connection_types": ["MQTT"],
        "permissions": {"publish": _permission(_allowed(user.writes)), "subscribe": _permission([*reads, QOS_1])},
    }


def _allowed(filters: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(subject for each in filters for subject in subjects_of(each)))


def _permission(subjects: Sequence[str]) -> dict[str, object]:
    """An empty list of what is allowed would allow everything."""
    return {"allow": list(subjects)} if subjects else {"deny": EVERYTHING}


def _listener(listening: Listening, directory: Path) -> str:
    at = listening.tls or listening.plain
    tls = ""
    if listening.tls is not None:
        certificate, key = (json.dumps(str(directory / name)) for name in (CERTIFICATE, KEY))
        tls = f'\n  tls {{ cert_file: {certificate}, key_file: {key}, min_version: "1.2" }}'
    return f"mqtt {{\n  listen: {json.dumps(str(at))}{tls}\n}}"
