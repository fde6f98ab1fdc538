"""`tonnam-edge commission`: the walk with everything around it: locks, signals, all off at the end, and the file."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from tonnam_edge.all_off import all_off, told
from tonnam_edge.commissioning import commission_words as words
from tonnam_edge.commissioning.bench import Bench, NotOff
from tonnam_edge.commissioning.commission import Commissioning, Times
from tonnam_edge.modbus.port_locks import PortLocks
from tonnam_edge.modbus.wire import ModbusTransport
from tonnam_edge.person import Gone, Person
from tonnam_edge.second_copy import Standing
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_edit import write_results

FINISHED, NOT_OFF, BROKEN_OFF = 0, 1, 130
# No clock that shows an earlier year is set.
EARLIEST_YEAR = 2026


async def commission_site(
    file: Path, site: Site, addresses: Mapping[str, str], stdin: int, say: Callable[[str], None], times: Times | None
) -> int:
    """Walk through `site` with a person at `stdin`; returns the exit code of the command.

    At any end, also by Ctrl-C or a closed terminal, everything is turned off and read back. Raises Misconfigured when
    an agent uses these ports, BadSiteFile when the results make no good site file.
    """
    bench, person = Bench(site, ModbusTransport), Person(stdin, say)
    commissioning = Commissioning(bench, person, _today(site), times)
    code = FINISHED
    with contextlib.closing(PortLocks("tonnam-edge commission")) as ports, _cancelled_by_signals():
        ports.take(site)
        async with person.listening():
            isolated = await _is_isolated(person)
            if not isolated:
                person.tell(words.nothing_touched())
                return BROKEN_OFF if isolated is None else FINISHED
            try:
                await commissioning.walk()
            except (asyncio.CancelledError, Gone):
                code = BROKEN_OFF
            except NotOff as failure:
                say(str(failure))
            finally:
                await bench.close()
                nothing = Standing()  # the person has isolated everything, and what was moved was moved here
                is_off = await all_off(site, ModbusTransport, structlog.get_logger("tonnam.edge"), nothing)
            say(told(is_off, site))
            if code == FINISHED and is_off:
                await _keep(file, commissioning, addresses, person)
    return code if is_off else NOT_OFF


async def _is_isolated(person: Person) -> bool | None:
    """None when nobody is there to say."""
    with contextlib.suppress(Gone, asyncio.CancelledError):
        return await person.ask(words.isolated(), "yn") == "y"
    return None


async def _keep(file: Path, commissioning: Commissioning, addresses: Mapping[str, str], person: Person) -> None:
    """Write the results into the site file, if the person wants that."""
    changes = {part: values for part, values in commissioning.results.items() if values}
    if not changes:
        person.tell(words.nothing_to_write())
        return
    with contextlib.suppress(Gone, asyncio.CancelledError):
        if await person.ask(words.write_it(str(file)), "yn") == "y":
            write_results(file, changes, addresses)
            person.tell(words.written(str(file)))


def _today(site: Site) -> str | None:
    """The day by the site's clock; None when this machine's is not set."""
    now = datetime.now(UTC)
    return f"{now.astimezone(ZoneInfo(site.file.site.timezone)):%Y-%m-%d}" if now.year >= EARLIEST_YEAR else None


@contextlib.contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """The first signal cancels the walk; later ones must not cut off the turning off."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    cancelled = False

    def cancel() -> None:
        nonlocal cancelled
        if not cancelled and task is not None:
            cancelled = True
            task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, cancel)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
