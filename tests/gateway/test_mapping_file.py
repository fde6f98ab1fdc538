from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.sent import TOWN, town
from tonnam_gateway import events, loader
from tonnam_gateway.errors import Misconfigured
from tonnam_gateway.toml_lines import Lines
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.topics import Origin

TEXT = TOWN.read_text(encoding="utf-8")


def wrong(text: str) -> list[str]:
    """What is said of the text, without the file's name: `line: key: message`."""
    with pytest.raises(Misconfigured) as caught:
        loader.parse(text, "town.toml")
    return [line.removeprefix("town.toml:") for line in caught.value.lines()]


def line_of(text: str, part: str, after: str = "") -> int:
    return text[: text.index(part, text.index(after))].count("\n") + 1


def test_example_is_right_and_subscribes_to_what_it_needs() -> None:
    assert town().filters() == [
        "application/+/device/+/event/log",
        "application/+/device/+/event/up",
        "tele/#",
        "tonnam-air-1/tele/+",
        "town/river-1/state",
    ]


@pytest.mark.parametrize(
    ("before", "after", "key", "message"),
    [
        ('kind = "city"', 'kind = "farm"', "site.kind", "'city'"),
        ('tenant = "demo-town"', 'tenant = "Demo Town"', "tenant", "a-z, 0-9 and -"),
        ('timezone = "Asia/Bangkok"', 'timezone = "Asia/Bangkock"', "site.timezone", "Asia/Bangkok"),
        ("every_s = 5.0", "every_s = 0", "gather.every_s", "0.1 to 60"),
        ("every_s = 5.0", "evry_s = 5.0", "gather.evry_s", "did you mean every_s? allowed: every_s, send_every_s"),
        ('dialect = "json"', 'dialect = "jsn"', "devices[2].dialect", "one of tasmota, chirpstack, json"),
        ('address = "70b3d57ed0051234"', 'address = "70B3"', "devices[1]", "16 hexadecimal digits"),
        ('address = "town/river-1/state"', 'address = "town/#"', "devices[2]", "no wildcard"),
        ('address = "town/river-1/state"', 'address = "tonnam/1/x/y/up"', "devices[2]", "not for devices"),
        ('form = "s"', 'form = "min"', "devices[2].time.form", '"s" or "ms" since 1970'),
        ('thing = "rain-1"', 'thing = "air-1"', "sensors[1].thing", "already used"),
        ("bank_height_m = 4.5\n", "", "sensors[2]", "needs bank_height_m"),
        ("range = [-1, 15]", "range = [15, -1]", "sensors[2].datastreams.river_level.range", "the lowest first"),
        ('unit = "mm"\n', "", "sensors[1].datastreams.rain_total.unit", "is missing"),
        ("datastreams.pm10]", "datastreams.PM10]", "sensors[0].datastreams.PM10", "a-z, 0-9 and _"),
        ('unit = "Cel"', 'unit = "[degF]"', "sensors[0].datastreams.air_temperature.unit", 'must be "Cel"'),
        ("max_age_s = 7200", 'max_age_s = "2 h"', "sensors[1].datastreams.battery.max_age_s", "integer"),
    ],
)
def test_mistake_is_named_with_its_line_and_key(before: str, after: str, key: str, message: str) -> None:
    text = TEXT.replace(before, after)
    found = wrong(text)
    assert len(found) == 1, found
    line, said_key, said = found[0].split(": ", 2)
    assert (said_key, message in said) == (key, True), found[0]
    if after:
        table = text.splitlines()[int(line) - 1]
        assert table in (text.splitlines()[line_of(text, after) - 1], "[[devices]]"), found[0]


def test_device_that_is_not_there_is_named_and_those_that_are() -> None:
    found = wrong(TEXT.replace('device = "river-node"', 'device = "rivr-node"'))
    line = line_of(TEXT, 'device = "river-node"')
    assert found == [
        f"{line}: sensors[2].datastreams.river_level.device: "
        "no device has the id 'rivr-node'; there are: air-node, rain-node, river-node"
    ]


