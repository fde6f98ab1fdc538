"""Tells nodes of new keys: each online node that is behind gets the newest key document, until it says it has it.

The document is signed by the newest key that the node trusts, so that one which was away through several rotations
comes up in one step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.keys.vault import Vault
from tonnam_cloud.outage import Outage
from tonnam_cloud.registry import repository
from tonnam_link.topics import Channel, Origin, node_topic

ROUND_S = 2.0
SEND_AGAIN_MS = 10_000

log = structlog.get_logger(__name__)


class Told(NamedTuple):
    """Which document a node was sent, and when."""

    serial: int
    at_ms: int


class Announcements:
    """Sends key documents. `publish(topic, payload)` is False while there is no link to the broker."""

    def __init__(
        self, database: Database, publish: Callable[[str, bytes], bool], vault: Vault, clock_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._publish = publish
        self._vault = vault
        self._clock_ms = clock_ms
        self._told: dict[Origin, Told] = {}
        self._lost: set[Origin] = set()

    async def run(self) -> None:
        """Tell whoever is behind, until cancelled."""
        outage = Outage("news of keys waits for the database")
        while True:
            try:
                await self.round()
                outage.over()
            except Transient as error:
                outage.note(error)
            await asyncio.sleep(ROUND_S)

    async def round(self) -> None:
        """Send what is due now."""
        nodes = await asyncio.to_thread(self._online)
        serial, now_ms = self._vault.serial, self._clock_ms()
        for node in nodes:
            self._complain(node, serial)
            if node.serial < serial and self._due(node.origin, serial, now_ms):
                self._send(node, serial, now_ms)
        self._told = {node.origin: told for node in nodes if (told := self._told.get(node.origin)) is not None}

    def _online(self) -> list[repository.Trusting]:
        with self._database.reading() as session:
            return repository.trusting(session, online=True)

    def _due(self, origin: Origin, serial: int, now_ms: int) -> bool:
        told = self._told.get(origin)
        return told is None or told.serial < serial or abs(now_ms - told.at_ms) >= SEND_AGAIN_MS

    def _send(self, node: repository.Trusting, serial: int, now_ms: int) -> None:
        key = self._vault.trusted_by(node.trusts)
        if key is None:
            return  # it would not believe us
        envelope = key.sign(Channel.CONFIG, node.origin, self._vault.document())
        if self._publish(node_topic(*node.origin, Channel.CONFIG), envelope):
            self._told[node.origin] = Told(serial, now_ms)

    def _complain(self, node: repository.Trusting, serial: int) -> None:
        """Say once what only a person can mend: keys that were lost here, or that are not ours."""
        deaf = self._vault.trusted_by(node.trusts) is None
        if not deaf and node.serial <= serial:
            self._lost.discard(node.origin)
            return
        if node.origin in self._lost:
            return
        self._lost.add(node.origin)
        if deaf:
            log.error(
                "a node obeys none of our keys",
                node=str(node.origin),
                trusts=node.trusts,
                right="put TONNAM_DATA/keys from a backup in place, or give the node TONNAM_CLOUD_KEY anew",
            )
        else:
            log.error(
                "a node knows newer keys than we have",
                node=str(node.origin),
                its_serial=node.serial,
                our_serial=serial,
                right="put the newest TONNAM_DATA/keys in place, or run `tonnam-cloud keys rotate`",
            )
