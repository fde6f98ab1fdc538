"""The farm over HTTP: zones now, their day, and commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cloud.scene import (
    COMMANDS,
    FARM,
    MOISTURE,
    NOW_MS,
    QUICK,
    TANK,
    VALVE,
    Scene,
    playing,
    run,
    serving,
    until,
    words,
)
from tonnam_cloud.database import Database
from tonnam_cloud.farm.commands import ACCEPT_WITHIN_MS, ANSWER_GRACE_MS
from tonnam_cloud.parts import build_parts
from tonnam_cloud.registry.models import Command, Node, Zone
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.quality import Quality


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        yield scene


async def get(scene: Scene, path: str, name: str = "somchai") -> Any:
    async with scene.client(name) as client:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def zone_1(scene: Scene) -> Any:
    return (await get(scene, "/api/overview"))["sites"][0]["zones"][0]


async def test_overview_tells_a_zone_whole(scene: Scene) -> None:
    scene.reads(MOISTURE, (10, 28.4))
    scene.reads(VALVE, (10, 1.0))
    scene.reads(TANK, (10, 150.0))
    with scene.database.writing() as session:
        session.add_all([run("run-0", 7200, 6600), run("run-1", 3600, 3000), run("run-2", 60)])
    overview = await get(scene, "/api/overview")
    (site,) = overview["sites"]
    zone = site["zones"][0]
    assert overview["now"] == "2026-11-20T06:00:00.000Z"
    assert (site["tenant"], site["id"], site["kind"]) == ("demo-farm", "melon-greenhouse", "farm")
    assert site["node"] == {"id": "edge-1", "online": True, "last_heard_at": "2026-11-20T05:59:58.000Z"}
    assert zone["moisture"] == {
        "datastream": MOISTURE,
        "property": "soil_moisture",
        "name": words("zone-1 soil_moisture"),
        "unit": "%",
        "value": 28.4,
        "last_value": 28.4,
        "quality": "good",
        "observed_at": "2026-11-20T05:59:50.000Z",
        "fresh": True,
    }
    assert (zone["state"], zone["running"], zone["max_run_s"], zone["area_m2"]) == ("good", True, 1800, 1600)
    assert zone["band"] == {"low_pct": 26.0, "high_pct": 31.0}
    assert zone["crop"] == words("melon")
    assert zone["next"] == {"at": "2026-11-20T07:00:00.000Z", "text": words("14:00, timer")}
    assert (zone["run"]["id"], zone["run"]["ended_at"], zone["run"]["reason"]) == ("run-2", None, words("it is time"))
    assert (zone["last_run"]["id"], zone["last_run"]["litres"]) == ("run-1", 601.0)
    assert (site["tank"]["value"], site["tank"]["full_cm"]) == (150.0, 200.0)
    assert site["pump"]["value"] is None
    assert [each["property"] for each in site["measures"]] == ["air_temperature"]


async def test_real_zero_is_a_zero(scene: Scene) -> None:
    scene.reads(MOISTURE, (10, 0.0))
    scene.reads(VALVE, (10, 0.0))
    zone = await zone_1(scene)
    assert (zone["moisture"]["value"], zone["state"], zone["running"]) == (0.0, "dry", False)


async def test_old_reading_is_unknown_and_keeps_its_number_apart(scene: Scene) -> None:
    scene.reads(MOISTURE, (61, 28.0))
    scene.reads(VALVE, (61, 0.0))
    zone = await zone_1(scene)
    assert (zone["moisture"]["value"], zone["moisture"]["last_value"]) == (None, 28.0)
    assert (zone["moisture"]["quality"], zone["moisture"]["fresh"]) == ("stale", False)
    assert (zone["state"], zone["running"]) == ("unknown", None)


@pytest.mark.parametrize(
    ("value", "quality"), [(None, Quality.DEVICE_FAULT), (28.0, Quality.STUCK), (28.0, Quality.DISAGREES)]
)
async def test_reading_that_is_not_good_judges_nothing(scene: Scene, value: float | None, quality: Quality) -> None:
    scene.reads(MOISTURE, (5, value), quality=quality)
    scene.reads(VALVE, (5, value), quality=quality)
    zone = await zone_1(scene)
    assert (zone["moisture"]["quality"], zone["moisture"]["value"]) == (quality.label, value)
    assert (zone["state"], zone["running"]) == ("unknown", None)


async def test_zone_that_measures_nothing_is_unknown(scene: Scene) -> None:
    with scene.database.writing() as session:
        session.get_one(Zone, ("demo-farm", "melon-greenhouse", "zone-1")).moisture = None
    zone = await zone_1(scene)
    assert (zone["moisture"]["value"], zone["moisture"]["observed_at"], zone["state"]) == (None, None, "unknown")


async def test_zone_history_has_line_band_and_runs(scene: Scene) -> None:
    scene.reads(MOISTURE, *[(ago_s, 27.0) for ago_s in range(0, 3600, 30)])
    scene.reads(MOISTURE, *[(ago_s, 25.0) for ago_s in range(7200, 10800, 30)])
    scene.reads(MOISTURE, (25 * 3600, 99.0))
    with scene.database.writing() as session:
        session.add_all([run("old", 90_000, 89_000), run("across", 87_000, 86_000), run("now", 60)])
    history = await get(scene, f"/api/sites/{FARM}/zones/zone-1/history")
    line = history["moisture"]
    assert (history["from"], history["to"]) == ("2026-11-19T06:00:00.000Z", "2026-11-20T06:00:00.000Z")
    assert len(line["t"]) == len(line["v"]) == 241
    assert line["v"].count(None) == 1
    assert 99.0 not in line["v"]
    assert line["t"][-1] == NOW_MS / 1000
    assert history["band"] == {"low_pct": 26.0, "high_pct": 31.0}
    assert [each["id"] for each in history["runs"]] == ["across", "now"]


async def test_run_says_the_litres_that_it_was_asked_for_and_how_long_water_ran(scene: Scene) -> None:
    _, command = await order(scene, {"action": "water", "litres": 150})
    cut_off, asked = run("run-1", 3600, 60), run("run-2", 30)
    cut_off.duration_s, asked.command_id = 125.5, command["id"]
    with scene.database.writing() as session:
        session.add_all([cut_off, asked])
    zone, history = await zone_1(scene), await get(scene, f"/api/sites/{FARM}/zones/zone-1/history")
    assert (zone["run"]["planned_litres"], zone["run"]["duration_s"]) == (150, None)
    assert (zone["last_run"]["planned_litres"], zone["last_run"]["duration_s"]) == (None, 125.5)
    assert [each["planned_litres"] for each in history["runs"]] == [None, 150]


async def test_thing_history_is_bounded(scene: Scene) -> None:
    scene.reads(TANK, *[(ago_s, 100.0 + ago_s % 7) for ago_s in range(0, 86_400, 30)])
    history = await get(scene, f"/api/sites/{FARM}/things/tank/level/history?hours=24")
    assert history["unit"] == "cm"
    assert 200 <= len(history["t"]) <= 400


@pytest.mark.parametrize("hours", ["0", "169", "-1", "x", "1.5"])
async def test_history_of_senseless_length_is_refused(scene: Scene, hours: str) -> None:
    async with scene.client("somchai") as client:
        answer = await client.get(f"/api/sites/{FARM}/zones/zone-1/history?hours={hours}")
    assert answer.status_code == 422
    assert "hours" in answer.json()["error"]["message"]["en"]


async def order(scene: Scene, wish: dict[str, Any], *, name: str = "somchai", key: str | None = None) -> Any:
    async with scene.client(name) as client:
        answer = await client.post(COMMANDS, json=wish, headers={"Idempotency-Key": key} if key else {})
        return answer.status_code, answer.json()


async def test_order_is_queued_then_published_to_the_node(scene: Scene) -> None:
    status, command = await order(scene, {"action": "water", "minutes": 5})
    assert (status, command["state"], command["minutes"]) == (202, "queued", 5)
    assert command["expires_at"] == "2026-11-20T06:01:00.000Z"
    await scene.parts.commands.round()
    ((topic, wire),) = scene.wire.published
    assert topic == "tonnam/1/demo-farm/edge-1/command"
    assert (wire.id, wire.action, wire.zone, wire.max_run_s) == (command["id"], "water", "zone-1", 300)
    assert (wire.issued_at_ms, wire.expires_at_ms) == (NOW_MS, NOW_MS + ACCEPT_WITHIN_MS)
    assert (await get(scene, f"/api/commands/{command['id']}"))["state"] == "sent"


@pytest.mark.parametrize(("minutes", "longest_s"), [(None, 1800), (5, 300)])
async def test_order_in_litres_ends_by_them_and_by_a_time_in_any_case(
    scene: Scene, minutes: int | None, longest_s: int
) -> None:
    wish = {"action": "water", "litres": 250, **({"minutes": minutes} if minutes else {})}
    status, command = await order(scene, wish, key="tap-1")
    assert (status, command["litres"], command["minutes"]) == (202, 250, longest_s // 60)
    await scene.parts.commands.round()
    ((_topic, wire),) = scene.wire.published
    assert (wire.max_litres, wire.max_run_s) == (250, longest_s)
    assert (await order(scene, {**wish, "litres": 300}, key="tap-1"))[0] == 409


@pytest.mark.parametrize("litres", [0, -5, 1_000_001])
async def test_litres_out_of_range_are_refused_with_the_range(scene: Scene, litres: int) -> None:
    status, answer = await order(scene, {"action": "water", "litres": litres})
    assert (status, answer["error"]["code"]) == (422, "litres_out_of_range")
    assert answer["error"]["allowed"] == {"min": 1, "max": 1_000_000}


@pytest.mark.parametrize("minutes", [0, -1, 31, None])
async def test_minutes_out_of_range_are_refused_with_the_range(scene: Scene, minutes: int | None) -> None:
    status, answer = await order(scene, {"action": "water", "minutes": minutes})
    assert (status, answer["error"]["code"]) == (422, "minutes_out_of_range")
    assert answer["error"]["allowed"] == {"min": 1, "max": 30}
    assert "1" in answer["error"]["message"]["th"]
    assert "30" in answer["error"]["message"]["th"]


@pytest.mark.parametrize(
    "wish",
    [
        {"action": "flood"},
        {"action": "water", "minutes": 1.5},
        {"action": "water", "minutes": "5"},
        {"action": "water", "minutes": True},
        {"action": "stop", "minutes": 5},
        {"action": "stop", "litres": 5},
        {"action": "water", "litres": 1.5},
        {"action": "stop", "zone": "zone-2"},
        {},
    ],
)
async def test_senseless_orders_are_refused(scene: Scene, wish: dict[str, Any]) -> None:
    status, answer = await order(scene, wish)
    assert (status, answer["error"]["code"]) == (422, "invalid")
    await scene.parts.commands.round()
    assert scene.wire.published == []


async def test_viewer_may_look_but_not_order(scene: Scene) -> None:
    status, answer = await order(scene, {"action": "stop"}, name="malee")
    assert (status, answer["error"]["code"]) == (403, "not_allowed")


async def test_same_key_is_the_same_command_even_when_pressed_at_once(scene: Scene) -> None:
    wish = {"action": "water", "minutes": 5}
    answers = await asyncio.gather(*(order(scene, wish, key="tap-1") for _ in range(4)))
    assert {status for status, _ in answers} == {202}
    assert len({command["id"] for _, command in answers}) == 1
    status, answer = await order(scene, {"action": "water", "minutes": 6}, key="tap-1")
    assert (status, answer["error"]["code"]) == (409, "conflict")


async def test_command_is_sent_again_until_the_node_answers(scene: Scene) -> None:
    _, command = await order(scene, {"action": "water", "minutes": 5})
    for _ in range(12):
        await scene.parts.commands.round()
        scene.clock.pass_s(1)
    assert [wire.id for _, wire in scene.wire.published] == [command["id"]] * 3
    with scene.database.writing() as session:
        session.get_one(Command, command["id"]).state = "accepted"
    scene.clock.pass_s(20)
    await scene.parts.commands.round()
    assert len(scene.wire.published) == 3


async def test_command_waits_for_the_broker_and_then_goes(scene: Scene) -> None:
    scene.wire.online = False
    _, command = await order(scene, {"action": "stop"})
    await scene.parts.commands.round()
    assert (await get(scene, f"/api/commands/{command['id']}"))["state"] == "queued"
    scene.wire.online = True
    await scene.parts.commands.round()
    assert (await get(scene, f"/api/commands/{command['id']}"))["state"] == "sent"


async def test_command_that_nobody_answers_expires_with_a_reason(scene: Scene) -> None:
    _, command = await order(scene, {"action": "water", "minutes": 5})
    scene.clock.now_ms += ACCEPT_WITHIN_MS
    await scene.parts.commands.round()
    assert scene.wire.published == []
    assert (await get(scene, f"/api/commands/{command['id']}"))["state"] == "queued"
    scene.clock.now_ms += ANSWER_GRACE_MS
    await scene.parts.commands.round()
    after = await get(scene, f"/api/commands/{command['id']}")
    assert after["state"] == "expired"
    assert "ไม่ตอบ" in after["reason"]["th"]


@pytest.mark.parametrize(("trusts", "word"), [([], "กุญแจ"), (["00" * 8], "กุญแจ"), (None, "ไม่ตอบ")])
async def test_command_to_a_cabinet_that_does_not_trust_us_expires_with_that_reason(
    scene: Scene, trusts: list[str] | None, word: str
) -> None:
    with scene.database.writing() as session:
        session.get_one(Node, ("demo-farm", "edge-1")).trusts = trusts
    _, command = await order(scene, {"action": "water", "minutes": 5})
    await scene.parts.commands.round()
    assert len(scene.wire.published) == 1, "it is sent all the same: the cabinet itself has the last word"
    scene.clock.now_ms += ACCEPT_WITHIN_MS + ANSWER_GRACE_MS
    await scene.parts.commands.round()
    after = await get(scene, f"/api/commands/{command['id']}")
    assert (after["state"], word in after["reason"]["th"]) == ("expired", True)


async def test_command_is_signed_with_the_newest_key_that_the_cabinet_trusts(scene: Scene) -> None:
    old, new = scene.wire.vault.current, scene.wire.vault.rotate()
    for trusts, key in (([old.id], old), ([old.id, new.id], new), (None, new)):
        with scene.database.writing() as session:
            session.get_one(Node, ("demo-farm", "edge-1")).trusts = trusts
        await order(scene, {"action": "stop"})
        await scene.parts.commands.round()
        assert scene.wire.signed_by[-1] == key.id


async def test_wish_to_water_is_signed_by_one_key_only_and_a_stop_by_whatever_the_cabinet_obeys(scene: Scene) -> None:
    """What a cabinet remembers of commands belongs to a key: under two of them a wish could be obeyed twice."""
    vault = scene.wire.vault
    first, _ = vault.current, vault.rotate()
    obeys(scene, first.id)
    _, water = await order(scene, {"action": "water", "minutes": 5})
    await scene.parts.commands.round()
    obeys(scene, *(key.id for key in vault.keys))
    scene.clock.pass_s(6)
    await scene.parts.commands.round()
    assert scene.wire.signed_by == [first.id, first.id], "the same key, though a newer one is obeyed too"
    vault.retire(first.id)
    obeys(scene, vault.current.id)
    scene.clock.pass_s(6)
    await scene.parts.commands.round()
    assert len(scene.wire.signed_by) == 2, "no other key for it"
    scene.clock.now_ms += ACCEPT_WITHIN_MS + ANSWER_GRACE_MS
    await scene.parts.commands.round()
    after = await get(scene, f"/api/commands/{water['id']}")
    assert (after["state"], "keys changed" in after["reason"]["en"]) == ("expired", True)
    _, stop = await order(scene, {"action": "stop"})
    await scene.parts.commands.round()
    vault.rotate()
    obeys(scene, vault.current.id)
    scene.clock.pass_s(6)
    await scene.parts.commands.round()
    assert [wire.id for _, wire in scene.wire.published[2:]] == [stop["id"]] * 2
    assert scene.wire.signed_by[2:] == [vault.keys[1].id, vault.keys[2].id]


def obeys(scene: Scene, *keys: str) -> None:
    """The cabinet's presence says so."""
    with scene.database.writing() as session:
        session.get_one(Node, ("demo-farm", "edge-1")).trusts = list(keys)


