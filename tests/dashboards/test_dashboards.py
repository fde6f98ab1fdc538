"""What the dashboards are made of: files that match the code, bands that match the law, no panel on another."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from typer.testing import CliRunner

from tonnam_cloud.city.air import air_index
from tonnam_cloud.city.rain import rain_band
from tonnam_cloud.city.river import river_band
from tonnam_dashboards import bands, influx
from tonnam_dashboards.bands import Band
from tonnam_dashboards.main import DASHBOARDS, app, as_json
from tonnam_link.quality import Quality

HOME = Path(__file__).parents[2] / "dashboards"
BOTH = pytest.mark.parametrize("name", sorted(DASHBOARDS))


def committed(name: str) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads((HOME / "json" / f"{name}.json").read_text(encoding="utf-8"))
    return dashboard


@BOTH
def test_committed_file_is_what_the_code_builds(name: str) -> None:
    text = (HOME / "json" / f"{name}.json").read_text(encoding="utf-8")
    assert text == as_json(DASHBOARDS[name]()), "run `tonnam-dashboards build`"


def test_build_writes_both_files_and_the_same_again(tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(app, ["build", "--into", str(tmp_path / "made")])
        assert result.exit_code == 0, result.output
        made = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "made").iterdir()}
        assert made == {f"{name}.json": as_json(make()) for name, make in DASHBOARDS.items()}


def test_build_into_a_place_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    result = CliRunner().invoke(app, ["build", "--into", str(tmp_path / "taken")])
    assert result.exit_code == 1
    assert result.stderr.startswith("cannot write into")
    assert len(result.stderr.splitlines()) == 1


@BOTH
def test_grafanas_model_knows_every_key(name: str) -> None:
    register_default_plugins()
    influx.register()
    read = Dashboard.from_json(committed(name))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == committed(name)


@BOTH
def test_panels_have_numbers_of_their_own_and_do_not_overlap(name: str) -> None:
    panels = committed(name)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@BOTH
def test_titles_are_thai_with_english_beside(name: str) -> None:
    dashboard = committed(name)
    titles = [dashboard["title"], *(panel["title"] for panel in dashboard["panels"])]
    titles += [variable["label"] for variable in dashboard["templating"]["list"]]
    for title in titles:
        assert " / " in title
        assert any("\u0e00" <= letter <= "\u0e7f" for letter in title), title


@BOTH
def test_every_panel_and_variable_asks_the_data_source_that_is_provisioned(name: str) -> None:
    dashboard = committed(name)
    provisioned = yaml.safe_load((HOME / "provisioning/datasources/tonnam.yml").read_text(encoding="utf-8"))
    (source,) = provisioned["datasources"]
    asked = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    asked += [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    assert {(one["datasource"]["uid"], one["datasource"]["type"]) for one in asked} == {
        (source["uid"], source["type"])
    }


def test_provisioned_secrets_come_from_the_environment() -> None:
    provisioned = yaml.safe_load((HOME / "provisioning/datasources/tonnam.yml").read_text(encoding="utf-8"))
    assert provisioned["datasources"][0]["secureJsonData"] == {"httpHeaderValue1": "Token ${TONNAM_INFLUX_TOKEN}"}


def band_of(of: tuple[Band, ...], value: float) -> Band:
    """As Grafana's thresholds choose: the last that starts at or below the value."""
    return [band for band in of if band.start is None or band.start <= value][-1]


def words_of(of: tuple[Band, ...], value: float) -> str:
    """As Grafana's mappings choose: the first range that holds the value, ends included."""
    ranges = [json.loads(json.dumps(mapping, cls=JSONEncoder))["options"] for mapping in bands.in_words(of)]
    return str(next(one["result"]["text"] for one in ranges if one["from"] <= value <= one["to"]))


@pytest.mark.parametrize("mean", [0.0, 15.0, 15.04, 15.1, 25.0, 25.1, 37.5, 37.6, 75.0, 75.1, 300.0])
def test_dust_bands_are_those_of_the_phone_page(mean: float) -> None:
    label = air_index({"pm2_5": mean}).band.label
    assert band_of(bands.PM2_5, mean).words == f"{label.th} / {label.en}"
    assert words_of(bands.PM2_5, mean) == f"{label.th} / {label.en}"


@pytest.mark.parametrize("pct", [0.0, 10.0, 10.1, 30.0, 30.1, 70.0, 70.1, 100.0, 100.1, 140.0])
def test_river_bands_are_those_of_the_phone_page(pct: float) -> None:
    label = river_band(pct).label
    assert words_of(bands.RIVER_PCT_OF_BANK, pct) == f"{label.th} / {label.en}"


@pytest.mark.parametrize("mm", [0.1, 10.0, 10.1, 35.0, 35.1, 90.0, 90.1])
def test_rain_bands_begin_where_those_of_the_phone_page_do(mm: float) -> None:
    english = band_of(bands.RAIN_MM, mm).words.split(" / ")[1]
    assert rain_band(mm).label.en == f"{english} rain"


def test_every_quality_has_its_words_at_its_number() -> None:
    words = {band.start: band.words.split(" / ")[1].lower().replace(" ", "_") for band in bands.QUALITY}
    assert words == {float(quality): quality.label for quality in Quality}
