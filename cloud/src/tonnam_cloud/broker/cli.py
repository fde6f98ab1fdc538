"""`tonnam-cloud broker-config`: from the command line to a configuration."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from tonnam_cloud.broker.config import Broker, Config, Writer, follow, write_once
from tonnam_cloud.broker.files import is_written
from tonnam_cloud.broker.listening import Address, Listening
from tonnam_cloud.broker.reload import Reloader
from tonnam_cloud.broker.users_file import load_users
from tonnam_cloud.terminal import WRONG_SETTINGS, clear_failures, command_database


def broker_config(
    broker: Annotated[Broker, typer.Argument(help="Which broker it is for.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where to write; the broker's own file includes tonnam.conf.")
    ],
    users: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TOML file on those who are no nodes: the cloud, field devices."),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(
            metavar="TENANT/GATEWAY", help="It is for a site's own broker: for this gateway and who is behind it."
        ),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Listen without TLS: within one machine only.")
    ] = None,
    listen_tls: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Listen with TLS (1.2 or newer).")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The broker's certificate, with those that vouch for it.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key.")] = None,
    keep: Annotated[
        bool, typer.Option("--follow", help="Stay, and write anew whenever the registry or the certificate changes.")
    ] = False,
    reload_pid_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tell the broker of this PID file to read its users anew.")
    ] = None,
) -> None:
    """Write the broker's users, access list and TLS, from the registry.

    A node that is revoked is off within seconds, if --follow runs with --reload-pid-file; nobody else is disturbed.
    Passwords of the users file come from environment variables that it names. Run this as the broker's own user: the
    files are for nobody else's eyes.
    """
    with clear_failures(WRONG_SETTINGS):
        listening = Listening(
            Address.parse(listen, "--listen") if listen else None,
            Address.parse(listen_tls, "--listen-tls") if listen_tls else None,
            tls_certificate and tls_certificate.absolute(),
            tls_key and tls_key.absolute(),
        )
        listening.read_pair()
        others = load_users(users, os.environ) if users else []
        config = Config(broker, out.absolute(), listening, others, site)
    reloader = Reloader(reload_pid_file, broker.program) if reload_pid_file else None
    with command_database(make=not is_written(config.directory)) as database:
        writer = Writer(config, database)
        if keep:
            asyncio.run(follow(writer, reloader))
        else:
            write_once(writer, reloader)
