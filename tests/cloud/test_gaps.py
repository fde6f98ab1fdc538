"""Times without readings: nodes tell of them and why, the cloud keeps it, and the page is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.cloud.scene import FARM, HOUR_MS, MINUTE_MS, MOISTURE, NOW_MS, Scene, playing
from tests.cloud.told import event, words
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Rejected
from tonnam_cloud.registry import application, gaps, repository
from tonnam_cloud.registry.application import Source
from tonnam_cloud.registry.models import Event, Gap, Node
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link import messages
from tonnam_link.outbox.gaps import Gap as LinkGap
from tonnam_link.topics import Origin

TENANT, NODE, GATEWAY = "demo-farm", "edge-1", "gateway-1"
EDGE = Source(TENANT, NODE, NOW_MS)
HISTORY = f"/api/sites/{FARM}/zones/zone-1/history"
THING = f"/api/sites/{FARM}/things/zone-1/soil_moisture/history?hours=6"
DAY_MS = 24 * HOUR_MS


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        yield scene


@pytest.fixture
def registry(any_database: Database) -> Database:
    """An edge, and a gateway that speaks for it."""
    with any_database.writing() as session:
        repository.add_node(session, TENANT, GATEWAY, words("Gateway"), 0)
        repository.add_node(session, TENANT, NODE, words("Cabinet"), 0, via=GATEWAY)
    return any_database


def missing(from_ms: int | None, to_ms: int, **changes: Any) -> messages.Event:
    body = {
        "from_ms": from_ms,
        "to_ms": to_ms,
        "cause": "dropped",
        "readings": 42,
        "node": None,
        "text": words("full"),
    }
    return event("readings.gap", body | changes, NOW_MS)


def tell(database: Database, told: messages.Event, source: Source = EDGE) -> list[str]:
    with database.writing() as session:
        return list(application.apply_event(session, source, told))


def kept(database: Database) -> list[Gap]:
    with database.reading() as session:
        found = session.scalars(select(Gap).order_by(Gap.to_ms)).all()
        session.expunge_all()
        return list(found)


def test_what_the_link_tells_of_a_gap_is_kept_once(registry: Database) -> None:
    told = LinkGap("thinned", NOW_MS - HOUR_MS, NOW_MS - 1, 1234).event(NOW_MS)
    for _ in range(2):
        tell(registry, told)
    (gap,) = kept(registry)
    assert (gap.tenant, gap.node, gap.id, gap.cause) == (TENANT, NODE, told.id, "thinned")
    assert (gap.from_ms, gap.to_ms, gap.readings) == (NOW_MS - HOUR_MS, NOW_MS - 1, 1234)
    assert gap.text is not None
    assert "one value a minute" in gap.text["en"]


@pytest.mark.parametrize(
    "changes",
    [
        {"to_ms": -1},
        {"to_ms": None},
        {"to_ms": NOW_MS + DAY_MS + 1},
        {"cause": "Because!"},
        {"readings": -1},
        {"node": "edge-2"},
        {"node": "a/b/c"},
        {"text": {"th": "x"}},
    ],
)
def test_a_gap_that_cannot_be_is_rejected_whole(registry: Database, changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match=r"readings\.gap"):
        tell(registry, missing(**{"from_ms": NOW_MS - 5, "to_ms": NOW_MS, **changes}))
    assert kept(registry) == []
    with registry.reading() as session:
        assert session.scalars(select(Event)).all() == []


def test_a_gap_across_a_clock_that_jumped_is_kept_with_an_unknown_start(registry: Database) -> None:
    tell(registry, missing(NOW_MS, 5_000))
    tell(registry, event("node.started", {"gap_from_ms": NOW_MS, "gap_to_ms": 5_000}, NOW_MS))
    assert [(gap.cause, gap.from_ms, gap.to_ms) for gap in kept(registry)] == [("dropped", None, 5_000)]


def test_a_gateway_tells_of_the_nodes_behind_it_and_of_no_others(registry: Database) -> None:
    gateway = Source(TENANT, GATEWAY, NOW_MS)
    tell(registry, missing(None, NOW_MS, node=f"{TENANT}/{NODE}"), gateway)
    assert [(gap.node, gap.from_ms) for gap in kept(registry)] == [(NODE, None)]
    for other in (f"{TENANT}/edge-7", f"demo-town/{NODE}"):
        with pytest.raises(Rejected, match="may not speak for"):
            tell(registry, missing(None, NOW_MS, node=other), gateway)
    with pytest.raises(Rejected, match="may not speak for"):
        tell(registry, missing(None, NOW_MS, node=f"{TENANT}/{GATEWAY}"))
    assert len(kept(registry)) == 1


@pytest.mark.parametrize("to_ms", [NOW_MS, None])
@pytest.mark.parametrize(("from_ms", "count"), [(NOW_MS - HOUR_MS, 1), (None, 0), (NOW_MS, 0)])
def test_a_start_after_a_kill_is_a_gap_when_it_was_measuring_before(
    registry: Database, from_ms: int | None, to_ms: int | None, count: int
) -> None:
    told = event("node.started", {"boot": "b", "gap_from_ms": from_ms, "gap_to_ms": to_ms}, NOW_MS)
    for _ in range(2):
        tell(registry, told)
    assert [(gap.cause, gap.from_ms, gap.to_ms) for gap in kept(registry)] == [("stopped", from_ms, NOW_MS)] * count


def test_what_made_way_in_the_quarantine_is_one_gap_of_its_node(registry: Database) -> None:
    with registry.writing() as session:
        for at_ms in (5, 9, 7):
            gaps.lost_in_quarantine(session, Origin(TENANT, NODE), at_ms)
    assert [(gap.cause, gap.from_ms, gap.to_ms) for gap in kept(registry)] == [("quarantine", None, 9)]


async def get(scene: Scene, address: str) -> Any:
    async with scene.client("somchai") as client:
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def test_the_history_tells_the_gaps_of_its_range_and_why(scene: Scene) -> None:
    scene.reads(MOISTURE, (60, 27.0))
    for told in (
        missing(NOW_MS - 30 * HOUR_MS, NOW_MS - 25 * HOUR_MS),
        missing(NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS, cause="thinned", readings=None),
        missing(None, NOW_MS - 5 * MINUTE_MS, cause="damaged", text=None),
        event("node.started", {"gap_from_ms": NOW_MS - 4 * MINUTE_MS, "gap_to_ms": NOW_MS - 2 * MINUTE_MS}, NOW_MS),
    ):
        tell(scene.database, told)
    gaps_told = (await get(scene, HISTORY))["gaps"]
    assert [(gap["cause"], gap["from"], gap["to"], gap["readings"]) for gap in gaps_told] == [
        ("thinned", "2026-11-20T04:00:00.000Z", "2026-11-20T05:00:00.000Z", None),
        ("damaged", None, "2026-11-20T05:55:00.000Z", 42),
        ("stopped", "2026-11-20T05:56:00.000Z", "2026-11-20T05:58:00.000Z", None),
    ]
    assert gaps_told[0]["text"] == words("full")
    assert all(gap["text"]["th"] and gap["text"]["en"] for gap in gaps_told)
    assert (await get(scene, THING))["gaps"] == gaps_told
    assert len((await get(scene, f"{HISTORY}?hours=48"))["gaps"]) == 4


async def test_gaps_of_other_nodes_and_to_other_people_are_not_told(scene: Scene) -> None:
    with scene.database.writing() as session:
        session.add(Node(tenant=TENANT, id="edge-2", name=words("Other"), created_ms=0))
    tell(scene.database, missing(None, NOW_MS), Source(TENANT, "edge-2", NOW_MS))
    assert (await get(scene, HISTORY))["gaps"] == []
    async with scene.client("stranger") as client:
        assert (await client.get(HISTORY)).status_code == 404
