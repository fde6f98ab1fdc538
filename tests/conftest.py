"""Servers that tests share: one of each kind for a pytest worker, a database or topic of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from tests import servers


def pytest_configure() -> None:
    """Failures are logged as programs log them: a traceback with all its values takes ten seconds."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest and mostly waits, so that the others run beside it."""
    long = ("tests/system/", "tests/faults/test_faults")
    items.sort(key=lambda item: not item.nodeid.startswith(long))


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.InfluxServer]:
    """A real InfluxDB 1.6.7: `.url`, `.database()`."""
    with servers.running(servers.influx_server(tmp_path_factory.mktemp("influx"))) as server:
        assert isinstance(server, servers.InfluxServer)
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.PostgresServer]:
    """A real PostgreSQL: `.database()`."""
    with servers.running(servers.postgres_server(tmp_path_factory.mktemp("postgres"))) as server:
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
