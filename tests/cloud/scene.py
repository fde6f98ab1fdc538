"""One farm and one town as their nodes have described them, behind the real API on a real socket."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from tests.cloud.readings import batch, column
from tests.servers import free_port
from tonnam_cloud.alerts.rules import Rule, load_rules
from tonnam_cloud.api import create_app
from tonnam_cloud.database import Database
from tonnam_cloud.keys.vault import Vault
from tonnam_cloud.live.bus import sealed
from tonnam_cloud.parts import Parts, build_parts
from tonnam_cloud.people.passwords import Passwords
from tonnam_cloud.people.person import Role
from tonnam_cloud.registry.models import Datastream, Node, Run, Sensor, Site, Tenant, Zone
from tonnam_cloud.store.port import Store
from tonnam_link.commands.signing import open_signed, read_public, trust
from tonnam_link.messages import Command as WireCommand
from tonnam_link.mqtt.session import Message
from tonnam_link.topics import Channel, parse_node_topic

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
"""13:00 on a dry afternoon in Thailand."""
NOW_MS = int(NOW.timestamp() * 1000)
SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000

FARM = "demo-farm/melon-greenhouse"
MOISTURE = f"{FARM}/zone-1/soil_moisture"
VALVE = f"{FARM}/zone-1/valve_open"
TANK = f"{FARM}/tank/level"
DUST, COARSE = "demo-town/town/air-1/pm2_5", "demo-town/town/air-1/pm10"
RAIN = "demo-town/town/rain-1/rain_total"
RIVER = "demo-town/town/river-1/river_level"
COMMANDS = f"/api/sites/{FARM}/zones/zone-1/commands"
PASSWORD = "melons-need-water"
PAGE = {"X-Tonnam": "1"}
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))

FARM_STREAMS = [
    (MOISTURE, "%"),
    (VALVE, "1"),
    (f"{FARM}/zone-2/soil_moisture", "%"),
    (f"{FARM}/zone-2/valve_open", "1"),
    (f"{FARM}/pump/running", "1"),
    (TANK, "cm"),
    (f"{FARM}/flow/rate", "L/min"),
    (f"{FARM}/climate/air_temperature", "Cel"),
]
TOWN_STREAMS = [(DUST, "ug/m3"), (COARSE, "ug/m3"), (RAIN, "mm"), (RIVER, "m")]


def words(text: str) -> dict[str, str]:
    return {"th": f"{text} (ไทย)", "en": text}


@dataclass
class Clock:
    """Time that tests turn."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        self.now_ms += int(seconds * SECOND_MS)


@dataclass
class Wire:
    """The link to the broker, and the commands that went over it."""

    vault: Vault
    online: bool = True
    published: list[tuple[str, WireCommand]] = field(default_factory=list)
    signed_by: list[str] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes) -> bool:
        """As a node's inbox reads it; what is not signed for it fails the test."""
        if self.online:
            origin = parse_node_topic(topic).origin  # type: ignore[union-attr]
            keys = trust([read_public(key.public) for key in self.vault.keys])
            opened = open_signed(payload, keys, Channel.COMMAND, origin)
            self.signed_by.append(opened.key_id.hex())
            self.published.append((topic, msgspec.json.decode(opened.body, type=WireCommand)))
        return self.online


