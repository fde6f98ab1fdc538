"""Servers that tests share: one of each kind for a pytest worker, a database or topic of its own for each test."""

from __future__ import annotations

import gc
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import is_hypothesis_test, settings
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

from tests import servers

ROOT = Path(__file__).parents[1]
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 3 << 30
WAITING = (
    "tests/system/test_phone",
    "tests/system/test_custody_chain",
    "tests/faults/test_faults",
    "tests/system/test_demo",
    "tests/system/test_nothing_is_lost",
    "tests/system/",
    "tests/test_deploy_mosquitto",
    "tests/faults/test_mutants",
    "tests/cloud/test_web",
)
"""What takes longest, and mostly waits, the longest first."""
COMPUTING = (
    "tests/season/",
    "tests/dashboards/test_queries",
    "tests/demo/test_history",
    "tests/edge/test_plant_safety",
)
"""What takes longest of those that mostly compute."""

WAITS = re.compile(r"async def test_|async with|asyncio\.run|subprocess|playwright|_server\b")
"""What the text of a module has whose tests mostly wait."""


def pytest_configure() -> None:
    """Failures are logged as programs log them: a traceback with all its values takes ten seconds.

    Nothing that is collected goes before the end, so nobody need look for what does.
    """
    gc.disable()
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and _has_room(IN_MEMORY):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(IN_MEMORY)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


def _has_room(place: Path) -> bool:
    """Whether the tests' files fit into memory: no test cuts the power, so none can tell, and fsync costs nothing."""
    try:
        free = shutil.disk_usage(place).free
        memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    except OSError:
        return False
    available = int(memory["MemAvailable"].split()[0]) * 1024
    return os.access(place, os.W_OK) and min(free, available // 2) > ROOM_BYTES


def pytest_collection_finish() -> None:
    """Leave thousands of tests and modules out of every search for garbage: it took a fifth of all computing."""
    gc.freeze()
    gc.enable()


class ByKind(LoadScopeScheduling):  # type: ignore[misc]
    """As many workers as there are cores begin with what computes, the others with what mostly waits: so neither
    cores nor workers stand idle, and fewer of them start servers. Tests of a module with `xdist_group` go to one
    worker, as by `--dist loadgroup`, which pytest 9.2 has broken.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(_module(nodeid)) or nodeid

    def _assign_work_unit(self, node: Any) -> None:
        computing = min(os.cpu_count() or 1, self.numnodes // 2)
        waits = int(node.gateway.id.removeprefix("gw")) >= computing
        mine = (scope for scope, unit in self.workqueue.items() if _waits(_module(next(iter(unit)))) is waits)
        scope = next(mine, None)
        if scope is not None:
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByKind | None:
    return ByKind(config, log) if config.getvalue("dist") == "loadgroup" else None


def _module(nodeid: str) -> str:
    return nodeid.split("::")[0]


@cache
def _waits(module: str) -> bool:
    """Whether a module's tests wait for sockets and processes more than they compute."""
    return WAITS.search((ROOT / module).read_text("utf-8")) is not None


@cache
def _group(module: str) -> str | None:
    """What a module's `pytestmark` calls its group. The workers do not tell the marks of their tests."""
    found = re.search(r'^pytestmark = .*xdist_group\("([^"]+)"\)', (ROOT / module).read_text("utf-8"), re.MULTILINE)
    return None if found is None else found[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=int, default=1, help="only the properties, each with so many times its examples")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that the short ones fill the end."""
    if config.getoption("--times") > 1:
        items[:] = list(_played_often(items, config.getoption("--times")))
    first = _of(items, (*WAITING, *COMPUTING))
    taken = {id(item) for item in first}
    items[:] = [*first, *(item for item in items if id(item) not in taken)]


def _played_often(items: Sequence[pytest.Item], times: int) -> Iterator[pytest.Item]:
    """The properties, with that many times the examples that `make test` plays, and other ones each time."""
    for item in items:
        test: Any = getattr(item, "obj", None)
        if is_hypothesis_test(test):
            test = getattr(test, "__func__", test)
            before: settings = test._hypothesis_internal_use_settings
            more = settings(before, max_examples=before.max_examples * times, derandomize=False, database=None)
            test._hypothesis_internal_use_settings = more
            yield item


def _of(items: Sequence[pytest.Item], places: Sequence[str]) -> list[pytest.Item]:
    """The tests of these places, in that order."""
    found = [(rank, item) for item in items if (rank := _rank(item.nodeid, places)) is not None]
    return [item for _, item in sorted(found, key=itemgetter(0))]


def _rank(name: str, places: Sequence[str]) -> int | None:
    return next((rank for rank, place in enumerate(places) if name.startswith(place)), None)


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.InfluxServer]:
    """A real InfluxDB 1.6.7: `.url`, `.database()`."""
    with servers.running(servers.influx_server(tmp_path_factory.mktemp("influx"))) as server:
        assert isinstance(server, servers.InfluxServer)
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.PostgresServer]:
    """A real PostgreSQL: `.database()`. Not among pytest's own directories: whenever another pytest begins, those are
    shut to the user that PostgreSQL runs as."""
    beside = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    with (
        tempfile.TemporaryDirectory(prefix="tonnam-postgres-", dir=beside) as directory,
        servers.running(servers.postgres_server(Path(directory))) as server,
    ):
        assert isinstance(server, servers.PostgresServer)
        yield server


@pytest.fixture
def mosquitto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.BrokerServer]:
    """A Mosquitto of the test's own, which it may kill and start again."""
    with servers.running(servers.mosquitto_server(tmp_path_factory.mktemp("mosquitto"))) as server:
        assert isinstance(server, servers.BrokerServer)
        yield server


@pytest.fixture
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.BrokerServer]:
    """A NATS server with MQTT of the test's own, which it may kill and start again."""
    with servers.running(servers.nats_server(tmp_path_factory.mktemp("nats"))) as server:
        assert isinstance(server, servers.BrokerServer)
        yield server


@pytest.fixture
def mosquitto_broker(mosquitto_server: servers.BrokerServer) -> str:
    """The address of a Mosquitto."""
    return mosquitto_server.url


@pytest.fixture
def nats_broker(nats_server: servers.BrokerServer) -> str:
    """The MQTT address of a NATS server."""
    return nats_server.url


@pytest.fixture(params=["nats", "mosquitto"])
def broker_server(request: pytest.FixtureRequest) -> servers.BrokerServer:
    """Each of the brokers that Tonnam promises to work with."""
    server = request.getfixturevalue(f"{request.param}_server")
    assert isinstance(server, servers.BrokerServer)
    return server


@pytest.fixture
def broker(broker_server: servers.BrokerServer) -> str:
    """The address of each of the brokers that Tonnam promises to work with."""
    return broker_server.url
