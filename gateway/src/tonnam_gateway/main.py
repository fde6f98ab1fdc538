"""The command `tonnam-gateway`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer

from tonnam_gateway import loader
from tonnam_gateway.errors import Misconfigured
from tonnam_gateway.gateway import Gateway
from tonnam_gateway.mapping import Mapping
from tonnam_link.commands.signing import read_public
from tonnam_link.errors import LinkError
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.outbox.limits import Limits

MIB = 1024 * 1024


class ClockWord(StrEnum):
    """What TONNAM_CLOCK may say."""

    LEARNED = "learned"
    TRUSTED = "trusted"


app = typer.Typer(
    help="Takes in what a town's devices say over MQTT (Tasmota, ChirpStack, any JSON) and passes it on as readings, "
    "without losing one. A mapping file in TOML says which device is what.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The mapping file, such as town.toml.")]


@app.command()
def check(file: File) -> None:
    """Say all that is wrong with a mapping file. Touches no device, no network, no disk."""
    mapping = _load(file)
    streams = sum(1 for _ in mapping.streams())
    typer.echo(
        f"{file} is right: {mapping.tenant}/{mapping.node} turns {len(mapping.devices)} devices into "
        f"{len(mapping.sensors)} sensors with {streams} datastreams. It listens to:"
        if mapping.devices
        else f"{file} is right: {mapping.tenant}/{mapping.node} has no devices of its own."
    )
    for topic_filter in mapping.filters():
        typer.echo(f"  {topic_filter}")
    if mapping.relay:
        typer.echo(
            f"It passes on what {len(mapping.relay.nodes)} nodes say at the site's broker (TONNAM_SITE_BROKER), "
            f"and commands to them: {', '.join(mapping.relay.nodes)}"
        )


@app.command()
def run(
    file: File,
    state: Annotated[Path, typer.Option(metavar="DIR", help="Where readings are kept until the cloud has them.")],
    broker: Annotated[
        str,
        typer.Option(
            envvar="TONNAM_BROKER", show_default=False, help="Towards the cloud: mqtts://user:pass@host:port?ca=FILE"
        ),
    ],
    field_broker: Annotated[
        str,
        typer.Option(
            envvar="TONNAM_FIELD_BROKER", show_default=False, help="Where the devices speak, if it is another broker."
        ),
    ] = "",
    site_broker: Annotated[
        str,
        typer.Option(
            envvar="TONNAM_SITE_BROKER",
            show_default=False,
            help="For [relay]: the site's own broker, where the nodes behind this gateway speak.",
        ),
    ] = "",
    cloud_key: Annotated[
        str,
        typer.Option(
            envvar="TONNAM_CLOUD_KEY",
            show_default=False,
            help="The cloud's public key, as `tonnam-cloud keys public` prints it: ed25519:...",
        ),
    ] = "",
    outbox_days: Annotated[
        int,
        typer.Option(
            envvar="TONNAM_OUTBOX_DAYS",
            min=1,
            max=3650,
            help="For how many days readings stay whole when they cannot be sent; after that one value a minute.",
        ),
    ] = 90,
    outbox_mb: Annotated[
        int,
        typer.Option(
            envvar="TONNAM_OUTBOX_MB", min=1, max=1_000_000, help="How many MB on disk they may take until then."
        ),
    ] = 512,
    clock: Annotated[
        ClockWord,
        typer.Option(
            envvar="TONNAM_CLOCK",
            help="`trusted`: this machine has a good clock of its own, believe it from the start. "
            "`learned`: believe it when NTP says so, or when the cloud has told the time.",
        ),
    ] = ClockWord.LEARNED,
) -> None:
    """Run the gateway until Ctrl-C. Without a connection it goes on and keeps everything in DIR."""
    mapping = _load(file)
    uplink = _broker(broker, "TONNAM_BROKER")
    field = _broker(field_broker or broker, "TONNAM_FIELD_BROKER")
    site = _site_broker(site_broker, uplink) if mapping.relay else None
    _check_key(cloud_key)
    log = _logging()
    make = partial(
        Gateway,
        mapping,
        state,
        uplink=uplink,
        field=field,
        site=site,
        cloud_key=cloud_key,
        clock=NodeClock(kernel_synced=lambda: True) if clock is ClockWord.TRUSTED else NodeClock(),
        limits=Limits(outbox_days, outbox_mb * MIB),
        log=log,
    )
    about_it = {"node": f"{mapping.tenant}/{mapping.node}", "uplink": str(uplink), "field": str(field)}
    try:
        state.mkdir(parents=True, exist_ok=True)
        asyncio.run(_serve(make, log.bind(**about_it)))
    except (LinkError, OSError) as error:
        _fail(str(error), 1)


async def _serve(make: Callable[[], Gateway], log: Any) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gateway = make()
    log.info("gateway.started")
    try:
        await gateway.run(stop)
    except ExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _load(file: Path) -> Mapping:
    try:
        return loader.load(file)
    except Misconfigured as error:
        _fail(str(error), 2)


def _broker(url: str, variable: str) -> Broker:
    try:
        return Broker.parse(url)
    except ValueError as error:
        _fail(f"{variable}: {error}", 2)


def _site_broker(url: str, uplink: Broker) -> Broker:
    if not url:
        _fail("TONNAM_SITE_BROKER: is missing; for [relay] it is the site's broker: mqtt://user:pass@host:port", 2)
    site = _broker(url, "TONNAM_SITE_BROKER")
    if (site.host, site.port) == (uplink.host, uplink.port):
        _fail("TONNAM_SITE_BROKER: must be another broker than TONNAM_BROKER: who reaches that needs no gateway", 2)
    return site


def _check_key(cloud_key: str) -> None:
    try:
        if cloud_key:
            read_public(cloud_key)
    except ValueError as error:
        _fail(f"TONNAM_CLOUD_KEY: {error}", 2)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _logging() -> Any:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return structlog.get_logger("tonnam.gateway")


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tonnam-gateway {version('tonnam-gateway')}")
        raise typer.Exit


@app.callback()
def about(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Options of the program itself; what it is for stands in its help."""


def main() -> None:
    """The entry point."""
    app()
