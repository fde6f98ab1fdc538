"""The same processes as in docker-compose.yml: Mosquitto, InfluxDB and PostgreSQL instead of what is embedded."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests import servers
from tests.system.stack import Client, Stack, plan_in, running


def rows(influx: servers.InfluxServer, database: str, query: str) -> list[list[float]]:
    asked = urllib.parse.urlencode({"db": database, "q": query, "epoch": "ms"})
    with urllib.request.urlopen(f"{influx.url}/query?{asked}", timeout=10) as answer:
        result = json.load(answer)["results"][0]
    values: list[list[float]] = result["series"][0]["values"] if "series" in result else []
    return values


@pytest.mark.timeout(180)
def test_farm_and_town_are_kept_in_influxdb_and_postgresql(
    tmp_path: Path, mosquitto_broker: str, influx: servers.InfluxServer, postgres: servers.PostgresServer
) -> None:
    database = influx.database()
    environment = {
        "TONNAM_STORE": "influx",
        "TONNAM_INFLUX_URL": influx.url,
        "TONNAM_INFLUX_DATABASE": database,
        "TONNAM_DATABASE_URL": postgres.database(),
    }
    with running(Stack(plan_in(tmp_path, mosquitto_broker), environment, hurried=True)) as stack:
        client = Client(stack.url)
        client.sign_in()

        def shown() -> bool:
            farms = client.get("/api/overview")["sites"]
            zones = [zone for farm in farms if farm["node"]["online"] for zone in farm["zones"]]
            return len(zones) == 2 and all(zone["moisture"]["value"] for zone in zones)

        servers.wait_until(shown, "both zones' moisture on the page", 40)
        history = "/api/sites/demo-farm/melon-greenhouse/zones/zone-1/history?hours=1"
        servers.wait_until(lambda: len(client.get(history)["moisture"]["t"]) > 5, "history from InfluxDB", 30)
        assert [site["id"] for site in client.get("/api/town")["sites"]] == ["town"]
        found = rows(influx, database, "SELECT value FROM soil_moisture WHERE thing = 'zone-1'")
        assert len(found) > 5
        assert all(20 < value < 40 for _, value in found if value is not None)
        servers.wait_until(lambda: bool(rows(influx, database, 'SELECT value FROM "pm2_5"')), "the town's air", 30)
    assert not list((tmp_path / "cloud").glob("readings.db*")), "nothing was kept in the embedded store"
