"""Passwords of the demo: made at its first start, kept in its data directory, never in the project."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Credentials:
    """One password for each who connects to the broker, and the demo user's, which is shown once."""

    cloud: str
    edge: str
    gateway: str
    field: str
    login: str


def _new() -> Credentials:
    cloud, edge, gateway, field = (secrets.token_urlsafe(18) for _ in range(4))
    return Credentials(cloud, edge, gateway, field, login=_speakable())


def _speakable() -> str:
    """Twelve characters that one can read aloud and type on a phone: no 0/o, 1/l."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


def load_or_make(path: Path) -> tuple[Credentials, bool]:
    """The credentials, and whether they were made just now. The file is readable by its owner only."""
    if path.exists():
        return Credentials(**json.loads(path.read_text())), False
    made = _new()
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(made), file)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    return made, True
