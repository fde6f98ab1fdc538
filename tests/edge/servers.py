"""Real sockets for tests: Modbus TCP servers of register words, and the simulated greenhouse as a process."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Execute = Callable[[int, bytes], bytes | None]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ModbusServer:
    """Modbus TCP on a free port; what a unit answers is a function. None is silence."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._server: asyncio.Server | None = None
        self.port = 0
        self.frames: list[tuple[int, bytes]] = []

    async def __aenter__(self) -> ModbusServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                number, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                request = await reader.readexactly(length - 1)
                self.frames.append((unit, request))
                answer = self._execute(unit, request)
                if answer is not None:
                    writer.write(struct.pack(">HHHB", number, 0, len(answer) + 1, unit) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def simulated_farm(folder: Path, speed: float = 1.0) -> Iterator[Mapping[str, str]]:
    """The greenhouse of firmware-sim as a process; gives the address of each bus. See `break_farm` for faults."""
    ports = {name: free_port() for name in ("cabinet", "climate", "inverter")}
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    options = [part for name, address in addresses.items() for part in (f"--{name}", address)]
    command = [sys.executable, "-c", "from tonnam_sim.main import main; main()", "farm", *options]
    command += ["--soil", str(folder / "soil"), "--hour", "13.5", "--speed", str(speed)]
    command += ["--control", str(folder / "control")]
    log = (folder / "sim.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _until_it_listens(ports["cabinet"], process)
        yield {name: f"tcp://{address}" for name, address in addresses.items()} | {"soil": str(folder / "soil")}
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def break_farm(folder: Path, **fault: object) -> None:
    """Switch a fault of the simulated greenhouse on or off (see tonnam_sim.faults)."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(folder / "control"))
        control.sendall(json.dumps(fault).encode() + b"\n")
        answer = json.loads(control.recv(4096))
    assert answer["ok"], answer


def _until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("the simulator ended before it listened")
