"""Pushing to a Grafana that already runs: folder, data source, dashboards. Pushing again changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError  # type: ignore[import-untyped]
from grafana_api.grafana_face import GrafanaFace  # type: ignore[import-untyped]

from tonnam_dashboards.influx import SOURCE

FOLDER_UID = "tonnam"
FOLDER_TITLE = "ต้นน้ำ Tonnam"
TIMEOUT_S = 10.0
GRAFANAS_OWN = ("id", "version")  # Grafana writes these into what it keeps


class PushFailed(Exception):
    """Grafana could not be reached or would not; the message says what to do."""


@dataclass(frozen=True)
class Influx:
    """Where Grafana finds the readings, and with what it signs in: a token (2.x) or a user and password (1.x)."""

    url: str
    database: str
    token: str | None = None
    username: str | None = None
    password: str | None = None

    def as_data_source(self) -> dict[str, object]:
        """As Grafana's API takes it: InfluxQL, secrets where they cannot be read again."""
        public: dict[str, object] = {"dbName": self.database, "httpMode": "POST"}
        secret: dict[str, object] = {}
        if self.token:
            public["httpHeaderName1"] = "Authorization"
            secret["httpHeaderValue1"] = f"Token {self.token}"
        elif self.password:
            secret["password"] = self.password
        return {
            "uid": SOURCE.uid,
            "name": "Tonnam InfluxDB",
            "type": SOURCE.type_val,
            "access": "proxy",
            "url": self.url,
            "user": self.username or "",
            "jsonData": public,
            "secureJsonData": secret,
        }


class Grafana:
    """A Grafana at `url` (http or https, with any path prefix), spoken to with a token or (user, password)."""

    def __init__(self, url: str, auth: str | tuple[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an address of a Grafana, such as http://localhost:3000")
        if isinstance(auth, str) and not auth.isascii():
            raise ValueError("a Grafana token has no letters but a to z")
        prefix = parts.path.strip("/")
        self.url = url
        self._face = GrafanaFace(
            auth if isinstance(auth, str) else tuple(part.encode() for part in auth),  # Thai passwords: UTF-8
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            timeout=TIMEOUT_S,
        )

    def ensure_folder(self) -> str:
        """Make Tonnam's folder if it is missing; "made" or "unchanged"."""
        if self._found(lambda: self._face.folder.get_folder(FOLDER_UID)) is not None:
            return "unchanged"
        self._ask(lambda: self._face.folder.create_folder(FOLDER_TITLE, FOLDER_UID))
        return "made"

    def ensure_data_source(self, influx: Influx | None) -> str:
        """Make or change the data source to be `influx`; without one it must already be there."""
        path = f"/datasources/uid/{SOURCE.uid}"
        present = self._found(lambda: self._face.api.GET(path))
        if influx is None:
            if present is None:
                raise PushFailed(
                    f"Grafana has no data source with uid {SOURCE.uid}, so the dashboards would stay empty. "
                    "Say where InfluxDB is with --influx-url and --influx-database."
                )
            return "unchanged"
        if present is None:
            self._ask(lambda: self._face.datasource.create_datasource(influx.as_data_source()))
            return "made"
        self._ask(lambda: self._face.datasource.update_datasource(present["id"], influx.as_data_source()))
        return "set"

    def put_dashboard(self, wanted: Mapping[str, Any]) -> str:
        """Make or replace one dashboard in Tonnam's folder; "made", "replaced" or "unchanged"."""
        present = self._found(lambda: self._face.dashboard.get_dashboard(wanted["uid"]))
        if present is not None and _same(present, wanted):
            return "unchanged"
        save = {"dashboard": {**wanted, "id": None}, "folderUid": FOLDER_UID, "overwrite": True}
        answer = self._ask(lambda: self._face.dashboard.update_dashboard(save))
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise PushFailed(f"Grafana at {self.url} did not keep the dashboard {wanted['uid']}: {answer}")
        return "made" if present is None else "replaced"

    def _found(self, call: Callable[[], Any]) -> Any | None:
        """The answer, or None if Grafana says that there is no such thing."""
        try:
            return self._ask(call)
        except PushFailed as failure:
            cause = failure.__cause__
            if isinstance(cause, GrafanaClientError) and cause.status_code == 404:
                return None
            raise

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except GrafanaUnauthorizedError as refusal:
            raise PushFailed(f"Grafana at {self.url} does not know this token or user (401).") from refusal
        except GrafanaException as refusal:
            raise PushFailed(_refused(self.url, refusal)) from refusal
        except requests.exceptions.JSONDecodeError as garbage:
            # grafana-api reads every answer as JSON, an empty one too
            raise PushFailed(
                f"What answers at {self.url} does not speak like Grafana. Is the address right?"
            ) from garbage
        except requests.exceptions.RequestException as outage:
            raise PushFailed(f"Grafana at {self.url} cannot be reached: {_shortly(outage)}.") from outage


def push(grafana: Grafana, dashboards: Sequence[Mapping[str, Any]], influx: Influx | None) -> list[tuple[str, str]]:
    """Bring folder, data source and dashboards in order; (what, made | set | replaced | unchanged) for each.

    Raises PushFailed at the first thing that Grafana would not do; pushing again goes on from there.
    """
    done = [("folder", grafana.ensure_folder()), ("data source", grafana.ensure_data_source(influx))]
    done += [(f"dashboard {wanted['uid']}", grafana.put_dashboard(wanted)) for wanted in dashboards]
    return done


def _same(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    kept = {key: value for key, value in present["dashboard"].items() if key not in GRAFANAS_OWN}
    return kept == dict(wanted) and present["meta"].get("folderUid") == FOLDER_UID


def _refused(url: str, refusal: GrafanaException) -> str:
    if refusal.status_code == 403:
        return f"Grafana at {url} does not let this token or user do that (403): it needs the role Admin."
    if "provisioned" in str(refusal.message):
        return f"Grafana at {url} already has these dashboards from files (provisioned): there is nothing to push."
    return f"Grafana at {url} refused: {refusal.message}"


def _shortly(outage: requests.exceptions.RequestException) -> str:
    if isinstance(outage, requests.exceptions.Timeout):
        return f"no answer within {TIMEOUT_S:g} s"
    if isinstance(outage, requests.exceptions.SSLError):
        return "its TLS certificate is not trusted here"
    return "nothing answers there" if isinstance(outage, requests.exceptions.ConnectionError) else str(outage)
