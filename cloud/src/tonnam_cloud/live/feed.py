"""Listens on the live bus, and passes what it says to the alerts, to people who wait for commands, and to phones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from tonnam_cloud.errors import Transient
from tonnam_cloud.live import bus
from tonnam_cloud.live.hub import Hub
from tonnam_cloud.live.schemas import LiveReading, Readings
from tonnam_cloud.measures.service import quality_label
from tonnam_cloud.outage import Outage
from tonnam_cloud.times import utc
from tonnam_link.mqtt.session import Message

QUEUE = 1_000
REFRESH_S = 30.0
"""What is on a phone grows old by itself: so often it is asked to fetch anew, each phone at its own moment."""
SPREAD_S = 5.0
"""After an outage of the broker all phones fetch anew within so long."""

log = structlog.get_logger(__name__)


class Feed:
    """The one listener of this process. `hear` is the session's callback; `run` does the work.

    `on_readings` and `on_outcomes` block and are called from a worker thread.
    """

    def __init__(
        self,
        hub: Hub,
        on_readings: Callable[[Sequence[bus.Heard]], None],
        on_outcomes: Callable[[Sequence[str]], None],
    ) -> None:
        self._hub = hub
        self._on_readings = on_readings
        self._on_outcomes = on_outcomes
        self._waiting: deque[bus.Heard] = deque(maxlen=QUEUE)  # the oldest makes way: alerts catch up, phones fetch
        self._arrived = asyncio.Event()
        self._outage = Outage("live events wait for the database")

    def hear(self, message: Message) -> None:
        """Take a message of the bus. Never blocks and never raises."""
        heard = bus.read(message.topic, message.payload)
        if heard is None:
            log.warning("not understood on the live bus", topic=message.topic)
            return
        self._waiting.append(heard)
        self._arrived.set()

    async def run(self) -> None:
        """Pass on what arrives, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._refresh_steadily())
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                heard = list(self._waiting)
                self._waiting.clear()
                await self._pass_on(heard)

    async def _pass_on(self, heard: Sequence[bus.Heard]) -> None:
        for each in heard:
            self._show(each)
        try:
            outcomes = [command for each in heard for command in each.stored.outcomes]
            if outcomes:
                await asyncio.to_thread(self._on_outcomes, outcomes)
            await asyncio.to_thread(self._on_readings, heard)
            self._outage.over()
        except Transient as error:
            self._outage.note(error)

    def _show(self, heard: bus.Heard) -> None:
        if heard.stored.readings:
            self._hub.tell(heard.tenant, "readings", _readings(heard))
        if heard.stored.events or heard.stored.outcomes:
            self._hub.changed(heard.tenant, "overview", "town")
        if "site.stands" in heard.stored.events:
            self._hub.changed(heard.tenant, "alerts")

    def refresh(self) -> None:
        """Ask everybody to fetch anew."""
        self._hub.changed_by_turns(SPREAD_S, "overview", "town", "alerts")

    async def _refresh_steadily(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            self._hub.changed_by_turns(REFRESH_S, "overview", "town")


def _readings(heard: bus.Heard) -> Readings:
    return Readings(
        tenant=heard.tenant,
        site=heard.site,
        readings=[
            LiveReading(
                datastream=heard.datastream(sample),
                observed_at=utc(sample.observed_at_ms),
                value=sample.value,
                quality=quality_label(sample.quality),
            )
            for sample in heard.stored.readings
        ],
    )
