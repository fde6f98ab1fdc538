"""Strange things that nodes tell: they are set aside, break no page, and keep no other batch waiting."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.cloud.scene import NOW_MS as SCENE_MS
from tests.cloud.scene import Scene, playing, run
from tests.cloud.told import (
    NODE,
    NOW_MS,
    SITE,
    TENANT,
    described,
    ended,
    event,
    received,
    sealed_dictionary,
    sealed_events,
    sealed_readings,
    started,
    words,
)
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Misconfigured, Rejected
from tonnam_cloud.ingest import opening, quarantine
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.registry import application, repository, told
from tonnam_cloud.registry.models import Run, Zone
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.port import ReadingBatch, Refused
from tonnam_link import messages
from tonnam_link.messages import Verdict
from tonnam_link.wire.decode import decode

DAY_MS = 86_400_000


class OddStore(EmbeddedStore):
    """Breaks on one value, and can be damaged."""

    damaged = False

    def append(self, batches: Sequence[ReadingBatch]) -> Sequence[Refused]:
        if self.damaged:
            raise Misconfigured("readings.db cannot be read")
        if any((column.value == 13.0).any() for batch in batches for column in batch.columns):
            raise ValueError("thirteen")
        return super().append(batches)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OddStore]:
    store = OddStore(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
async def ingest(any_database: Database, store: OddStore) -> AsyncIterator[Ingest]:
    with any_database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
    ingest = Ingest(any_database, store, lambda _topic, _payload: True, lambda: NOW_MS)
    yield ingest
    ingest.close()


async def verdicts(ingest: Ingest, *payloads: bytes) -> list[Verdict]:
    return [answer.verdict for answer in await ingest.commit([received(payload) for payload in payloads])]


@pytest.mark.parametrize("duration_s", [1e300, 1e14, 10_000_001, math.inf, math.nan, -1])
def test_duration_that_no_watering_has_is_rejected(duration_s: float) -> None:
    body = {**ended().body, "duration_s": duration_s}
    with pytest.raises(Rejected, match="duration_s"):
        told.read(event("run.ended", body))


@pytest.mark.parametrize(
    ("place", "value"),
    [("max_run_s", 1e8), ("max_run_s", math.inf), ("band_low_pct", math.nan), ("area_m2", "wide"), ("crop", "melon")],
)
def test_zone_with_a_strange_amount_is_rejected(place: str, value: object) -> None:
    (zone,) = described()["zones"]
    with pytest.raises(Rejected, match=place):
        told.read(event("site.described", described(zones=[{**zone, place: value}])))


def test_datastream_that_may_be_old_for_ever_is_rejected() -> None:
    streams = [{**each, "max_age_s": math.inf} for each in described()["datastreams"]]
    with pytest.raises(Rejected, match="max_age_s"):
        told.read(event("site.described", described(datastreams=streams)))


@pytest.mark.parametrize("at_ms", [-1, 1 << 62])
def test_event_of_no_time_is_rejected(at_ms: int) -> None:
    with pytest.raises(Rejected, match="at_ms"):
        told.read(started(at_ms=at_ms))


async def test_event_from_days_ahead_is_set_aside_and_does_not_hide_later_ones(
    ingest: Ingest, any_database: Database
) -> None:
    ahead = sealed_events(event("site.described", described(), NOW_MS + DAY_MS + 1))
    now = sealed_events(event("site.described", described(), NOW_MS))
    assert await verdicts(ingest, ahead, now) == [Verdict.QUARANTINED, Verdict.STORED]
    with any_database.reading() as session:
        assert session.scalars(select(Zone.id)).all() == ["zone-1"]


async def test_strange_duration_is_released_and_its_neighbours_are_stored(
    ingest: Ingest, any_database: Database
) -> None:
    odd = event("run.ended", {**ended("run-9").body, "duration_s": 1e300})
    answers = await verdicts(ingest, sealed_events(started()), sealed_events(odd), sealed_events(ended()))
    assert answers == [Verdict.STORED, Verdict.QUARANTINED, Verdict.STORED]
    with any_database.reading() as session:
        assert session.scalars(select(Run.outcome)).all() == ["done"]


async def test_event_that_breaks_us_is_set_aside_and_keeps_nothing_waiting(
    ingest: Ingest, any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(session: Any, source: Any, told_event: messages.Event) -> Any:
        if told_event.id == "odd":
            raise OverflowError("Python int too large")
        return apply_event(session, source, told_event)

    apply_event = application.apply_event
    monkeypatch.setattr(application, "apply_event", breaking)
    odd = event("node.stopped", {}, event_id="odd")
    answers = await verdicts(ingest, sealed_events(started()), sealed_events(odd), sealed_events(ended()))
    assert answers == [Verdict.STORED, Verdict.QUARANTINED, Verdict.STORED]
    with any_database.reading() as session:
        (entry,) = quarantine.find(session, Wanted())
        assert "OverflowError" in entry.reason


async def test_bytes_that_break_the_decoder_are_set_aside(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = sealed_events(ended())

    def breaking(payload: bytes, dictionaries: Any) -> Any:
        if payload == odd:
            raise ValueError("a fault of ours")
        return decode(payload, dictionaries)

    monkeypatch.setattr(opening, "decode", breaking)
    assert await verdicts(ingest, odd, sealed_events(started())) == [Verdict.QUARANTINED, Verdict.STORED]


async def test_readings_that_break_the_store_are_set_aside(ingest: Ingest, store: OddStore) -> None:
    await verdicts(ingest, sealed_dictionary())
    batches = [sealed_readings((NOW_MS + at_ms, value)) for at_ms, value in enumerate((12.0, 13.0, 14.0))]
    assert await verdicts(ingest, *batches) == [Verdict.STORED, Verdict.QUARANTINED, Verdict.STORED]
    kept = store.series(f"{TENANT}/{SITE}/zone-1/soil_moisture", 0, 2**53)
    assert kept.value.tolist() == [12.0, 14.0]


async def test_damaged_store_keeps_batches_at_their_nodes(ingest: Ingest, store: OddStore) -> None:
    await verdicts(ingest, sealed_dictionary())
    store.damaged = True
    assert await verdicts(ingest, sealed_readings((NOW_MS, 12.0))) == [Verdict.BUSY]


@pytest.fixture
async def scene(any_database: Database, store: OddStore) -> AsyncIterator[Scene]:
    async with playing(any_database, store) as scene:
        yield scene


async def test_overview_shows_what_it_can_of_what_older_versions_stored(scene: Scene) -> None:
    odd = run("odd", 600, 300)
    odd.started_ms = SCENE_MS - 10**17
    odd.planned_s, odd.duration_s, odd.litres = 1e300, 1e14, math.inf
    with scene.database.writing() as session:
        session.add(odd)
        session.execute(
            update(Zone).values(
                max_run_s=math.inf, next_at_ms=1 << 62, description={"area_m2": "wide", "crop": "melon"}
            )
        )
    async with scene.client("somchai") as client:
        answer = await client.get("/api/overview")
    assert answer.status_code == 200, answer.text
    zone = answer.json()["sites"][0]["zones"][0]
    assert (zone["last_run"]["id"], zone["last_run"]["litres"]) == ("odd", None)
    assert (zone["area_m2"], zone["crop"], zone["next"]["at"]) == (None, None, "9999-12-31T23:59:59.000Z")
