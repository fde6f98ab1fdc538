"""What events and outcomes change in the registry, in any order and any number of times, on both databases."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
import structlog
from sqlalchemy import select

from tests.cloud.told import (
    NODE,
    NOW_MS,
    SITE,
    TENANT,
    described,
    ended,
    event,
    planned,
    started,
    words,
)
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Rejected
from tonnam_cloud.registry import access, repository
from tonnam_cloud.registry.application import Source, apply_event, apply_outcome
from tonnam_cloud.registry.models import Command, Datastream, Event, Node, Run, Sensor, Site, Zone
from tonnam_link import messages
from tonnam_link.messages import CommandState, Outcome

SOURCE = Source(TENANT, NODE, NOW_MS)
ZONE = (TENANT, SITE, "zone-1")


@pytest.fixture
def registry(any_database: Database) -> Database:
    """Two nodes of one tenant, and one of another."""
    with any_database.writing() as session:
        for tenant, node in ((TENANT, NODE), (TENANT, "edge-2"), ("demo-town", "gateway-1")):
            assert repository.add_node(session, tenant, node, words(node), NOW_MS)
    return any_database


def tell(database: Database, *events: messages.Event, source: Source = SOURCE) -> None:
    with database.writing() as session:
        for each in events:
            apply_event(session, source, each)


def test_a_described_site_is_there_with_all_its_parts(registry: Database) -> None:
    tell(registry, event("site.described", described()))
    with registry.reading() as session:
        site = session.get_one(Site, (TENANT, SITE))
        assert (site.node, site.kind, site.name["en"], site.tank_full_cm) == (NODE, "farm", "Greenhouse", 200)
        assert (site.tank, site.pump) == (f"{TENANT}/{SITE}/tank/level", None)
        zone = session.get_one(Zone, ZONE)
        assert zone.moisture == f"{TENANT}/{SITE}/zone-1/soil_moisture"
        assert zone.description["crop"] == words("Melon")
        assert zone.description["valve"] == f"{TENANT}/{SITE}/zone-1/valve_open"
        streams = session.scalars(select(Datastream).order_by(Datastream.position)).all()
        assert [(row.thing, row.property, row.unit) for row in streams][2] == ("tank", "level", "cm")


def test_a_site_stays_with_its_node_and_so_do_its_commands_until_that_node_is_revoked(registry: Database) -> None:
    """Else whoever holds one node of a farm would get the commands for the valves of another, and answer them."""
    tell(registry, event("site.described", described()))
    other = Source(TENANT, "edge-2", NOW_MS)
    taking_over = event("site.described", described(zones=[]), NOW_MS + 1)
    for each in (taking_over, started("r-1"), ended("r-2"), planned(NOW_MS, NOW_MS + 1)):
        with pytest.raises(Rejected, match=f"node revoke {TENANT} {NODE}"):
            tell(registry, each, source=other)
    with registry.writing() as session:
        assert session.get_one(Site, (TENANT, SITE)).node == NODE
        assert session.get_one(Zone, ZONE).next_at_ms is None
        assert session.scalars(select(Run)).all() == []
        access.revoke(session, TENANT, NODE, NOW_MS)
    tell(registry, taking_over, source=other)
    with registry.reading() as session:
        assert session.get_one(Site, (TENANT, SITE)).node == "edge-2"


def test_a_town_is_described_with_its_sensors(registry: Database) -> None:
    body = described(
        site={"id": "town", "kind": "city", "name": words("Town")},
        datastreams=[
            {"id": "town/river-1/river_level", "name": words("r"), "unit": "m", "max_age_s": 900, "kind": "measure"}
        ],
        zones=[],
        tank=None,
        sensors=[
            {
                "thing": "river-1",
                "kind": "river",
                "name": words("River"),
                "latitude": 14.0,
                "longitude": 101.0,
                "datastreams": ["town/river-1/river_level"],
                "bank_height_m": 5.0,
            }
        ],
    )
    tell(registry, event("site.described", body), source=Source("demo-town", "gateway-1", NOW_MS))
    with registry.reading() as session:
        sensor = session.get_one(Sensor, ("demo-town", "town", "river-1"))
        assert (sensor.bank_height_m, sensor.datastreams) == (5.0, ["demo-town/town/river-1/river_level"])


def test_a_newer_description_replaces_and_an_older_one_is_only_kept(registry: Database) -> None:
    newer = described(zones=[], site={"id": SITE, "kind": "farm", "name": words("New name")})
    tell(registry, event("site.described", described(), NOW_MS))
    tell(registry, planned(NOW_MS + 1))
    tell(registry, event("site.described", newer, NOW_MS + 10), event("site.described", described(), NOW_MS + 5))
    with registry.reading() as session:
        assert session.get_one(Site, (TENANT, SITE)).name["en"] == "New name"
        assert session.get(Zone, ZONE) is None
        assert len(session.scalars(select(Event)).all()) == 4


def test_describing_again_keeps_the_plan(registry: Database) -> None:
    tell(registry, event("site.described", described()), planned(NOW_MS + 5000))
    tell(registry, event("site.described", described(), NOW_MS + 1))
    with registry.reading() as session:
        assert session.get_one(Zone, ZONE).next_at_ms == NOW_MS + 5000


def test_a_plan_that_came_before_its_zone_is_not_lost(registry: Database) -> None:
    tell(registry, planned(NOW_MS + 9000, at_ms=NOW_MS + 2), planned(NOW_MS + 5000, at_ms=NOW_MS + 1))
    tell(registry, event("site.described", described()))
    with registry.reading() as session:
        assert session.get_one(Zone, ZONE).next_at_ms == NOW_MS + 9000


def test_an_older_plan_does_not_replace_a_newer_one(registry: Database) -> None:
    tell(registry, event("site.described", described()), planned(None, at_ms=NOW_MS + 2))
    tell(registry, planned(NOW_MS + 5000, at_ms=NOW_MS + 1))
    with registry.reading() as session:
        assert session.get_one(Zone, ZONE).next_at_ms is None


def test_a_run_is_the_same_in_any_order_and_told_any_number_of_times(registry: Database) -> None:
    for number, order in enumerate(permutations((started, ended))):
        events = [make(f"run-{number}") for make in order]
        tell(registry, *events)
        tell(registry, *events)
    with registry.reading() as session:
        runs = session.scalars(select(Run)).all()
        assert len(runs) == 2
        for run in runs:
            assert (run.started_ms, run.ended_ms, run.cause) == (NOW_MS, NOW_MS + 60_000, "manual")
            assert (run.outcome, run.litres, run.planned_s) == ("done", 61.0, 60.0)


TANK_A = {"liquid": "a", "name": words("Tank A")}


@pytest.mark.parametrize(
    ("told_of", "doses", "spent"),
    [
        (
            {"dosed": {"a": 120.5, "b": 0.0}, "injectors": {"a": TANK_A}, "kwh": 0.42, "baht": 1.11},
            [{"injector": "a", "ml": 120.5, **TANK_A}, {"injector": "b", "ml": 0.0}],
            (0.42, 1.11),
        ),
        ({"kwh": -0.1, "dosed": {}}, None, (None, None)),
        ({}, None, (None, None)),
    ],
)
def test_the_end_of_a_run_keeps_what_was_dosed_and_what_it_took(
    registry: Database, told_of: dict[str, Any], doses: list[dict[str, Any]] | None, spent: tuple[float, float]
) -> None:
    tell(registry, event("run.ended", {**ended().body, **told_of}))
    with registry.reading() as session:
        run = session.get_one(Run, (TENANT, "run-1"))
        assert (run.doses, (run.kwh, run.baht)) == (doses, spent)


def test_a_run_whose_start_never_came_begins_its_duration_before_its_end(registry: Database) -> None:
    tell(registry, ended())
    with registry.reading() as session:
        assert session.get_one(Run, (TENANT, "run-1")).started_ms == NOW_MS


@pytest.mark.parametrize(
    ("kind", "body", "complaint"),
    [
        ("run.started", {"run_id": "r"}, "missing required field"),
        ("run.ended", {"run_id": "r", "site": "S!", "zone": "z", "outcome": "done", "duration_s": 1}, "site"),
        ("site.described", described(datastreams=[]), "not among its datastreams"),
        ("site.described", described(site={"id": "other", "kind": "farm", "name": words("x")}), "not of site other"),
        ("zone.planned", {"site": SITE, "zone": "zone-1", "next_at_ms": -1}, "next_at_ms"),
        ("Node Started", {}, "kind"),
    ],
)
def test_an_event_that_cannot_be_understood_is_rejected_and_changes_nothing(
    registry: Database, kind: str, body: dict[str, object], complaint: str
) -> None:
    with pytest.raises(Rejected, match=complaint):
        tell(registry, event(kind, body))
    with registry.reading() as session:
        assert session.scalars(select(Event)).all() == []


def test_an_event_of_an_unknown_kind_is_kept(registry: Database) -> None:
    tell(registry, event("device.lost", {"site": SITE, "device": "probe-1-a", "text": words("silent")}))
    with registry.reading() as session:
        assert session.scalars(select(Event.kind)).all() == ["device.lost"]


def test_a_refusal_at_a_node_is_kept_and_said_once_however_often_it_comes(registry: Database) -> None:
    refusal = event("command.rejected", {"why": "altered", "count": 3, "text": words("changed on its way")})
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            tell(registry, refusal)
    (log,) = logs
    assert (log["node"], log["why"], log["count"]) == (f"{TENANT}/{NODE}", "altered", "3")
    with registry.reading() as session:
        assert session.scalars(select(Event.kind)).all() == ["command.rejected"]


def order(database: Database, state: CommandState = CommandState.QUEUED) -> None:
    with database.writing() as session:
        session.add(
            Command(
                id="c-1",
                tenant=TENANT,
                site=SITE,
                node=NODE,
                zone="zone-1",
                action="water",
                max_run_s=60,
                state=state.value,
                created_by="somchai",
                created_ms=NOW_MS,
                expires_ms=NOW_MS + 60_000,
                changed_ms=NOW_MS,
            )
        )


def answer(database: Database, state: CommandState, source: Source = SOURCE, run_id: str | None = None) -> str:
    with database.writing() as session:
        apply_outcome(session, source, Outcome("c-1", state, NOW_MS, words(state.value), run_id))
        return session.get_one(Command, "c-1").state


def test_a_command_moves_on_and_never_back(registry: Database) -> None:
    order(registry)
    told = [CommandState.RUNNING, CommandState.ACCEPTED, CommandState.DONE, CommandState.RUNNING, CommandState.FAILED]
    assert [answer(registry, state) for state in told] == ["running", "running", "done", "done", "done"]


@pytest.mark.parametrize("state", [CommandState.ACCEPTED, *(s for s in CommandState if s.final)])
def test_the_nodes_word_counts_more_than_our_belief_that_a_command_expired(
    registry: Database, state: CommandState
) -> None:
    order(registry, CommandState.EXPIRED)
    assert answer(registry, state, run_id="run-7") == state
    with registry.reading() as session:
        command = session.get_one(Command, "c-1")
        assert (command.reason, command.run_id, command.answered_ms) == (words(state.value), "run-7", NOW_MS)
    assert answer(registry, CommandState.DONE) == (state if state.final else CommandState.DONE)


def test_what_a_node_itself_called_expired_stays_so(registry: Database) -> None:
    order(registry, CommandState.SENT)
    assert answer(registry, CommandState.EXPIRED) == "expired"
    assert answer(registry, CommandState.DONE) == "expired"


def test_an_outcome_brings_its_reason_and_run(registry: Database) -> None:
    order(registry, CommandState.SENT)
    answer(registry, CommandState.RUNNING, run_id="run-7")
    with registry.reading() as session:
        command = session.get_one(Command, "c-1")
        assert (command.run_id, command.reason) == ("run-7", words("running"))


def test_another_node_cannot_answer_for_a_command(registry: Database) -> None:
    order(registry)
    for source in (Source(TENANT, "edge-2", NOW_MS), Source("demo-town", "gateway-1", NOW_MS)):
        assert answer(registry, CommandState.DONE, source) == "queued"


def test_an_outcome_of_an_unknown_command_is_ignored(registry: Database) -> None:
    with registry.writing() as session:
        assert apply_outcome(session, SOURCE, Outcome("c-404", CommandState.DONE, NOW_MS)) is None


def present(database: Database, online: bool, name: str, at_ms: int) -> bool:
    with database.writing() as session:
        repository.presence(session, TENANT, NODE, online, name, at_ms)
        return session.get_one(Node, (TENANT, NODE)).online


def test_a_last_will_of_an_older_session_is_ignored(registry: Database) -> None:
    assert present(registry, True, "s-1", 1) is True
    assert present(registry, True, "s-2", 2) is True
    assert present(registry, False, "s-1", 3) is True
    assert present(registry, False, "s-2", 4) is False


def test_a_batch_after_a_last_will_outranks_it(registry: Database) -> None:
    present(registry, True, "s-1", 1)
    present(registry, False, "s-1", 10)
    with registry.writing() as session:
        assert repository.heard(session, {(TENANT, NODE): 9}) == []
        assert repository.heard(session, {(TENANT, NODE): 11}) == [(TENANT, NODE)]
        assert session.get_one(Node, (TENANT, NODE)).last_heard_ms == 11


def test_presence_of_an_unknown_node_is_ignored(registry: Database) -> None:
    with registry.writing() as session:
        assert repository.presence(session, TENANT, "nobody", True, "s", 1) == []


@pytest.mark.parametrize("bad", ["", "Edge", "live", "a/b", "x" * 33, "-a"])
def test_ids_that_cannot_stand_in_a_topic_are_refused(registry: Database, bad: str) -> None:
    with registry.writing() as session, pytest.raises(Rejected, match="is not an id"):
        repository.add_node(session, TENANT, bad, words("x"), NOW_MS)
