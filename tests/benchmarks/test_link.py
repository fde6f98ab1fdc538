"""Every part of the link's benchmark runs and prints its table. How large the numbers are is not tested here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import link
from benchmarks.linkcost.wire import Pace

SMALL = link.Plan(
    pace=Pace(batches=1, batch_s=1.2),
    nodes=1,
    day_hours=0.5,
    batches=2,
    seconds=0.0,
    memory_images=12,
    drain_nodes=2,
    drain_hours=0.5,
)


def test_every_part_prints_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TONNAM_RECORDED_DATA", raising=False)
    link.run(SMALL, tmp_path)
    told = capsys.readouterr().out
    assert "recorded month: not measured" in told
    for what in ("farm, nats", "farm, mosquitto", "farm, live", "farm, backlog", "the link adds", "drained in"):
        assert what in told
    assert "fsyncs" in told or "no strace" in told
