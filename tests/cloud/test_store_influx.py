"""The store on InfluxDB: what it writes, and what it does when a server is away, old, new, or refuses."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cloud.readings import LEVEL, MOISTURE, START_MS, batch, column, good, rows
from tests.servers import HOST, InfluxServer, Server, executable, free_port, influx_server, running, wait_until
from tonnam_cloud.errors import Rejected, Transient
from tonnam_cloud.store.influx import InfluxAddress, InfluxStore
from tonnam_cloud.store.line_protocol import column_lines, escape_measurement, escape_tag, quote_name, quote_text

EVER = (0, 2**53)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def unescaped(text: str, stops: str) -> tuple[str, str]:
    """The name at the head of a line, read as InfluxDB reads it, and what follows."""
    name, at = "", 0
    while at < len(text) and text[at] not in stops:
        if text[at] == "\\" and at + 1 < len(text) and text[at + 1] in ", =":
            at += 1
        name += text[at]
        at += 1
    return name, text[at:]


@given(NAMES)
@settings(max_examples=100, deadline=None)
def test_an_escaped_name_ends_where_it_should_or_is_refused(name: str) -> None:
    for escape, stops in ((escape_measurement, ", "), (escape_tag, ",= ")):
        try:
            escaped = escape(name)
        except Rejected:
            assert name.endswith("\\") or name[0] in "#_" or min(name) < " "
            continue
        if "\\" not in name:
            assert unescaped(escaped + ",rest", stops) == (name, ",rest")


def test_a_reading_is_one_line_with_only_what_is_known() -> None:
    readings = column([(5, 21.5, 0, None), (6, None, 6, None), (7, None, 3, 99.0), (8, float("inf"), 0, None)])
    head = "soil_moisture,site=melon-greenhouse,tenant=demo-farm,thing=zone-1 "
    assert column_lines(readings) == [
        head + "quality=0i,value=21.5 5",
        head + "quality=6i 6",
        head + "quality=3i,raw=99.0 7",
        head + "quality=0i 8",
    ]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
@settings(max_examples=20, deadline=None)
def test_every_float_survives_a_real_influxdb(influx: InfluxServer, values: list[float]) -> None:
    store = InfluxStore(InfluxAddress(influx.url, influx.database()))
    store.append([batch(good(list(values)))])
    assert store.series(MOISTURE, *EVER).value.tolist() == values
    store.close()


@pytest.mark.parametrize("thing", ["a b", "a,b", "a=b", "ต้นน้ำ", 'a"b', "a'b", r"a\b"])
def test_odd_names_come_back_from_a_real_influxdb(influx_store: InfluxStore, thing: str) -> None:
    name = f"t/s/{thing}/{thing}"
    influx_store.append([batch(good([4.0], name))])
    assert influx_store.series(name, *EVER).value.tolist() == [4.0]
    assert influx_store.datastreams() == [name]


@given(NAMES, NAMES)
@settings(max_examples=25, deadline=None)
def test_a_quoted_text_never_leaves_its_quotes(influx: InfluxServer, name: str, text: str) -> None:
    """The server parses what we quote as one name and one text: no series, and no error either."""
    store = InfluxStore(InfluxAddress(influx.url, influx.database()))
    if min(name + text) >= " ":
        assert store._server.query(f"SELECT value FROM {quote_name(name)} WHERE thing = {quote_text(text)}") == [[]]
    else:
        with pytest.raises(Rejected, match="cannot be asked"):
            quote_name(name) + quote_text(text)
    store.close()


def test_a_column_of_another_type_is_refused_and_the_rest_is_stored(influx: InfluxServer) -> None:
    database = influx.database()
    line = f'soil_moisture,tenant=x,site=y,thing=z value="text" {START_MS}'.encode()
    urllib.request.urlopen(f"{influx.url}/write?db={database}&precision=ms", data=line, timeout=5).close()
    store = InfluxStore(InfluxAddress(influx.url, database))
    bad, fine = batch(good([1.0, None, 3.0]), good([7.0], LEVEL)), batch(good([8.0] * 2000, LEVEL, START_MS + 5000))
    (refused,) = store.append([fine, bad])
    assert (refused.source, refused.epoch, refused.sequence) == (bad.source, bad.epoch, bad.sequence)
    assert refused.readings == 2, "the one without a value has no field of the wrong type"
    assert "field type conflict" in refused.reason
    assert len(store.series(LEVEL, *EVER)) == 2001
    store.close()


def test_a_name_that_cannot_be_written_is_refused_and_the_rest_is_stored(influx_store: InfluxStore) -> None:
    (refused,) = influx_store.append([batch(good([1.0, 2.0], "t/s/x/_bad"), good([7.0], LEVEL))])
    assert (refused.readings, influx_store.datastreams()) == (2, [LEVEL])


def test_a_server_that_is_away_is_transient_and_works_when_it_is_back(tmp_path: Path) -> None:
    with running(influx_server(tmp_path)) as server:
        assert isinstance(server, InfluxServer)
        store = InfluxStore(InfluxAddress(server.url, server.database()))
        store.append([batch(good([1.0]))])
        server.kill()
        waiting = batch(good([2.0], start_ms=START_MS + 1000))
        with pytest.raises(Transient, match="InfluxDB at"):
            store.append([waiting])
        with pytest.raises(Transient, match="InfluxDB at"):
            store.series(MOISTURE, *EVER)
        server.start()
        store.append([waiting])
        assert store.series(MOISTURE, *EVER).value.tolist() == [1.0, 2.0]
        store.close()


def test_a_missing_database_is_transient_so_that_nothing_is_lost(influx: InfluxServer) -> None:
    store = InfluxStore(InfluxAddress(influx.url, "nowhere"))
    with pytest.raises(Transient, match="database not found"):
        store.append([batch(good([1.0]))])
    with pytest.raises(Transient, match="database not found"):
        store.series(MOISTURE, *EVER)
    store.close()


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[Server]:
    """Debian's VictoriaMetrics, which takes `/api/v2/write` as InfluxDB 2 does."""
    port = free_port()
    options = [f"-storageDataPath={tmp_path}/vm", f"-httpListenAddr={HOST}:{port}", "-retentionPeriod=100y"]
    with running(Server([executable("victoria-metrics"), *options], port, tmp_path / "victoria.log")) as server:
        yield server


