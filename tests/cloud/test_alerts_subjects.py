"""What rules are about, in a registry of any size."""

from __future__ import annotations

import time

from sqlalchemy import insert

from tests.cloud.scene import words
from tonnam_cloud.alerts.rules import load_rules
from tonnam_cloud.alerts.subjects import find_subjects
from tonnam_cloud.database import Database
from tonnam_cloud.registry.models import Datastream, Node, Site, Tenant

SITES, STREAMS = 1_000, 20


def settle_many(database: Database) -> None:
    """One tenant with many farms."""
    sites = [f"s{number}" for number in range(SITES)]
    name = words("x")
    with database.writing() as session:
        session.execute(insert(Tenant), [{"id": "t", "name": name, "created_ms": 0}])
        session.execute(insert(Node), [{"tenant": "t", "id": "g", "name": name, "created_ms": 0, "online": True}])
        session.execute(
            insert(Site),
            [
                {"tenant": "t", "id": site, "node": "g", "kind": "farm", "name": name, "described_ms": 0}
                for site in sites
            ],
        )
        session.execute(
            insert(Datastream),
            [
                {
                    "id": f"t/{site}/zone-{number}/soil_moisture",
                    "tenant": "t",
                    "site": site,
                    "thing": f"zone-{number}",
                    "property": "soil_moisture",
                    "name": name,
                    "unit": "%",
                    "kind": "measure",
                    "max_age_s": 60.0,
                    "position": number,
                }
                for site in sites
                for number in range(STREAMS)
            ],
        )


def test_subjects_of_a_thousand_sites_are_found_in_one_pass(database: Database) -> None:
    settle_many(database)
    with database.reading() as session:
        started = time.perf_counter()
        found = find_subjects(session, [rule for rule in load_rules() if rule.scope == "site"])
        taken_s = time.perf_counter() - started
    assert len(found) == SITES
    assert {len(subject.datastreams) for subject in found} == {STREAMS}
    assert {(subject.id, subject.site) for subject in found} == {(f"t/s{n}", f"s{n}") for n in range(SITES)}
    assert taken_s < 8
