"""The serial rim, by a real pseudo-terminal, with pymodbus as a client that we did not write."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusSerialClient

from tonnam_sim.farm import Farm, build_farm
from tonnam_sim.modbus_rtu import ModbusRtuServer, crc16
from tonnam_sim.wires import CannotListen

READ_SOIL = bytes.fromhex("010300000007")
BUS_TIME_S = (8 + 19) * 10 / 4800


@contextlib.asynccontextmanager
async def line(path: Path, farm: Farm) -> AsyncIterator[ModbusRtuServer]:
    server = ModbusRtuServer(path, farm.buses["soil"].execute)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def wire(path: Path) -> Iterator[int]:
    end = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield end
    finally:
        os.close(end)


async def hear(end: int, timeout_s: float) -> bytes:
    """What comes within the time, until a pause."""
    heard, readable = bytearray(), asyncio.Event()

    def read() -> None:
        heard.extend(os.read(end, 4096))
        readable.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(end, read)
    try:
        while True:
            readable.clear()
            await asyncio.wait_for(readable.wait(), timeout_s)
            timeout_s = 0.05
    except TimeoutError:
        return bytes(heard)
    finally:
        loop.remove_reader(end)


async def test_all_four_probes_answer_pymodbus(tmp_path: Path) -> None:
    farm = build_farm(1, 13.5)
    async with line(tmp_path / "soil", farm):
        modbus = AsyncModbusSerialClient(str(tmp_path / "soil"), baudrate=4800, timeout=2, retries=1)
        assert await modbus.connect()
        try:
            for unit in (1, 2, 3, 4):
                answer = await modbus.read_holding_registers(0, count=7, device_id=unit)
                assert not answer.isError()
                felt = farm.probe((unit - 1) // 2, (unit - 1) % 2)
                assert answer.registers[0] == round(felt.vwc_pct * 10)
        finally:
            modbus.close()


async def test_an_answer_takes_the_time_of_the_wire(tmp_path: Path) -> None:
    async with line(tmp_path / "soil", build_farm(1, 13.5)):
        with wire(tmp_path / "soil") as end:
            asked_s = asyncio.get_running_loop().time()
            os.write(end, READ_SOIL + crc16(READ_SOIL))
            reply = await hear(end, 2.0)
            assert asyncio.get_running_loop().time() - asked_s >= BUS_TIME_S
    assert len(reply) == 19
    assert crc16(reply[:-2]) == reply[-2:]


@pytest.mark.parametrize(
    "noise",
    [
        b"\x00",
        b"\xff\x00\x13",
        READ_SOIL + b"\x00\x00",
        random.Random(600).randbytes(600),
        bytes.fromhex("090300000007") + crc16(bytes.fromhex("090300000007")),
        crc16(b""),
    ],
)
async def test_noise_bad_sums_and_other_ids_get_no_answer_and_break_nothing(tmp_path: Path, noise: bytes) -> None:
    async with line(tmp_path / "soil", build_farm(1, 13.5)):
        with wire(tmp_path / "soil") as end:
            os.write(end, noise)
            assert await hear(end, 0.15) == b""
            os.write(end, READ_SOIL + crc16(READ_SOIL))
            assert len(await hear(end, 2.0)) == 19


async def test_a_dead_probe_is_silent_and_its_neighbour_answers(tmp_path: Path) -> None:
    farm = build_farm(1, 13.5)
    farm.buses["soil"].dead.add(1)
    async with line(tmp_path / "soil", farm):
        with wire(tmp_path / "soil") as end:
            os.write(end, READ_SOIL + crc16(READ_SOIL))
            assert await hear(end, 0.2) == b""
            other = b"\x02" + READ_SOIL[1:]
            os.write(end, other + crc16(other))
            assert (await hear(end, 2.0))[:1] == b"\x02"


async def test_the_line_survives_clients_that_come_and_go(tmp_path: Path) -> None:
    async with line(tmp_path / "soil", build_farm(1, 13.5)):
        for _ in range(3):
            with wire(tmp_path / "soil") as end:
                os.write(end, READ_SOIL + crc16(READ_SOIL))
                assert len(await hear(end, 2.0)) == 19


async def test_the_symlink_replaces_a_stale_one_and_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "soil"
    path.symlink_to("/nowhere")
    async with line(path, build_farm(1, 13.5)):
        assert path.exists()
    assert not path.is_symlink()


async def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "soil"
    path.write_text("notes")
    with pytest.raises(CannotListen, match="something else"):
        ModbusRtuServer(path, lambda _unit, _request: None).start()
    assert path.read_text() == "notes"
