"""`tonnam-dashboards push` against a Grafana that speaks the real API over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from grafana_api.grafana_face import GrafanaFace  # type: ignore[import-untyped]
from typer.testing import CliRunner, Result

from tests.dashboards.fake_grafana import PASSWORD, TOKEN, USER, FakeGrafana, serving
from tests.servers import free_port
from tonnam_dashboards.main import app

INFLUX = ["--influx-url", "http://influxdb:8086", "--influx-database", "tonnam", "--influx-token", "secret-token"]


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with serving(FakeGrafana()) as fake:
        yield fake


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, names in (
        ("GRAFANA", ("URL", "TOKEN", "USER", "PASSWORD")),
        ("INFLUX", ("URL", "DATABASE", "BUCKET", "TOKEN", "USERNAME", "PASSWORD")),
    ):
        for name in names:
            monkeypatch.delenv(f"TONNAM_{owner}_{name}", raising=False)


def push(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, ["push", *arguments], env=env)


def test_first_push_makes_folder_data_source_and_both_dashboards(grafana: FakeGrafana) -> None:
    result = push("--url", grafana.url, "--token", TOKEN, *INFLUX)

    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "folder: made",
        "data source: made",
        "dashboard tonnam-farm: made",
        "dashboard tonnam-town: made",
    ]
    face = GrafanaFace(TOKEN, host=grafana.url.removeprefix("http://"))
    found = {row["uid"]: row["folderUid"] for row in face.search.search_dashboards(tag="tonnam")}
    assert found == {"tonnam-farm": "tonnam", "tonnam-town": "tonnam"}
    source = grafana.sources["tonnam-influxdb"]
    assert source["jsonData"] == {"dbName": "tonnam", "httpMode": "POST", "httpHeaderName1": "Authorization"}
    assert source["secureJsonFields"] == {"httpHeaderValue1": True}


def test_second_push_changes_nothing(grafana: FakeGrafana) -> None:
    push("--url", grafana.url, "--token", TOKEN, *INFLUX)
    grafana.writes.clear()

    result = push("--url", grafana.url, "--token", TOKEN)

    assert result.exit_code == 0, result.output
    assert {line.rsplit(": ")[1] for line in result.output.splitlines()} == {"unchanged"}
    assert grafana.writes == []


def test_second_push_with_influx_address_sets_the_same_data_source(grafana: FakeGrafana) -> None:
    push("--url", grafana.url, "--token", TOKEN, *INFLUX)
    before = dict(grafana.sources["tonnam-influxdb"])

    result = push("--url", grafana.url, "--token", TOKEN, *INFLUX)

    assert result.exit_code == 0, result.output
    assert grafana.sources == {"tonnam-influxdb": before}


def test_dashboard_that_someone_changed_is_replaced(grafana: FakeGrafana) -> None:
    push("--url", grafana.url, "--token", TOKEN, *INFLUX)
    grafana.dashboards["tonnam-town"]["dashboard"]["title"] = "changed by hand"

    result = push("--url", grafana.url, "--token", TOKEN)

    assert "dashboard tonnam-farm: unchanged" in result.output
    assert "dashboard tonnam-town: replaced" in result.output
    assert grafana.dashboards["tonnam-town"]["dashboard"]["title"] == "เมือง / Town · Tonnam"
    assert grafana.dashboards["tonnam-town"]["dashboard"]["version"] == 2


def test_dashboard_that_someone_moved_comes_back_to_its_folder(grafana: FakeGrafana) -> None:
    push("--url", grafana.url, "--token", TOKEN, *INFLUX)
    grafana.dashboards["tonnam-farm"]["meta"]["folderUid"] = "elsewhere"

    push("--url", grafana.url, "--token", TOKEN)

    assert grafana.dashboards["tonnam-farm"]["meta"]["folderUid"] == "tonnam"


def test_user_and_settings_may_come_from_the_environment(grafana: FakeGrafana) -> None:
    env = {
        "TONNAM_GRAFANA_URL": grafana.url + "/grafana/",
        "TONNAM_GRAFANA_USER": USER,
        "TONNAM_GRAFANA_PASSWORD": PASSWORD,
        "TONNAM_INFLUX_URL": "http://influxdb:8086",
        "TONNAM_INFLUX_BUCKET": "tonnam",
        "TONNAM_INFLUX_USERNAME": "reader",
        "TONNAM_INFLUX_PASSWORD": "secret-password",
    }
    result = push(env=env)

    assert result.exit_code == 0, result.output
    assert set(grafana.dashboards) == {"tonnam-farm", "tonnam-town"}
    assert grafana.sources["tonnam-influxdb"]["user"] == "reader"
    assert grafana.sources["tonnam-influxdb"]["secureJsonFields"] == {"password": True}


def fails(result: Result, *words: str) -> None:
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert len(result.stderr.splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr


def test_grafana_that_is_away_is_one_clear_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    fails(push("--url", url, "--token", TOKEN), url, "cannot be reached")


def test_wrong_token_is_one_clear_line(grafana: FakeGrafana) -> None:
    fails(push("--url", grafana.url, "--token", "glsa_wrong", *INFLUX), "does not know this token", "401")


def test_token_without_the_right_role_is_one_clear_line(grafana: FakeGrafana) -> None:
    grafana.viewer = True
    fails(push("--url", grafana.url, "--token", TOKEN, *INFLUX), "403", "role Admin")


def test_missing_data_source_says_which_options_make_it(grafana: FakeGrafana) -> None:
    fails(push("--url", grafana.url, "--token", TOKEN), "tonnam-influxdb", "--influx-url")
    assert grafana.dashboards == {}


def test_provisioned_dashboards_say_that_there_is_nothing_to_push(grafana: FakeGrafana) -> None:
    grafana.provisioned = {"tonnam-farm"}
    fails(push("--url", grafana.url, "--token", TOKEN, *INFLUX), "provisioned", "nothing to push")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (204, b"", "does not speak like Grafana"),
        (200, b"<html>sign in</html>", "does not speak like Grafana"),
        (502, b"Bad Gateway", "refused"),
        (400, b'{"message": "bad request data"}', "bad request data"),
    ],
)
def test_strange_answers_are_one_clear_line(grafana: FakeGrafana, status: int, body: bytes, words: str) -> None:
    grafana.broken = (status, body)
    fails(push("--url", grafana.url, "--token", TOKEN, *INFLUX), words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--token", TOKEN], "--url"),
        (["--url", "http://localhost:3000"], "--token"),
        (["--url", "http://localhost:3000", "--user", "admin"], "--password"),
        (["--url", "localhost:3000", "--token", TOKEN], "http://localhost:3000"),
        (["--url", "http://localhost:port", "--token", TOKEN], "Port"),
        (["--url", "http://localhost:3000", "--token", "รหัส"], "token"),
        (["--url", "http://localhost", "--token", TOKEN, "--influx-url", "http://influxdb"], "--influx-database"),
        (["--url", "http://localhost", "--token", TOKEN, "--influx-url", "influxdb:8086"], "http://influxdb:8086"),
    ],
)
def test_bad_arguments_end_with_2_before_anything_is_sent(arguments: list[str], words: str) -> None:
    result = push(*arguments, env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 2, result.output
    assert words in result.stderr