def test_a_server_with_the_second_generations_write_takes_our_lines(victoria: Server) -> None:
    address = f"http://{HOST}:{victoria.port}"
    store = InfluxStore(InfluxAddress(address, "tonnam", org="farm", token="secret"))
    assert store.append([batch(column([(START_MS, 21.5, 0, None), (START_MS + 1000, None, 6, None)]))]) == []
    store.close()

    def exported() -> str:
        urllib.request.urlopen(f"{address}/internal/force_flush", timeout=5).close()
        with urllib.request.urlopen(f"{address}/api/v1/export?match[]=soil_moisture_value", timeout=5) as answer:
            return str(answer.read().decode())

    wait_until(lambda: bool(exported()), "the reading in VictoriaMetrics")
    found = json.loads(exported())
    assert (found["timestamps"], found["values"]) == ([START_MS], [21.5])
    assert found["metric"]["thing"] == "zone-1"


class SecondGeneration(BaseHTTPRequestHandler):
    """Speaks InfluxDB 2's contract for `/ping` and `/api/v2/write`, and refuses lines of `refused_property`."""

    written: ClassVar[list[tuple[str, str | None, str]]] = []

    def do_GET(self) -> None:
        self._answer(204, {}, {"X-Influxdb-Version": "v2.7.12"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.written.append((self.path, self.headers["Authorization"], body))
        bad = body.count("refused_property")
        if bad:
            message = f"failure writing points to database: partial write: field type conflict dropped={bad}"
            self._answer(422, {"code": "unprocessable entity", "message": message})
        else:
            self._answer(204, {})

    def _answer(self, status: int, content: dict[str, str], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode() if content else b""
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def second_generation() -> Iterator[str]:
    server = ThreadingHTTPServer((HOST, 0), SecondGeneration)
    SecondGeneration.written.clear()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://{HOST}:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_influxdb_2_is_written_with_bucket_organisation_and_token(second_generation: str) -> None:
    store = InfluxStore(InfluxAddress(second_generation, "tonnam", org="farm", token="secret"))
    assert store.append([batch(good([1.0], "t/s/x/level"))]) == []
    ((path, token, body),) = SecondGeneration.written
    asked = urlsplit(path)
    assert asked.path == "/api/v2/write"
    assert parse_qs(asked.query) == {"org": ["farm"], "bucket": ["tonnam"], "precision": ["ms"]}
    assert (token, body) == ("Token secret", f"level,site=s,tenant=t,thing=x quality=0i,value=1.0 {START_MS}")
    store.close()


def test_influxdb_2s_partial_refusal_finds_the_bad_batch(second_generation: str) -> None:
    store = InfluxStore(InfluxAddress(second_generation, "tonnam", org="farm", token="secret"))
    batches = [batch(good([1.0] * 5, f"t/s/x/{name}")) for name in ("level", "refused_property", "rate")]
    (refused,) = store.append(batches)
    assert (refused.sequence, refused.readings) == (batches[1].sequence, 5)
    assert "field type conflict" in refused.reason
    store.close()


def test_many_lines_go_in_several_requests(influx_store: InfluxStore) -> None:
    values = np.arange(12_000) / 4
    influx_store.append([batch(good(values.tolist())), batch(good([1.0], LEVEL))])
    assert np.array_equal(influx_store.series(MOISTURE, *EVER).value, values)
    assert len(rows(influx_store.series(LEVEL, *EVER))) == 1
