"""The parts of a running cloud that its slices share, put together once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tonnam_cloud.alerts.rules import Rule
from tonnam_cloud.alerts.watch import Watch
from tonnam_cloud.database import Database
from tonnam_cloud.farm.commands import Commands
from tonnam_cloud.farm.schemas import Command
from tonnam_cloud.ingest.status import IngestStatus
from tonnam_cloud.keys.announce import Announcements
from tonnam_cloud.keys.vault import Vault
from tonnam_cloud.live.feed import Feed
from tonnam_cloud.live.hub import Hub
from tonnam_cloud.people.passwords import Passwords
from tonnam_cloud.people.service import People
from tonnam_cloud.store.hours import HourMeans
from tonnam_cloud.store.port import Store
from tonnam_cloud.upkeep import for_ever
from tonnam_link.clock import Clock, system_clock
from tonnam_link.mqtt.session import Session
from tonnam_link.topics import ALL_LIVE


@dataclass(frozen=True)
class Parts:
    """What the API's routes stand on. `attach` it to the session before that runs; `run` does all upkeep."""

    database: Database
    store: Store
    hours: HourMeans
    clock_ms: Clock
    people: People
    commands: Commands
    announcements: Announcements
    watch: Watch
    hub: Hub
    feed: Feed
    ingest: IngestStatus

    def attach(self, session: Session) -> None:
        """Listen on the live bus; after every connection phones fetch anew, because the bus repeats nothing."""
        session.subscribe(ALL_LIVE, self.feed.hear)
        session.when_connected(self.feed.refresh)

    async def run(self) -> None:
        """Send commands and keys, watch for alerts, feed phones, until cancelled; then end every live stream."""
        try:
            async with asyncio.TaskGroup() as group:
                for name, upkeep in (
                    ("commands", self.commands.run),
                    ("keys", self.announcements.run),
                    ("alerts", self.watch.run),
                    ("live", self.feed.run),
                ):
                    group.create_task(for_ever(name, upkeep))
        finally:
            self.hub.close()


def build_parts(
    database: Database,
    store: Store,
    publish: Callable[[str, bytes], bool],
    vault: Vault,
    rules: Sequence[Rule],
    clock_ms: Clock = system_clock,
    passwords: Passwords | None = None,
    ingest: IngestStatus | None = None,
) -> Parts:
    """Put the parts together; nothing runs yet. `publish(topic, payload)` is False while the broker is away."""
    hub = Hub()

    def tell_command(tenant: str, command: Command) -> None:
        hub.tell(tenant, "command", command)

    def tell_alerts(tenant: str) -> None:
        hub.changed(tenant, "alerts", "overview")

    commands = Commands(database, publish, vault, clock_ms, tell_command)
    watch = Watch(database, store, rules, clock_ms, tell_alerts)
    return Parts(
        database=database,
        store=store,
        hours=HourMeans(store),
        clock_ms=clock_ms,
        people=People(database, clock_ms, passwords),
        commands=commands,
        announcements=Announcements(database, publish, vault, clock_ms),
        watch=watch,
        hub=hub,
        feed=Feed(hub, watch.hear, commands.tell),
        ingest=ingest or IngestStatus(),
    )
