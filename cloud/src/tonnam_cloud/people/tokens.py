"""Opaque tokens for sessions and sign-in links. Only their hash is stored, so a stolen database opens nothing."""

from __future__ import annotations

import hashlib
import secrets

LONGEST = 100


def new_token() -> str:
    """256 random bits, safe in a URL and a cookie."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored for a token. The token is random enough that a plain SHA-256 keeps it."""
    return hashlib.sha256(token.encode()).hexdigest()
