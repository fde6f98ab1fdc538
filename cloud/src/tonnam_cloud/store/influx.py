"""The store on InfluxDB: line protocol in, InfluxQL out, through influxdb-client with synchronous calls only.

A datastream is the measurement `{property}` with tags tenant, site and thing, and fields `value` (only if known),
`quality` (integer) and `raw` (only if present), in milliseconds. Writes go to `/api/v2/write` where the server has it
(InfluxDB 1.8, 2, 3), else to `/write`; reads go to `/query`, which all of them have.

Writing a reading again is harmless since it is the same reading; a *different* one under the same key would replace
its fields here (the engine's rule), where the embedded store keeps the first.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from tonnam_cloud.errors import Rejected, Transient
from tonnam_cloud.store import arrays
from tonnam_cloud.store.line_protocol import column_lines, quote_name, quote_text, split_datastream
from tonnam_cloud.store.port import Buckets, Floats, Latest, Millis, ReadingBatch, Refused, Series
from tonnam_link.quality import Quality

LINES_A_REQUEST = 5_000
TIMEOUT_MS = 30_000
_EARLIEST_MS, _LATEST_MS = -9_223_372_036_854, 9_223_372_036_854
_DROPPED = re.compile(r"dropped=(\d+)")
_UNTAGGED = re.compile(r"\\([,= ])")
_FIGURES = "SELECT count(value), min(value), max(value), mean(value), count(quality)"
_BAD_CONTENT = {400, 413, 422}


@dataclass(frozen=True)
class InfluxAddress:
    """Where InfluxDB is. `bucket` is the database on 1.x; `token` on 2.x and 3.x, user name and password on 1.x."""

    url: str
    bucket: str
    org: str = ""
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def authorization(self) -> dict[str, str]:
        if self.token:
            return {"Authorization": f"Token {self.token}"}
        if self.username:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}


class _Share(NamedTuple):
    """How many lines in a row of a request are of one batch."""

    batch: ReadingBatch
    lines: int


class InfluxStore:
    """A client of one server. The server's kind is found out at the first write, and again after an outage."""

    def __init__(self, address: InfluxAddress) -> None:
        self._address = address
        token = address.token or (f"{address.username}:{address.password}" if address.username else "")
        self._client = InfluxDBClient(
            url=address.url, token=token, org=address.org, timeout=TIMEOUT_MS, retries=urllib3.Retry(0)
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._has_v2: bool | None = None

    def append(self, batches: Sequence[ReadingBatch]) -> Sequence[Refused]:
        """See Store.append."""
        refused: list[Refused] = []
        for lines, owners in _requests(batches, refused):
            refused.extend(self._write_all(lines, owners))
        return _joined(refused)

    def maintain(self, budget_s: float = 0.05) -> bool:
        """InfluxDB keeps its own house."""
        return False

    def series(self, datastream: str, from_ms: int, to_ms: int, max_points: int | None = None) -> Series:
        """See Store.series."""
        measured, place = _place(datastream)
        answer = self._query(
            f"SELECT value, quality, raw FROM {quote_name(measured)} WHERE {place} AND {_between(from_ms, to_ms)}"
        )
        found = _series(answer[0][0]["values"]) if answer[0] else arrays.empty()
        return found if max_points is None else arrays.thin(found, max_points)

    def series_of(self, datastreams: Collection[str], from_ms: int, to_ms: int) -> Mapping[str, Series]:
        """See Store.series_of: one query for each property of a site."""
        found = self._of_each("SELECT value, quality, raw", datastreams, _between(from_ms, to_ms))
        return {name: _series(rows) for name, rows in found.items()}

    def latest(self, datastreams: Collection[str], at_ms: int | None = None) -> Mapping[str, Latest]:
        """See Store.latest: one query for each property of a site."""
        until = "" if at_ms is None else f"time <= {_bounded(at_ms)}ms"
        found = self._of_each("SELECT value, quality, raw", datastreams, until, ending="ORDER BY time DESC LIMIT 1")
        return {name: _latest(rows[0]) for name, rows in found.items()}

    def buckets(self, datastream: str, from_ms: int, to_ms: int, step_ms: int) -> Buckets:
        """See Store.buckets; the server does the sums."""
        measured, place = _place(datastream)
        answer = self._query(
            f"{_FIGURES} FROM {quote_name(measured)} "
            f"WHERE {place} AND {_between(from_ms, to_ms)} GROUP BY time({step_ms}ms) fill(none)"
        )
        return _buckets(answer[0][0]["values"] if answer[0] else [])

    def buckets_of(
        self, datastreams: Collection[str], from_ms: int, to_ms: int, step_ms: int
    ) -> Mapping[str, Buckets]:
        """See Store.buckets_of: one query for each property of a site."""
        steps = f", time({step_ms}ms)"
        found = self._of_each(_FIGURES, datastreams, _between(from_ms, to_ms), steps, "fill(none)")
        by_name = {name: _buckets(rows) for name, rows in found.items()}
        return {name: buckets for name, buckets in by_name.items() if len(buckets)}

    def datastreams(self) -> Sequence[str]:
        """See Store.datastreams."""
        answer = self._query("SHOW SERIES")
        keys = [row[0] for series in answer[0] for row in series["values"]]
        return sorted(filter(None, map(_datastream_of, keys)))

    def close(self) -> None:
        """Close the sockets."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _of_each(
        self, select: str, datastreams: Collection[str], when: str, steps: str = "", ending: str = ""
    ) -> dict[str, list[list[Any]]]:
        """The rows of each of many datastreams, by one query for each property of a site."""
        wanted = frozenset(datastreams)
        split = (split_datastream(name) for name in datastreams)
        places = dict.fromkeys((tenant, site, measured) for tenant, site, _thing, measured in split)
        queries = [
            f"{select} FROM {quote_name(measured)} WHERE tenant = {quote_text(tenant)} AND site = {quote_text(site)}"
            f"{' AND ' if when else ''}{when} GROUP BY thing{steps} {ending}"
            for tenant, site, measured in places
        ]
        answers = self._query("; ".join(queries)) if queries else []
        found = {
            f"{tenant}/{site}/{one['tags']['thing']}/{measured}": one["values"]
            for (tenant, site, measured), series in zip(places, answers, strict=True)
            for one in series
        }
        return {name: rows for name, rows in found.items() if name in wanted}

    def _write_all(self, lines: list[str], owners: list[_Share]) -> Iterator[Refused]:
        """Write lines; what the server can never take comes back.

        A refusal does not say which lines it means, but how many: halves are tried until it means all or one. The
        good lines are written again on the way, which is harmless.
        """
        try:
            self._write("\n".join(lines))
        except Rejected as error:
            found = _DROPPED.search(str(error))
            if len(lines) == 1 or (found and int(found[1]) == len(lines)):
                yield from (_refused(owner.batch, owner.lines, _DROPPED.sub("", str(error))) for owner in owners)
                return
            half = len(lines) // 2
            for part, first in ((lines[:half], 0), (lines[half:], half)):
                yield from self._write_all(part, _owners_of(owners, first, first + len(part)))

    def _write(self, body: str) -> None:
        """Raises Rejected with the server's words when the content is at fault, else Transient."""
        where = self._address
        if self._has_v2 is None:
            self._has_v2 = self._find_v2()
        try:
            if self._has_v2:
                self._writer.write(where.bucket, where.org, body.encode(), cast("WritePrecision", WritePrecision.MS))
            else:
                self._post("/write", {"db": where.bucket, "precision": "ms"}, body)
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            if isinstance(error, ApiException) and error.status in _BAD_CONTENT:
                raise Rejected(_words(error)) from error
            self._has_v2 = None
            raise Transient(f"InfluxDB at {where.url}: {_words(error)}") from error

    def _find_v2(self) -> bool:
        """Whether `/api/v2/write` is there: always from 2.x on; on 1.x an empty write tells."""
        try:
            version = self._client.version()
            if version.lstrip("v").startswith("1."):
                self._post("/api/v2/write", {"bucket": self._address.bucket, "org": "", "precision": "ms"}, "")
        except ApiException as error:
            return bool(error.status != 404)
        except urllib3.exceptions.HTTPError as error:
            raise Transient(f"InfluxDB at {self._address.url}: {_words(error)}") from error
        return True

    def _query(self, influxql: str) -> list[list[dict[str, Any]]]:
        """The series of each statement. Raises Transient."""
        query = {"db": self._address.bucket, "epoch": "ms", "q": influxql}
        try:
            answer = json.loads(self._post("/query", query, ""))
            results = answer["results"]
            errors = [result["error"] for result in results if "error" in result]
        except (ApiException, urllib3.exceptions.HTTPError, ValueError, KeyError) as error:
            raise Transient(f"InfluxDB at {self._address.url}: {_words(error)}") from error
        if errors:
            raise Transient(f"InfluxDB at {self._address.url}: {errors[0]}")
        return [result.get("series", []) for result in results]

    def _post(self, path: str, query: Mapping[str, str], body: str) -> str:
        """A call that influxdb-client has no method for, by its own HTTP client. The answer's text."""
        rest = self._client.api_client.rest_client
        headers = {"Content-Type": "text/plain; charset=utf-8", **self._address.authorization}
        url = self._address.url.rstrip("/") + path
        answer = rest.POST(url, headers=headers, query_params=query, body=body.encode())  # type: ignore[no-untyped-call]
        return str(answer.data)


def _requests(batches: Sequence[ReadingBatch], refused: list[Refused]) -> Iterator[tuple[list[str], list[_Share]]]:
    """Lines in portions for one request each, and whose they are. Columns that cannot be written are refused."""
    lines: list[str] = []
    owners: list[_Share] = []
    for batch in batches:
        for column in batch.columns:
            try:
                new = column_lines(column)
            except Rejected as error:
                refused.append(_refused(batch, len(column.observed_at_ms), str(error)))
                continue
            lines += new
            owners.append(_Share(batch, len(new)))
            if len(lines) >= LINES_A_REQUEST:
                yield lines, owners
                lines, owners = [], []
    if lines:
        yield lines, owners


def _refused(batch: ReadingBatch, readings: int, reason: str) -> Refused:
    return Refused(batch.source, batch.epoch, batch.sequence, readings, reason.strip())


def _joined(refused: Sequence[Refused]) -> list[Refused]:
    """What was refused of one batch for one reason, as one."""
    readings: dict[tuple[str, int, int, str], int] = {}
    for each in refused:
        key = (each.source, each.epoch, each.sequence, each.reason)
        readings[key] = readings.get(key, 0) + each.readings
    return [Refused(*key[:3], count, key[3]) for key, count in readings.items()]


def _owners_of(owners: list[_Share], first: int, end: int) -> list[_Share]:
    """Whose the lines from `first` to `end` are."""
    found, at = [], 0
    for owner in owners:
        count = min(end, at + owner.lines) - max(first, at)
        if count > 0:
            found.append(_Share(owner.batch, count))
        at += owner.lines
    return found


def _place(datastream: str) -> tuple[str, str]:
    tenant, site, thing, measured = split_datastream(datastream)
    tags = (("tenant", tenant), ("site", site), ("thing", thing))
    return measured, " AND ".join(f"{key} = {quote_text(text)}" for key, text in tags)


def _between(from_ms: int, to_ms: int) -> str:
    return f"time >= {_bounded(from_ms)}ms AND time < {_bounded(to_ms)}ms"


def _bounded(at_ms: int) -> int:
    return min(max(at_ms, _EARLIEST_MS), _LATEST_MS)


def _series(rows: list[list[Any]]) -> Series:
    times, values, qualities, raws = zip(*rows, strict=True)
    quality = np.array([code or 0 for code in qualities], np.uint8)
    observed_at_ms: Millis = np.array(times, np.int64)
    return Series(observed_at_ms, _floats(values), quality, _floats(raws))


def _buckets(rows: list[list[Any]]) -> Buckets:
    """Rows of _FIGURES; steps without readings are left out."""
    rows = [row for row in rows if row[5]]
    starts, counts, lowest, highest, means, _ = zip(*rows, strict=True) if rows else ((),) * 6
    return Buckets(
        np.array(starts, np.int64),
        np.array([count or 0 for count in counts], np.int64),
        _floats(lowest),
        _floats(highest),
        _floats(means),
    )


def _latest(row: list[Any]) -> Latest:
    at_ms, value, quality, raw = row
    return Latest(int(at_ms), _number(value), Quality(quality or 0), _number(raw))


def _number(number: float | None) -> float | None:
    return None if number is None else float(number)


def _floats(numbers: Sequence[float | None]) -> Floats:
    return np.array([np.nan if number is None else number for number in numbers], np.float64)


def _datastream_of(key: str) -> str | None:
    """The id in a series key such as `level,site=a,tenant=b,thing=c`; None when it is not one of ours."""
    measured, *tags = re.split(r"(?<!\\),", key)
    named = dict(tag.split("=", 1) for tag in tags)
    if set(named) != {"tenant", "site", "thing"}:
        return None
    return "/".join(_UNTAGGED.sub(r"\1", part) for part in (named["tenant"], named["site"], named["thing"], measured))


def _words(error: Exception) -> str:
    """The server's own words, in one line."""
    text = str(error.body or error.reason or error.status) if isinstance(error, ApiException) else str(error)
    try:
        answer = json.loads(text)
        text = str(answer.get("error") or answer.get("message") or text)
    except (ValueError, AttributeError):
        pass
    return " ".join(text.split())[:300]
