"""Words that must not come apart: what the edge tells and the page must have a title for; where the cabinet is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from tonnam_cloud.alerts import standing
from tonnam_edge.core.latches import LatchKind
from tonnam_edge.core.memory import Cause
from tonnam_edge.site.dosing_file import Liquid

ROOT = Path(__file__).parents[2]
WORDS = (ROOT / "cloud" / "web" / "src" / "words" / "th.ts").read_text("utf-8")
"""English has the same keys: the page's type check holds that."""
RUNS = (ROOT / "cloud" / "web" / "src" / "parts" / "run_table.tsx").read_text("utf-8")


@pytest.mark.parametrize(
    ("prefix", "of_the_edge"),
    [
        ("latch", LatchKind),
        ("cause", {*get_args(Cause), "hand"} - {"flush"}),  # a filter's flush is no zone's watering
        ("liquid", get_args(Liquid)),
    ],
)
def test_page_has_a_title_for_everything_that_the_edge_can_tell(prefix: str, of_the_edge: Iterable[str]) -> None:
    assert set(re.findall(rf"^  {prefix}_(\w+):", WORDS, re.MULTILINE)) == set(of_the_edge)


def test_page_looks_up_every_cause() -> None:
    listed = re.search(r"const CAUSES = \[(.*?)\]", RUNS)
    assert listed is not None
    assert set(re.findall(r'"(\w+)"', listed[1])) == {*get_args(Cause), "hand"} - {"flush"}


def test_alerts_have_a_title_for_every_latch_of_the_edge() -> None:
    assert set(standing.TITLES) == set(LatchKind)


def test_cabinet_stands_at_the_farm_in_every_text() -> None:
    """The page says ที่ฟาร์ม, so the cloud does not say ที่สวน."""
    places = [ROOT / "cloud" / "src" / "tonnam_cloud", ROOT / "cloud" / "web" / "src", ROOT / "edge" / "src"]
    texts = [path for place in places for path in place.rglob("*") if path.suffix in {".py", ".toml", ".ts", ".tsx"}]
    assert sum("ตู้ควบคุมที่ฟาร์ม" in path.read_text("utf-8") for path in texts) >= 3
    assert [path for path in texts if "ตู้ควบคุมที่สวน" in path.read_text("utf-8")] == []
