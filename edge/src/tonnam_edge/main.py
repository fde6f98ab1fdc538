"""The command `tonnam-edge`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer

from tonnam_edge.all_off import all_off, told
from tonnam_edge.commissioning.commission_site import commission_site
from tonnam_edge.desk import ask, new_request
from tonnam_edge.errors import Misconfigured, Transient
from tonnam_edge.last_site import last_site
from tonnam_edge.modbus.port_locks import PortLocks
from tonnam_edge.modbus.wire import ModbusTransport
from tonnam_edge.recollection import UNREADABLE, standing_in
from tonnam_edge.serve import ClockWord, LinkSettings, Served
from tonnam_edge.site.address import ALLOWED
from tonnam_edge.site.check import BadSiteFile, load_site
from tonnam_edge.site.profile import shipped_profiles
from tonnam_edge.site.site import Site
from tonnam_link.commands.signing import read_public
from tonnam_link.errors import LinkError, OutboxInUse
from tonnam_link.mqtt.broker import Broker
from tonnam_link.outbox.limits import Limits

EXPECTED = (OSError, LinkError, sqlite3.Error, Transient)
BROKER_HERE = "mqtt://127.0.0.1:1883"
MIB = 1024 * 1024


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
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
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
        f"{len(site.programs)} programs, {len(site.stations)} stations."
    )
    untried = [name for name, each in site.actuators.items() if each.part.commissioned is None]
    if untried:
        typer.echo(f"Not tried out yet, see `tonnam-edge commission`: {', '.join(untried)}")


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

    When it is sent SIGHUP it reads the site file anew, and goes by it as soon as nothing runs.

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
        log: Any = structlog.get_logger("tonnam.edge")
        asyncio.run(Served(site, state, link, lambda: load_site(site_file, _addresses(bus))[0], log).run())
    except (Misconfigured, OutboxInUse) as wrong:
        _refuse(2, _said(wrong, wrong))
    except EXPECTED as failure:
        _refuse(1, _said(failure, failure))
    except ExceptionGroup as group:
        expected, others = group.split(EXPECTED)
        if others is not None or expected is None:
            raise
        _refuse(1, _said(group, *_leaves(expected)))


@app.command("all-off")
def turn_all_off(
    site_file: SiteArgument,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The agent's folder: what it has last served counts when SITE.toml is broken, and what it knows of "
            "keys and switches where they do not answer.",
        ),
    ] = None,
    bus: BusOption = None,
    unless_guarded: Annotated[
        bool, typer.Option("--unless-guarded", help="Leave alone what an agent that runs looks after.")
    ] = False,
) -> None:
    """Turn every valve and pump off, and read it back. For an emergency, and for after the end of an agent.

    A city's pumps and gates go into their own safe state, which for a flood pump is on; what is locked is left alone,
    and without DIR also what may be locked.

    Ends with 0 when all were read back as off, with 1 when not: then look at the cabinet.
    """
    try:
        site, _ = load_site(site_file, _addresses(bus))
    except BadSiteFile:
        site = _load(site_file, bus) if state is None else _last_site(site_file, state)
    is_off = asyncio.run(_all_off(site, state, unless_guarded=unless_guarded))
    if is_off is not None:
        typer.echo(told(is_off, site), err=not is_off)
    raise typer.Exit(1 if is_off is False else 0)


@app.command()
def commission(site_file: SiteArgument, bus: BusOption = None) -> None:
    """Try every board, valve and pump together with a person who looks, and write the results into SITE.toml.

    The agent must not run, and the pump must be isolated. One thing is on at a time, for seconds; the end of this
    command, also by Ctrl-C, turns everything off.
    """
    site = _load(site_file, bus)
    try:
        walk = commission_site(site_file, site, _addresses(bus), sys.stdin.fileno(), typer.echo, None)
        raise typer.Exit(asyncio.run(walk))
    except Misconfigured as wrong:
        _refuse(2, str(wrong))


StateOption = Annotated[Path, typer.Option("--state", metavar="DIR", help="The agent's folder.")]
WhoOption = Annotated[str, typer.Option(metavar="NAME", help="Who you are, for the others to know.")]
ZoneOption = Annotated[
    str | None, typer.Option(metavar="ZONE", help="The zone that is meant; the whole site when not given.")
]


@app.command()
def lock(
    site_file: SiteArgument,
    state: StateOption,
    who: WhoOption,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why it is locked.")],
    zone: ZoneOption = None,
    bus: BusOption = None,
) -> None:
    """Lock the water off: what runs ends, and nothing starts, whoever asks, until `unlock`. Restarts change nothing.

    A lock-out of the program is no lock on a switch: who works on pump or cables cuts the power and locks that.
    """
    _ask(site_file, bus, state, "lock", who=who, why=why, zone=zone)


@app.command()
def unlock(
    site_file: SiteArgument, state: StateOption, who: WhoOption, zone: ZoneOption = None, bus: BusOption = None
) -> None:
    """Remove the lock-outs of a zone, or all of them. This works here only, not from afar."""
    _ask(site_file, bus, state, "unlock", who=who, zone=zone)


@app.command()
def clear(
    site_file: SiteArgument,
    state: StateOption,
    who: WhoOption,
    latch: Annotated[
        str | None, typer.Option(metavar="ID", help="The one that is mended; all when not given.")
    ] = None,
    bus: BusOption = None,
) -> None:
    """Say that what was found wrong is mended, without the cloud. What is still wrong is found again."""
    _ask(site_file, bus, state, "clear", who=who, latch=latch)


@app.command()
def refilled(
    site_file: SiteArgument,
    state: StateOption,
    who: WhoOption,
    injector: Annotated[str, typer.Option(metavar="ID", help="The injector whose stock tank is full again.")],
    bus: BusOption = None,
) -> None:
    """Say that an injector's stock tank is full. This works here only: no more is dosed than it holds."""
    _ask(site_file, bus, state, "refilled", who=who, injector=injector)


