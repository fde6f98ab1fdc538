"""Words that must not come apart: what the edge tells and the page must have a title for; where the cabinet is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from tonnam_cloud.alerts import standing
from tonnam_cloud.farm import events
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
    assert set(of_the_edge) - set(re.findall(rf"^  {prefix}_(\w+):", WORDS, re.MULTILINE)) == set()


def test_page_looks_up_every_cause() -> None:
    listed = re.search(r"const CAUSES = \[(.*?)\]", RUNS)
    assert listed is not None
    assert set(re.findall(r'"(\w+)"', listed[1])) == {*get_args(Cause), "hand"} - {"flush"}


TELLING = ["edge/src/tonnam_edge/core", "edge/src/tonnam_edge/agent.py", "link/src/tonnam_link/node/care.py"]
TELLING += ["link/src/tonnam_link/outbox/gaps.py", "link/src/tonnam_link/commands/refusals.py"]
RUNS_AND_FLUSHES = {f"{what}.{when}" for what in ("run", "flush") for when in ("started", "ended")}
"""The only kinds that are put together, in run_book.py."""


def kinds_in(path: Path) -> set[str]:
    """The kinds of events in a source file: what looks like one, and is not the name of a line of a log."""
    tree = ast.parse(path.read_text("utf-8"))
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call) and "log" in ast.unparse(each.func)]
    logged = {id(each) for call in calls for each in ast.walk(call)}
    texts = [each for each in ast.walk(tree) if isinstance(each, ast.Constant) and id(each) not in logged]
    return {str(each.value) for each in texts if re.fullmatch(r"[a-z]+\.[a-z_]+", str(each.value))}


def test_page_has_a_title_for_every_event_that_the_edge_tells() -> None:
    places = [ROOT / place for place in TELLING]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))]
    told = RUNS_AND_FLUSHES.union(*(kinds_in(file) for file in files))
    assert len(told) > 30
    assert told - set(events.TITLES) - events.ELSEWHERE == set()


def test_alerts_have_a_title_for_every_latch_of_the_edge() -> None:
    assert set(LatchKind) - set(standing.TITLES) == set()


def test_cabinet_stands_at_the_farm_in_every_text() -> None:
    """The page says ที่ฟาร์ม, so the cloud does not say ที่สวน."""
    places = [ROOT / "cloud" / "src" / "tonnam_cloud", ROOT / "cloud" / "web" / "src", ROOT / "edge" / "src"]
    texts = [path for place in places for path in place.rglob("*") if path.suffix in {".py", ".toml", ".ts", ".tsx"}]
    assert sum("ตู้ควบคุมที่ฟาร์ม" in path.read_text("utf-8") for path in texts) >= 3
    assert [path for path in texts if "ตู้ควบคุมที่สวน" in path.read_text("utf-8")] == []
