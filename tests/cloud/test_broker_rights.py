"""Who may do what at the broker, tried on both real brokers with the configuration that `broker-config` writes.

Mosquitto grants subscriptions that it will never serve, and NATS acknowledges publishes that it drops. So nothing
here trusts the broker's answers: what counts is who hears what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nats
import nats.errors
import pytest
from paho.mqtt import client as mqtt

from tests.cloud.broker_scene import FARM, KINDS, PASSWORDS, PIER, TOWN, USERS, Access, Stage, nats_port, staged, user
from tests.servers import HOST, wait_until

A, B = f"tonnam/1/{FARM}", f"tonnam/1/{TOWN}"
pytestmark = pytest.mark.xdist_group("broker-rights")
LIVE = "tonnam/1/live/demo-town/town"
FOREIGN_FILTERS = [
    "#",
    "+/#",
    "tonnam/#",
    "tonnam/1/#",
    "+/+/+/+/+",
    "tonnam/1/+/+/command",
    "tonnam/1/demo-town/#",
    f"{B}/#",
    f"{B}/up",
    f"{B}/reply",
    f"{B}/command",
    f"{B}/config",
    f"{B}/presence",
    f"{B.replace('/', '.')}.command",
    "tonnam/1/live/#",
    LIVE,
    "$SYS/#",
    "$SYS/broker/uptime",
    "$share/g/#",
    "$share/g/tonnam/1/+/+/up",
    f"$share/g/{B}/command",
    "$MQTT/#",
    "$MQTT/sub/#",
    "+/sub/#",
    "$JS/#",
    "_INBOX/#",
    "tele/#",
    "cmnd/#",
]
FOREIGN_TOPICS = [
    *(f"{B}/{channel}" for channel in ("up", "back", "outcome", "presence", "reply", "command", "config")),
    *(f"{A}/{channel}" for channel in ("reply", "command", "config", "up/deeper", "other")),
    A,
    "tonnam/1/demo-farm/edge-2/up",
    LIVE,
    "tonnam/1/live/demo-farm/melon-greenhouse",
    "tele/tonnam-air-1/SENSOR",
    "$SYS/broker/uptime",
    "$MQTT/rmsgs/tonnam",
    "$JS/API/STREAM/PURGE/$MQTT_rmsgs",
    "$JS/API/STREAM/LIST",
]


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Access:
    return Access(tmp_path_factory.mktemp("access"))


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest, access: Access) -> Iterator[Stage]:
    with staged(access, request.param) as scene:
        yield scene


def test_nobody_comes_in_without_the_right_password(stage: Stage) -> None:
    strangers = [
        (None, None),
        ("", ""),
        ("cloud", None),
        ("cloud", ""),
        ("cloud", PASSWORDS["field"]),
        (user(FARM), "guessed"),
        (user(FARM), stage.access.passwords[user(TOWN)]),
        (FARM, stage.access.passwords[user(FARM)]),
        ("demo-farm.edge-9", "guessed"),
        *(("cloud", line) for line in hashes_in(stage.access.out)),
    ]
    assert len(strangers) > 10
    assert [name for name, password in strangers if stage.stranger(name, password).is_in] == []
    assert stage.enter(FARM).is_in


def hashes_in(directory: Path) -> list[str]:
    """The hashes that the broker's files hold, which must be of no use to who reads them."""
    text = "".join(path.read_text() for path in directory.iterdir())
    return re.findall(r"\$2a\$[0-9]+\$[./A-Za-z0-9]{53}|\$7\$[0-9]+\$[^\s]+", text)


def test_no_file_of_the_broker_holds_a_password(stage: Stage) -> None:
    text = "".join(path.read_text() for path in stage.access.out.iterdir())
    assert [name for name, password in stage.access.passwords.items() if password in text] == []


