"""Kill every process while readings flow: what an outbox had committed is in the store, once."""

from __future__ import annotations

import math
import random
import sqlite3
from pathlib import Path

import pytest

from tests import servers
from tests.system.ledger import Committed, Ledger, Reading, too_close
from tests.system.stack import Stack, plan_in, running, wait_for
from tonnam_cloud.store.embedded import EmbeddedReader
from tonnam_link.topics import Origin

PROCESSES = ["edge", "broker", "gateway", "cloud"]
SEED = 20261120
FAR_FUTURE_MS = 2**45


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


def stored(home: Path) -> dict[Reading, float | None]:
    """Everything in the embedded store; AssertionError when a reading stands there twice."""
    reader = EmbeddedReader(home / "cloud")
    found: dict[Reading, float | None] = {}
    for datastream in reader.datastreams():
        series = reader.series(datastream, 0, FAR_FUTURE_MS)
        times = series.observed_at_ms.tolist()
        assert len(set(times)) == len(times), f"{datastream} has a reading twice"
        for at, value in zip(times, series.value.tolist(), strict=True):
            found[datastream, at] = None if math.isnan(value) else value
    reader.close()
    return found


def stored_events(home: Path) -> list[str]:
    """The ids of all events in the cloud's database."""
    with sqlite3.connect(home / "cloud" / "tonnam.db", timeout=30) as db:
        ids = [event_id for (event_id,) in db.execute("SELECT id FROM event")]
    db.close()
    return ids


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
    dice = random.Random(SEED)
    order = [*PROCESSES, *dice.sample(PROCESSES, 4), *dice.sample(PROCESSES, 4)]
    with running(Stack(plan_in(tmp_path, broker_server.url), hurried=True)) as stack:
        for victim in order:
            wait_for(dice.uniform(0.5, 3.0))
            kill_and_start(victim, stack, broker_server)
        servers.wait_until(stack.healthy, "the cloud after the kills", 30)
        wait_for(3)
        events = set().union(*(ledger.events() for ledger in ledgers))
        committed = readings_of(ledgers)
        servers.wait_until(lambda: committed.keys() <= stored(tmp_path).keys(), "every reading in the store", 90)
        servers.wait_until(lambda: events <= set(stored_events(tmp_path)), "every event in the database", 30)
        found, found_events = stored(tmp_path), stored_events(tmp_path)
        committed |= readings_of(ledgers)  # read after the store, so all that is stored must be among it
    assert min(known(ledger) for ledger in ledgers) > len(order)
    assert len(events) >= 2 * (1 + order.count("edge"))
    assert len(found_events) == len(set(found_events)), "an event stands there twice"
    assert found.keys() - committed.keys() == set(), "the store holds what no outbox committed"
    assert too_close(committed) == [], "a reading was told twice, with another time"
    assert [reading for reading, value in found.items() if not committed[reading].is_value(value)] == []
