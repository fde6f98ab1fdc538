"""The same processes as in docker-compose.yml: Mosquitto, InfluxDB and PostgreSQL instead of what is embedded."""

from __future__ import annotations

import json
import os
import urllib.parse
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests import servers
from tests.system.stack import Client, Stack, plan_in, running
from tonnam_demo import plan
from tonnam_demo.credentials import load_or_make
from tonnam_demo.plan import Plan

USERS = Path(__file__).parents[2] / "deploy/mosquitto/users.toml"


def rows(influx: servers.InfluxServer, database: str, query: str) -> list[list[float]]:
    asked = urllib.parse.urlencode({"db": database, "q": query, "epoch": "ms"})
    with urllib.request.urlopen(f"{influx.url}/query?{asked}", timeout=10) as answer:
        result = json.load(answer)["results"][0]
    values: list[list[float]] = result["series"][0]["values"] if "series" in result else []
    return values


@dataclass
class Guarded(Stack):
    """Everybody signs in to a Mosquitto that lets each do only what is theirs, as `broker-config` says."""

    broker: servers.Server = field(init=False)

    def register(self) -> None:
        super().register()
        kept = self.plan.credentials
        for origin, password in ((plan.FARM, kept.edge), (plan.TOWN, kept.gateway)):
            self._tell(["node", "credentials", *origin, "--password-stdin"], password)
        out = self.plan.home / "broker"
        listen = f"{servers.HOST}:{self.plan.ports.mqtt}"
        self._tell(["broker-config", "mosquitto", "--out", str(out), "--users", str(USERS), "--listen", listen])
        config = self.plan.home / "mosquitto.conf"
        config.write_text(f"include_dir {out}\npersistence false\n" + ("user root\n" if os.geteuid() == 0 else ""))
        command = [servers.executable("mosquitto"), "-c", str(config)]
        self.broker = servers.Server(command, self.plan.ports.mqtt, self.log("mosquitto"))

    def stop_all(self) -> None:
        super().stop_all()
        self.broker.stop()


def guarded_plan(home: Path) -> Plan:
    credentials, _ = load_or_make(home / "credentials.json")
    chosen = plan_in(home, "")
    return replace(chosen, credentials=replace(credentials, login=chosen.credentials.login), external_broker=None)


@pytest.mark.timeout(180)
def test_farm_and_town_are_kept_in_influxdb_and_postgresql(
    tmp_path: Path, influx: servers.InfluxServer, postgres: servers.PostgresServer
) -> None:
    database, chosen = influx.database(), guarded_plan(tmp_path)
    environment = {
        "TONNAM_STORE": "influx",
        "TONNAM_INFLUX_URL": influx.url,
        "TONNAM_INFLUX_DATABASE": database,
        "TONNAM_DATABASE_URL": postgres.database(),
        "MQTT_PASSWORD_CLOUD": chosen.credentials.cloud,
        "MQTT_PASSWORD_FIELD": chosen.credentials.field,
        "MQTT_PASSWORD_HEALTH": chosen.credentials.login,
    }
    with running(Guarded(chosen, environment, hurried=True)) as stack:
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