def test_node_hears_nothing_but_its_own_however_it_asks(stage: Stage) -> None:
    cloud, field, town, spy = (stage.enter(who) for who in ("cloud", "field", TOWN, FARM))
    for channel in ("reply", "command", "config"):
        spy.subscribe(f"{A}/{channel}")
    cloud.say(f"{B}/presence", b"kept", qos=1, retain=True)
    for number, topic_filter in enumerate(FOREIGN_FILTERS):
        spy.subscribe(topic_filter, number % 2)
    for speaker, topics in (
        (town, [f"{B}/up", f"{B}/presence"]),
        (field, ["tele/air/SENSOR"]),
        (cloud, [f"{B}/reply", f"{B}/command", f"{B}/config", f"{A}/up", LIVE]),
    ):
        for topic in topics:
            for qos in (0, 1):
                speaker.say(topic, b"secret", qos, retain=qos == 1)
        if speaker is not cloud:
            speaker.say(topics[0], b"said all")
    cloud.subscribe("tonnam/1/+/+/up")
    town.say(f"{B}/up", b"after")
    cloud.hears(f"{B}/up", b"after")
    own = [(f"{A}/{channel}", b"for you") for channel in ("reply", "command", "config")]
    for topic, payload in own:
        cloud.say(topic, payload)
        spy.hears(topic, payload)
    assert sorted(set(spy.heard)) == sorted(own)


def test_shared_subscriptions_of_mqtt_5_give_a_node_nothing_either(access: Access) -> None:
    with staged(access, "mosquitto") as stage:  # a NATS server speaks MQTT 3.1.1 only
        cloud, spy = stage.enter("cloud"), stage.enter(FARM, protocol=mqtt.MQTTv5)
        for topic_filter in (f"{A}/command", "$share/g/#", f"$share/g/{B}/command", "$share/g/tonnam/1/+/+/up"):
            spy.subscribe(topic_filter)
        for topic in (f"{B}/command", f"{B}/up", f"{A}/command"):
            cloud.say(topic, b"x")
        spy.hears(f"{A}/command", b"x")
        assert {topic for topic, _ in spy.heard} == {f"{A}/command"}


def test_node_speaks_for_itself_only_and_leaves_nothing_behind(stage: Stage) -> None:
    cloud, town, field, forger = (stage.enter(who) for who in ("cloud", TOWN, "field", FARM))
    cloud.subscribe("tonnam/1/#", 1)
    town.subscribe(f"{B}/command")
    town.subscribe("tele/#")
    for number, topic in enumerate(FOREIGN_TOPICS):
        forger.say(topic, b"forged", number % 2, retain=True)
        forger.say(topic, b"forged")
    assert forger.is_in
    forger.say(f"{A}/up", b"true")
    cloud.hears(f"{A}/up", b"true")
    cloud.say(f"{B}/command", b"true")
    field.say("tele/air", b"true")
    town.hears(f"{B}/command", b"true")
    town.hears("tele/air", b"true")
    late, late_town = stage.enter("cloud"), stage.enter(TOWN)
    late.subscribe("tonnam/1/#", 1)
    late_town.subscribe("tele/#", 1)
    cloud.say(f"{B}/reply", b"end")
    field.say("tele/air", b"end")
    late.hears(f"{B}/reply", b"end")
    late_town.hears("tele/air", b"end")
    everything = [*cloud.heard, *town.heard, *late.heard, *late_town.heard]
    assert b"forged" not in {payload for _, payload in everything}


def test_last_will_for_another_node_is_never_published(stage: Stage) -> None:
    cloud = stage.enter("cloud")
    cloud.subscribe("tonnam/1/+/+/presence", 1)
    liar, honest = stage.enter(FARM, will=f"{B}/presence"), stage.enter(FARM, will=f"{A}/presence")
    for party in (liar, honest):
        if party.is_in:
            party.vanish()
    cloud.hears(f"{A}/presence", b"will")
    late = stage.enter("cloud")
    late.subscribe("tonnam/1/+/+/presence", 1)
    late.hears(f"{A}/presence", b"will")
    assert (f"{B}/presence", b"will") not in [*cloud.heard, *late.heard]


def test_field_devices_reach_their_gateway_and_no_farther(stage: Stage) -> None:
    cloud, town, farm, field = (stage.enter(who) for who in ("cloud", TOWN, FARM, "field"))
    cloud.subscribe("tonnam/1/#")
    for topic_filter in ("tele/+/SENSOR", "town/pm2.5/state", f"{B}/reply"):
        town.subscribe(topic_filter)
    farm.subscribe("tele/#")
    for topic_filter in ("cmnd/#", "tonnam/1/#", f"{B}/command"):
        field.subscribe(topic_filter)
    for topic in (f"{B}/up", f"{B}/reply", f"{B}/command", LIVE, "town/other", "cmnd/pump", "town/pm2/5/state"):
        field.say(topic, b"forged")
    for topic in ("tele/air/SENSOR", "town/pm2.5/state"):
        field.say(topic, b"21")
        town.hears(topic, b"21")
    town.say("cmnd/siren/POWER", b"ON")
    field.hears("cmnd/siren/POWER", b"ON")
    cloud.say(f"{B}/command", b"for the gateway")
    cloud.say(f"{B}/reply", b"for the gateway")
    town.hears(f"{B}/reply", b"for the gateway")
    assert {payload for _, payload in [*town.heard, *cloud.heard]} == {b"21", b"for the gateway"}
    assert field.heard == [("cmnd/siren/POWER", b"ON")]
    assert farm.heard == []


