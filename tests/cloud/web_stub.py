"""A wire that answers as the cloud's HTTP API does, so that the page can be seen in every state without a farm.

It serves the built page and keeps one farm and one town in memory. Tests change `Stub.farm` and `Stub.town`, and
push events to whoever listens on /api/live.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import tonnam_cloud
from tests.cloud.web_samples import Json, farm, iso, run, text, thing_history, town, zone_history

DIST = Path(tonnam_cloud.__file__).parent / "web_dist"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
USER: Json = {"name": "somchai", "display_name": "สมชาย ใจดี", "role": "farmer", "tenants": ["demo-farm", "demo-town"]}
PASSWORD = "water-and-earth"
LINK_TOKEN = "one-time-token"


class Stub:
    """What the wire would say, for tests to change. Thread-safe enough: one writer, whole values replaced."""

    def __init__(self) -> None:
        self.farm = farm()
        self.town = town()
        self.zone_history = zone_history()
        self.thing_gaps: list[Json] = []
        self.told: list[Json] = []
        self.signed_in = False
        self.can_command = True
        self.away = False
        self.commands: dict[str, Json] = {}
        self.asked: list[tuple[str | None, Json, str | None]] = []
        self.drop_next_command = False
        self.dist = DIST
        self.page_away = False
        self.listeners: list[queue.Queue[str | None]] = []
        self.url = ""

    def push(self, event: str, body: Json) -> None:
        """Tells everyone who listens on /api/live."""
        for listener in list(self.listeners):
            listener.put(f"event: {event}\ndata: {json.dumps(body)}\n\n")

    def cut(self) -> None:
        """Ends every live stream, as a lost signal does."""
        for listener in list(self.listeners):
            listener.put(None)

    def overview(self) -> Json:
        return {"now": iso(datetime.now(UTC)), **self.farm}

    def me(self) -> Json:
        return {"user": USER, "can_command": self.can_command, "commands_in": USER["tenants"] * self.can_command}

    def begin_run(self, number: int = 1, *, minutes: int = 10, gone_s: float = 100) -> None:
        """Lets water run in a zone."""
        zone = self.farm["sites"][0]["zones"][number - 1]
        zone.update(running=True, run=run("now", zone["id"], gone_s, planned_s=minutes * 60, ended=False))
        zone["valve"].update(value=1)
        self.farm["sites"][0]["pump"].update(value=1)
        self.farm["sites"][0]["flow"].update(value=60)

    def take_command(self, zone: str | None, body: Json, key: str | None) -> Json:
        self.asked.append((zone, body, key))
        now = datetime.now(UTC)
        same = self.commands.get(key or "")
        command = same or {
            "id": f"c{len(self.commands) + 1}",
            "tenant": "demo-farm",
            "site": "melon-greenhouse",
            "zone": zone,
            "action": body["action"],
            "minutes": body.get("minutes"),
            "litres": body.get("litres"),
            "latch": body.get("latch"),
            "state": "sent",
            "reason": None,
            "created_at": iso(now),
            "expires_at": iso(now + timedelta(minutes=2)),
            "run_id": None,
        }
        self.commands[key or ""] = command
        return command

    def move_command(self, state: str, reason: Json | None = None) -> None:
        """The newest command goes on to `state`, and the live stream says so."""
        command = list(self.commands.values())[-1]
        command.update(state=state, reason=reason)
        self.push("command", command)


class Handler(BaseHTTPRequestHandler):
    """One request. `stub` is set on the subclass that `serve` makes."""

    stub: Stub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the tests say what matters."""

    def say(self, status: HTTPStatus, body: Any = None) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def refuse(self, status: HTTPStatus, code: str) -> None:
        self.say(status, {"error": {"code": code, "message": text("ทำไม่ได้", "Not possible")}})

    def body(self) -> Json:
        length = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(length) or b"{}")  # type: ignore[no-any-return]

    def key(self) -> str | None:
        return self.headers.get("Idempotency-Key")

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if not path.startswith("/api/"):
            return self.send_file(path)
        if self.stub.away:
            return self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "away")
        if not self.stub.signed_in:
            return self.refuse(HTTPStatus.UNAUTHORIZED, "signed_out")
        return self.answer(path.removeprefix("/api/").split("/"))

    def answer(self, parts: list[str]) -> None:
        stub = self.stub
        match parts:
            case ["me"]:
                self.say(HTTPStatus.OK, stub.me())
            case ["overview"]:
                self.say(HTTPStatus.OK, stub.overview())
            case ["town"]:
                self.say(HTTPStatus.OK, {"now": iso(datetime.now(UTC)), **stub.town})
            case ["sites", _, _, "zones", _, "history"]:
                self.say(HTTPStatus.OK, stub.zone_history)
            case ["sites", _, _, "things", _, property_, "history"]:
                self.say(HTTPStatus.OK, {**thing_history(property_), "gaps": stub.thing_gaps})
            case ["sites", _, _, "events"]:
                self.say(HTTPStatus.OK, {"events": stub.told})
            case ["commands", command_id]:
                self.say(HTTPStatus.OK, next(c for c in stub.commands.values() if c["id"] == command_id))
            case ["live"]:
                self.stream()
            case _:
                self.refuse(HTTPStatus.NOT_FOUND, "not_found")

    def do_POST(self) -> None:
        body = self.body()
        stub = self.stub
        if self.headers.get("X-Tonnam") != "1":
            return self.refuse(HTTPStatus.FORBIDDEN, "csrf")
        match self.path.removeprefix("/api/").split("/"):
            case ["session"] | ["session", "link"]:
                stub.signed_in = body.get("password") == PASSWORD or body.get("token") == LINK_TOKEN
                if stub.signed_in:
                    return self.say(HTTPStatus.OK, {"user": USER})
                return self.refuse(HTTPStatus.UNAUTHORIZED, "wrong")
            case ["sites", _, _, "latches", latch_id, "clear"]:
                wish = {"action": "clear", "latch": latch_id}
                return self.say(HTTPStatus.ACCEPTED, stub.take_command(None, wish, self.key()))
            case ["sites", _, _, "lockouts"]:
                wish = {"action": "lock", **body}
                return self.say(HTTPStatus.ACCEPTED, stub.take_command(body["zone"], wish, self.key()))
            case ["sites", _, _, "zones", zone_id, "commands"]:
                command = stub.take_command(zone_id, body, self.key())
                if stub.drop_next_command:
                    stub.drop_next_command = False
                    self.close_connection = True
                    self.connection.close()
                    return None
                return self.say(HTTPStatus.ACCEPTED, command)
            case _:
                return self.refuse(HTTPStatus.NOT_FOUND, "not_found")

    def do_DELETE(self) -> None:
        self.body()
        self.stub.signed_in = False
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def stream(self) -> None:
        events: queue.Queue[str | None] = queue.Queue()
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.stub.listeners.append(events)
        with suppress(OSError):
            self.wfile.write(b": hello\n\n")
            while (event := events.get()) is not None:
                self.wfile.write(event.encode())
        self.stub.listeners.remove(events)

    def send_file(self, path: str) -> None:
        if self.stub.page_away:
            return self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "away")
        file = self.stub.dist / (path.lstrip("/") or "index.html")
        if not file.is_file():
            return self.refuse(HTTPStatus.NOT_FOUND, "not_found")
        content = file.read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(file.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        return None


class Server(ThreadingHTTPServer):
    """Says nothing of a browser that hangs up; any other fault is printed as usual."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve() -> Iterator[Stub]:
    """A stub on a free port of this machine, until the block ends."""
    stub = Stub()
    server = Server(("127.0.0.1", 0), type("StubHandler", (Handler,), {"stub": stub}))
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stub
    finally:
        stub.cut()
        server.shutdown()
        server.server_close()
        thread.join()
