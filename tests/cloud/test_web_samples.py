"""The wire of the page's tests says what the real cloud's schemas say."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.cloud.web_samples import alert, farm, iso, thing_history, town, zone_history
from tests.cloud.web_stub import Stub
from tonnam_cloud.alerts.schemas import Alert
from tonnam_cloud.city.schemas import Town
from tonnam_cloud.farm.schemas import Command, Overview, ZoneHistory
from tonnam_cloud.measures.schemas import History
from tonnam_cloud.people.schemas import Me

NOW = iso(datetime.now(UTC))


def test_farm_and_its_alerts_are_as_the_cloud_tells_them() -> None:
    stub = Stub()
    stub.begin_run()
    Overview.model_validate({"now": NOW, **farm(), "alerts": [alert("critical")]})
    Overview.model_validate(stub.overview())
    Alert.model_validate(alert())


def test_town_is_as_the_cloud_tells_it() -> None:
    Town.model_validate({"now": NOW, **town()})


def test_histories_are_as_the_cloud_tells_them() -> None:
    ZoneHistory.model_validate(zone_history())
    for property_ in ("pm2_5", "rain_total", "river_level"):
        History.model_validate(thing_history(property_))


def test_commands_and_people_are_as_the_cloud_tells_them() -> None:
    Command.model_validate(Stub().take_command("zone-1", {"action": "water", "minutes": 5}, "key"))
    Me.model_validate(Stub().me())
