"""`tonnam-cloud user`: who may sign in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import urlsplit

import typer

from tonnam_cloud.people.passwords import made_up_password
from tonnam_cloud.people.person import Person, Role
from tonnam_cloud.people.service import LINK_MS, People
from tonnam_cloud.terminal import command_database
from tonnam_link.clock import system_clock

user_app = typer.Typer(help="The people who may sign in on the page.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user name: small letters and digits, such as somchai.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made up.")
]


@contextmanager
def _people(*, make: bool = False) -> Iterator[People]:
    with command_database(make=make) as database:
        yield People(database, system_clock)


@user_app.command("add")
def add(
    name: Name,
    tenant: Annotated[list[str], typer.Option(help="A farm or town that they belong to; may be given many times.")],
    role: Annotated[Role, typer.Option(help="farmer may water, viewer may only look.")] = Role.VIEWER,
    display_name: Annotated[str | None, typer.Option(help="What the page calls them.")] = None,
    password_stdin: FromStdin = False,
) -> None:
    """Let a person sign in. For somebody who is there already: give them these roles too, keep the rest."""
    with _people(make=True) as people:
        known = {person.name for person in people.everybody()}
        given = _read_password() if password_stdin else None
        made_up = made_up_password() if given is None and name not in known else None
        roles = dict.fromkeys(tenant, role)
        new = people.put_account(name, display_name=display_name, roles=roles, password=given or made_up)
    typer.echo(f"{name}: {'added' if new else 'was there already; roles are up to date'}")
    if made_up:
        typer.echo(f"password, shown only now: {made_up}")


@user_app.command("password")
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give a person a new password. They are signed out everywhere."""
    given = _read_password() if password_stdin else None
    made_up = given or made_up_password()
    with _people() as people:
        people.set_password(name, made_up)
    typer.echo(f"{name}: signed out everywhere, the old password no longer works")
    if given is None:
        typer.echo(f"password, shown only now: {made_up}")


@user_app.command("link")
def link(
    name: Name,
    base_url: Annotated[str, typer.Option(help="The page's address as a phone sees it, http://192.168.1.20:8080")],
) -> None:
    """Print a link that signs a person in once, within 15 minutes; good as a QR code."""
    if urlsplit(base_url).scheme not in {"http", "https"} or not urlsplit(base_url).hostname:
        raise typer.BadParameter("an address such as http://192.168.1.20:8080 is right", param_hint="--base-url")
    with _people() as people:
        token = people.new_link(name)
    typer.echo(f"{base_url.rstrip('/')}/#/link/{token}")
    typer.echo(f"signs {name} in once, within {LINK_MS // 60_000} minutes", err=True)


@user_app.command("list")
def list_users() -> None:
    """Show everybody who may sign in, and what they may do where."""
    with _people() as people:
        for person in people.everybody():
            typer.echo(_line(person))


def _line(person: Person) -> str:
    roles = ", ".join(f"{role.value} of {tenant}" for tenant, role in sorted(person.roles.items()))
    return f"{person.name}  {person.display_name}  {roles or 'no roles'}"


def _read_password() -> str:
    """The first line of standard input."""
    return sys.stdin.readline().rstrip("\r\n")
