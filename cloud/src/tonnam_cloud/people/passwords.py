"""Passwords, hashed with argon2id. A failure takes the same time whether the name exists or not."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 256
SHORTEST = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Passwords:
    """Makes and checks password hashes. Each takes 64 MiB and some 50 ms of a core: bound how many run at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits; with no stored hash the same work is done, and the answer is no."""
        try:
            fits = self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return fits and stored is not None


def weakness(password: str) -> str | None:
    """What is wrong with a new password, in English, or None. Length is what counts."""
    if len(password) < SHORTEST:
        return f"it has {len(password)} characters; use at least {SHORTEST}"
    if len(password) > LONGEST:
        return f"it has {len(password)} characters; use at most {LONGEST}"
    if len(set(password)) < 4:
        return "it repeats the same few characters"
    return None


def made_up_password() -> str:
    """A new random password, easy to read aloud and to type: four groups of four, 79 bits."""
    letters = [secrets.choice(_ALPHABET) for _ in range(16)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, 16, 4))
