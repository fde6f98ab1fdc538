"""Kill every process while readings flow: what an outbox had committed is in the store, once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests import servers
from tests.ledger import Committed, Ledger, Reading, too_close
from tests.stored import stored, stored_events
from tests.system.stack import Stack, plan_in, running, wait_for
from tonnam_link.topics import Origin

PROCESSES = ["edge", "broker", "gateway", "cloud"]
SEED = 20261120


def kill_and_start(name: str, stack: Stack, broker: servers.BrokerServer) -> None:
    if name == "broker":
        broker.kill()
        broker.start()
    else:
        stack.kill(name)
        stack.start(name)


def known(ledger: Ledger) -> int:
    """How many readings with a known value a node has committed."""
    return sum(what.sample.value is not None for what in ledger.readings().values())


def until_readings_flow(ledgers: list[Ledger]) -> None:
    """Wait until every node has committed something new that it has measured."""
    before = [known(ledger) for ledger in ledgers]
    servers.wait_until(
        lambda: all(known(ledger) > count for ledger, count in zip(ledgers, before, strict=True)),
        "new readings of every node",
        40,
    )


def readings_of(ledgers: list[Ledger]) -> dict[Reading, Committed]:
    """What all nodes have committed so far."""
    return {reading: what for ledger in ledgers for reading, what in ledger.readings().items()}


def ids(data: Path) -> set[str]:
    """The ids of all events that the cloud has."""
    return {event.id for event in stored_events(data)}


@pytest.mark.timeout(240)
def test_every_committed_reading_is_stored_once_whatever_is_killed(
    tmp_path: Path, broker_server: servers.BrokerServer
) -> None:
    ledgers = [
        Ledger(tmp_path / "edge" / "outbox.sqlite3", Origin("demo-farm", "edge-1")),
        Ledger(tmp_path / "gateway" / "outbox.sqlite", Origin("demo-town", "gateway-1")),
    ]
    for ledger in ledgers:
        ledger.begin()
    dice, data = random.Random(SEED), tmp_path / "cloud"
    order = [*PROCESSES, *dice.sample(PROCESSES, 4), *dice.sample(PROCESSES, 4)]
    with running(Stack(plan_in(tmp_path, broker_server.url), hurried=True)) as stack:
        for victim in order:
            wait_for(dice.uniform(0.5, 2.0))
            kill_and_start(victim, stack, broker_server)
        servers.wait_until(stack.healthy, "the cloud after the kills", 30)
        wait_for(3)
        events = {event for ledger in ledgers for event in ledger.events()}
        committed = readings_of(ledgers)
        servers.wait_until(lambda: committed.keys() <= stored(data).keys(), "every reading in the store", 90)
        servers.wait_until(lambda: events <= ids(data), "every event in the database", 30)
        found, found_events = stored(data), [event.id for event in stored_events(data)]
        committed |= readings_of(ledgers)  # read after the store, so all that is stored must be among it
    assert min(known(ledger) for ledger in ledgers) > len(order)
    assert len(events) >= 2 * (1 + order.count("edge"))
    assert len(found_events) == len(set(found_events)), "an event stands there twice"
    assert found.keys() - committed.keys() == set(), "the store holds what no outbox committed"
    assert too_close(committed) == [], "a reading was told twice, with another time"
    assert [reading for reading, kept in found.items() if not committed[reading].came_to(kept)] == []
