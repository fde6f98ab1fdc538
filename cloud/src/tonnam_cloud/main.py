"""The command `tonnam-cloud`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated

import structlog
import typer

from tonnam_cloud.alerts.rules import load_rules
from tonnam_cloud.people.cli import user_app
from tonnam_cloud.registry import repository
from tonnam_cloud.settings import read_settings
from tonnam_cloud.terminal import WRONG_SETTINGS, clear_failures, command_database
from tonnam_link.clock import system_clock

app = typer.Typer(
    help="Tonnam's cloud: takes in what farms and towns send, keeps it, and shows it on phones. "
    "It is set up by environment variables: TONNAM_DATA is the directory for its files, TONNAM_BROKER the address of "
    "the MQTT broker, such as mqtt://user:password@host:1883. Readings are kept in TONNAM_DATA, or with "
    "TONNAM_STORE=influx in the InfluxDB of TONNAM_INFLUX_URL (and _DATABASE, or _BUCKET, _ORG and _TOKEN). "
    "Everything else is kept there too, or in the PostgreSQL of TONNAM_DATABASE_URL. TONNAM_RULES is a file with "
    "rules for alerts of your own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
node_app = typer.Typer(help="The machines at farms and towns that may send.", no_args_is_help=True)
quarantine_app = typer.Typer(help="What came in and could not be taken as it was.", no_args_is_help=True)
app.add_typer(node_app, name="node")
app.add_typer(user_app, name="user")
app.add_typer(quarantine_app, name="quarantine")


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tonnam-cloud {version('tonnam-cloud')}")
        raise typer.Exit


@app.callback()
def about(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Options of the program itself; what it is for stands in its help."""


def main() -> None:
    """Run the command line."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    app()


@app.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="The address to listen on; 0.0.0.0 is every one.")] = None,
    port: Annotated[int | None, typer.Option(help="The port of the page and the API. [default: 8080]")] = None,
) -> None:
    """Run the cloud until Ctrl-C: takes in readings, answers phones, watches for alerts."""
    with clear_failures(WRONG_SETTINGS):
        settings = read_settings(host=host, port=port)
        rules = load_rules(settings.rules)
    from tonnam_cloud.serve import serve  # noqa: PLC0415 - the other commands need not load the API

    with clear_failures():
        asyncio.run(serve(settings, rules))


@node_app.command("add")
def add_node(
    tenant: Annotated[str, typer.Argument(help="Whose it is, such as demo-farm.")],
    node: Annotated[str, typer.Argument(help="Its own name, such as edge-1.")],
    name_th: Annotated[str, typer.Option(help="What people call it, in Thai.")] = "",
    name_en: Annotated[str, typer.Option(help="What people call it, in English.")] = "",
) -> None:
    """Let a machine send. Doing it again does no harm."""
    name = {"th": name_th or name_en or node, "en": name_en or name_th or node}
    with command_database() as database, database.writing() as session:
        new = repository.add_node(session, tenant, node, name, system_clock())
    typer.echo(f"{tenant} {node}: {'added' if new else 'was there already; its name is up to date'}")


@node_app.command("list")
def list_nodes() -> None:
    """Show every machine, and when it was last heard."""
    with command_database() as database, database.reading() as session:
        for node in repository.all_nodes(session):
            state = "online" if node.online else "offline"
            typer.echo(f"{node.tenant} {node.id}  {state}  last heard {_when(node.last_heard_ms)}  {node.name['en']}")


@quarantine_app.command("list")
def list_quarantine(limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 20) -> None:
    """Show what is in quarantine, newest first, and why."""
    with command_database() as database, database.reading() as session:
        for entry in repository.quarantined(session, limit):
            size = f"{len(entry.payload)} bytes, {entry.readings} readings kept out"
            typer.echo(f"{entry.id}  {_when(entry.received_ms)}  {entry.tenant} {entry.node}  {size}: {entry.reason}")


def _when(at_ms: int | None) -> str:
    if at_ms is None:
        return "never"
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
