"""One process: ingest, API and alerts on one event loop; what blocks runs in threads."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from tonnam_cloud.alerts.rules import Rule
from tonnam_cloud.api import create_app
from tonnam_cloud.errors import CloudError
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.presence import Presences
from tonnam_cloud.keys.vault import Vault
from tonnam_cloud.opening import open_database
from tonnam_cloud.parts import build_parts
from tonnam_cloud.settings import Settings
from tonnam_cloud.store.choice import open_store
from tonnam_cloud.upkeep import for_ever
from tonnam_link.clock import system_clock
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.receiving.receiver import Receiver

END_STREAMS_S = 2

log = structlog.get_logger("tonnam.cloud")


class _Web(uvicorn.Server):
    """uvicorn without its own signal handlers: this process has one end for all its parts."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, rules: Sequence[Rule]) -> None:
    """Run until SIGINT or SIGTERM. Raises CloudError when the port is taken or the data are another writer's."""
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(settings.host, settings.port))
        database = open_database(settings)
        stack.callback(database.close)
        store = open_store(settings)
        stack.callback(store.close)
        session = Session(Broker.parse(settings.broker), client_id=_client_id(settings))
        ingest = Ingest(database, store, session.publish, system_clock)
        stack.callback(ingest.close)
        vault = Vault(settings.data, system_clock)
        parts = build_parts(database, store, session.publish, vault, rules, ingest=ingest.status)
        parts.attach(session)
        receiver = Receiver(session, ingest.commit)
        ingest.status.link = lambda: receiver.counts
        presences = Presences(session, ingest, database, session.publish, system_clock)
        web = _Web(web_config(create_app(parts), settings))
        address = f"http://{settings.host}:{settings.port}"
        log.info("cloud is up", address=address, store=settings.store, key=vault.current.id)
        upkeep = [for_ever("ingest", ingest.run), for_ever("presence", presences.run), parts.run()]
        await _until_told(web, listener, session.run(), receiver.run(), *upkeep)
    log.info("cloud has ended")


def web_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the application is served: a trusted proxy is believed on client and scheme, nobody else is."""
    return uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=END_STREAMS_S,
    )


async def _until_told(web: _Web, listener: socket.socket, *parts: Coroutine[None, None, None]) -> None:
    """Run the parts and the web server until a signal; then end the parts first, so that streams end too."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part) for part in parts]
        group.create_task(web.serve(sockets=[listener]))
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        web.should_exit = True


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """The socket of the API, taken before anything else is touched."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise CloudError(f"port {port} on {host} cannot be used ({why}): choose another") from error
    with listener:
        yield listener


def _client_id(settings: Settings) -> str:
    """The same at every start of this installation, another one for every other."""
    place = f"{socket.gethostname()}:{settings.data.absolute()}"
    return f"tonnam-cloud-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
