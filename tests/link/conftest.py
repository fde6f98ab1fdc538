"""What tests of the link share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The outbox of a node that has never run."""
    return tmp_path / "state" / "outbox.db"
