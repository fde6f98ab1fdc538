"""One InfluxDB server over HTTP: lines in, answers out, and no waiting for a server that hangs."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from tonnam_cloud.errors import Rejected, Transient

TIMEOUT_S = 10.0
PAUSE_S = 5.0
"""After a time-out the server is left alone for so long: whoever asks is turned away at once."""
_BAD_CONTENT = {400, 413, 422}
_SAYS_NOTHING = "not executed"


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


class _Patience:
    """Lets nobody wait for what has just timed out; after a pause one caller tries, and the others when it worked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hangs = False
        self._again_at = 0.0

    def refuses(self) -> bool:
        """Whether the caller must not try now."""
        with self._lock:
            now = time.monotonic()
            if self._hangs and now < self._again_at:
                return True
            self._again_at = now + PAUSE_S
            return False

    def learn(self, *, hangs: bool) -> None:
        """Note how a try ended."""
        with self._lock:
            self._hangs = hangs
            self._again_at = time.monotonic() + PAUSE_S


class InfluxServer:
    """A client of one server. The server's kind is found out at the first write, and again after an outage."""

    def __init__(self, address: InfluxAddress) -> None:
        self._address = address
        token = address.token or (f"{address.username}:{address.password}" if address.username else "")
        self._client = InfluxDBClient(
            url=address.url,
            token=token,
            org=address.org,
            timeout=int(TIMEOUT_S * 1000),
            retries=urllib3.Retry(0),
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._has_v2: bool | None = None
        self._reading, self._writing = _Patience(), _Patience()

    def write(self, lines: str) -> None:
        """Write lines. Raises Rejected with the server's words when the content is at fault, else Transient."""
        where = self._address
        try:
            with self._sorted_errors(self._writing):
                if self._has_v2 is None:
                    self._has_v2 = self._find_v2()
                if self._has_v2:
                    precision = cast("WritePrecision", WritePrecision.MS)
                    self._writer.write(where.bucket, where.org, lines.encode(), precision)
                else:
                    self._post("/write", {"db": where.bucket, "precision": "ms"}, lines)
        except Transient:
            self._has_v2 = None
            raise

    def query(self, *statements: str) -> list[list[dict[str, Any]]]:
        """The series of each statement. Raises Transient."""
        query = {"db": self._address.bucket, "epoch": "ms", "q": "; ".join(statements)}
        with self._sorted_errors(self._reading):
            text = self._post("/query", query, "")
        try:
            results = json.loads(text)["results"]
            errors = [result["error"] for result in results if "error" in result]
        except (ValueError, KeyError) as error:
            raise self._away(error) from error
        if errors == [_SAYS_NOTHING] and len(statements) > 1:
            return self.query(statements[0])  # alone it says why
        if errors:
            raise Transient(f"InfluxDB at {self._address.url}: {errors[0]}")
        return [result.get("series", []) for result in results]

    def close(self) -> None:
        """Close the sockets."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _find_v2(self) -> bool:
        """Whether `/api/v2/write` is there: always from 2.x on; on 1.x an empty write tells."""
        try:
            version = self._client.version()
            if version.lstrip("v").startswith("1."):
                self._post("/api/v2/write", {"bucket": self._address.bucket, "org": "", "precision": "ms"}, "")
        except ApiException as error:
            return bool(error.status != 404)
        return True

    def _post(self, path: str, query: Mapping[str, str], body: str) -> str:
        """A call that influxdb-client has no method for, by its own HTTP client. The answer's text."""
        rest = self._client.api_client.rest_client
        headers = {"Content-Type": "text/plain; charset=utf-8", **self._address.authorization}
        url = self._address.url.rstrip("/") + path
        answer = rest.POST(url, headers=headers, query_params=query, body=body.encode())  # type: ignore[no-untyped-call]
        return str(answer.data)

    @contextmanager
    def _sorted_errors(self, patience: _Patience) -> Iterator[None]:
        if patience.refuses():
            raise Transient(f"InfluxDB at {self._address.url}: it did not answer a moment ago")
        try:
            yield
        except ApiException as error:
            patience.learn(hangs=False)
            if error.status in _BAD_CONTENT:
                raise Rejected(_words(error)) from error
            raise self._away(error) from error
        except urllib3.exceptions.HTTPError as error:
            patience.learn(hangs=isinstance(error, urllib3.exceptions.TimeoutError))
            raise self._away(error) from error
        patience.learn(hangs=False)

    def _away(self, error: Exception) -> Transient:
        return Transient(f"InfluxDB at {self._address.url}: {_words(error)}")


def _words(error: Exception) -> str:
    """The server's own words, in one line."""
    text = str(error.body or error.reason or error.status) if isinstance(error, ApiException) else str(error)
    try:
        answer = json.loads(text)
        text = str(answer.get("error") or answer.get("message") or text)
    except (ValueError, AttributeError):
        pass
    return " ".join(text.split())[:300]