@app.command()
def power_cut(
    site_file: SiteArgument,
    state: StateOption,
    who: WhoOption,
    injector: Annotated[str, typer.Option(metavar="ID", help="The injector whose dosing pump has no power.")],
    bus: BusOption = None,
) -> None:
    """Say that a dosing pump has no power, though its contact says that it runs: plain water goes on, without doses.

    This works here only, and stands until the contact opens. Look at the plug: nothing else stops that pump then.
    """
    _ask(site_file, bus, state, "power_cut", who=who, injector=injector)


@app.command()
def stands(site_file: SiteArgument, state: StateOption, bus: BusOption = None) -> None:
    """List lock-outs and what was found wrong: all that keeps water off until a person acts."""
    _ask(site_file, bus, state, "stands")


def _ask(site_file: Path, bus: Sequence[str] | None, state: Path, deed: str, **said: str | None) -> None:
    """Ask the agent that runs; where none runs, change its state. Ends with 0 when it is done, 1 when not."""
    try:
        request = new_request(deed, **said)
        found = ask(state, _load(site_file, bus), request)
    except (ValueError, Misconfigured) as wrong:
        _refuse(2, str(wrong))
    except (*EXPECTED, *UNREADABLE) as failure:
        _refuse(1, str(failure))
    typer.echo(found.text["en"], err=not found.done)
    for each in found.stands:
        typer.echo(f"  {each['en']}")
    raise typer.Exit(0 if found.done else 1)


def _last_site(site_file: Path, state: Path) -> Site:
    typer.echo(f"{site_file} cannot be used; what was last served counts.", err=True)
    try:
        return last_site(state)
    except Misconfigured as unknown:
        _refuse(2, str(unknown))


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


async def _all_off(site: Site, state: Path | None, *, unless_guarded: bool) -> bool | None:
    """Turn everything off, but with `unless_guarded` not what a running agent looks after. None: nothing is left."""
    with contextlib.closing(PortLocks("tonnam-edge all-off")) as ports:
        others = ports.take_free(site)
        for name, holder in others.items():
            typer.echo(f'Bus "{name}" is used by an agent ({holder}).', err=True)
        if unless_guarded:
            free = {n: a for n, a in site.actuators.items() if site.devices[a.part.device].part.bus not in others}
            site = replace(site, actuators=free)
        if not site.actuators:
            return None
        remembered = None if state is None or not site.stations else await standing_in(state)
        return await all_off(site, ModbusTransport, structlog.get_logger("tonnam.edge"), remembered)


def _said(noted: BaseException, *failures: BaseException) -> str:
    """What failed, and what that means for the water."""
    return ". ".join(["; ".join(str(failure) for failure in failures), *getattr(noted, "__notes__", ())])


def _load(site_file: Path, bus: Sequence[str] | None) -> Site:
    """The checked site; warnings and errors go to stderr, errors end with 2."""
    try:
        site, warnings = load_site(site_file, _addresses(bus), datetime.now().astimezone().date())
    except BadSiteFile as bad:
        for problem in bad.problems:
            typer.echo(problem.told(str(site_file)), err=True)
        count = sum(problem.severity == "error" for problem in bad.problems)
        _refuse(2, f"{count} thing{'s' if count != 1 else ''} to put right. Nothing was touched.")
    for warning in warnings:
        typer.echo(warning.told(str(site_file)), err=True)
    return site


def _addresses(bus: Sequence[str] | None) -> dict[str, str]:
    addresses = {}
    for one in bus or ():
        name, equals, address = one.partition("=")
        if not equals or not name:
            _refuse(2, f"--bus {one}: write NAME=ADDRESS, such as --bus cabinet=tcp://192.168.1.20:502")
        addresses[name] = address
    return addresses


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for failure in group.exceptions:
        found += _leaves(failure) if isinstance(failure, BaseExceptionGroup) else [failure]
    return found


def _refuse(code: int, text: str) -> NoReturn:
    typer.echo(f"tonnam-edge: {text}", err=True)
    raise typer.Exit(code)
