"""Keeping a simulation across restarts: one JSON file, replaced whole."""

import json
import os
from pathlib import Path
from typing import Any

import structlog

_log = structlog.get_logger()


def load_state(path: Path) -> dict[str, Any] | None:
    """The saved state, or None when there is none yet; a file that is no JSON object is set aside and said."""
    try:
        state = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as why:
        set_aside(path, str(why))
        return None
    if not isinstance(state, dict):
        set_aside(path, "not a JSON object")
        return None
    return state


def set_aside(path: Path, why: str) -> None:
    """Rename a state file that cannot be used, so that a fresh one does not overwrite the evidence."""
    aside = path.with_name(f"{path.name}.unusable")
    path.replace(aside)
    _log.warning("saved state cannot be used; starting fresh", why=why, set_aside_as=str(aside))


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write the state to disk, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def save_or_say(path: Path, state: dict[str, Any]) -> None:
    """Save while running: a disk that is full is said, and the field goes on."""
    try:
        save_state(path, state)
    except OSError as why:
        _log.error("cannot save the state; going on unsaved", path=str(path), why=str(why))
