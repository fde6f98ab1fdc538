"""The serial line over TCP that compose's edge and simulator share."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import HOST, free_port, wait_until

BRIDGE = Path(__file__).parents[1] / "deploy/serial_bridge.py"
# A child that lives until it is told to end, and then ends with 7.
PATIENT = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); signal.pause()"
REQUEST, ANSWER = bytes(range(256)), bytes(reversed(range(256)))


@contextmanager
def bridge(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The bridge with a patient child, ended when the block is left."""
    process = subprocess.Popen([sys.executable, BRIDGE, *arguments, "--", sys.executable, "-c", PATIENT])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(10)


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A device on a serial line: its file descriptor, and the path of the line."""
    device, line = os.openpty()
    tty.setraw(line)
    path = tmp_path / "sim-line"
    path.symlink_to(os.ttyname(line))
    yield device, path
    os.close(line)
    os.close(device)


def read(fd: int, count: int) -> bytes:
    """That many bytes from the line."""
    found = b""
    while len(found) < count:
        assert select.select([fd], [], [], 10)[0], f"only {len(found)} of {count} bytes came"
        found += os.read(fd, count - len(found))
    return found


def converse(edge: int, device: int) -> None:
    """A request and its answer, with every byte that there is."""
    os.write(edge, REQUEST)
    assert read(device, len(REQUEST)) == REQUEST
    os.write(device, ANSWER)
    assert read(edge, len(ANSWER)) == ANSWER


def call_until_heard(edge: int, device: int) -> None:
    """Send single bytes until one comes through: until the line is connected they are lost, as on a cut cable."""

    def heard() -> bool:
        os.write(edge, b"?")
        return bool(select.select([device], [], [], 0.2)[0])

    wait_until(heard, "a byte at the other end")
    while select.select([device], [], [], 0.3)[0]:
        os.read(device, 4096)


def test_bytes_pass_both_ways_and_the_line_comes_back_after_an_outage(
    tmp_path: Path, probe: tuple[int, Path]
) -> None:
    device, path = probe
    port, line = free_port(), tmp_path / "edge-line"
    with bridge("reach", f"{HOST}:{port}", str(line)):
        wait_until(line.exists, "the edge's line")
        edge = os.open(line, os.O_RDWR | os.O_NOCTTY)
        for _ in range(2):
            with bridge("offer", str(port), str(path)):
                call_until_heard(edge, device)
                converse(edge, device)
        os.close(edge)


def test_signal_reaches_the_command_and_its_exit_code_is_the_bridge_s(tmp_path: Path) -> None:
    line = tmp_path / "edge-line"
    with bridge("reach", f"{HOST}:{free_port()}", str(line)) as process:
        wait_until(line.exists, "the edge's line")
        wait_until(lambda: bool(children(process.pid)), "the command")
        wait_until(lambda: b"signal.pause" in command_line(children(process.pid)[0]), "the command's own program")
        wait_until(lambda: catches(children(process.pid)[0], signal.SIGTERM), "the command's handler")
        process.terminate()
        assert process.wait(10) == 7


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in text.split()]


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("arguments", [[], ["offer", "x", "p", "--", "c"], ["reach", "host:1", "p", "--"]])
def test_wrong_arguments_say_what_is_right(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, BRIDGE, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "offer PORT PATH -- COMMAND" in done.stderr