def test_second_device_of_the_same_name_or_address_is_named() -> None:
    second = '[[devices]]\nid = "rain-node"\ndialect = "tasmota"\naddress = "tonnam-air-1"\n'
    text = TEXT.replace("# --- what they", second + "# --- what they")
    assert [line.split(": ")[1] for line in wrong(text)] == ["devices[3].id", "devices[3].address"]


def test_everything_wrong_is_said_at_once() -> None:
    text = TEXT.replace('"json"', '"jsn"').replace('"Cel"', '"K"').replace('device = "rain-node"', 'device = "x"')
    assert [line.split(": ")[1] for line in wrong(text)] == [
        "devices[2].dialect",
        "sensors[0].datastreams.air_temperature.unit",
        "sensors[1].datastreams.rain_total.device",
        "sensors[1].datastreams.battery.device",
    ]


def test_what_is_not_toml_is_said_with_its_line() -> None:
    assert wrong('tenant = "a"\nnode = \n')[0].startswith("2: is not TOML")


def test_empty_file_says_what_must_be_there() -> None:
    assert [line.split(": ")[1] for line in wrong("")] == ["devices", "node", "sensors", "site", "tenant"]


def test_river_without_room_is_refused_at_its_table() -> None:
    text = TEXT.replace("bed_m = 0.0", "bed_m = 9.0")
    at = line_of(text, "[[sensors]]", 'thing = "rain-1"')
    assert wrong(text) == [f"{at}: sensors[2]: bed_m must be below bank_height_m: the river has no room"]


def test_mark_that_windows_notepad_writes_first_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "town.toml"
    file.write_text(TEXT, encoding="utf-8-sig")
    assert loader.load(file) == town()


def test_time_field_is_refused_where_the_dialect_has_its_own() -> None:
    text = TEXT.replace('address = "tonnam-air-1"', 'address = "tonnam-air-1"\ntime = { path = "T", form = "s" }')
    assert "fixed place" in wrong(text)[0]


def with_rivers(count: int) -> str:
    river = TEXT[TEXT.index('[[sensors]]\nthing = "river-1"') :]
    return TEXT + "".join("\n" + river.replace("river-1", f"r-{number}", 1) for number in range(count))


def test_site_that_does_not_fit_into_one_description_is_refused() -> None:
    text = with_rivers(700)
    (line,) = wrong(text)
    fit = int(re.findall(r"about (\d+)", line)[0])
    assert line.startswith(
        f"{line_of(text, f'r-{fit - 3}') - 1}: sensors[{fit}]: 703 sensors are too many for one node"
    )
    assert "divide them among several gateways" in line


def test_largest_site_that_is_right_can_be_told(tmp_path: Path) -> None:
    """Its description is one event, and the outbox takes it."""
    (line,) = wrong(with_rivers(700))
    fit = int(re.findall(r"about (\d+)", line)[0])
    mapping = loader.parse(with_rivers(fit - 10), "town.toml")
    assert "are too many" in wrong(with_rivers(fit + 10))[0]
    outbox = Outbox(tmp_path / "outbox.sqlite", Origin("demo-town", "gateway-1"))
    outbox.register(mapping.specs())
    assert len(outbox.accept(events=[events.site_described(mapping, events.Moment(1_795_154_405_000))])) == 1
    outbox.close()


RELAY = '[relay]\nnodes = ["edge-1", "edge-2"]\n\n'
WITH_RELAY = TEXT.replace("# --- the machines", RELAY + "# --- the machines")


@pytest.mark.parametrize(
    ("before", "after", "key", "message"),
    [
        ('"edge-2"]', '"gateway-1"]', "relay.nodes[1]", "this gateway itself"),
        ('"edge-2"]', '"edge-1"]', "relay.nodes[1]", "'edge-1' is already named"),
        ('"edge-2"]', '"Edge 2"]', "relay.nodes[1]", "a-z, 0-9 and -"),
        ('["edge-1", "edge-2"]', "[]", "relay.nodes", "at least 1 item"),
        ('nodes = ["edge-1", "edge-2"]', 'node = "edge-1"', "relay.node", "did you mean nodes?"),
    ],
)
def test_mistake_about_nodes_behind_is_named_with_its_line_and_key(
    before: str, after: str, key: str, message: str
) -> None:
    text = WITH_RELAY.replace(before, after)
    found = next(each for each in wrong(text) if f": {key}: " in each)
    line = line_of(text, after, "\n[relay]")
    assert found.startswith(f"{line}: ")
    assert message in found


