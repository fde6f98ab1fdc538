"""What the environment says of the link: refused before anything is touched when it makes no sense."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path("edge/examples/melon-greenhouse.toml")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TONNAM_BROKER", "http://x"),
        ("TONNAM_CLOUD_KEY", "x"),
        ("TONNAM_OUTBOX_DAYS", "0"),
        ("TONNAM_OUTBOX_DAYS", "nan"),
        ("TONNAM_OUTBOX_MB", "-5"),
        ("TONNAM_OUTBOX_MB", "much"),
        ("TONNAM_CLOCK", "sundial"),
    ],
)
def test_bad_setting_ends_with_two_before_anything_is_touched(tmp_path: Path, variable: str, value: str) -> None:
    command = [sys.executable, "-c", "from tonnam_edge.main import main; main()", "run", str(EXAMPLE)]
    done = subprocess.run(
        [*command, "--state", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, variable: value, "COLUMNS": "200"},
    )
    assert (done.returncode, (tmp_path / "state").exists()) == (2, False), done.stderr
    assert variable in done.stderr
