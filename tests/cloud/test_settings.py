"""Settings from the environment: bad ones are said in one line each, before anything is touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.servers import executable
from tonnam_cloud.errors import Misconfigured
from tonnam_cloud.main import app
from tonnam_cloud.settings import read_settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without settings of ours."""
    for name in os.environ:
        if name.startswith("TONNAM_"):
            monkeypatch.delenv(name)


def test_without_any_settings_all_is_local_and_embedded() -> None:
    settings = read_settings()
    assert (settings.store, settings.broker) == ("embedded", "mqtt://127.0.0.1:1883")
    assert settings.relational_url.startswith("sqlite:////")


def test_the_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONNAM_PORT", "9000")
    assert read_settings().port == 9000
    assert read_settings(port=9100, host=None).port == 9100


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("BROKER", "localhost:1883", "TONNAM_BROKER: a broker's address is mqtt://host"),
        ("STORE", "mongodb", "TONNAM_STORE: Input should be 'embedded' or 'influx'"),
        ("STORE", "influx", "TONNAM_STORE=influx needs TONNAM_INFLUX_URL"),
        ("INFLUX_URL", "localhost:8086", "TONNAM_INFLUX_URL: an address such as http://localhost:8086 is right"),
        ("DATABASE_URL", "mysql://x/y", "TONNAM_DATABASE_URL: sqlite:////path/file.db or postgresql://"),
        ("DATABASE_URL", "nonsense", "TONNAM_DATABASE_URL: sqlite"),
        ("TRUSTED_PROXIES", "proxy.local", "TONNAM_TRUSTED_PROXIES: addresses such as 127.0.0.1,172.16.0.0/12 are"),
        ("PORT", "70000", "TONNAM_PORT: Input should be less than or equal to 65535"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(f"TONNAM_{name}", value)
    with pytest.raises(Misconfigured) as caught:
        read_settings()
    assert complaint in str(caught.value)


def test_a_password_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONNAM_BROKER", "http://edge:s3cret@host")
    monkeypatch.setenv("TONNAM_INFLUX_TOKEN", "t0ken")
    with pytest.raises(Misconfigured) as caught:
        read_settings()
    assert "s3cret" not in str(caught.value)
    monkeypatch.delenv("TONNAM_BROKER")
    assert "t0ken" not in repr(read_settings())


def test_bad_settings_end_with_2_before_anything_is_made(tmp_path: Path) -> None:
    settings = {"TONNAM_DATA": str(tmp_path / "data"), "TONNAM_BROKER": "nowhere", "TONNAM_STORE": "paper"}
    command = [executable("tonnam-cloud"), "serve"]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **settings}, check=False)
    assert ended.returncode == 2
    assert [line.split(":")[0] for line in ended.stderr.replace("tonnam-cloud: ", "").splitlines()] == [
        "TONNAM_BROKER",
        "TONNAM_STORE",
    ]
    assert not (tmp_path / "data").exists()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_node_is_added_listed_and_added_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONNAM_DATA", str(tmp_path / "data"))
    added = ("node", "add", "demo-farm", "edge-1", "--name-th", "ตู้ควบคุม", "--name-en", "Cabinet")
    assert "added" in run(*added).stdout
    assert "already" in run(*added).stdout
    assert "demo-farm edge-1  offline (no password)  last heard never  Cabinet" in run("node", "list").stdout
    refused = run("node", "add", "Demo Farm", "edge-1")
    assert (refused.exit_code, "is not an id" in refused.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [(), ("serve",), ("node", "add"), ("quarantine", "list")])
def test_help_is_for_people(arguments: tuple[str, ...]) -> None:
    shown = run(*arguments, "--help")
    assert (shown.exit_code, "Usage" in shown.stdout) == (0, True)
