"""What stands in the demo's way is one clear line before anything is started."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tests import servers
from tonnam_demo.plan import settings_from_environment, without_password
from tonnam_demo.surroundings import CannotStart, check_answers, check_space

Usage = namedtuple("Usage", "total used free")


def test_full_disk_says_how_much_is_left_and_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 12_000_000, 12_000_000))
    with pytest.raises(CannotStart, match="has 12 MB left; the demo needs 300 MB"):
        check_space(tmp_path)


def test_server_that_does_not_answer_is_named_with_its_address() -> None:
    port = servers.free_port()
    with pytest.raises(CannotStart, match=f"^InfluxDB does not answer at 127.0.0.1:{port} "):
        check_answers("127.0.0.1", port, "InfluxDB")


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1", "80.5", "８０"])
def test_nonsense_for_a_port_is_named(port: str) -> None:
    with pytest.raises(ValueError, match=r"TONNAM_PORT is .* port number from 1 to 65535"):
        settings_from_environment({"TONNAM_PORT": port})


@pytest.mark.parametrize("url", ["http://nonsense", "localhost:1883", "mqtt://"])
def test_nonsense_for_a_broker_says_what_would_be_right(url: str) -> None:
    with pytest.raises(ValueError, match=r"TONNAM_BROKER: .*mqtt://"):
        settings_from_environment({"TONNAM_BROKER": url})


def test_password_of_a_broker_is_not_shown() -> None:
    assert without_password("mqtt://farm:secret@broker.example:1883") == "mqtt://broker.example:1883"
