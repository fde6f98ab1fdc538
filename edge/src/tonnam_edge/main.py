"""The command `tonnam-edge`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import structlog
import typer

from tonnam_edge.address import ALLOWED
from tonnam_edge.agent import Agent
from tonnam_edge.all_off import all_off, told
from tonnam_edge.check import BadSiteFile, load_site
from tonnam_edge.errors import Misconfigured, Transient
from tonnam_edge.profile import shipped_profiles
from tonnam_edge.site import Site
from tonnam_edge.state_store import KEYS_FILE, OUTBOX_FILE, StateLock, StateStore
from tonnam_edge.wire import ModbusTransport
from tonnam_link.commands.keyring import Keyring
from tonnam_link.commands.signing import read_public
from tonnam_link.errors import LinkError, OutboxInUse
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.uplink import Uplink
from tonnam_link.outbox.limits import Limits

EXPECTED = (OSError, LinkError, sqlite3.Error, Transient)
BROKER_HERE = "mqtt://127.0.0.1:1883"
MIB = 1024 * 1024


class ClockWord(StrEnum):
    """What TONNAM_CLOCK may say."""

    LEARNED = "learned"
    TRUSTED = "trusted"


class LinkSettings(NamedTuple):
    """What the environment says of the link."""

    broker: Broker
    cloud_key: str | None
    limits: Limits
    clock: ClockWord


app = typer.Typer(
    help="Waters a farm: reads its probes, opens valves and pump when it should, and tells the cloud. "
    "It goes on by itself without internet. What the farm is like stands in one site file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SiteArgument = Annotated[Path, typer.Argument(metavar="SITE.toml", help="The site file: your farm, written down.")]
BusOption = Annotated[
    list[str] | None,
    typer.Option(
        "--bus",
        metavar="NAME=ADDRESS",
        help=f"Where a bus is, instead of what the site file says; may be repeated. ADDRESS: {ALLOWED}.",
    ),
]


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tonnam-edge {version('tonnam-edge')}")
        raise typer.Exit


@app.callback()
def about(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Options of the program itself; what it is for stands in its help."""