def test_gateway_that_relays_may_have_devices_of_its_own_or_none() -> None:
    both = loader.parse(WITH_RELAY, "town.toml")
    assert both.relay is not None
    assert (both.relay.nodes, len(both.sensors)) == (["edge-1", "edge-2"], 3)
    alone = loader.parse(f'tenant = "farm"\nnode = "gateway-1"\n{RELAY}', "farm.toml")
    assert (alone.specs(), alone.filters()) == ([], [])


def test_half_a_site_is_no_site_also_beside_a_relay() -> None:
    text = (
        f'tenant = "farm"\nnode = "gateway-1"\n{RELAY}'
        + TEXT[TEXT.index("[[devices]]") : TEXT.index("# --- what they")]
    )
    assert [line.split(": ")[1] for line in wrong(text)] == ["sensors", "site"]


def test_example_of_nodes_behind_is_right_when_its_marks_are_taken_away() -> None:
    text = TEXT.replace("# [relay]", "[relay]").replace("# nodes = ", "nodes = ")
    assert loader.parse(text, "town.toml").relay is not None


def test_subscription_that_another_one_covers_is_left_out() -> None:
    text = TEXT.replace('address = "town/river-1/state"', 'address = "tele/river-1/state"')
    assert "tele/river-1/state" not in loader.parse(text, "town.toml").filters()


def test_description_tells_the_whole_site() -> None:
    body = events.site_described(town(), events.Moment(1)).body
    assert body["site"]["kind"] == "city"
    assert [sensor["thing"] for sensor in body["sensors"]] == ["air-1", "rain-1", "river-1"]
    assert body["sensors"][2]["bank_height_m"] == 4.5
    assert "bank_height_m" not in body["sensors"][0]
    assert body["sensors"][1]["datastreams"] == ["town/rain-1/rain_total", "town/rain-1/battery"]
    assert body["datastreams"][0] == {
        "id": "town/air-1/pm2_5",
        "name": {"th": "ฝุ่น PM2.5", "en": "PM2.5"},
        "unit": "ug/m3",
        "max_age_s": 900,
        "kind": "measure",
    }


LINES = '''a = 1
"b.c" = { d = 2 }   # [not] a = table
e = """
[f]
g = 1
"""
h = [
  1, # [
  "]",
  { i = 3 },
]
[j.'k l']
m.n = 'x # y'
[[o]]
p = 1
[o.q]
r = 1
[[o]]
p = 2
  [[o.s]]
  t = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("b.c", "d"), 2),
        (("e",), 3),
        (("h", 3, "i"), 7),
        (("j", "k l"), 12),
        (("j", "k l", "m", "n"), 13),
        (("o", 0, "p"), 15),
        (("o", 0, "q", "r"), 17),
        (("o", 1, "p"), 19),
        (("o", 1, "s", 0, "t"), 21),
        (("o", 1, "missing"), 18),
        (("missing",), 1),
    ],
)
def test_line_of_a_key_is_found(path: tuple[str | int, ...], line: int) -> None:
    assert Lines(LINES).of(path) == line


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_one_line_may_be_missing_and_the_answer_is_still_lines_or_a_mapping(choose: st.DataObject) -> None:
    lines = TEXT.splitlines()
    gone = choose.draw(st.integers(0, len(lines) - 1))
    mutate: Callable[[str], str] = choose.draw(st.sampled_from([lambda _: "", lambda line: re.sub("=", "= =", line)]))
    lines[gone] = mutate(lines[gone])
    said: list[str] = []
    try:
        loader.parse("\n".join(lines), "town.toml")
    except Misconfigured as error:
        said = error.lines()
    assert all(re.match(r"town\.toml:\d+: ", line) for line in said)
