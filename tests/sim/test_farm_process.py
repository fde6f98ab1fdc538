"""The command `tonnam-sim farm`, as the demo starts it."""

import json
import signal
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.servers import wait_until
from tests.sim.processes import FarmProcess, tonnam_sim
from tonnam_sim.farm import build_farm
from tonnam_sim.faults import switch_fault
from tonnam_sim.main import app
from tonnam_sim.state_file import StateFile


def ask(port: int, unit: int, request: str) -> bytes:
    """One request PDU (hex) over a connection of its own; the response PDU."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
        body = bytes.fromhex(request)
        wire.sendall(struct.pack(">HHHB", 1, 0, len(body) + 1, unit) + body)
        stream = wire.makefile("rb")
        _, _, length, _ = struct.unpack(">HHHB", stream.read(7))
        return stream.read(length - 1)


def coils(farm: FarmProcess) -> int:
    return ask(farm.cabinet, 1, "0100000008")[2]


def switch(farm: FarmProcess, **fault: object) -> dict[str, object]:
    """One line over the control socket; the answer."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(5)
        wire.connect(str(farm.control))
        wire.sendall(json.dumps(fault).encode() + b"\n")
        answer = json.loads(wire.makefile().readline())
        assert isinstance(answer, dict)
        return answer


def stop(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM, and the exit code within five seconds."""
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=5)


def test_a_timed_watering_starts_flows_and_ends_by_itself(tmp_path: Path) -> None:
    farm = FarmProcess(tmp_path)
    with farm.running("--speed", "20"):
        pulses = ask(farm.cabinet, 3, "0400000002")
        ask(farm.cabinet, 1, "0502000014")
        ask(farm.cabinet, 1, "0502010014")
        assert coils(farm) == 0b11
        wait_until(lambda: coils(farm) == 0, "the end of the two-second flash", timeout_s=5)
        assert int.from_bytes(ask(farm.cabinet, 3, "0400000002")[2:]) > int.from_bytes(pulses[2:])
        assert ask(farm.climate, 1, "0400010002")[0] == 4
        assert ask(farm.inverter, 1, "039C400002")[2:] == b"SunS"


def test_it_ends_cleanly_and_goes_on_where_it_was(tmp_path: Path) -> None:
    farm = FarmProcess(tmp_path)
    with farm.running("--speed", "20") as process:
        assert farm.soil.is_symlink()
        assert stop(process) == 0
    assert not farm.soil.is_symlink()
    state = json.loads(farm.state.read_text())
    with farm.running() as process:
        stop(process)
    later = json.loads(farm.state.read_text())
    assert later["wall_s"] > state["wall_s"]
    assert later["soil"][0]["top"] == pytest.approx(state["soil"][0]["top"], abs=1e-3)
    assert "unusable" not in farm.log.read_text()


def test_after_a_kill_it_starts_again_at_once_on_the_same_places(tmp_path: Path) -> None:
    farm = FarmProcess(tmp_path)
    with farm.running() as process:
        ask(farm.cabinet, 1, "0500FFFF00")
        process.kill()
        process.wait()
    with farm.running():
        assert coils(farm) == 0
        assert switch(farm, fault="dead_unit", bus="soil", unit=1) == {"ok": True}
        assert farm.soil.exists()


@pytest.mark.parametrize("content", ["{", '{"field_s": "noon"}'])
def test_a_broken_state_file_is_set_aside_with_one_line(tmp_path: Path, content: str) -> None:
    farm = FarmProcess(tmp_path)
    farm.state.write_text(content)
    with farm.running() as process:
        assert coils(farm) == 0
        stop(process)
    assert farm.log.read_text().count("cannot be used; starting fresh") == 1
    assert (tmp_path / "farm.json.unusable").read_text() == content
    assert json.loads(farm.state.read_text())["wall_s"] > 0


def test_faults_are_switched_on_and_off_while_it_runs(tmp_path: Path) -> None:
    farm = FarmProcess(tmp_path)
    with farm.running():
        assert switch(farm, fault="stuck_coil", coil=1, closed=True) == {"ok": True}
        ask(farm.cabinet, 1, "0500FF0000")
        assert coils(farm) == 0b10
        assert switch(farm, fault="stuck_coil", coil=1, on=False) == {"ok": True}
        assert coils(farm) == 0
        assert switch(farm, fault="dead_unit", bus="cabinet", unit=2) == {"ok": True}
        with socket.create_connection(("127.0.0.1", farm.cabinet), timeout=0.3) as wire:
            wire.sendall(bytes.fromhex("000100000006020300040001"))
            with pytest.raises(TimeoutError):
                wire.recv(1)
        assert switch(farm, fault="dead_unit", bus="cabinet", unit=2, on=False) == {"ok": True}
        assert len(ask(farm.cabinet, 2, "0300040001")) == 4


def test_a_blocked_valve_lets_nothing_through(tmp_path: Path) -> None:
    farm = FarmProcess(tmp_path)
    with farm.running():
        assert switch(farm, fault="valve_no_flow", zone=1) == {"ok": True}
        ask(farm.cabinet, 1, "050000FF00")
        ask(farm.cabinet, 1, "050001FF00")
        assert int.from_bytes(ask(farm.cabinet, 3, "0400020001")[2:]) == 0
        assert switch(farm, fault="valve_no_flow", zone=1, on=False) == {"ok": True}
        wait_until(lambda: int.from_bytes(ask(farm.cabinet, 3, "0400020001")[2:]) > 50, "flow")


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"fault": "earthquake"},
        {"fault": "dead_unit", "bus": "soil", "unit": 9},
        {"fault": "dead_unit", "bus": "moon", "unit": 1},
        {"fault": "stuck_coil", "coil": 8},
        {"fault": "valve_no_flow", "zone": 3},
        {"fault": "welded_contact", "coil": 1, "colour": "red"},
    ],
)
def test_a_fault_that_does_not_exist_is_refused(fault: dict[str, object]) -> None:
    farm = build_farm(1, 12.0)
    assert switch_fault(farm, json.dumps(fault).encode())
    assert not farm.relay.stuck
    assert not farm.relay.welded
    assert not farm.blocked_zones


def test_a_fault_line_that_is_no_json_is_refused_and_the_next_one_taken(tmp_path: Path) -> None:
    farm = FarmProcess(tmp_path)
    with farm.running(), socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(5)
        wire.connect(str(farm.control))
        answers = wire.makefile()
        wire.sendall(b"please break\n")
        assert json.loads(answers.readline())["ok"] is False
        wire.sendall(b'{"fault": "welded_contact", "coil": 1}\n')
        assert json.loads(answers.readline()) == {"ok": True}


def test_a_taken_port_is_one_line_and_exit_one(tmp_path: Path) -> None:
    farm = FarmProcess(tmp_path)
    with socket.create_server(("127.0.0.1", farm.climate)):
        ended = tonnam_sim(*farm.arguments())
    assert ended.returncode == 1
    assert (
        ended.stderr.splitlines()[-1]
        == f"tonnam-sim: cannot listen on 127.0.0.1:{farm.climate}: Address already in use"
    )
    assert "Traceback" not in ended.stderr
    assert not farm.soil.is_symlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--cabinet", "here"], "'here' is not HOST:PORT"),
        (["--hour", "24"], "--hour"),
        (["--speed", "0"], "--speed"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_wrong_options_are_exit_two_before_anything_starts(tmp_path: Path, change: list[str], words: str) -> None:
    ended = CliRunner().invoke(app, [*FarmProcess(tmp_path).arguments(), *change])
    assert ended.exit_code == 2
    assert words in ended.output
    assert list(tmp_path.iterdir()) == []


def test_help_says_what_each_command_is_for() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert all(command in shown for command in ("farm", "town", "replay"))


def test_a_state_file_that_cannot_be_written_is_said_before_anything_is_served(tmp_path: Path) -> None:
    farm = FarmProcess(tmp_path)
    farm.state = tmp_path / "nowhere" / "farm.json"
    ended = tonnam_sim(*farm.arguments())
    assert ended.returncode == 1
    assert str(farm.state) in ended.stderr
    assert "the farm answers" not in ended.stderr


async def test_a_disk_that_fails_on_the_way_is_said_once_and_its_end_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = StateFile(tmp_path / "gone" / "farm.json")
    await state.save_on_the_way({})
    await state.save_on_the_way({})
    (tmp_path / "gone").mkdir()
    await state.save_on_the_way({})
    await state.save_on_the_way({})
    said = capsys.readouterr().out
    assert said.count("going on unsaved") == 1
    assert said.count("saved again") == 1
