"""The demo's broker and who may speak there: the cloud's own `broker-config`, on the real NATS server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.cloud.broker_scene import Party
from tests.system.stack import plan_in
from tonnam_cloud.broker.users_file import load_users
from tonnam_demo import broker, plan
from tonnam_demo.credentials import Credentials, load_or_make
from tonnam_demo.plan import TOWN_SITE, Plan
from tonnam_demo.registering import register
from tonnam_gateway.loader import load as load_mapping

FILTERS = load_mapping(TOWN_SITE).filters()
EDGE, GATEWAY = "demo-farm.edge-1", "demo-town.gateway-1"


@pytest.fixture
def chosen(tmp_path: Path) -> Plan:
    credentials, _ = load_or_make(tmp_path / "credentials.json")
    with_own_broker = plan_in(tmp_path, "")
    return Plan(**{**vars(with_own_broker), "credentials": credentials, "external_broker": None})


@pytest.fixture
def nats(chosen: Plan, tmp_path: Path) -> Iterator[servers.BrokerServer]:
    assert register(chosen, login_is_new=True).startswith("ed25519:")
    config = tmp_path / "nats.conf"
    broker.write_config(config, nats_port=chosen.ports.nats)
    command = plan.broker_child(chosen, config).command
    with servers.running(servers.BrokerServer(command, chosen.ports.mqtt, tmp_path / "nats.log")) as server:
        assert isinstance(server, servers.BrokerServer)
        yield server


def test_everybody_of_the_demo_comes_in_with_the_kept_password_and_no_other(
    nats: servers.BrokerServer, chosen: Plan
) -> None:
    kept = chosen.credentials
    users = {"cloud": kept.cloud, "field": kept.field, EDGE: kept.edge, GATEWAY: kept.gateway}
    parties = [Party(nats.port, name, password) for name, password in users.items()]
    strangers = [Party(nats.port, name, kept.login) for name in users]
    assert [party.is_in for party in (*parties, *strangers)] == [True] * 4 + [False] * 4
    for party in (*parties, *strangers):
        party.close()


def test_what_the_town_s_devices_say_reaches_the_gateway(nats: servers.BrokerServer, chosen: Plan) -> None:
    field = Party(nats.port, "field", chosen.credentials.field)
    gateway = Party(nats.port, GATEWAY, chosen.credentials.gateway)
    assert [gateway.subscribe(topic_filter) for topic_filter in FILTERS] == [0] * len(FILTERS)
    for topic in ("tele/tonnam-air-1/SENSOR", "application/a/device/b/event/up", "town/river-1/state"):
        field.say(topic, b"{}")
        gateway.hears(topic, b"{}")
    field.close()
    gateway.close()


def test_registering_again_changes_nothing_and_keeps_who_is_revoked_out(chosen: Plan, tmp_path: Path) -> None:
    first = register(chosen, login_is_new=True)
    written = (tmp_path / broker.ACCESS / "tonnam.conf").read_text()
    assert register(chosen, login_is_new=False) == first
    again = (tmp_path / broker.ACCESS / "tonnam.conf").read_text()
    nodes = [line for line in written.splitlines() if EDGE in line or GATEWAY in line]
    assert len(nodes) == 2
    assert all(line in again for line in nodes)
    revoke = [plan.program("tonnam-cloud"), "node", "revoke", *plan.FARM]
    subprocess.run(revoke, env={**os.environ, **plan.cloud_environment(chosen)}, check=True)
    register(chosen, login_is_new=False)
    assert EDGE not in (tmp_path / broker.ACCESS / "tonnam.conf").read_text()


def test_follower_is_told_what_registering_has_written(chosen: Plan) -> None:
    child = plan.access_child(chosen)
    assert {user.password_variable for user, _ in load_users(broker.USERS, child.environment)} <= set(
        child.environment
    )
    assert str(chosen.home / broker.ACCESS) in child.command
    assert f"127.0.0.1:{chosen.ports.mqtt}" in child.command
    assert not any(password in " ".join(child.command) for password in vars(chosen.credentials).values())


def test_credentials_are_made_once_and_are_nobody_elses_business(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    made, new = load_or_make(path)
    again, new_again = load_or_make(path)
    assert (new, new_again) == (True, False)
    assert made == again
    assert isinstance(made, Credentials)
    assert path.stat().st_mode & 0o077 == 0
    assert len({made.cloud, made.edge, made.gateway, made.field, made.login}) == 5
