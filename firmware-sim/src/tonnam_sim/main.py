"""The command `tonnam-sim`."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer

from .farm_process import FarmOptions, run_farm
from .field_client import BrokerAway, FieldBroker
from .replay import BadReplay, Recording, Tally, Target, run_replay
from .town_process import TownOptions, run_town
from .wires import CannotListen, Endpoint

app = typer.Typer(
    help="A farm and a town that are not there: simulated soil, water, sun, air and river on real Modbus and MQTT.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Seed = Annotated[int, typer.Option(min=0, help="Which farm or town: the same number gives the same weather again.")]
Speed = Annotated[
    float, typer.Option(min=0.01, max=1000, help="How much faster than real soil, tanks and weather go. Clocks stay.")
]
State = Annotated[Path | None, typer.Option(help="File that remembers between runs; made when it is not there.")]


Broker = Annotated[
    str,
    typer.Option(
        envvar="TONNAM_BROKER",
        help="Where devices speak: mqtt://host:1883 or mqtts://user:password@host:8883. "
        "A password is better in TONNAM_BROKER: others can see a command line.",
    ),
]


def main() -> None:
    """Entry point of the console script."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    app()


@app.command()
def farm(
    cabinet: Annotated[str, typer.Option(help="HOST:PORT for relays, tank level and flow meter (Modbus TCP).")],
    climate: Annotated[str, typer.Option(help="HOST:PORT for air and light (Modbus TCP).")],
    inverter: Annotated[str, typer.Option(help="HOST:PORT for the solar inverter (Modbus TCP, SunSpec).")],
    soil: Annotated[Path, typer.Option(help="Path of the serial line with the soil probes (Modbus RTU, 4800 8N1).")],
    seed: Seed = 1,
    speed: Speed = 1.0,
    state: State = None,
    hour: Annotated[
        float | None,
        typer.Option(min=0, max=23.999, help="Hour of a sunny day to start at, 13.5 is half past one. Default: now."),
    ] = None,
    control: Annotated[
        Path | None, typer.Option(help="Unix socket that switches faults on and off (for tests).")
    ] = None,
) -> None:
    """Run the melon greenhouse: two zones, tank, pump, valves, sensors and a solar roof."""
    try:
        endpoints = {
            "cabinet": Endpoint.parse(cabinet),
            "climate": Endpoint.parse(climate),
            "inverter": Endpoint.parse(inverter),
        }
    except ValueError as wrong:
        _refuse(2, str(wrong))
    start_hour = _hour_in_thailand() if hour is None else hour
    options = FarmOptions(endpoints, soil, seed, speed, start_hour, hour is not None, state, control)
    _run(run_farm(options))


@app.command()
def town(
    broker: Broker,
    seed: Seed = 1,
    speed: Speed = 1.0,
    state: State = None,
    every: Annotated[float, typer.Option(min=1, max=3600, help="Seconds between what the devices say.")] = 10.0,
) -> None:
    """Run the town: dust, rain and a river, told by MQTT in three makers' dialects."""
    options = TownOptions(_broker(broker), seed, speed, _hour_in_thailand(), every, state)
    _run(run_town(options))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Recorded data: a CSV, may be gzipped; line 1 names the columns.")],
    broker: Broker,
    column: Annotated[list[str], typer.Option(help="Name of a column, exactly as in the file. May be repeated.")],
    as_: Annotated[
        list[str],
        typer.Option(
            "--as",
            help="What the column becomes, in the same order: THING/MEASURE is published on town/THING/state as "
            '{"MEASURE": value, "ts": seconds}; '
            "the gateway's mapping file must listen there (the demo's: river-1/level_m).",
        ),
    ],
    rate: Annotated[float, typer.Option(min=0.001, max=500, help="Rows a second.")] = 10.0,
) -> None:
    """Play recorded data into the town, as MQTT readings of town/THING/state."""
    at, counts = _broker(broker), Tally()
    try:
        if len(column) != len(as_):
            raise BadReplay(f"{len(column)} --column but {len(as_)} --as: each column needs its thing/property")
        targets = [Target.parse(text) for text in as_]
        if len(set(targets)) != len(targets):
            raise BadReplay("two columns cannot become the same thing/property")
        recording = Recording(file, list(zip(column, targets, strict=True)))
    except BadReplay as wrong:
        _refuse(2, str(wrong))
    with recording:
        _run(run_replay(recording, at, rate, counts, time.time))
    typer.echo(
        f"{counts.readings} readings sent in {counts.messages} messages from {counts.rows} rows; "
        f"skipped: {counts.blank} blank cells, {counts.not_numbers} that are no numbers"
    )


def _broker(url: str) -> FieldBroker:
    try:
        return FieldBroker.parse(url)
    except ValueError as wrong:
        _refuse(2, f"--broker: {wrong}")


def _hour_in_thailand() -> float:
    now = datetime.now(UTC) + timedelta(hours=7)
    return now.hour + now.minute / 60 + now.second / 3600


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run until done or told to stop (SIGINT, SIGTERM): exit 0; a failure at run time is one line and exit 1."""

    async def until_told() -> None:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    try:
        asyncio.run(until_told())
    except (CannotListen, BrokerAway, BadReplay, OSError) as why:
        _refuse(1, str(why))


def _refuse(code: int, message: str) -> NoReturn:
    typer.echo(f"tonnam-sim: {message}", err=True)
    raise typer.Exit(code)
