"""Edge, gateway and cloud as processes, two brokers between them: what the edge committed is in the store, once."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.ledger import Committed, Ledger, Reading, too_close
from tests.stored import quarantined, stored, stored_events
from tests.system.chain import EDGE, GATEWAY, PROCESSES, Chain, chain_in
from tests.system.stack import Client, running, wait_for

SEED = 20261121
WATER = "/api/sites/demo-farm/melon-greenhouse/zones/zone-1/commands"


pytestmark = pytest.mark.xdist_group("custody chain")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A Mosquitto at the site, NATS at the cloud; everything runs, and a ledger is kept of both outboxes."""
    home = tmp_path_factory.mktemp("chain")
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(servers.running(servers.mosquitto_server(tmp_path_factory.mktemp("site"))))
        up = stack.enter_context(servers.running(servers.nats_server(tmp_path_factory.mktemp("up"))))
        assert isinstance(site, servers.BrokerServer)
        assert isinstance(up, servers.BrokerServer)
        for ledger in ledgers_in(home):
            ledger.begin()
        chain = chain_in(home, site, up)
        stack.enter_context(running(chain))
        yield chain


def ledgers_in(home: Path) -> list[Ledger]:
    """Of the edge and of the gateway."""
    return [
        Ledger(home / "edge" / "outbox.sqlite3", EDGE),
        Ledger(home / "gateway" / "outbox.sqlite", GATEWAY),
    ]


def readings_of(ledgers: list[Ledger]) -> dict[Reading, Committed]:
    return {reading: what for ledger in ledgers for reading, what in ledger.readings().items()}


def known(ledger: Ledger) -> int:
    """How many readings with a known value a node has committed."""
    return sum(what.sample.value is not None for what in ledger.readings().values())


def ids(data: Path) -> list[str]:
    return [event.id for event in stored_events(data)]


def farm(client: Client) -> Any:
    """The farm on the overview, which may not be there yet."""
    sites = client.get("/api/overview")["sites"]
    return next((site for site in sites if site["id"] == "melon-greenhouse"), None)


def online(client: Client) -> bool | None:
    there = farm(client)
    return None if there is None else there["node"]["online"]


@pytest.mark.timeout(180)
def test_command_goes_down_the_chain_and_its_proof_comes_back(chain: Chain) -> None:
    client = Client(chain.url)
    client.sign_in()
    servers.wait_until(lambda: online(client) is True, "the edge's presence and the farm's description", 60)
    servers.wait_until(lambda: farm(client)["zones"][0]["moisture"]["value"] is not None, "its readings", 40)

    def state() -> str:
        return str(client.get(f"/api/commands/{command['id']}")["state"])

    chain.site.kill()
    command = client.post(WATER, {"action": "water", "minutes": 1})
    servers.wait_until(lambda: state() == "sent", "the command, on its way to a site that cannot be reached", 20)
    chain.site.start()
    servers.wait_until(lambda: state() == "running", "the command, running", 30)
    servers.wait_until(lambda: farm(client)["zones"][0]["running"] is True, "the run, on the page", 30)
    client.post(WATER, {"action": "stop"})
    servers.wait_until(lambda: state() == "done", "the command, done", 30)


@pytest.mark.timeout(120)
def test_node_behind_a_gateway_that_is_gone_is_offline(chain: Chain) -> None:
    client = Client(chain.url)
    client.sign_in()
    servers.wait_until(lambda: online(client) is True, "the edge's presence", 60)
    chain.stop("gateway")
    servers.wait_until(lambda: online(client) is False, "that nobody can be reached", 40)
    chain.start("gateway")
    servers.wait_until(lambda: online(client) is True, "the edge, behind its gateway again", 40)


@pytest.mark.timeout(240)
def test_every_reading_of_edge_and_gateway_is_stored_once_whatever_is_killed(chain: Chain) -> None:
    ledgers, data = ledgers_in(chain.plan.home), chain.plan.home / "cloud"
    dice = random.Random(SEED)
    order = [*dice.sample(PROCESSES, len(PROCESSES)), *dice.sample(PROCESSES, len(PROCESSES))]
    for victim in order:
        wait_for(dice.uniform(0.5, 3.0))
        chain.kill_and_start(victim)
    servers.wait_until(chain.healthy, "the cloud after the kills", 30)
    wait_for(3)
    events = {event for ledger in ledgers for event in ledger.events()}
    committed = readings_of(ledgers)
    servers.wait_until(lambda: committed.keys() <= stored(data).keys(), "every reading in the store", 90)
    servers.wait_until(lambda: events <= set(ids(data)), "every event in the database", 30)
    found, found_events = stored(data), ids(data)
    committed |= readings_of(ledgers)  # read after the store, so all that is stored must be among it
    assert min(known(ledger) for ledger in ledgers) > len(order)
    assert len(found_events) == len(set(found_events)), "an event stands there twice"
    assert found.keys() - committed.keys() == set(), "the store holds what no outbox committed"
    assert too_close(committed) == [], "a reading was told twice, with another time"
    assert [reading for reading, kept in found.items() if not committed[reading].came_to(kept)] == []
    assert quarantined(data) == []
