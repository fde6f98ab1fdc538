"""Two agents on one machine and one cabinet, each with a state directory of its own: one of them is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.edge.farms import SITE, site_of
from tests.edge.servers import simulated_farm
from tests.edge.test_agent import agent, coils, thirsty, until_coils
from tonnam_edge.errors import Misconfigured
from tonnam_edge.modbus.port_locks import PortLocks

# A port is held on the whole machine: two of these tests at a time would hold it against each other.
pytestmark = pytest.mark.xdist_group("port locks")

HOLD = """
import sys
from pathlib import Path
from tonnam_edge.site.check import load_site
from tonnam_edge.modbus.port_locks import PortLocks
locks = PortLocks("state /there")
locks.take(load_site(Path(sys.argv[1]))[0])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with simulated_farm(tmp_path) as addresses:
        yield addresses


def at(folder: Path, cabinet: str, soil: str = "tcp://127.0.0.1:1503") -> str:
    folder.mkdir(exist_ok=True)
    return SITE.replace("tcp://127.0.0.1:1502", cabinet).replace("tcp://127.0.0.1:1503", soil)


def refused(folder: Path, text: str) -> str | None:
    """Why another process could not have this site too, while this one has."""
    locks = PortLocks("state /here")
    try:
        locks.take(site_of(folder, text))
    except Misconfigured as wrong:
        return str(wrong)
    finally:
        locks.close()
    return None


async def test_a_second_agent_with_a_state_of_its_own_is_refused_by_name_and_closes_nothing(
    tmp_path: Path, farm: Mapping[str, str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with agent(tmp_path, farm, text=thirsty()) as first:
        await first.says("run.started")
        await until_coils(farm, [1, 1, 0])
        with agent(other, farm, text=thirsty()) as second:
            assert second.process.wait(20) == 2
            (said,) = [line for line in second.log().splitlines() if line.startswith("tonnam-edge:")]
        assert f"(pid {first.process.pid}, " in said
        assert f"{tmp_path.name}/state)" in said
        assert not (other / "state").exists()
        assert await coils(farm) == [1, 1, 0]
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    with agent(other, farm) as third:
        await third.says("agent.started")
        await until_coils(farm, [0, 0, 0])
        assert third.end(signal.SIGTERM) == 0


@pytest.fixture
def held(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the cabinet and a serial line."""
    os.symlink("/dev/null", tmp_path / "ttyUSB7")
    site = tmp_path / "held.toml"
    site.write_text(at(tmp_path, "tcp://10.77.0.1:502", str(tmp_path / "ttyUSB7")), encoding="utf-8")
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(site)], stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("cabinet", ["tcp://10.77.0.1:502", "rtu+tcp://10.77.0.1", "tcp://[::ffff:10.77.0.1]:502"])
def test_one_address_is_one_address_however_it_is_written(
    tmp_path: Path, held: subprocess.Popen[bytes], cabinet: str
) -> None:
    why = refused(tmp_path / "second", at(tmp_path / "second", cabinet))
    assert why is not None
    assert f"another agent uses it (pid {held.pid}, state /there)" in why
    assert "\n" not in why


def test_a_serial_line_is_one_by_whatever_name(tmp_path: Path, held: subprocess.Popen[bytes]) -> None:
    text = at(tmp_path / "second", "tcp://10.77.0.2:502", "/dev/null")
    why = refused(tmp_path / "second", text)
    assert why is not None
    assert why.startswith('bus "soil" (/dev/null): another agent uses it')


def test_what_is_only_read_over_tcp_may_be_read_by_many(tmp_path: Path, held: subprocess.Popen[bytes]) -> None:
    text = at(tmp_path / "second", "tcp://10.77.0.2:502", "tcp://10.77.0.1:502")
    assert refused(tmp_path / "second", text) is None


def test_the_death_of_a_holder_frees_its_ports_at_once(tmp_path: Path, held: subprocess.Popen[bytes]) -> None:
    held.kill()
    held.wait()
    assert refused(tmp_path / "second", at(tmp_path / "second", "tcp://10.77.0.1:502", "/dev/null")) is None


def test_what_was_not_held_before_a_refusal_is_given_back(tmp_path: Path, held: subprocess.Popen[bytes]) -> None:
    locks = PortLocks("state /here")
    mine = site_of(tmp_path, at(tmp_path, "tcp://10.77.0.3:502"))
    locks.take(mine)
    with pytest.raises(Misconfigured):
        locks.take(site_of(tmp_path, at(tmp_path, "tcp://10.77.0.4:502", "/dev/null")))
    probe = PortLocks("state /probe")
    assert list(probe.take_free(mine)) == ["cabinet"]
    assert probe.take_free(site_of(tmp_path, at(tmp_path, "tcp://10.77.0.4:502"))) == {}
    locks.keep_only(site_of(tmp_path, at(tmp_path, "tcp://10.77.0.5:502")))
    assert probe.take_free(mine) == {}
    probe.close()
    locks.close()
