"""The command line: `tonnam-dashboards build` and `tonnam-dashboards push`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tonnam_dashboards import farm, town
from tonnam_dashboards.grafana import Grafana, Influx, PushFailed
from tonnam_dashboards.grafana import push as push_to

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

DASHBOARDS = {"farm": farm.build, "town": town.build}


def as_json(dashboard: Dashboard) -> str:
    """The dashboard as its file holds it: the same text for the same code."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


@app.callback()
def about() -> None:
    """Grafana dashboards for a farm and a town, in Thai and English.

    `build` writes them as files for the Grafana that comes with Tonnam; `push` sends them to one you already have.
    """


@app.command()
def build(
    into: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("dashboards/json"),
) -> None:
    """Write farm.json and town.json."""
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, make in DASHBOARDS.items():
            (into / f"{name}.json").write_text(as_json(make()), encoding="utf-8")
            typer.echo(f"wrote {into / name}.json")
    except OSError as problem:
        typer.echo(f"cannot write into {into}: {problem.strerror}", err=True)
        raise typer.Exit(1) from problem


@app.command()
def push(
    url: Annotated[
        str, typer.Option(envvar="TONNAM_GRAFANA_URL", help="Where Grafana is, such as http://localhost:3000.")
    ],
    token: Annotated[
        str | None, typer.Option(envvar="TONNAM_GRAFANA_TOKEN", help="A service account token with the role Admin.")
    ] = None,
    user: Annotated[str | None, typer.Option(envvar="TONNAM_GRAFANA_USER", help="Or a user name.")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="TONNAM_GRAFANA_PASSWORD", help="The user's password.")
    ] = None,
    influx_url: Annotated[
        str | None, typer.Option(envvar="TONNAM_INFLUX_URL", help="Where Grafana finds InfluxDB.")
    ] = None,
    influx_database: Annotated[
        str | None,
        typer.Option(
            envvar=["TONNAM_INFLUX_DATABASE", "TONNAM_INFLUX_BUCKET"], help="Its database, or bucket in 2.x."
        ),
    ] = None,
    influx_token: Annotated[
        str | None, typer.Option(envvar="TONNAM_INFLUX_TOKEN", help="InfluxDB 2.x: a token that may read.")
    ] = None,
    influx_username: Annotated[
        str | None, typer.Option(envvar="TONNAM_INFLUX_USERNAME", help="InfluxDB 1.x: a user that may read.")
    ] = None,
    influx_password: Annotated[
        str | None, typer.Option(envvar="TONNAM_INFLUX_PASSWORD", help="The InfluxDB user's password.")
    ] = None,
) -> None:
    """Send the dashboards to a Grafana that already runs. Doing it again changes nothing.

    Put secrets into the environment, where other users of this machine cannot read them.
    """
    grafana = _grafana(url, token, user, password)
    influx = _influx(influx_url, influx_database, influx_token, influx_username, influx_password)
    dashboards: list[dict[str, Any]] = [json.loads(as_json(make())) for make in DASHBOARDS.values()]
    try:
        for what, fate in push_to(grafana, dashboards, influx):
            typer.echo(f"{what}: {fate}")
    except PushFailed as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from failure


def _grafana(url: str, token: str | None, user: str | None, password: str | None) -> Grafana:
    auth: str | tuple[str, str] | None = token
    if auth is None and user and password:
        auth = (user, password)
    if not auth:
        raise typer.BadParameter("Grafana wants --token, or --user and --password.")
    try:
        return Grafana(url, auth)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from problem


def _influx(
    url: str | None, database: str | None, token: str | None, username: str | None, password: str | None
) -> Influx | None:
    if url is None:
        return None
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{url!r} is not an address such as http://influxdb:8086", param_hint="--influx-url")
    if not database:
        raise typer.BadParameter("--influx-url needs --influx-database (the bucket's name in InfluxDB 2.x).")
    return Influx(url, database, token, username, password)


def main() -> None:
    """The console script."""
    app()
