"""The command `tonnam-cloud`."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from typing import Annotated

import structlog
import typer

from tonnam_cloud.broker.cli import broker_config
from tonnam_cloud.ingest.cli import quarantine_app
from tonnam_cloud.keys.cli import keys_app
from tonnam_cloud.people.cli import user_app
from tonnam_cloud.registry.cli import node_app
from tonnam_cloud.settings import read_settings
from tonnam_cloud.terminal import WRONG_SETTINGS, clear_failures

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
app.add_typer(node_app, name="node")
app.add_typer(user_app, name="user")
app.add_typer(keys_app, name="keys")
app.add_typer(quarantine_app, name="quarantine")
app.command("broker-config")(broker_config)


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
    from tonnam_cloud.alerts.rules import load_rules  # noqa: PLC0415 - the other commands need not load all this

    with clear_failures(WRONG_SETTINGS):
        settings = read_settings(host=host, port=port)
        rules = load_rules(settings.rules)
    from tonnam_cloud.serve import serve  # noqa: PLC0415

    with clear_failures():
        asyncio.run(serve(settings, rules))
