"""The town: plausible air, showers and river, told in three makers' dialects."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.servers import BrokerServer, wait_until
from tests.sim.processes import Listener, started
from tonnam_sim.farm import BadState
from tonnam_sim.main import app
from tonnam_sim.town import BANK_M, Town, build_town, rain_mm_h
from tonnam_sim.town_messages import AIR_LWT_TOPIC, RAIN_TOPIC, town_messages

AT = datetime(2026, 11, 20, 6, 0, 5, 123_000, tzinfo=UTC)


def said(town: Town, at: datetime = AT) -> dict[str, dict[str, object]]:
    return {topic: json.loads(payload) for topic, payload in town_messages(town, at)}


def day(town: Town) -> list[tuple[float, float, float]]:
    """(PM2.5, rain total, river level) of every minute."""
    minutes = []
    for _ in range(1440):
        town.step(60)
        minutes.append((town.air.pm2_5, town.rain_total_mm, town.river_m))
    return minutes


def test_tasmota_speaks_local_time_without_offset() -> None:
    town = build_town(1, 13.0)
    sensor = said(town)["tele/tonnam-air-1/SENSOR"]
    assert sensor["Time"] == "2026-11-20T13:00:05"
    assert sensor["TempUnit"] == "C"
    dust = sensor["PMS5003"]
    assert isinstance(dust, dict)
    assert 0 < dust["PM1"] <= dust["PM2.5"] <= dust["PM10"]
    climate = sensor["SHT3X"]
    assert isinstance(climate, dict)
    assert climate["DewPoint"] <= climate["Temperature"]
    assert "UptimeSec" in said(town)["tele/tonnam-air-1/STATE"]


def test_chirpstack_uplink_carries_object_bytes_and_an_id_of_its_own() -> None:
    town = build_town(1, 13.0)
    uplink, later = said(town)[RAIN_TOPIC], said(town, AT + timedelta(seconds=10))[RAIN_TOPIC]
    reading = uplink["object"]
    assert isinstance(reading, dict)
    assert reading["rain_total_mm"] == town.rain_total_mm
    assert 3.5 < reading["battery_v"] < 3.7
    assert uplink["deduplicationId"] != later["deduplicationId"]
    assert isinstance(uplink["fCnt"], int)
    assert isinstance(later["fCnt"], int)
    assert uplink["fCnt"] < later["fCnt"]
    assert uplink["time"] == "2026-11-20T13:00:05.123+07:00"
    assert len(base64.b64decode(str(uplink["data"]))) == 6
    device = uplink["deviceInfo"]
    assert isinstance(device, dict)
    assert re.fullmatch(rf"application/{device['applicationId']}/device/{device['devEui']}/event/up", RAIN_TOPIC)


def test_the_river_speaks_plain_json() -> None:
    town = build_town(1, 13.0)
    assert said(town)["town/river-1/state"] == {"level_m": round(town.river_m, 3), "ts": int(AT.timestamp())}


def test_saying_lets_no_time_pass_and_is_repeatable() -> None:
    town = build_town(1, 13.0)
    before = town.state()
    assert town_messages(town, AT) == town_messages(build_town(1, 13.0), AT)
    assert town.state() == before


def test_dust_has_its_daily_course_and_stays_in_a_town_s_range() -> None:
    for seed in range(3):
        minutes = day(build_town(seed, 0.0))
        dust = [pm for pm, _, _ in minutes]
        assert 3 < min(dust) < max(dust) < 80


def test_rain_is_counted_in_tips_and_never_goes_back() -> None:
    town = build_town(1, 0.0)
    totals = [total for _ in range(7) for _, total, _ in day(town)]
    assert totals == sorted(totals)
    assert totals[-1] - totals[0] > 5
    assert all(abs(total * 5 - round(total * 5)) < 1e-6 for total in totals)


def test_the_river_answers_a_shower_hours_later_and_falls_again() -> None:
    town = build_town(1, 0.0)
    minutes = day(town) + day(town)
    fell_at = next(at for at, (_, total, _) in enumerate(minutes) if total > minutes[0][1] + 5)
    levels = [level for _, _, level in minutes]
    peak_at = max(range(fell_at, len(levels)), key=levels.__getitem__)
    assert 60 < peak_at - fell_at < 900
    assert levels[peak_at] > levels[fell_at] + 0.1
    assert levels[-1] < levels[peak_at]
    assert all(0.0 <= level <= BANK_M for level in levels)


def test_the_total_is_what_fell_whatever_the_step() -> None:
    town, coarse = build_town(3, 0.0), build_town(3, 0.0)
    start_mm = town.state()["rain_mm"]
    for _ in range(2880):
        town.step(60)
    coarse.step(172_800)
    fallen_mm = sum(rain_mm_h(3, second) / 360 for second in range(5, 172_800, 10))
    assert town.state()["rain_mm"] - start_mm == pytest.approx(fallen_mm, rel=0.02, abs=0.1)
    assert coarse.state()["rain_mm"] == pytest.approx(town.state()["rain_mm"], abs=1.0)


def test_a_saved_town_goes_on_as_if_nothing_had_happened() -> None:
    town = build_town(2, 5.0)
    town.step(7200)
    restored = build_town(2, 7.0, json.loads(json.dumps(town.state())))
    town.step(7200)
    restored.step(7200)
    assert restored.state() == town.state()


def test_a_state_that_is_not_a_towns_is_refused() -> None:
    with pytest.raises(BadState, match="rain_mm"):
        build_town(1, 1.0, {"rain_mm": "much"})


def test_the_town_is_heard_at_the_broker_and_says_goodbye(broker: str, tmp_path: Path) -> None:
    arguments = ["town", "--broker", broker, "--every", "1", "--state", str(tmp_path / "town.json")]
    with Listener(broker, "#") as listener, started(*arguments, log=tmp_path / "town.log") as process:
        awaited = {AIR_LWT_TOPIC, "tele/tonnam-air-1/SENSOR", RAIN_TOPIC, "town/river-1/state"}
        while awaited:
            awaited.discard(listener.wait_for(lambda _: True).topic)
        process.terminate()
        assert process.wait(timeout=5) == 0
        listener.wait_for(lambda message: message.topic == AIR_LWT_TOPIC and message.payload == b"Offline")
    assert json.loads((tmp_path / "town.json").read_text())["field_s"] > 0


def test_the_town_waits_for_a_broker_that_is_away_and_says_so_once(
    mosquitto_server: BrokerServer, tmp_path: Path
) -> None:
    log = tmp_path / "town.log"
    with started("town", "--broker", mosquitto_server.url, "--every", "1", log=log):
        with Listener(mosquitto_server.url, AIR_LWT_TOPIC) as listener:
            listener.wait_for(lambda message: message.payload == b"Online")
        mosquitto_server.kill()
        wait_until(lambda: "the broker is away" in log.read_text(), "the outage in the log")
        mosquitto_server.start()
        with Listener(mosquitto_server.url, "town/river-1/state") as listener:
            listener.wait_for(lambda message: not message.retain)
        assert log.read_text().count("the broker is away") == 1
        assert log.read_text().count("the broker is back") == 1


@pytest.mark.parametrize("url", ["localhost", "http://broker", "mqtt://", "mqtt://host:x", "mqtt://host/topic"])
def test_a_broker_that_is_no_address_is_exit_two(url: str) -> None:
    ended = CliRunner().invoke(app, ["town", "--broker", url])
    assert ended.exit_code == 2
    assert "mqtt://host:1883" in ended.output