def test_gateway_speaks_for_the_nodes_behind_it_and_for_no_others(stage: Stage) -> None:
    cloud, gateway = stage.enter("cloud"), stage.enter(TOWN)
    cloud.subscribe("tonnam/1/+/+/+")
    pier = f"tonnam/1/{PIER}"
    for topic_filter in (f"{pier}/command", f"{pier}/config", f"{pier}/reply", f"{pier}/up", f"{A}/command"):
        gateway.subscribe(topic_filter)
    for topic in (f"{pier}/up", f"{pier}/reply", f"{pier}/command", f"{A}/presence"):
        gateway.say(topic, b"forged", qos=1, retain=True)
    gateway.say(f"{pier}/presence", b"here")
    cloud.hears(f"{pier}/presence", b"here")
    assert cloud.heard == [(f"{pier}/presence", b"here")]
    for channel in ("reply", "up", "config", "command"):
        cloud.say(f"{pier}/{channel}", b"told")
    gateway.hears(f"{pier}/command", b"told")
    assert {topic for topic, _ in gateway.heard} == {f"{pier}/config", f"{pier}/command"}


@pytest.mark.parametrize("kind", KINDS)
def test_gateway_is_at_its_site_s_broker_what_the_cloud_is_elsewhere(
    access: Access, kind: str, tmp_path: Path
) -> None:
    pier = f"tonnam/1/{PIER}"
    users = tmp_path / "users.toml"
    users.write_text("[[user]]" + USERS.split("[[user]]")[2])
    with staged(access, kind, "--site", TOWN, "--users", str(users)) as stage:
        gateway, node, field = stage.enter(TOWN), stage.enter(PIER), stage.enter("field")
        assert not stage.stranger(user(FARM), access.passwords[user(FARM)]).is_in
        assert not stage.stranger("cloud", PASSWORDS["cloud"]).is_in
        for channel in ("up", "back", "outcome", "presence"):
            gateway.subscribe(f"{pier}/{channel}")
            node.say(f"{pier}/{channel}", b"said")
            gateway.hears(f"{pier}/{channel}", b"said")
        node.subscribe(f"{B}/#")
        for channel in ("reply", "command", "config"):
            node.subscribe(f"{pier}/{channel}")
            node.say(f"{pier}/{channel}", b"forged")
            gateway.say(f"{pier}/{channel}", b"told")
            node.hears(f"{pier}/{channel}", b"told")
        gateway.subscribe("tele/#")
        field.say("tele/air/SENSOR", b"21")
        gateway.hears("tele/air/SENSOR", b"21")
        assert {payload for _, payload in node.heard} == {b"told"}


def test_health_check_reads_mosquitto_s_own_figure_and_nothing_else(access: Access) -> None:
    with staged(access, "mosquitto") as stage:
        cloud, farm, health = stage.enter("cloud"), stage.enter(FARM), stage.enter("health")
        cloud.subscribe("tonnam/1/#")
        for topic_filter in ("$SYS/#", "#", "tonnam/1/#"):
            health.subscribe(topic_filter)
        health.say(f"{A}/up", b"forged")
        health.subscribe("$SYS/broker/uptime")
        farm.say(f"{A}/up", b"true")
        cloud.hears(f"{A}/up", b"true")
        wait_until(lambda: bool(health.heard), "the figure")
        assert {topic for topic, _ in health.heard} == {"$SYS/broker/uptime"}
        assert cloud.heard == [(f"{A}/up", b"true")]


async def test_nats_own_protocol_is_nobody_s_way_in(access: Access) -> None:
    with staged(access, "nats"):
        address = f"nats://{HOST}:{nats_port(access)}"
        for name in (None, *access.passwords):
            password = access.passwords[name] if name else None
            with pytest.raises(nats.errors.Error, match="Authorization"):
                await nats.connect(address, user=name, password=password, allow_reconnect=False, error_cb=_ignore)


async def _ignore(_: Exception) -> None:
    return
