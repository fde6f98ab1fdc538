from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.gateway.sent import TOWN
from tests.servers import executable


def tonnam_gateway(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [executable("tonnam-gateway"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, env={**environment})


def test_check_says_what_the_file_makes_of_the_town() -> None:
    done = tonnam_gateway("check", str(TOWN))
    assert done.returncode == 0
    assert "3 devices into 3 sensors with 7 datastreams" in done.stdout
    assert "town/river-1/state" in done.stdout


@pytest.fixture
def relaying(tmp_path: Path) -> Path:
    """A file of a gateway that only relays."""
    file = tmp_path / "farm.toml"
    file.write_text('tenant = "demo-farm"\nnode = "gateway-1"\n[relay]\nnodes = ["edge-1", "edge-2"]\n', "utf-8")
    return file


def test_check_says_which_nodes_stand_behind_the_gateway(relaying: Path) -> None:
    done = tonnam_gateway("check", str(relaying))
    assert (done.returncode, done.stderr) == (0, "")
    assert "no devices of its own" in done.stdout
    assert "edge-1, edge-2" in done.stdout
    assert "TONNAM_SITE_BROKER" in done.stdout


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "TONNAM_SITE_BROKER: is missing"),
        ("http://x", "TONNAM_SITE_BROKER: a broker's address is mqtt://"),
        ("mqtt://up:1883", "TONNAM_SITE_BROKER: must be another broker than TONNAM_BROKER"),
    ],
)
def test_gateway_that_relays_needs_a_broker_of_the_site(
    relaying: Path, tmp_path: Path, address: str, message: str
) -> None:
    state = tmp_path / "state"
    environment = {"TONNAM_BROKER": "mqtt://up", "TONNAM_SITE_BROKER": address}
    done = tonnam_gateway("run", str(relaying), "--state", str(state), **environment)
    assert (done.returncode, state.exists()) == (2, False)
    assert message in done.stderr


def test_check_says_all_that_is_wrong_and_ends_with_two(tmp_path: Path) -> None:
    file = tmp_path / "town.toml"
    file.write_text(TOWN.read_text(encoding="utf-8").replace('"json"', '"jsn"').replace('"Cel"', '"K"'), "utf-8")
    done = tonnam_gateway("check", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"{file}:")
    assert "one of tasmota, chirpstack, json" in first
    assert "air_temperature.unit" in second


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "TONNAM_BROKER"),
        ({"TONNAM_BROKER": "http://x"}, "TONNAM_BROKER: a broker's address is mqtt://"),
        ({"TONNAM_BROKER": "mqtt://x", "TONNAM_FIELD_BROKER": "x"}, "TONNAM_FIELD_BROKER: a broker's address"),
        ({"TONNAM_BROKER": "mqtt://x", "TONNAM_CLOUD_KEY": "x"}, "TONNAM_CLOUD_KEY: ed25519:"),
        ({"TONNAM_BROKER": "mqtt://x", "TONNAM_OUTBOX_DAYS": "0"}, "TONNAM_OUTBOX_DAYS"),
        ({"TONNAM_BROKER": "mqtt://x", "TONNAM_OUTBOX_MB": "much"}, "TONNAM_OUTBOX_MB"),
        ({"TONNAM_BROKER": "mqtt://x", "TONNAM_CLOCK": "sundial"}, "TONNAM_CLOCK"),
    ],
)
def test_bad_environment_ends_with_two_before_anything_is_touched(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    done = tonnam_gateway("run", str(TOWN), "--state", str(tmp_path / "state"), **environment)
    assert (done.returncode, (tmp_path / "state").exists()) == (2, False)
    assert message in done.stderr


@pytest.mark.parametrize("command", ["check", "run"])
def test_more_sensors_than_one_node_can_describe_end_with_two_before_anything_is_touched(
    tmp_path: Path, command: str
) -> None:
    file, state = tmp_path / "town.toml", tmp_path / "state"
    text = TOWN.read_text(encoding="utf-8")
    river = text[text.index('[[sensors]]\nthing = "river-1"') :]
    file.write_text(text + "".join("\n" + river.replace("river-1", f"r-{n}", 1) for n in range(700)), "utf-8")
    more = ["--state", str(state)] if command == "run" else []
    done = tonnam_gateway(command, str(file), *more, TONNAM_BROKER="mqtt://x")
    assert (done.returncode, state.exists(), len(done.stderr.splitlines())) == (2, False, 1)
    assert "703 sensors are too many for one node" in done.stderr


def test_file_that_is_not_there_ends_with_two(tmp_path: Path) -> None:
    done = tonnam_gateway("run", str(tmp_path / "x.toml"), "--state", str(tmp_path / "s"), TONNAM_BROKER="mqtt://x")
    assert done.returncode == 2
    assert "x.toml" in done.stderr


def test_state_that_cannot_be_a_directory_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    done = tonnam_gateway("run", str(TOWN), "--state", str(tmp_path / "state"), TONNAM_BROKER="mqtt://127.0.0.1:1")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_help_is_for_people() -> None:
    done = tonnam_gateway("run", "--help")
    assert done.returncode == 0
    assert "TONNAM_BROKER" in done.stdout
    assert "Ctrl-C" in done.stdout
