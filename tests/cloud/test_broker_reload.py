"""A running broker is told of new users, and `broker-config --follow` goes on through outages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from tests.cloud.broker_scene import FARM, Access, user
from tests.cloud.test_broker_config import AT_HOME, ENVIRONMENT
from tests.link.harness import running, until
from tonnam_cloud.broker.config import Broker, Config, Writer, follow
from tonnam_cloud.broker.reload import Reloader, is_ready
from tonnam_cloud.broker.users_file import load_users
from tonnam_cloud.database import Database

LISTENER = """\
import os, signal
signal.signal(signal.SIGHUP, lambda *_: os.write(1, b"told\\n"))  # print must not be entered twice
print("up", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def listener() -> Iterator[subprocess.Popen[str]]:
    """A process that says "told" at every SIGHUP."""
    with subprocess.Popen([sys.executable, "-c", LISTENER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def name_of(process: subprocess.Popen[str]) -> str:
    return Path(f"/proc/{process.pid}/comm").read_text().strip()


def test_broker_is_told_of_each_version_once(listener: subprocess.Popen[str], tmp_path: Path) -> None:
    file = tmp_path / "pid"
    reloader = Reloader(file, name_of(listener))
    reloader.tell("1")
    file.write_text(f"{listener.pid}\n")
    assert listener.stdout
    for version in ("1", "2"):
        reloader.tell(version)
        assert listener.stdout.readline() == "told\n"
        reloader.tell(version)
    listener.terminate()
    assert listener.stdout.read() == ""


def test_process_that_has_only_inherited_the_broker_s_number_is_left_alone(
    listener: subprocess.Popen[str], tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    file.write_text(str(listener.pid))
    Reloader(file, "mosquitto").tell("1")
    listener.terminate()
    assert listener.stdout
    assert listener.stdout.read() == ""


def test_broker_that_is_not_ready_for_the_signal_is_not_ended_by_it(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as starting:
        assert not is_ready(starting.pid, "sleep")
        assert is_ready(starting.pid, "sleep", proc=tmp_path / "none"), (
            "where there is no /proc, life is all there is"
        )
        starting.kill()
        starting.wait()
        assert not is_ready(starting.pid, "sleep")
        assert not is_ready(starting.pid, "sleep", proc=tmp_path / "none")


@pytest.mark.parametrize("content", ["", "mosquitto", "-1", "1", "\u0663\u0664"])
def test_nonsense_in_the_pid_file_signals_nobody(tmp_path: Path, content: str) -> None:
    file = tmp_path / "pid"
    file.write_text(content)
    with structlog.testing.capture_logs() as logs:
        reloader = Reloader(file, "systemd")
        reloader.tell("1")
        reloader.tell("1")
    assert events(logs) == ["no systemd runs by this PID file; it reads the files as it starts"], "said, and once"


async def test_follower_goes_on_through_an_outage_of_the_database(tmp_path: Path) -> None:
    access = Access(tmp_path)
    config = Config(Broker.NATS, access.out, AT_HOME, load_users(access.users, ENVIRONMENT))
    database = Database(f"sqlite:///{tmp_path / 'data' / 'tonnam.db'}")
    with structlog.testing.capture_logs() as logs:
        async with running(follow(Writer(config, database), None)):
            await until(lambda: (access.out / "version").exists(), "the files")
            rename(database, "node", "away")
            await until(lambda: "the broker's users stay as they are" in events(logs), "the outage")
            rename(database, "away", "node")
            await until(lambda: "the broker's users stay as they are: over" in events(logs), "its end")
            access.run("node", "revoke", *FARM.split("/"))
            await until(lambda: user(FARM) not in (access.out / "tonnam.conf").read_text(), "the revocation")
    database.close()


def rename(database: Database, old: str, new: str) -> None:
    with database.writing() as session:
        session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def events(logs: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(log["event"]) for log in logs]
