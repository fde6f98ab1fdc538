"""Tells the cloud, before it runs, who may speak: two nodes with their passwords, and one person.

The cloud's commands do the same one by one. Here all is done at once: each command takes half a second to start.
"""

from __future__ import annotations

from collections.abc import Mapping

from tonnam_cloud.broker.config import Broker, Config, Writer
from tonnam_cloud.broker.listening import Address, Listening
from tonnam_cloud.broker.users_file import load_users
from tonnam_cloud.database import Database
from tonnam_cloud.keys.vault import Vault
from tonnam_cloud.opening import open_database
from tonnam_cloud.people.person import Role
from tonnam_cloud.people.service import People
from tonnam_cloud.registry import access, repository
from tonnam_cloud.settings import read_settings
from tonnam_demo import broker, plan
from tonnam_demo.plan import Plan
from tonnam_link.clock import system_clock

USER = "farmer"
NAMES: Mapping[tuple[str, str], dict[str, str]] = {
    plan.FARM: {"th": "เรือนเมลอน", "en": "Melon greenhouse"},
    plan.TOWN: {"th": "เมืองตัวอย่าง", "en": "Example town"},
}


def register(chosen: Plan, login_is_new: bool) -> str:
    """Make everybody known, and write the broker's configuration. Doing it again changes nothing. Blocking.

    Returns the cloud's public key. Raises CloudError.
    """
    settings = read_settings(data=chosen.home / "cloud", broker=chosen.broker_url("cloud", chosen.credentials.cloud))
    database = open_database(settings)
    try:
        _add_nodes(chosen, database)
        _add_person(chosen, database, login_is_new)
        if chosen.external_broker is None:
            Writer(access_config(chosen), database).write()
    finally:
        database.close()
    return Vault(settings.data, system_clock).current.public


def access_config(chosen: Plan) -> Config:
    """What `broker-config` is told by `plan.access_child`."""
    others = load_users(broker.USERS, broker.passwords(chosen.credentials))
    listening = Listening(Address("127.0.0.1", chosen.ports.mqtt))
    return Config(Broker.NATS, chosen.home / broker.ACCESS, listening, others)


def _add_nodes(chosen: Plan, database: Database) -> None:
    passwords = {plan.FARM: chosen.credentials.edge, plan.TOWN: chosen.credentials.gateway}
    with database.writing() as session:
        for (tenant, node), name in NAMES.items():
            repository.add_node(session, tenant, node, name, system_clock())
            if chosen.external_broker is None:
                access.set_password(session, tenant, node, passwords[tenant, node])


def _add_person(chosen: Plan, database: Database, login_is_new: bool) -> None:
    people = People(database, system_clock)
    known = any(person.name == USER for person in people.everybody())
    if login_is_new or not known:
        roles = {tenant: Role.FARMER for tenant, _ in NAMES}
        people.put_account(USER, display_name=None, roles=roles, password=chosen.credentials.login)