def main() -> None:
    """Entry point of the console script."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # silence is told once, by the bus
    app()


@app.command()
def check(site_file: SiteArgument, bus: BusOption = None) -> None:
    """Say all that is wrong with a site file, line by line. Touches no device: safe at any time.

    Ends with 0 when the file can be used (there may be warnings), with 2 when it cannot.
    """
    site = _load(site_file, bus)
    typer.echo(
        f"{site_file}: good. {len(site.zones)} zones, {len(site.actuators)} valves and pumps, "
        f"{len(site.devices)} devices on {len(site.buses)} buses, {len(site.datastreams)} datastreams, "
        f"{len(site.programs)} programs."
    )


@app.command()
def run(
    site_file: SiteArgument,
    state: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for what must survive a power cut. Made if it is not there.")
    ],
    bus: BusOption = None,
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
    """Run the farm until Ctrl-C. Valves and pump are turned off at the start and at the end.

    The cloud's address is in TONNAM_BROKER, such as mqtt://user:password@host:1883. Without it the farm runs just
    the same; readings are kept in DIR and sent when there is a broker at mqtt://127.0.0.1:1883.

    TONNAM_CLOUD_KEY is the cloud's public key, as `tonnam-cloud keys public` prints it. Without it the farm obeys its
    own programs only: every command from afar is refused.
    """
    site = _load(site_file, bus)
    try:
        broker = Broker.parse(os.environ.get("TONNAM_BROKER") or BROKER_HERE)
    except ValueError as wrong:
        _refuse(2, f"TONNAM_BROKER: {wrong}")
    link = LinkSettings(broker, _cloud_key(), Limits(outbox_days, outbox_mb * MIB), clock)
    try:
        asyncio.run(_run(site, state, link))
    except (Misconfigured, OutboxInUse) as wrong:
        _refuse(2, _said(wrong, wrong))
    except EXPECTED as failure:
        _refuse(1, _said(failure, failure))
    except ExceptionGroup as group:
        expected, others = group.split(EXPECTED)
        if others is not None or expected is None:
            raise
        _refuse(1, _said(group, *_leaves(expected)))


@app.command()
def profiles() -> None:
    """List the devices that are known, by the name that goes into `profile = "..."`."""
    for profile in shipped_profiles().values():
        measures = ", ".join(profile.told()) or "valves and pumps"
        typer.echo(f"{profile.id:22} {profile.name.en}: {measures}")


def _cloud_key() -> str | None:
    """The first key whose commands are obeyed, checked before anything is touched."""
    text = os.environ.get("TONNAM_CLOUD_KEY") or None
    try:
        if text is not None:
            read_public(text)
    except ValueError as wrong:
        _refuse(2, f"TONNAM_CLOUD_KEY: {wrong}")
    return text


async def _run(site: Site, state: Path, link: LinkSettings) -> None:
    """Run the agent under the state directory's lock. Whatever fails once it is held, all is turned off and told."""
    log: Any = structlog.get_logger("tonnam.edge")
    agent: Agent | None = None
    with contextlib.ExitStack() as open_files:
        try:
            lock = open_files.enter_context(contextlib.closing(StateLock(state)))
            store = open_files.enter_context(contextlib.closing(StateStore(state, lock)))
            clock = NodeClock(kernel_synced=lambda: True) if link.clock is ClockWord.TRUSTED else NodeClock()
            agent = Agent(site, store, _uplink(site, state, link, clock, log), log, clock=clock)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, agent.stop)
            await agent.run()
        except Misconfigured:
            raise  # another agent moves these valves, or there is no such place: nothing was touched
        except BaseException as failure:
            if agent is None:
                failure.add_note(told(await all_off(site, ModbusTransport, log)))
            raise


def _uplink(site: Site, state: Path, link: LinkSettings, clock: NodeClock, log: Any) -> Uplink:
    keys = Keyring(state / KEYS_FILE, link.cloud_key)
    if not keys.trusted:
        log.warning("keys.none", meaning="no command from afar is obeyed", right="give it TONNAM_CLOUD_KEY")
    return Uplink(
        state / OUTBOX_FILE,
        link.broker,
        tenant=site.file.node.tenant,
        node=site.file.node.id,
        datastreams=[datastream.spec for datastream in site.datastreams],
        clock=clock,
        limits=link.limits,
        keys=keys,
        seal_every_s=site.file.telling.send_s,
    )


def _said(noted: BaseException, *failures: BaseException) -> str:
    """What failed, and what that means for the water."""
    return ". ".join(["; ".join(str(failure) for failure in failures), *getattr(noted, "__notes__", ())])


def _load(site_file: Path, bus: Sequence[str] | None) -> Site:
    """The checked site; warnings and errors go to stderr, errors end with 2."""
    addresses = {}
    for one in bus or ():
        name, equals, address = one.partition("=")
        if not equals or not name:
            _refuse(2, f"--bus {one}: write NAME=ADDRESS, such as --bus cabinet=tcp://192.168.1.20:502")
        addresses[name] = address
    try:
        site, warnings = load_site(site_file, addresses)
    except BadSiteFile as bad:
        for problem in bad.problems:
            typer.echo(problem.told(str(site_file)), err=True)
        count = sum(problem.severity == "error" for problem in bad.problems)
        _refuse(2, f"{count} thing{'s' if count != 1 else ''} to put right. Nothing was touched.")
    for warning in warnings:
        typer.echo(warning.told(str(site_file)), err=True)
    return site


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for failure in group.exceptions:
        found += _leaves(failure) if isinstance(failure, BaseExceptionGroup) else [failure]
    return found


def _refuse(code: int, text: str) -> NoReturn:
    typer.echo(f"tonnam-edge: {text}", err=True)
    raise typer.Exit(code)
