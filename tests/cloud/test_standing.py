"""What stands at a farm until a person acts: kept whole, alerted, told to the page, cleared and locked by command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from tests.cloud.scene import FARM, NOW_MS, VALVE, Scene, playing
from tests.cloud.told import NODE, SITE, TENANT, described, event, words
from tests.cloud.told import NOW_MS as TOLD_MS
from tonnam_cloud.alerts.models import AlertRow
from tonnam_cloud.alerts.rules import RuleFile
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Rejected
from tonnam_cloud.registry import repository, standing
from tonnam_cloud.registry.application import Source, apply_event, apply_outcome
from tonnam_cloud.registry.models import Event, Site
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link import messages
from tonnam_link.messages import CommandAction, CommandState, Outcome

SOURCE = Source(TENANT, NODE, TOLD_MS)


def latch(name: str = "l-1", of: str = "no_flow", subject: str = "zone-1", **changes: Any) -> dict[str, Any]:
    known = {"id": name, "of": of, "subject": subject, "zones": ["zone-1"], "since_ms": TOLD_MS - 5000}
    return {**known, "text": words("no water flowed"), **changes}


def lockout(zone: str | None = None, who: str = "สมชาย") -> dict[str, Any]:
    return {"id": "k-1", "zone": zone, "who": who, "why": "ขุดท่อ", "afar": True, "since_ms": TOLD_MS}


def mode(where: str, zone: str = "zone-1") -> dict[str, Any]:
    return {"zone": zone, "mode": where, "text": words(f"switch {where}")}


def thirsty(zone: str = "zone-1", **changes: Any) -> dict[str, Any]:
    known = {"zone": zone, "of": "no_water", "since_ms": TOLD_MS - 93_600_000}
    return {**known, "text": words("for 26 hours, the tank is empty"), **changes}


def stands(at_ms: int = TOLD_MS, **body: Any) -> messages.Event:
    return event("site.stands", {"site": SITE, **body}, at_ms)


@pytest.fixture
def registry(any_database: Database) -> Database:
    with any_database.writing() as session:
        for node in (NODE, "edge-2"):
            repository.add_node(session, TENANT, node, words(node), TOLD_MS)
    tell(any_database, event("site.described", described()))
    return any_database


def tell(database: Database, *events: messages.Event, source: Source = SOURCE) -> None:
    with database.writing() as session:
        for each in events:
            apply_event(session, source, each)


def latched(database: Database) -> list[str]:
    with database.reading() as session:
        site = session.get(Site, (TENANT, SITE))
        return [] if site is None else [each.id for each in standing.of(site).latches]


def alerts(database: Database, state: str = "firing") -> list[tuple[str, str, str]]:
    with database.reading() as session:
        rows = session.scalars(select(AlertRow).where(AlertRow.state == state).order_by(AlertRow.rule, AlertRow.id))
        return [(row.rule, row.severity, row.title["en"]) for row in rows]


def test_what_stands_is_kept_whole_and_the_newest_word_counts_in_any_order(registry: Database) -> None:
    told = [
        stands(TOLD_MS + 1, latches=[latch("l-1")]),
        stands(TOLD_MS + 2, latches=[latch("l-1"), latch("l-2", "leak", "meter")]),
        stands(TOLD_MS + 3, latches=[latch("l-2", "leak", "meter")]),
    ]
    for number, order in enumerate(permutations(told)):
        tell(registry, *(messages.Event(f"{number}-{e.id}", e.kind, e.at_ms + 10 * number, e.body) for e in order))
        assert latched(registry) == ["l-2"]
        assert alerts(registry) == [("latch", "critical", "Greenhouse: a leak")]


def test_a_latch_is_an_alert_that_ends_with_it(registry: Database) -> None:
    tell(registry, stands(latches=[latch()]))
    assert alerts(registry) == [("latch", "warning", "Zone 1: no water flows")]
    with registry.reading() as session:
        [row] = session.scalars(select(AlertRow))
        assert (row.since_ms, row.text["en"][:17]) == (TOLD_MS - 5000, "no water flowed. ")
    tell(registry, stands(TOLD_MS + 1, latches=[latch()]), stands(TOLD_MS + 2))
    assert alerts(registry) == []
    assert len(alerts(registry, "resolved")) == 1


def test_thirst_is_one_alert_a_zone_whatever_is_told_of_it_until_it_ends(registry: Database) -> None:
    later = words("for 50 hours, the cabinet is silent")
    tell(registry, stands(thirsty=[thirsty()]), stands(TOLD_MS + 1, thirsty=[thirsty()]))
    tell(registry, stands(TOLD_MS + 2, thirsty=[thirsty(text=later), thirsty("zone-2")]))
    with registry.reading() as session:
        rows = {row.subject: row for row in session.scalars(select(AlertRow))}
    assert len(rows) == 2
    first = rows[f"{TENANT}/{SITE}/zone-1"]
    assert (first.since_ms, first.text) == (TOLD_MS - 93_600_000, later)
    tell(registry, stands(TOLD_MS + 3, thirsty=[thirsty("zone-2")]))
    assert [title for _, _, title in alerts(registry)] == ["zone-2: wants water and gets none"]


@pytest.mark.parametrize(
    ("body", "alert"),
    [
        (
            {"emergency": {"since_ms": TOLD_MS}},
            ("emergency-stop", "critical", "Greenhouse: the emergency stop is pressed"),
        ),
        ({"modes": [mode("unknown")]}, ("switch-unknown", "warning", "Zone 1: the cabinet's switch is not read")),
        (
            {"doubts": [{"zone": "zone-1", "of": "probe", "text": words("Look at the probes")}]},
            ("doubt", "warning", "Zone 1: the soil probes are in doubt"),
        ),
        (
            {"doubts": [{"of": "rain_gauge", "text": words("It bounces")}]},
            ("doubt", "warning", "Greenhouse: the rain gauge is in doubt"),
        ),
        ({"thirsty": [thirsty()]}, ("thirst", "warning", "Zone 1: wants water and gets none")),
        ({"thirsty": [thirsty(of="kept_off", since_ms=None)]}, ("thirst", "warning", "Zone 1: kept off for long")),
        ({"thirsty": [thirsty(of="of_a_later_version")]}, ("thirst", "warning", "Zone 1: something is wrong")),
        ({"latches": [latch(of="of_a_later_version")]}, ("latch", "warning", "Zone 1: something is wrong")),
    ],
)
def test_what_needs_a_person_is_an_alert(
    registry: Database, body: dict[str, Any], alert: tuple[str, str, str]
) -> None:
    tell(registry, stands(**body))
    assert alerts(registry) == [alert]


def test_what_a_person_has_done_is_none(registry: Database) -> None:
    tell(registry, stands(lockouts=[lockout()], modes=[mode("off"), mode("hand", "zone-2")]))
    assert alerts(registry) == []


def test_what_was_told_before_the_site_was_described_is_not_lost(any_database: Database) -> None:
    with any_database.writing() as session:
        repository.add_node(session, TENANT, NODE, words(NODE), TOLD_MS)
    tell(any_database, stands(TOLD_MS + 1, latches=[latch("newer")]), stands(TOLD_MS, latches=[latch("older")]))
    tell(any_database, event("site.described", described()))
    assert latched(any_database) == ["newer"]
    assert len(alerts(any_database)) == 1


def test_describing_again_keeps_what_stands(registry: Database) -> None:
    tell(registry, stands(latches=[latch()]), event("site.described", described(), TOLD_MS + 10))
    assert latched(registry) == ["l-1"]


def test_a_word_of_an_unknown_time_gives_way_to_every_other(registry: Database) -> None:
    suspect = stands(TOLD_MS + 5, latches=[latch("guess")], clock_suspect=True)
    tell(registry, suspect)
    assert latched(registry) == ["guess"]
    tell(registry, stands(TOLD_MS, latches=[latch("known")]), stands(TOLD_MS + 9, clock_suspect=True))
    assert latched(registry) == ["known"]


def test_another_node_cannot_say_what_stands(registry: Database) -> None:
    with pytest.raises(Rejected, match="is the site of"):
        tell(registry, stands(), source=Source(TENANT, "edge-2", TOLD_MS))


@pytest.mark.parametrize(
    "body",
    [
        {"latches": [latch(name="../x")]},
        {"latches": [latch(of="No Flow")]},
        {"lockouts": [lockout(who="two\nlines")]},
        {"modes": [mode("sideways")]},
        {"latches": [latch()] * 1001},
        {"thirsty": [thirsty("../x")]},
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(registry: Database, body: dict[str, Any]) -> None:
    tell(registry, stands(latches=[latch()]))
    with pytest.raises(Rejected):
        tell(registry, stands(TOLD_MS + 1, **body))
    assert latched(registry) == ["l-1"]


def test_watering_by_hand_is_a_run(registry: Database) -> None:
    body = {
        "run_id": "r",
        "site": SITE,
        "zone": "zone-1",
        "cause": "hand",
        "planned_s": 0,
        "reason": words("by hand"),
    }
    tell(registry, event("run.started", body))
    with registry.reading() as session:
        assert len(session.scalars(select(Event).where(Event.kind == "run.started")).all()) == 1


@pytest.mark.parametrize("taken", ["latch", "emergency-stop", "switch-unknown", "doubt", "thirst"])
def test_no_rule_may_be_called_as_these_alerts_are(taken: str) -> None:
    rule = {
        "id": taken,
        "kind": "no_data",
        "datastreams": "*/*/*/*",
        "severity": "warning",
        "for_s": 60,
        "title": words("x"),
        "text": words("x"),
    }
    with pytest.raises(ValueError, match="used by Tonnam itself"):
        RuleFile.model_validate({"rule": [rule]})


# Over HTTP


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        scene.reads(VALVE, (5, 0.0))
        yield scene


def farm_tells(scene: Scene, **body: Any) -> None:
    source = Source("demo-farm", "edge-1", scene.clock.now_ms)
    with scene.database.writing() as session:
        apply_event(session, source, stands(scene.clock.now_ms, **body))


async def farm(scene: Scene) -> Any:
    async with scene.client("somchai") as client:
        return (await client.get("/api/overview")).json()["sites"][0]


async def post(scene: Scene, path: str, wish: Any = None, *, name: str = "somchai", key: str = "") -> tuple[int, Any]:
    async with scene.client(name) as client:
        headers = {"Idempotency-Key": key} if key else {}
        answer = await client.post(f"/api/sites/{FARM}{path}", json=wish, headers=headers)
        return answer.status_code, answer.json()


async def test_the_page_is_told_what_stands_and_why_no_water_runs(scene: Scene) -> None:
    farm_tells(scene, latches=[latch(since_ms=NOW_MS), latch("l-2", "leak", "meter", zones=["zone-1", "zone-2"])])
    site = await farm(scene)
    first, second = site["zones"]
    assert first["latches"][0] == {
        "id": "l-1",
        "kind": "no_flow",
        "subject": "zone-1",
        "zones": ["zone-1"],
        "text": words("no water flowed"),
        "since": "2026-11-20T06:00:00.000Z",
    }
    assert [each["id"] for each in second["latches"]] == ["l-2"]
    assert [each["id"] for each in site["latches"]] == ["l-1", "l-2"]
    assert (first["why_not"], first["mode"], site["emergency"]) == (words("no water flowed"), None, None)


async def test_the_gravest_reason_is_the_one_sentence(scene: Scene) -> None:
    reasons: list[tuple[dict[str, Any], str]] = [
        ({}, "14:00, timer"),
        ({"modes": [mode("auto")]}, "14:00, timer"),
        ({"modes": [mode("unknown")]}, "switch unknown"),
        ({"latches": [latch()]}, "no water flowed"),
        ({"modes": [mode("hand")]}, "switch hand"),
        ({"lockouts": [lockout("zone-2")]}, "switch hand"),
        ({"lockouts": [lockout("zone-1")]}, "สมชาย has locked this zone: ขุดท่อ. It can be unlocked at the farm only."),
        ({"lockouts": [lockout()]}, "สมชาย has locked the whole farm: ขุดท่อ. It can be unlocked at the farm only."),
        ({"emergency": {}}, "The emergency stop at the cabinet is pressed; everything is off."),
    ]
    told: dict[str, Any] = {}
    for more, expected in reasons:
        told |= more
        scene.clock.pass_s(1)
        farm_tells(scene, **told)
        assert (await farm(scene))["zones"][0]["why_not"]["en"] == expected


async def test_while_water_runs_nothing_says_why_not(scene: Scene) -> None:
    scene.reads(VALVE, (0, 1.0))
    assert (await farm(scene))["zones"][0]["why_not"] is None


async def test_a_latch_is_cleared_by_a_signed_command_once(scene: Scene) -> None:
    farm_tells(scene, latches=[latch()])
    status, command = await post(scene, "/latches/l-1/clear", key="k")
    assert (status, command["action"], command["latch"], command["state"]) == (202, "clear", "l-1", "queued")
    assert command["zone"] is None
    await scene.parts.commands.round()
    [(topic, wire)] = scene.wire.published
    assert topic == "tonnam/1/demo-farm/edge-1/command"
    assert (wire.action, wire.latch, wire.who, wire.zone) == (CommandAction.CLEAR, "l-1", "Somchai", "")
    with scene.database.writing() as session:
        outcome = Outcome(command["id"], CommandState.DONE, scene.clock.now_ms, words("cleared"))
        apply_outcome(session, Source("demo-farm", "edge-1", scene.clock.now_ms), outcome)
    scene.clock.pass_s(1)
    farm_tells(scene)
    assert (await post(scene, "/latches/l-1/clear", key="k"))[1]["state"] == "done", (
        "the same key is the same command"
    )
    assert (await post(scene, "/latches/l-1/clear", key="other"))[0] == 404


async def test_a_lock_says_who_and_why_and_is_of_a_zone_or_the_whole_site(scene: Scene) -> None:
    for number, (zone, key) in enumerate(((None, "a"), ("zone-1", "b"))):
        status, command = await post(scene, "/lockouts", {"zone": zone, "why": " ขุดท่อ "}, key=key)
        assert (status, command["action"], command["zone"]) == (202, "lock", zone)
        await scene.parts.commands.round()
        wire = scene.wire.published[number][1]
        assert (wire.action, wire.zone, wire.who, wire.why) == (CommandAction.LOCK, zone or "", "Somchai", "ขุดท่อ")


@pytest.mark.parametrize(
    ("path", "wish", "name", "status"),
    [
        ("/latches/none/clear", None, "somchai", 404),
        ("/latches/l-1/clear", None, "malee", 403),
        ("/latches/l-1/clear", None, "stranger", 404),
        ("/latches/l%0A1/clear", None, "somchai", 422),
        ("/lockouts", {"why": "x"}, "malee", 403),
        ("/lockouts", {"why": "x"}, "stranger", 404),
        ("/lockouts", {"why": "x", "zone": "zone-9"}, "somchai", 404),
        ("/lockouts", {"why": "  "}, "somchai", 422),
        ("/lockouts", {"why": "two\nlines"}, "somchai", 422),
        ("/lockouts", {}, "somchai", 422),
    ],
)
async def test_who_may_not_or_asks_for_nothing_is_refused(
    scene: Scene, path: str, wish: Any, name: str, status: int
) -> None:
    farm_tells(scene, latches=[latch()])
    assert (await post(scene, path, wish, name=name))[0] == status
    await scene.parts.commands.round()
    assert scene.wire.published == []


async def test_a_lock_that_nobody_answers_says_that_it_may_not_be_one(scene: Scene) -> None:
    _, command = await post(scene, "/lockouts", {"why": "ขุดท่อ"})
    scene.clock.pass_s(120)
    await scene.parts.commands.round()
    async with scene.client("somchai") as client:
        told = (await client.get(f"/api/commands/{command['id']}")).json()
    assert told["state"] == "expired"
    assert "See here whether it was done" in told["reason"]["en"]


async def test_the_watch_over_rules_leaves_these_alerts_alone(scene: Scene) -> None:
    farm_tells(scene, latches=[latch()])
    scene.parts.watch.tick()
    async with scene.client("somchai") as client:
        [alert] = (await client.get("/api/overview")).json()["alerts"]
    assert (alert["rule"], alert["state"]) == ("latch", "firing")
