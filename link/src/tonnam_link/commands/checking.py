"""What a node takes for a command. Anybody on its topic can send anything: nothing absurd gets past here."""

from __future__ import annotations

import msgspec

from tonnam_link.errors import Rejected
from tonnam_link.messages import Command, CommandAction

MAX_COMMAND_BYTES = 4_096
LONGEST_LIFE_MS = 86_400_000
NEEDED = {
    CommandAction.WATER: ("zone",),
    CommandAction.STOP: ("zone",),
    CommandAction.CLEAR: ("latch", "who"),
    CommandAction.LOCK: ("who", "why"),
}
"""What a command must name, by its action."""


def read_command(payload: bytes) -> Command:
    """The command in a payload. Raises Rejected, with one of a few words before the colon of its reason."""
    if len(payload) > MAX_COMMAND_BYTES:
        raise Rejected(f"size: {len(payload)} bytes, at most {MAX_COMMAND_BYTES} are read")
    try:
        command = msgspec.json.decode(payload, type=Command)
    except msgspec.ValidationError as error:
        problem, _, field = str(error).partition(" - at `$.")
        raise Rejected(f"{field.rstrip('`') or 'object'}: {problem}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Rejected(f"json: {error}") from error
    for field in NEEDED[command.action]:
        if not getattr(command, field).strip():
            raise Rejected(f"{field}: a command to {command.action} must name it")
    life_ms = command.expires_at_ms - command.issued_at_ms
    if not 0 <= life_ms <= LONGEST_LIFE_MS:
        raise Rejected(f"life: it expires {life_ms} ms after it was issued, at most {LONGEST_LIFE_MS} are allowed")
    return command
