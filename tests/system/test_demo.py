"""`make demo` as its user meets it: one page, children that come back, a clean end, the same data next time."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import servers
from tests.system.stack import Client, wait_for
from tonnam_demo.plan import program

LOGIN = re.compile(r"as farmer with the password (\S+) \(shown this once")


@dataclass
class Demo:
    """One run of the demo in `home`."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def output(self) -> str:
        return (self.home.parent / "output").read_text(errors="replace")

    def wait_for(self, text: str, timeout_s: float = 60) -> None:
        def said() -> bool:
            assert self.process.poll() is None or text in self.output, self.output
            return text in self.output

        servers.wait_until(said, f"{text!r} in {self.output!r}", timeout_s)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(40)


def hears_ctrl_c() -> None:
    """As in a terminal: a shell lets what it runs in the background, such as these tests, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def demo(home: Path, port: int | None = None, **environment: str) -> Iterator[Demo]:
    chosen = port or servers.free_port()
    command = [program("tonnam-demo"), "--data", str(home), "--days", "1", "--host", servers.HOST]
    with (home.parent / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, "TONNAM_PORT": str(chosen), **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,  # a group of its own, as in a terminal
            preexec_fn=hears_ctrl_c,
        )
    run = Demo(home, chosen, process)
    try:
        yield run
    finally:
        if process.poll() is None:
            run.end(signal.SIGTERM)


def children_of(pid: int) -> dict[str, int]:
    """The demo's own processes by the first words of their command lines."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
            words = (entry.parent / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            name = " ".join(Path(word.decode()).name for word in words[:3] if not word.endswith(b"python"))
            found[name] = int(entry.parent.name)
    return found


@pytest.mark.timeout(300)
def test_demo_shows_farm_and_town_survives_its_children_and_goes_on_with_its_data(tmp_path: Path) -> None:
    home = tmp_path / "data"
    with demo(home) as first:
        first.wait_for("Tonnam", 90)
        first.wait_for("Logs ")
        login = LOGIN.search(first.output)
        assert login is not None, first.output
        client = Client(f"http://{servers.HOST}:{first.port}")
        client.post("/api/session", {"username": "farmer", "password": login[1]})
        servers.wait_until(lambda: _history_hours(client) > 20, "a day of history from the backlog", 60)
        servers.wait_until(lambda: _town_is_heard(client), "the town's three sensors", 40)

        gateway = children_of(first.process.pid)["tonnam-gateway run"]
        os.kill(gateway, signal.SIGKILL)
        first.wait_for("gateway was killed by SIGKILL; it is started again in 1 s")
        servers.wait_until(
            lambda: children_of(first.process.pid).get("tonnam-gateway run", gateway) != gateway, "a new gateway"
        )
        servers.wait_until(lambda: _watering(client), "a watering within two minutes", 120)
        before = _moisture_times(client)
        assert first.end(signal.SIGTERM) == 0, first.output
        assert "Valves and pump are off." in first.output
        assert "Traceback" not in first.output
    assert not any(path.read_text(errors="replace").count("Traceback") for path in (home / "log").glob("*.log"))

    with demo(home) as second:
        second.wait_for("Logs ", 60)
        assert LOGIN.search(second.output) is None, "the password is shown once"
        assert "Making" not in second.output
        client = Client(f"http://{servers.HOST}:{second.port}")
        client.post("/api/session", {"username": "farmer", "password": login[1]})
        again = _moisture_times(client)
        assert set(before[5:]) & set(again)
        servers.wait_until(lambda: _moisture_times(client)[-1] > before[-1] + 1, "new readings after the old", 30)
        assert second.end(signal.SIGINT) == 0, second.output


def _zone_history(client: Client) -> dict[str, list[float | None]]:
    history = client.get("/api/sites/demo-farm/melon-greenhouse/zones/zone-1/history?hours=24")
    moisture: dict[str, list[float | None]] = history["moisture"]
    return moisture


def _moisture_times(client: Client) -> list[float]:
    return [at for at in _zone_history(client)["t"] if at is not None]


def _history_hours(client: Client) -> float:
    try:
        times = _moisture_times(client)
    except OSError:
        return 0
    return (times[-1] - times[0]) / 3600 if times else 0


def _town_is_heard(client: Client) -> bool:
    sensors = [sensor for site in client.get("/api/town")["sites"] for sensor in site["sensors"]]
    return len(sensors) == 3 and all(any(m["value"] is not None for m in s["measures"]) for s in sensors)


def _watering(client: Client) -> bool:
    [farm] = client.get("/api/overview")["sites"]
    return any(zone["running"] for zone in farm["zones"])


def test_start_that_is_broken_off_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "data"
    with demo(home) as run:
        run.wait_for("Making")
        servers.wait_until(
            lambda: bool(list(home.glob("history-*/*"))) or len(children_of(run.process.pid)) >= 2, "work"
        )
        workers = list(children_of(run.process.pid).values())
        assert run.end(signal.SIGTERM) == 130
    assert run.output.endswith("Stopped before anything was started. The next start begins again.\n")
    assert "Traceback" not in run.output
    servers.wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the end of the workers")
    assert not list(home.glob("history*"))
    assert not (home / "edge").exists()


@pytest.mark.timeout(180)
def test_closed_terminal_puts_the_valves_off(tmp_path: Path) -> None:
    home, port = tmp_path / "data", servers.free_port()
    child, terminal = pty.fork()
    if child == 0:
        command = [program("tonnam-demo"), "--data", str(home), "--days", "0", "--host", servers.HOST]
        os.execve(command[0], command, {**os.environ, "TONNAM_PORT": str(port), "TERM": "xterm"})
    shown = b""
    while b"zone.planned" not in shown:  # the edge is at work
        shown += os.read(terminal, 4096)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert "Valves and pump are off." in (home / "log" / "demo.log").read_text()


def test_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server((servers.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with demo(tmp_path / "data", port) as run:
            assert run.process.wait(30) == 1
    assert run.output == (
        f"Port {port} cannot be used (Address already in use). Choose another: TONNAM_PORT={port + 1} make demo\n"
    )


def test_port_that_is_none_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with demo(tmp_path / "data", TONNAM_PORT="eighty") as run:
        assert run.process.wait(30) == 2
    assert run.output == "TONNAM_PORT is 'eighty': it must be a port number from 1 to 65535, such as 8081\n"
    assert not (tmp_path / "data").exists()


def test_second_demo_on_the_same_data_is_refused(tmp_path: Path) -> None:
    import fcntl

    home = tmp_path / "data"
    home.mkdir()
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with demo(home) as run:
            assert run.process.wait(30) == 1
    assert run.output == f"A demo runs already with the data in {home}. End it first.\n"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TONNAM_STORE": "sqlite"}, "TONNAM_STORE: Input should be 'embedded' or 'influx'"),
        ({"TONNAM_STORE": "influx"}, "TONNAM_STORE=influx needs TONNAM_INFLUX_URL"),
        ({"TONNAM_INFLUX_URL": "nonsense"}, "TONNAM_INFLUX_URL: an address such as http://localhost:8086 is right"),
    ],
)
def test_nonsense_for_the_store_is_one_line_before_anything_is_made(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    with demo(tmp_path / "data", None, **environment) as run:
        assert run.process.wait(30) == 2
    assert run.output.startswith(words)
    assert run.output.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_broker_that_is_away_is_said_instead_of_a_page(tmp_path: Path) -> None:
    port = servers.free_port()
    with demo(tmp_path / "data", TONNAM_BROKER=f"mqtt://{servers.HOST}:{port}") as run:
        assert run.process.wait(30) == 1
    assert run.output.startswith(f"The broker of TONNAM_BROKER does not answer at {servers.HOST}:{port}")
    assert run.output.count("\n") == 1


def test_ctrl_c_at_any_moment_of_the_start_is_quiet(tmp_path: Path) -> None:
    for moment, seconds in enumerate((0.3, 1.0, 2.5, 5.0)):
        home = tmp_path / str(moment) / "data"
        home.parent.mkdir()
        with demo(home) as run:
            wait_for(seconds)
            os.killpg(run.process.pid, signal.SIGINT)
            code = run.process.wait(40)
        assert "Traceback" not in run.output, f"after {seconds} s: {run.output}"
        assert code in (0, 130), f"after {seconds} s: {run.output}"


def test_address_without_a_broker_is_a_clear_line(tmp_path: Path) -> None:
    with demo(tmp_path / "data", TONNAM_BROKER="http://nonsense") as run:
        assert run.process.wait(30) == 2
    assert "TONNAM_BROKER" in run.output
    assert "mqtt://" in run.output
    assert json.dumps(run.output).count("\\n") == 1
