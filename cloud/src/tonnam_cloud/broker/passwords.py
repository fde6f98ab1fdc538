"""Passwords of those who sign in to a broker. They are random and long, and kept as hashes only.

A hash is made costly for the sake of passwords that people can guess. These have 128 random bits: nobody finds one by
trying, however cheap a try is. The broker on the other hand pays for every connection, and again for everyone who is
connected whenever its users change; after a power cut a province's nodes come back all at once. So the cost is the
lowest that bcrypt has, about 1 ms of a core: 2,000 nodes at once were let in within 1.7 s. At a cost of 11, which
`nats server passwd` has, 100 at once were not, because signing in took longer than the server waits. For PBKDF2 it is
Mosquitto's own 101 rounds (0.06 ms).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import NamedTuple

import bcrypt

BCRYPT_COST = 4
PBKDF2_ROUNDS = 101
RANDOM_BYTES = 16
SHORTEST, LONGEST = 20, 72
FEWEST_DIFFERENT = 8


class Hashes(NamedTuple):
    """One password as NATS reads it, and as Mosquitto does."""

    bcrypt: str
    pbkdf2: str


def new_password() -> str:
    """128 random bits in letters and digits that a URL, a shell and a device's set-up page all take as they are."""
    return secrets.token_hex(RANDOM_BYTES)


def hashes_of(password: str) -> Hashes:
    """The hashes of a password, with new salts."""
    plain, salt = password.encode(), secrets.token_bytes(12)
    derived = hashlib.pbkdf2_hmac("sha512", plain, salt, PBKDF2_ROUNDS, 64)
    return Hashes(
        bcrypt.hashpw(plain, bcrypt.gensalt(BCRYPT_COST, b"2a")).decode(),
        f"$7${PBKDF2_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(derived).decode()}",
    )


def fits(hashed: str, password: str) -> bool:
    """Whether a bcrypt hash was made of this password."""
    return bcrypt.checkpw(password.encode(), hashed.encode())


def weakness(password: str) -> str | None:
    """What is wrong with a password that somebody brings, or None. It never repeats the password."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"it has {len(password)} characters; a random one of {SHORTEST} to {LONGEST} is right"
    if not re.fullmatch(r"[!-~]+", password):
        return "it has characters other than letters, digits and signs of ASCII"
    if len(set(password)) < FEWEST_DIFFERENT:
        return "it repeats the same few characters"
    return None
