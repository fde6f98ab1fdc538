"""Datastreams and the store's readings, joined into what the API tells."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tonnam_cloud.measures.schemas import Gap, History, Measure, Points, QualityLabel
from tonnam_cloud.measures.thin import thin
from tonnam_cloud.registry.models import Datastream
from tonnam_cloud.store import arrays
from tonnam_cloud.store.port import Latest, Store
from tonnam_cloud.times import utc
from tonnam_cloud.words import Words
from tonnam_link.quality import Quality

AHEAD_MS = 5 * 60_000
"""A reading further ahead of the cloud's clock than this is not "now", and does not hide the one before it."""
GAP_AGES = 3
"""A gap is drawn where readings lie further apart than so many times the datastream's max_age_s."""
HOUR_MS = 3_600_000

_LABELS: Mapping[Quality, QualityLabel] = {
    Quality.GOOD: "good",
    Quality.STALE: "stale",
    Quality.STUCK: "stuck",
    Quality.OUT_OF_RANGE: "out_of_range",
    Quality.JUMPED: "jumped",
    Quality.DISAGREES: "disagrees",
    Quality.DEVICE_FAULT: "device_fault",
    Quality.CLOCK_SUSPECT: "clock_suspect",
    Quality.SUBSTITUTED: "substituted",
}


def quality_label(quality: int) -> QualityLabel:
    return _LABELS[Quality(quality)]


def words_of(stored: Mapping[str, object] | None, otherwise: str) -> Words:
    """Stored words, or a text that stands for them."""
    return Words.read(stored) or Words(th=otherwise, en=otherwise)


def is_fresh(observed_at_ms: int, max_age_s: float, now_ms: int) -> bool:
    return -AHEAD_MS <= now_ms - observed_at_ms <= max_age_s * 1000


def measure(row: Datastream, latest: Latest | None, now_ms: int) -> Measure:
    """What a datastream says now. Without any reading, or when it is too old, the value is null and "stale".

    Of a reading whose clock is suspect nobody knows how old it is: it is never fresh, and its time is not shown.
    """
    suspect = latest is not None and latest.quality is Quality.CLOCK_SUSPECT
    fresh = latest is not None and not suspect and is_fresh(latest.observed_at_ms, row.max_age_s, now_ms)
    return Measure(
        datastream=row.id,
        property=row.property,
        name=words_of(row.name, row.property),
        unit=row.unit,
        value=latest.value if latest and fresh else None,
        last_value=latest.value if latest else None,
        quality=quality_label(latest.quality) if latest and (fresh or suspect) else "stale",
        observed_at=utc(latest.observed_at_ms) if latest and not suspect else None,
        fresh=fresh,
    )


def measures(store: Store, rows: Iterable[Datastream], now_ms: int) -> dict[str, Measure]:
    """What many datastreams say now, by id, with one question to the store."""
    by_id = {row.id: row for row in rows}
    newest = store.latest(by_id, at_ms=now_ms + AHEAD_MS) if by_id else {}
    return {name: measure(row, newest.get(name), now_ms) for name, row in by_id.items()}


def points(store: Store, datastream: str, max_age_s: float, from_ms: int, to_ms: int) -> Points:
    """The line of a datastream in a range, in at most 400 points, without what a suspect clock has stamped."""
    series = arrays.trusted(store.series(datastream, from_ms, to_ms))
    t, v = thin(series.observed_at_ms, series.value, int(GAP_AGES * max_age_s * 1000))
    return Points(t=t, v=v)


def history(store: Store, row: Datastream, gaps: list[Gap], from_ms: int, to_ms: int) -> History:
    """The line of a datastream, with the gaps that are known of it."""
    line = points(store, row.id, row.max_age_s, from_ms, to_ms)
    return History(t=line.t, v=line.v, unit=row.unit, gaps=gaps)


def trusted(measured: Measure | None) -> float | None:
    """The value, when it is good and fresh."""
    return measured.value if measured and measured.quality == "good" and measured.fresh else None


def absent(datastream: str, name: Words, unit: str) -> Measure:
    """What stands in the place of a measure that nobody takes: unknown."""
    return Measure(
        datastream=datastream,
        property=datastream.rsplit("/", 1)[-1],
        name=name,
        unit=unit,
        value=None,
        last_value=None,
        quality="stale",
        observed_at=None,
        fresh=False,
    )


def pick(found: Mapping[str, Measure], datastream: str | None) -> Measure | None:
    return found.get(datastream) if datastream else None


def rest(found: Mapping[str, Measure], taken: Collection[str | None]) -> list[Measure]:
    """The measures that are not shown elsewhere, in their own order."""
    return [each for name, each in found.items() if name not in taken]
