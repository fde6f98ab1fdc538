"""The alert of a zone that wants water and gets none, as a real controller tells of it, through restarts of both."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from tests.cloud.told import words
from tests.edge.farms import BAND, SITE, Play, site_of
from tonnam_cloud.alerts.models import AlertRow
from tonnam_cloud.database import Database
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.application import Source, apply_event


def tell(database: Database, play: Play, hours: float) -> None:
    """Let the farm go on, and the cloud hear all that it says of what stands."""
    play.events.clear()
    play.leap(hours * 3600, at_most_s=600)
    source = Source("farm", "edge-1", play.now_ms)
    with database.writing() as session:
        for event in play.events:
            if event.kind in {"site.described", "site.stands"}:
                apply_event(session, source, event)


def alerts(database: Database) -> list[tuple[str, str, str]]:
    with database.reading() as session:
        rows = session.scalars(select(AlertRow).order_by(AlertRow.since_ms)).all()
        return [(row.rule, row.state, row.text["en"]) for row in rows]


def test_one_alert_from_a_dry_day_until_the_water_comes(database: Database, tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + BAND))
    with database.writing() as session:
        repository.add_node(session, "farm", "edge-1", words("Cabinet"), play.now_ms)
        apply_event(session, Source("farm", "edge-1", play.now_ms), play.core.describe(play.now_ms))
    began_ms, play.field.moisture[0], play.field.level_cm = play.now_ms, 20.0, 10.0
    tell(database, play, 25)
    assert alerts(database) == []
    tell(database, play, 3)
    text = "Zone 1 has wanted water for 26 hours and had none. The tank holds 10 cm; watering needs more than 25 cm"
    assert alerts(database) == [("thirst", "firing", text)]
    with database.reading() as session:
        (row,) = session.scalars(select(AlertRow)).all()
        assert began_ms <= row.since_ms < began_ms + 60_000
        assert row.title == {"th": "แปลง 1: ต้องการน้ำแต่ไม่ได้รด", "en": "Zone 1: wants water and gets none"}
    play.restart()
    tell(database, play, 3)
    assert alerts(database) == [("thirst", "firing", text)]
    play.field.level_cm = 150.0
    tell(database, play, 1)
    assert [(rule, state) for rule, state, _ in alerts(database)] == [("thirst", "resolved")]