async def test_command_survives_a_restart_of_the_cloud(scene: Scene) -> None:
    _, command = await order(scene, {"action": "water", "minutes": 5})
    parts = build_parts(scene.database, scene.store, scene.wire.publish, scene.wire.vault, (), scene.clock, QUICK)
    async with serving(parts):
        await parts.commands.round()
    assert [wire.id for _, wire in scene.wire.published] == [command["id"]]


async def test_stop_is_never_overtaken_by_an_older_wish_to_water(scene: Scene) -> None:
    _, water = await order(scene, {"action": "water", "minutes": 5})
    await scene.parts.commands.round()
    scene.clock.pass_s(1)
    _, stop = await order(scene, {"action": "stop"})
    scene.clock.pass_s(6)
    await scene.parts.commands.round()
    assert [wire.id for _, wire in scene.wire.published] == [water["id"], stop["id"]]
    scene.clock.pass_s(1)
    _, again = await order(scene, {"action": "water", "minutes": 1})
    await scene.parts.commands.round()
    assert scene.wire.published[-1][1].id == again["id"]


async def test_sender_works_by_itself(scene: Scene) -> None:
    upkeep = asyncio.create_task(scene.parts.run())
    _, command = await order(scene, {"action": "stop"})
    await until(lambda: bool(scene.wire.published))
    upkeep.cancel()
    await asyncio.gather(upkeep, return_exceptions=True)
    assert scene.wire.published[0][1].id == command["id"]


async def test_stop_is_sent_even_when_alerts_are_broken(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_named: object) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(scene.store, "latest", broken)
    monkeypatch.setattr(scene.store, "series", broken)
    upkeep = asyncio.create_task(scene.parts.run())
    _, command = await order(scene, {"action": "stop"})
    await until(lambda: bool(scene.wire.published))
    assert not upkeep.done()
    upkeep.cancel()
    await asyncio.gather(upkeep, return_exceptions=True)
    assert scene.wire.published[0][1].id == command["id"]


async def test_command_of_another_tenant_does_not_exist(scene: Scene) -> None:
    _, command = await order(scene, {"action": "stop"})
    async with scene.client("stranger") as client:
        assert (await client.get(f"/api/commands/{command['id']}")).status_code == 404
