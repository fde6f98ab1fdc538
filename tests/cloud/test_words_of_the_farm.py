"""One word everywhere for where the cabinet stands: the page says ที่ฟาร์ม, so the cloud does not say ที่สวน."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_cabinet_stands_at_the_farm_in_every_text() -> None:
    places = [ROOT / "cloud" / "src" / "tonnam_cloud", ROOT / "cloud" / "web" / "src", ROOT / "edge" / "src"]
    texts = [path for place in places for path in place.rglob("*") if path.suffix in {".py", ".toml", ".ts", ".tsx"}]
    assert sum("ตู้ควบคุมที่ฟาร์ม" in path.read_text("utf-8") for path in texts) >= 3
    assert [path for path in texts if "ตู้ควบคุมที่สวน" in path.read_text("utf-8")] == []