@dataclass
class Scene:
    """The parts of a cloud, what they published, and where its API listens."""

    database: Database
    store: Store
    clock: Clock
    parts: Parts
    wire: Wire
    base_url: str

    def reads(self, datastream: str, *rows: tuple[float, float | None], quality: int = 0) -> None:
        """Store readings, each (seconds before now, value)."""
        now_ms = self.clock.now_ms
        stored = sorted((now_ms - int(ago_s * SECOND_MS), value, quality, None) for ago_s, value in rows)
        self.store.append([batch(column(stored, datastream))])

    def hears(self, datastream: str, value: float | None, *, quality: int = 0, events: Sequence[str] = ()) -> None:
        """As ingest does: store a reading of now, and say so on the live bus."""
        self.reads(datastream, (0, value), quality=quality)
        tenant, site, path = datastream.split("/", 2)
        self.says(tenant, site, readings=[[path, self.clock.now_ms, value, quality]], events=list(events))

    def says(self, tenant: str, site: str, **content: Any) -> None:
        """A message on the live bus."""
        topic, text = f"tonnam/1/live/{tenant}/{site}", json.dumps({"node": "edge-1", **content}).encode()
        self.parts.feed.hear(Message(topic, sealed(topic, text)))

    @asynccontextmanager
    async def client(self, name: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A browser of its own; signed in when a name is given."""
        async with httpx.AsyncClient(base_url=self.base_url, headers=PAGE, timeout=10, trust_env=False) as client:
            if name:
                answer = await client.post("/api/session", json={"username": name, "password": PASSWORD})
                assert answer.status_code == 200, answer.text
            yield client


def describe(session: Session) -> None:
    """What the nodes' `site.described` leave in the registry."""
    for tenant, node, site, kind in (
        ("demo-farm", "edge-1", "melon-greenhouse", "farm"),
        ("demo-town", "gateway-1", "town", "city"),
    ):
        session.add(Tenant(id=tenant, name=words(tenant), created_ms=0))
        session.flush()
        session.add(
            Node(tenant=tenant, id=node, name=words(node), created_ms=0, online=True, last_heard_ms=NOW_MS - 2_000)
        )
        session.flush()
        session.add(Site(tenant=tenant, id=site, node=node, kind=kind, name=words(site), described_ms=NOW_MS))
    session.flush()
    farm = session.get_one(Site, ("demo-farm", "melon-greenhouse"))
    farm.pump, farm.tank, farm.tank_full_cm = f"{FARM}/pump/running", TANK, 200.0
    farm.flow = f"{FARM}/flow/rate"
    for position, (name, unit) in enumerate(FARM_STREAMS + TOWN_STREAMS):
        session.add(datastream(name, unit, position))
    for number in (1, 2):
        session.add(zone(number))
    for position, (thing, kind, streams) in enumerate(
        (("air-1", "air", [DUST, COARSE]), ("rain-1", "rain", [RAIN]), ("river-1", "river", [RIVER]))
    ):
        session.add(
            Sensor(
                tenant="demo-town",
                site="town",
                thing=thing,
                kind=kind,
                name=words(thing),
                datastreams=streams,
                bank_height_m=5.0 if kind == "river" else None,
                position=position,
            )
        )


def datastream(name: str, unit: str, position: int) -> Datastream:
    tenant, site, thing, prop = name.split("/")
    kind = "state" if prop in {"valve_open", "running"} else "measure"
    return Datastream(
        id=name,
        tenant=tenant,
        site=site,
        thing=thing,
        property=prop,
        name=words(f"{thing} {prop}"),
        unit=unit,
        kind=kind,
        max_age_s=60.0 if tenant == "demo-farm" else 900.0,
        position=position,
    )


def zone(number: int) -> Zone:
    return Zone(
        tenant="demo-farm",
        site="melon-greenhouse",
        id=f"zone-{number}",
        name=words(f"Zone {number}"),
        moisture=f"{FARM}/zone-{number}/soil_moisture",
        valve=f"{FARM}/zone-{number}/valve_open",
        band_low_pct=26.0,
        band_high_pct=31.0,
        max_run_s=1800,
        description={"crop": words("melon"), "area_m2": 1600},
        position=number,
        next_at_ms=NOW_MS + HOUR_MS,
        next_text=words("14:00, timer"),
    )


def run(run_id: str, started_ago_s: int, ended_ago_s: int | None = None) -> Run:
    """A watering of zone 1."""
    ended = ended_ago_s is not None
    return Run(
        tenant="demo-farm",
        run_id=run_id,
        node="edge-1",
        site="melon-greenhouse",
        zone="zone-1",
        cause="timer",
        planned_s=600,
        started_ms=NOW_MS - started_ago_s * SECOND_MS,
        start_reason=words("it is time"),
        ended_ms=NOW_MS - ended_ago_s * SECOND_MS if ended_ago_s is not None else None,
        outcome="done" if ended else None,
        litres=601.0 if ended else None,
        end_reason=words("enough") if ended else None,
    )


def settle(parts: Parts) -> None:
    """Three people: a farmer of the farm who may look at the town, a viewer of the farm, a stranger."""
    farmer, viewer = Role.FARMER, Role.VIEWER
    for name, roles in (
        ("somchai", {"demo-farm": farmer, "demo-town": viewer}),
        ("malee", {"demo-farm": viewer}),
        ("stranger", {"demo-town": viewer}),
    ):
        parts.people.put_account(name, display_name=name.title(), roles=roles, password=PASSWORD)


@asynccontextmanager
async def playing(
    database: Database, store: Store, *, rules: Sequence[Rule] | None = None, web_dist: Path | None = None
) -> AsyncIterator[Scene]:
    """A scene whose API answers. Its upkeep (`parts.run`) is for the test to start."""
    with database.writing() as session:
        describe(session)
    clock = Clock()
    with tempfile.TemporaryDirectory() as data:
        wire = Wire(Vault(Path(data), clock))
        rules = load_rules() if rules is None else rules
        parts = build_parts(database, store, wire.publish, wire.vault, rules, clock, QUICK)
        settle(parts)
        async with serving(parts, web_dist) as base_url:
            yield Scene(database, store, clock, parts, wire, base_url)


@asynccontextmanager
async def serving(parts: Parts, web_dist: Path | None = None) -> AsyncIterator[str]:
    """The API on a free port, by uvicorn; its address."""
    app = create_app(parts, web_dist) if web_dist else create_app(parts)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "uvicorn ended early"
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        parts.hub.close()
        server.should_exit = True
        await task


async def until(holds: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait for something that other tasks bring about."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"it did not come within {timeout_s:g} s"
        await asyncio.sleep(0.01)
