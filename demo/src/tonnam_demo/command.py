"""The command `tonnam-demo`, which `make demo` runs: one farm and one town, from sensor to phone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer

from tonnam_cloud.errors import Misconfigured
from tonnam_cloud.settings import read_settings
from tonnam_demo.credentials import load_or_make
from tonnam_demo.plan import PROJECT, Plan, Ports, settings_from_environment
from tonnam_demo.screen import Screen
from tonnam_demo.surroundings import CannotStart, check_space, check_surroundings, only_one

# SIGHUP comes when the terminal is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _interrupt(number: int, frame: object) -> None:
    """Every way to end the demo is like Ctrl-C until the processes run."""
    raise KeyboardInterrupt


def _free_ports(count: int) -> list[int]:
    """Different free ports: all are held until the last is known."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


async def _conduct(chosen: Plan, screen: Screen, login_is_new: bool) -> int:
    from tonnam_demo.conductor import Conductor  # noqa: PLC0415 - with the cloud's tables, for a start that comes so far

    conductor = Conductor(chosen, screen, login_is_new)
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, conductor.stop.set)
    try:
        return await conductor.run()
    finally:
        screen.finish()


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = PROJECT / ".tonnam",
    speed: Annotated[
        float, typer.Option(min=1, max=200, help="How much faster than nature soil and weather run.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same weather and soil.")] = 1,
    days: Annotated[int, typer.Option(min=0, max=30, help="Days of history to make at the first start.")] = 7,
    host: Annotated[str, typer.Option(help="Where the page listens; 127.0.0.1 shuts phones out.")] = "0.0.0.0",
) -> None:
    """Show a melon greenhouse and a town on a page, with everything from sensor to phone running for real.

    TONNAM_PORT chooses the page's port (8080). TONNAM_BROKER=mqtt://host:port uses a broker of yours.
    TONNAM_STORE=influx with TONNAM_INFLUX_URL stores into an InfluxDB of yours.
    """
    try:
        port, external = settings_from_environment(os.environ)
        settings = read_settings(broker=external, data=data / "cloud")
    except (ValueError, Misconfigured) as error:
        say_and_exit(str(error), 2)
    for number in ENDING:
        signal.signal(number, _interrupt)
    try:
        _make_home(data)
        with only_one(data):
            check_surroundings(host, port, external, settings.influx_url if settings.store == "influx" else None)
            credentials, login_is_new = load_or_make(data / "credentials.json")
            chosen = Plan(data.resolve(), host, port, speed, seed, Ports(*_free_ports(5)), credentials, external)
            screen = Screen(data / "log" / "demo.log")
            _log_to(data / "log" / "registering.log")
            if days:
                from tonnam_demo import history  # noqa: PLC0415 - with the whole edge: not for a start that is refused

                history.make_once(chosen.home, seed, days, screen.say)
            code = asyncio.run(_conduct(chosen, screen, login_is_new))
    except KeyboardInterrupt:
        say_and_exit("Stopped before anything was started. The next start begins again.", 130)
    except CannotStart as problem:
        say_and_exit(str(problem), 1)
    except BaseExceptionGroup as group:
        known, others = group.split(CannotStart)
        if known is None or others is not None:
            raise
        say_and_exit(str(_first(known)), 1)
    raise typer.Exit(code)


def _make_home(data: Path) -> None:
    try:
        (data / "log").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"{data} cannot be the demo's folder: {error.strerror}. Choose another with --data"
        ) from error
    check_space(data)


def _log_to(path: Path) -> None:
    """What the cloud's code logs in this process is not for the terminal."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        logger_factory=structlog.PrintLoggerFactory(path.open("w")),
    )


def say_and_exit(message: str, code: int) -> NoReturn:
    """One clear line for a person, on stderr."""
    sys.stderr.write(message + "\n")
    sys.exit(code)


def _first(group: BaseExceptionGroup[CannotStart]) -> BaseException:
    """The first of the problems, however deep it lies."""
    problem: BaseException = group
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem
