"""The servers that other tests stand on come up, take a client, and go."""

from __future__ import annotations

import socket

import psycopg

from tests.servers import HOST, BrokerServer, InfluxServer, PostgresServer, listens

CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test"


def test_broker_accepts_an_mqtt_client_and_comes_back_after_a_kill(broker_server: BrokerServer) -> None:
    for _ in range(2):
        with socket.create_connection((HOST, broker_server.port), timeout=10) as client:
            client.sendall(CONNECT)
            assert client.recv(4) == b"\x20\x02\x00\x00"
        broker_server.kill()
        assert not listens(broker_server.port)
        broker_server.start()


def test_influx_gives_each_test_an_empty_database(influx: InfluxServer) -> None:
    assert influx.database() != influx.database()


def test_postgres_gives_each_test_an_empty_database(postgres: PostgresServer) -> None:
    url = postgres.database().replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from information_schema.tables where table_schema = 'public'"
        ).fetchone()
    assert row == (0,)
