"""`tonnam-cloud keys`: the keys with which commands are signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from tonnam_cloud.keys.vault import CloudKey, Vault, expect_keys
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.repository import Trusting
from tonnam_cloud.settings import read_settings
from tonnam_cloud.terminal import WRONG_SETTINGS, clear_failures, command_database, when
from tonnam_link.clock import system_clock

keys_app = typer.Typer(
    help="The keys with which commands to farms are signed. They lie in TONNAM_DATA/keys and nowhere else: keep a "
    "copy of that folder with your backups, where nobody else can read it.",
    no_args_is_help=True,
)


@contextmanager
def _vault(*, make: bool = False) -> Iterator[Vault]:
    """The keys. Unless we may `make` them anywhere, they are made only where the database is, too."""
    with clear_failures(WRONG_SETTINGS):
        settings = read_settings()
        if not (make or settings.database_file.exists()):
            expect_keys(settings.data)
    with clear_failures():
        yield Vault(settings.data, system_clock)


@keys_app.command("public")
def public(
    make: Annotated[bool, typer.Option("--make", help="Before the cloud's first start: make the key.")] = False,
) -> None:
    """Print the public key, as a node takes it in TONNAM_CLOUD_KEY."""
    with _vault(make=make) as vault:
        typer.echo(vault.current.public)


@keys_app.command("list")
def list_keys() -> None:
    """Show every key, and which nodes have not heard of the newest ones."""
    with _vault() as vault:
        current = vault.current
        for key in vault.keys:
            typer.echo(f"{key.id}  {_state(key, current):8}  made {when(key.made_ms)}  {key.public}")
        for node in _nodes():
            if words := _behind(node, vault):
                typer.echo(f"{node.origin.tenant} {node.origin.node}: {words}")


@keys_app.command("rotate")
def rotate() -> None:
    """Make a new key. It signs from now on; nodes hear of it as they connect, and accept the old one, too."""
    with _vault() as vault:
        before = vault.current
        new = vault.rotate(_highest_serial(_nodes()))
        typer.echo(f"{new.id} signs from now on: {new.public}")
        typer.echo(
            f"{before.id} is still accepted. When it must not be any more: tonnam-cloud keys retire {before.id}"
        )


@keys_app.command("retire")
def retire(name: Annotated[str, typer.Argument(metavar="KEY", help="Its name, as `keys list` shows it.")]) -> None:
    """Tell nodes not to accept an old key any more. A node that is away hears of it when it connects."""
    with _vault() as vault:
        nodes = _nodes()
        retired = vault.retire(name, _highest_serial(nodes))
        away = sum(retired.id in node.trusts for node in nodes)
    typer.echo(f"{retired.id} is retired" + (f"; nodes that hear of it as they connect: {away}" if away else ""))


def _nodes() -> Sequence[Trusting]:
    with command_database() as database, database.reading() as session:
        return repository.trusting(session)


def _highest_serial(nodes: Sequence[Trusting]) -> int:
    return max((node.serial for node in nodes), default=0)


def _state(key: CloudKey, current: CloudKey) -> str:
    if key.retired_ms is not None:
        return "retired"
    return "signs" if key == current else "accepted"


def _behind(node: Trusting, vault: Vault) -> str:
    """What is not as it should be between a node and our keys; empty when all is well."""
    if not node.trusts:
        return "has no key and obeys no command; give it TONNAM_CLOUD_KEY"
    if vault.trusted_by(node.trusts) is None:
        return "obeys none of these keys; give it TONNAM_CLOUD_KEY anew"
    if node.serial > vault.serial:
        return "knows newer keys than these; put the newest TONNAM_DATA/keys in place, or rotate"
    if node.serial < vault.serial:
        return "has not heard of the newest keys yet"
    return ""
