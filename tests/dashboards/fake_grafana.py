"""A small HTTP server that speaks as much of Grafana's API as `push` needs, because Debian has no Grafana.

Written after Grafana's HTTP API reference (folders, data sources, dashboards, search); status codes and bodies are
those of version 12. State is plain dicts that tests may look at.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_right"
USER, PASSWORD = "admin", "pass word:ไทย"


class FakeGrafana:
    """What this Grafana keeps, and the requests that changed it."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.provisioned: set[str] = set()
        self.viewer = False
        self.broken: tuple[int, bytes] | None = None
        self.writes: list[tuple[str, str]] = []
        self.url = ""

    def answer(self, method: str, address: str, auth: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON body of one request."""
        parts = urlsplit(address)
        path = parts.path.removeprefix("/grafana")
        if auth not in (f"Bearer {TOKEN}", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()):
            return 401, {"message": "Invalid API key", "messageId": "api-key.invalid"}
        if method != "GET":
            self.writes.append((method, path))
            if self.viewer:
                return 403, {"message": "You'll need additional permissions to perform this action."}
        match method, path.strip("/").split("/")[1:]:
            case "GET", ["folders", uid]:
                return self._one(self.folders, uid, "folder not found")
            case "POST", ["folders"]:
                return self._make_folder(body)
            case "GET", ["datasources", "uid", uid]:
                return self._one(self.sources, uid, "Data source not found")
            case "POST", ["datasources"]:
                return self._make_source(body)
            case "PUT", ["datasources", number]:
                return self._change_source(int(number), body)
            case "GET", ["dashboards", "uid", uid]:
                return self._one(self.dashboards, uid, "Dashboard not found")
            case "POST", ["dashboards", "db"]:
                return self._save(body)
            case "GET", ["search"]:
                return 200, self._search(parse_qs(parts.query))
        return 404, {"message": "Not found"}

    @staticmethod
    def _one(kept: dict[str, dict[str, Any]], uid: str, missing: str) -> tuple[int, Any]:
        return (200, kept[uid]) if uid in kept else (404, {"message": missing})

    def _make_folder(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["uid"] in self.folders:
            return 412, {"message": "The folder has been changed by someone else", "status": "version-mismatch"}
        self.folders[body["uid"]] = {"id": len(self.folders) + 1, "uid": body["uid"], "title": body["title"]}
        return 200, self.folders[body["uid"]]

    def _make_source(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["uid"] in self.sources:
            return 409, {"message": "data source with the same name already exists"}
        return self._keep_source({**body, "id": len(self.sources) + 1})

    def _change_source(self, number: int, body: dict[str, Any]) -> tuple[int, Any]:
        if not any(source["id"] == number for source in self.sources.values()):
            return 404, {"message": "Data source not found"}
        return self._keep_source({**body, "id": number})

    def _keep_source(self, source: dict[str, Any]) -> tuple[int, Any]:
        secrets = source.pop("secureJsonData", {})
        source["secureJsonFields"] = dict.fromkeys(secrets, True)
        self.sources[source["uid"]] = source
        return 200, {"datasource": source, "id": source["id"], "message": "Datasource added", "name": source["name"]}

    def _save(self, body: dict[str, Any]) -> tuple[int, Any]:
        wanted, folder = body["dashboard"], body["folderUid"]
        uid = wanted["uid"]
        if uid in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if folder not in self.folders:
            return 400, {"message": "folder not found"}
        before = self.dashboards.get(uid)
        if before and not body.get("overwrite"):
            return 412, {"message": "A dashboard with the same uid already exists", "status": "version-mismatch"}
        version = before["dashboard"]["version"] + 1 if before else 1
        number = before["dashboard"]["id"] if before else len(self.dashboards) + 1
        kept = {**wanted, "id": number, "version": version}
        self.dashboards[uid] = {"dashboard": kept, "meta": {"folderUid": folder, "url": f"/d/{uid}"}}
        return 200, {"status": "success", "uid": uid, "id": number, "version": version, "url": f"/d/{uid}"}

    def _search(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        tags = set(query.get("tag", []))
        found = [kept for kept in self.dashboards.values() if tags <= set(kept["dashboard"]["tags"])]
        return [
            {"uid": kept["dashboard"]["uid"], "title": kept["dashboard"]["title"], "type": "dash-db", **kept["meta"]}
            for kept in found
        ]


@contextlib.contextmanager
def serving(grafana: FakeGrafana) -> Iterator[FakeGrafana]:
    """The Grafana on a free port; also below /grafana, as behind a proxy."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            if grafana.broken:
                status, payload = grafana.broken
            else:
                status, made = grafana.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
                payload = json.dumps(made).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            if status != 204:
                self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    grafana.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield grafana
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
