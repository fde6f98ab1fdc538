"""`tonnam-cloud broker-config`: the broker's configuration from the registry, once, or kept true for ever."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from tonnam_cloud.broker import mosquitto, nats
from tonnam_cloud.broker.files import CERTIFICATE, KEY, version_of, write_files
from tonnam_cloud.broker.listening import Listening, Pair
from tonnam_cloud.broker.passwords import Hashes
from tonnam_cloud.broker.reload import Reloader
from tonnam_cloud.broker.rights import NodeAccess, User, users_of
from tonnam_cloud.broker.users_file import OtherUser
from tonnam_cloud.database import Database
from tonnam_cloud.errors import CloudError, Misconfigured, Rejected
from tonnam_cloud.outage import Outage
from tonnam_cloud.registry import access
from tonnam_link.topics import is_id

EVERY_S = 1.0

log = structlog.get_logger(__name__)


class Broker(StrEnum):
    """Whose dialect."""

    NATS = "nats"
    MOSQUITTO = "mosquitto"

    @property
    def program(self) -> str:
        """What its process is called."""
        return "nats-server" if self is Broker.NATS else "mosquitto"


@dataclass(frozen=True)
class Config:
    """What one broker's configuration is made of, besides the registry."""

    broker: Broker
    directory: Path
    listening: Listening
    others: Sequence[tuple[OtherUser, Hashes]]
    site: str | None = None
    """The gateway ("tenant/node") whose site's broker this is; None for the broker that the cloud is at."""

    def __post_init__(self) -> None:
        if not str(self.directory).isprintable():
            raise Misconfigured(f"--out: {str(self.directory)!r} is no name that a broker can read")
        if self.site is not None and not all(map(is_id, self.site.partition("/")[::2])):
            raise Misconfigured(f"--site: {self.site!r} is not TENANT/GATEWAY: demo-farm/gateway-1 is right")
        if self.site is None and not any(user.cloud for user, _ in self.others):
            raise Misconfigured("no user of the users file has cloud = true: nobody would take what nodes send")
        if self.site is not None and any(user.cloud for user, _ in self.others):
            raise Misconfigured("the cloud is not at a site's broker: no user there has cloud = true")
        if self.broker is Broker.NATS and None not in (self.listening.plain, self.listening.tls):
            raise Misconfigured("a NATS server has one listener for MQTT: --listen or --listen-tls, not both")


class Writer:
    """Keeps the files as the registry says. Blocking. Raises Misconfigured when certificate and key do not fit."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database
        self._pair = config.listening.read_pair()
        self._half_renewed = Outage("the broker's certificate stays as it is")
        self._written = ""
        self._unknown: set[str] = set()

    def write(self) -> str:
        """Write what is news; the version that is on the disk. Raises CloudError."""
        with self._database.reading() as session:
            nodes = access.may_connect(session)
        users = self._users(nodes)
        files = self._files(users)
        version = version_of(files)
        if version != self._written:
            self._complain({node.name for node in nodes})
            write_files(self._config.directory, files, version)
            log.info("broker configuration written", directory=str(self._config.directory), users=len(users))
            self._written = version
        return version

    def _users(self, nodes: Sequence[NodeAccess]) -> list[User]:
        site = self._config.site
        if site is not None and site not in {node.name for node in nodes}:
            raise Rejected(f"{site} is no node that may connect: `tonnam-cloud node list` shows them")
        return users_of(nodes, self._config.others, site)

    def _files(self, users: Sequence[User]) -> dict[str, str]:
        config, pair = self._config, self._newest_pair()
        dialect = nats if config.broker is Broker.NATS else mosquitto
        files = dialect.files_of(users, config.listening, config.directory)
        return files if pair is None else {**files, CERTIFICATE: pair.certificate, KEY: pair.key}

    def _newest_pair(self) -> Pair | None:
        """The certificate as it is now, or the last one that was whole: users must not wait for a renewal."""
        try:
            self._pair = self._config.listening.read_pair()
            self._half_renewed.over()
        except Misconfigured as error:
            self._half_renewed.note(error)
        return self._pair

    def _complain(self, nodes: set[str]) -> None:
        """Say once which gateways of the users file are not (or no longer) nodes that may connect."""
        unknown = {name for user, _ in self._config.others for name in user.gateways} - nodes
        for name in sorted(unknown - self._unknown):
            log.warning("no such gateway may connect: nobody hears its field devices", gateway=name)
        self._unknown = unknown


def write_once(writer: Writer, reloader: Reloader | None) -> None:
    """Write, and tell the broker if it runs. Raises CloudError."""
    version = writer.write()
    if reloader is not None:
        reloader.tell(version)


async def follow(writer: Writer, reloader: Reloader | None) -> None:
    """Keep the files true until SIGINT or SIGTERM: a node that is revoked is off within some seconds.

    Raises CloudError when the first time fails. Later an outage is logged, and the broker goes on with what it has.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await asyncio.to_thread(write_once, writer, reloader)
    outage = Outage("the broker's users stay as they are")
    while not stop.is_set():
        try:
            async with asyncio.timeout(EVERY_S):
                await stop.wait()
        except TimeoutError:
            await asyncio.to_thread(_write_again, writer, reloader, outage)


def _write_again(writer: Writer, reloader: Reloader | None, outage: Outage) -> None:
    try:
        write_once(writer, reloader)
    except CloudError as error:
        outage.note(error)
        return
    outage.over()
