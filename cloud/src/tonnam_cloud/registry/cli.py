"""`tonnam-cloud node`: the machines at farms and towns, and what they need to connect."""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import quote

import typer

from tonnam_cloud.broker.passwords import new_password, weakness
from tonnam_cloud.broker.rights import user_name
from tonnam_cloud.errors import Misconfigured
from tonnam_cloud.keys.vault import Vault, expect_keys
from tonnam_cloud.registry import access, repository
from tonnam_cloud.registry.models import Node
from tonnam_cloud.settings import read_settings
from tonnam_cloud.terminal import WRONG_SETTINGS, clear_failures, command_database, when
from tonnam_link.clock import system_clock
from tonnam_link.mqtt.broker import Broker

node_app = typer.Typer(help="The machines at farms and towns that may send.", no_args_is_help=True)

TenantId = Annotated[str, typer.Argument(help="Whose it is, such as demo-farm.")]
NodeId = Annotated[str, typer.Argument(help="Its own name, such as edge-1.")]


@node_app.command("add")
def add(
    tenant: TenantId,
    node: NodeId,
    name_th: Annotated[str, typer.Option(help="What people call it, in Thai.")] = "",
    name_en: Annotated[str, typer.Option(help="What people call it, in English.")] = "",
    via: Annotated[
        str | None,
        typer.Option(metavar="GATEWAY", help='The gateway that passes on what it sends; "" for none any more.'),
    ] = None,
) -> None:
    """Let a machine send. Doing it again does no harm, and changes only what is named."""
    name = {"th": name_th or name_en, "en": name_en or name_th} if name_th or name_en else None
    with command_database(make=True) as database, database.writing() as session:
        new = repository.add_node(session, tenant, node, name, system_clock(), via)
    typer.echo(f"{tenant} {node}: {'added' if new else 'was there already, and is now as you say'}")


@node_app.command("credentials")
def credentials(
    tenant: TenantId,
    node: NodeId,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The broker as the node sees it: mqtts://broker.example:8883", show_default=False
        ),
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Take a password from standard input; else one is made.")
    ] = False,
) -> None:
    """Give a machine a new password for the broker, and print what it needs. The old one no longer works.

    The password is shown this once: here only its hashes are kept. Where `broker-config --follow` runs, it counts
    within seconds.
    """
    with clear_failures(WRONG_SETTINGS):
        at = _broker(broker)
        given = _password_from_stdin() if password_stdin else None
        if not given:
            _expect_keys()
    password = given or new_password()
    with command_database() as database, database.writing() as session:
        key = "" if given else Vault(read_settings().data, system_clock).current.public
        new = access.set_password(session, tenant, node, password)
        revoked = access.is_revoked(session, tenant, node)
    if given:
        typer.echo(f"{tenant} {node}: {'has this password now' if new else 'had this password already'}")
    else:
        typer.echo(f"TONNAM_BROKER={_address(at, user_name(tenant, node), password)}")
        typer.echo(f"TONNAM_CLOUD_KEY={key}")
        typer.echo("The password is shown only now. The machine's old one no longer works.", err=True)
    if revoked:
        typer.echo(f"It is revoked and cannot connect: tonnam-cloud node restore {tenant} {node}", err=True)


@node_app.command("revoke")
def revoke(tenant: TenantId, node: NodeId) -> None:
    """Shut a machine out: it is put off the broker within seconds, and nothing is taken from it.

    What it has not sent stays on its disk. Nothing here is deleted.
    """
    with command_database() as database, database.writing() as session:
        done = access.revoke(session, tenant, node, system_clock())
    typer.echo(f"{tenant} {node}: {'revoked' if done else 'was revoked already'}")


@node_app.command("restore")
def restore(tenant: TenantId, node: NodeId) -> None:
    """Let a revoked machine in again, with the password that it had. It sends what it has kept."""
    with command_database() as database, database.writing() as session:
        done = access.restore(session, tenant, node)
    typer.echo(f"{tenant} {node}: {'may connect again' if done else 'was not revoked'}")


@node_app.command("list")
def list_nodes() -> None:
    """Show every machine, and when it was last heard."""
    with command_database() as database, database.reading() as session:
        for node in repository.all_nodes(session):
            last = f"last heard {when(node.last_heard_ms)}"
            typer.echo(f"{node.tenant} {node.id}  {_state(node)}  {last}  {node.name['en']}")


def _state(node: Node) -> str:
    state = "revoked" if node.revoked_ms is not None else "online" if node.online else "offline"
    notes = [f"via {node.via}"] if node.via else []
    if node.password_bcrypt is None and not node.via:
        notes.append("no password")
    return f"{state} ({', '.join(notes)})" if notes else state


def _expect_keys() -> None:
    """The cloud's first key is made only where the database is, too: elsewhere nobody signs with it."""
    settings = read_settings()
    if not settings.database_file.exists():
        expect_keys(settings.data)


def _broker(url: str | None) -> Broker:
    """The broker of the option, or the cloud's own. Raises Misconfigured."""
    try:
        return Broker.parse(url or read_settings().broker)
    except ValueError as error:
        raise Misconfigured(f"--broker: {error}") from error


def _password_from_stdin() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    problem = weakness(password)
    if problem:
        raise Misconfigured(f"--password-stdin: {problem}")
    return password


def _address(at: Broker, user: str, password: str) -> str:
    """The broker's address as one user has it. User and password need no quoting."""
    host = f"[{at.host}]" if ":" in at.host else at.host
    ca = f"?ca={quote(at.ca)}" if at.ca else ""
    return f"{'mqtts' if at.tls else 'mqtt'}://{user}:{password}@{host}:{at.port}{ca}"
