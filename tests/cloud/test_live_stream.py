"""Server-sent events over a real socket: who hears what, and how a stream ends."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.cloud.scene import COMMANDS, DUST, FARM, MOISTURE, TANK, VALVE, Scene, playing, until
from tonnam_cloud.database import Database
from tonnam_cloud.live import hub, stream
from tonnam_cloud.live.bus import sealed
from tonnam_cloud.live.schemas import Changed
from tonnam_cloud.registry.models import Command
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.mqtt.session import Message
from tonnam_link.topics import live_topic

Event = tuple[str, Any]


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        upkeep = asyncio.create_task(scene.parts.run())
        yield scene
        upkeep.cancel()
        await asyncio.gather(upkeep, return_exceptions=True)


class Stream:
    """One client's stream, read line by line."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.comments = 0

    async def block(self) -> list[str]:
        lines = []
        while line := await anext(self._lines):
            lines.append(line)
        return lines

    async def event(self, name: str | None = None) -> Event:
        """The next event (of a name)."""
        async with asyncio.timeout(10):
            while True:
                fields = dict(line.split(": ", 1) for line in await self.block() if not line.startswith(":"))
                if "data" not in fields:
                    self.comments += 1
                elif name in (None, fields["event"]):
                    return fields["event"], json.loads(fields["data"])


@asynccontextmanager
async def listening(client: httpx.AsyncClient) -> AsyncIterator[Stream]:
    async with client.stream("GET", "/api/live") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert "content-encoding" not in answer.headers
        live = Stream(answer.aiter_lines())
        await live.block()
        yield live


async def test_reading_reaches_a_phone_within_a_second(scene: Scene) -> None:
    async with scene.client("somchai") as client, listening(client) as live:
        scene.hears(MOISTURE, 27.5)
        async with asyncio.timeout(1):
            assert await live.event() == (
                "readings",
                {
                    "tenant": "demo-farm",
                    "site": "melon-greenhouse",
                    "readings": [
                        {
                            "datastream": MOISTURE,
                            "observed_at": "2026-11-20T06:00:00.000Z",
                            "value": 27.5,
                            "quality": "good",
                        }
                    ],
                },
            )


async def test_unknown_reading_is_null_with_its_reason(scene: Scene) -> None:
    async with scene.client("somchai") as client, listening(client) as live:
        scene.hears(MOISTURE, None, quality=6)
        (reading,) = (await live.event("readings"))[1]["readings"]
        assert (reading["value"], reading["quality"]) == (None, "device_fault")


async def test_others_tenants_are_not_heard(scene: Scene) -> None:
    async with scene.client("stranger") as client, listening(client) as live:
        scene.hears(MOISTURE, 27.5, events=["run.started"])
        scene.hears(DUST, 12.0)
        event, content = await live.event()
        assert (event, content["tenant"]) == ("readings", "demo-town")


async def test_events_of_a_node_ask_to_fetch_anew_once_a_second(scene: Scene) -> None:
    async with scene.client("somchai") as client, listening(client) as live:
        for _ in range(20):
            scene.says("demo-farm", "melon-greenhouse", events=["zone.planned"])
        assert [await live.event(), await live.event()] == [
            ("changed", {"what": "overview"}),
            ("changed", {"what": "town"}),
        ]
        started = asyncio.get_running_loop().time()
        assert await live.event() == ("changed", {"what": "overview"})
        assert asyncio.get_running_loop().time() - started > hub.COALESCE_S * 0.8


async def test_command_is_followed_through_its_states(scene: Scene) -> None:
    async with scene.client("somchai") as client, listening(client) as live:
        await client.post(COMMANDS, json={"action": "water", "minutes": 1})
        _, queued = await live.event("command")
        _, sent = await live.event("command")
        with scene.database.writing() as session:
            session.get_one(Command, queued["id"]).state = "running"
        scene.says("demo-farm", "melon-greenhouse", outcomes=[queued["id"]])
        _, running = await live.event("command")
        assert [each["state"] for each in (queued, sent, running)] == ["queued", "sent", "running"]
        assert running["id"] == queued["id"]


async def test_alert_asks_to_fetch_anew(scene: Scene) -> None:
    await until(lambda: bool(scene.parts.watch._subjects))
    async with scene.client("somchai") as client, listening(client) as live:
        scene.hears(TANK, 10.0)
        assert await live.event("changed") == ("changed", {"what": "alerts"})


async def test_stream_of_a_client_that_lags_ends_clearly(scene: Scene) -> None:
    async with scene.client("somchai") as client, listening(client) as live:
        for _ in range(hub.QUEUE + 5):
            scene.parts.hub.tell("demo-farm", "changed", Changed(what="overview"))
        await until(lambda: not scene.parts.hub.watched)
        assert await live.event("end") == ("end", {"reason": "lagged"})
        with pytest.raises(StopAsyncIteration):
            await live.block()


async def test_client_that_takes_nothing_is_cut(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SEND_TIMEOUT_S", 0.3)
    async with scene.client("somchai") as client:
        token = client.cookies["tonnam_session"]
    address = urlsplit(scene.base_url)
    with socket.create_connection((address.hostname, address.port or 80)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(f"GET /api/live HTTP/1.1\r\nHost: x\r\nCookie: tonnam_session={token}\r\n\r\n".encode())
        await until(lambda: scene.parts.hub.watched)
        deadline = asyncio.get_running_loop().time() + 10
        while scene.parts.hub.watched:
            assert asyncio.get_running_loop().time() < deadline
            scene.says("demo-farm", "melon-greenhouse", readings=[[f"tank/level{n}", 1, 1.0, 0] for n in range(400)])
            await asyncio.sleep(0.005)


async def test_idle_stream_is_pinged(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_S", 0.05)
    async with scene.client("somchai") as client, listening(client) as live:
        async with asyncio.timeout(5):
            assert await live.block() == [": ping"]
            assert await live.block() == [": ping"]


async def test_stream_ends_when_its_session_does(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHECK_S", 0.05)
    async with scene.client("somchai") as client, listening(client) as live:
        await asyncio.to_thread(scene.parts.people.set_password, "somchai", "a-new-one-altogether")
        assert await live.event("end") == ("end", {"reason": "signed_out"})


async def test_leaving_client_is_forgotten(scene: Scene) -> None:
    async with scene.client("somchai") as client, listening(client):
        assert scene.parts.hub.watched
    await until(lambda: not scene.parts.hub.watched)


async def test_streams_end_when_the_upkeep_does(scene: Scene) -> None:
    async with scene.client("somchai") as client, listening(client) as live:
        scene.parts.hub.close()
        assert await live.event("end") == ("end", {"reason": "closing"})
    async with scene.client("somchai") as client, listening(client) as late:
        assert await late.event() == ("end", {"reason": "closing"})


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b'{"readings":[["a/b",1,2.0,77]]}',
        b'{"readings":[["a/b","x",2.0,0]]}',
        b"\xff\xfe",
        b"null",
        b'{"readings":[["a/b",1e30,2.0,0]]}',
    ],
)
async def test_nonsense_on_the_bus_does_no_harm(scene: Scene, payload: bytes) -> None:
    async with scene.client("somchai") as client, listening(client) as live:
        topic = live_topic("demo-farm", "melon-greenhouse")
        scene.parts.feed.hear(Message(topic, payload))
        scene.parts.feed.hear(Message(topic, sealed(topic, payload)))
        scene.parts.feed.hear(Message("tonnam/1/live/UP/..", b"{}"))
        scene.hears(VALVE, 1.0)
        assert (await live.event("readings"))[1]["readings"][0]["datastream"] == f"{FARM}/zone-1/valve_open"
