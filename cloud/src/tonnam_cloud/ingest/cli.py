"""`tonnam-cloud quarantine`: what came in and could not be taken, and how to have it taken after all."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from tonnam_cloud.database import Database
from tonnam_cloud.errors import CloudError
from tonnam_cloud.ingest import quarantine
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Quarantine
from tonnam_cloud.terminal import command_database, when
from tonnam_link.clock import system_clock
from tonnam_link.topics import Origin, is_id
from tonnam_link.wire.dictionary import Dictionary, parse_dictionary

POLL_S = 0.2
quarantine_app = typer.Typer(
    help="What came in and could not be taken as it was. It is kept as it came, and the node has let go of it: "
    "look at it, and when the cause is gone (a node is registered, a clock's time has come, a newer Tonnam runs), "
    "replay it.",
    no_args_is_help=True,
)

HIGHEST = 2**31 - 1
"""No row has a higher number, on any database."""
Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=HIGHEST, help="Its number, as `list` shows it.")]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Only those whose reason has this text in it.")]
OfNode = Annotated[str | None, typer.Option("--node", metavar="TENANT/NODE", help="Only those of this machine.")]


@quarantine_app.command("list")
def list_quarantine(
    limit: Annotated[int, typer.Option(min=1, max=HIGHEST, help="How many of the newest.")] = 20,
    node: OfNode = None,
    reason: Reason = None,
) -> None:
    """Show what is in quarantine, newest first, and why."""
    with command_database() as database, database.reading() as session:
        found = quarantine.find(session, Wanted(node=_origin(node), reason=reason), limit)
        for entry in found:
            typer.echo(_line(entry))
    if not found:
        typer.echo("nothing is in quarantine" if node is None and reason is None else "nothing matches", err=True)


@quarantine_app.command("show")
def show(number: Number) -> None:
    """Show all that can be known of one batch."""
    from tonnam_cloud.ingest.account import account  # noqa: PLC0415 - numpy takes a tenth of a second to load

    with command_database() as database:
        entry = _entry(database, number)
        typer.echo(_line(entry))
        cut = quarantine.is_cut(entry)
        kept = f", of which the first {len(entry.payload)} are kept" if cut else ""
        typer.echo(f"came {when(entry.received_ms)} for {entry.channel}, {entry.size} bytes{kept}")
        if entry.result:
            typer.echo(f"last replay {when(entry.tried_ms)}: {entry.result}")

        def find(tenant: str, name: str) -> Dictionary | None:
            with database.reading() as session:
                content = repository.dictionary(session, tenant, name)
            return parse_dictionary(content) if content else None

        for line in account(entry.payload, Origin(entry.tenant, entry.node), find, cut=cut):
            typer.echo(line)


@quarantine_app.command("export")
def export(
    number: Number, file: Annotated[Path, typer.Argument(help="Where to write the bytes; - is standard output.")]
) -> None:
    """Write one batch to a file, byte by byte as it came."""
    with command_database() as database:
        entry = _entry(database, number)
        if str(file) == "-":
            sys.stdout.buffer.write(entry.payload)
            return
        try:
            file.write_bytes(entry.payload)
        except OSError as error:
            raise CloudError(f"{file} cannot be written: {error.strerror}") from error


@quarantine_app.command("replay")
def replay(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", min=1, max=HIGHEST, help="Which ones.")
    ] = None,
    reason: Reason = None,
    node: OfNode = None,
    wait_s: Annotated[float, typer.Option("--wait", min=0, help="How many seconds to wait for the result.")] = 30,
) -> None:
    """Put batches through ingest again, as if they came now. What is stored already stays as it is.

    The running cloud does it, within seconds; when none runs, the next one does when it starts.
    """
    if not (numbers or reason or node):
        raise typer.BadParameter("say which: numbers, --reason or --node")
    wanted = Wanted(frozenset(numbers or ()), _origin(node), reason)
    with command_database() as database:
        with database.writing() as session:
            asked = quarantine.ask(session, wanted, system_clock())
        left = _wait(database, asked, wait_s)
        with database.reading() as session:
            found = {entry.id: entry for entry in quarantine.find(session, wanted)}
        for number in asked:
            typer.echo(f"{number}  {_result(found.get(number))}")
        missing = sorted(set(numbers or ()) - found.keys())
        if missing:
            raise CloudError(f"there is no {', '.join(map(str, missing))} in quarantine")
        if not asked:
            typer.echo("nothing to replay: " + ("all of these are stored" if found else "nothing matches"))
        if left:
            raise CloudError(f"{left} not tried yet: tonnam-cloud serve does it as soon as it can")


@quarantine_app.command("drop")
def drop(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", min=1, max=HIGHEST, help="Which ones.")],
) -> None:
    """Delete batches from the quarantine for good. What is in them is lost."""
    with command_database() as database:
        with database.writing() as session:
            gone = quarantine.drop(session, numbers)
        typer.echo(f"deleted: {', '.join(map(str, gone)) or 'nothing'}")
        missing = sorted(set(numbers) - set(gone))
        if missing:
            raise CloudError(f"there is no {', '.join(map(str, missing))} in quarantine")


def _wait(database: Database, asked: list[int], wait_s: float) -> int:
    """Until all have been tried; how many have not been."""
    deadline = time.monotonic() + wait_s
    while True:
        with database.reading() as session:
            left = quarantine.waiting(session, asked) if asked else 0
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(POLL_S)


def _result(entry: Quarantine | None) -> str:
    if entry is None:
        return "has made way for others"
    return "waits for the cloud" if entry.asked_ms is not None and not entry.result else entry.result or "not tried"


def _entry(database: Database, number: int) -> Quarantine:
    with database.reading() as session:
        entry = quarantine.one(session, number)
        if entry is None:
            raise CloudError(f"there is no {number} in quarantine")
        session.expunge(entry)
        return entry


def _line(entry: Quarantine) -> str:
    via = f" via {entry.via}" if entry.via else ""
    readings = f", {entry.readings} readings kept out" if entry.readings else ""
    stored = " [stored by replay]" if entry.state == quarantine.STORED else ""
    size = f"{entry.size} bytes{readings}"
    return f"{entry.id}  {when(entry.received_ms)}  {entry.tenant} {entry.node}{via}  {size}: {entry.reason}{stored}"


def _origin(text: str | None) -> Origin | None:
    """The machine that an option names."""
    if text is None:
        return None
    tenant, _, node = text.partition("/")
    if not (is_id(tenant) and is_id(node)):
        raise typer.BadParameter("a tenant and a machine such as demo-farm/edge-1 are right", param_hint="--node")
    return Origin(tenant, node)
