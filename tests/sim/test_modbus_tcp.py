"""The Modbus TCP rim, by real sockets, with pymodbus as a client that we did not write."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import pytest
from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient

from tonnam_sim.farm import Farm, build_farm
from tonnam_sim.modbus_tcp import ModbusTcpServer
from tonnam_sim.wires import CannotListen, Endpoint


@contextlib.asynccontextmanager
async def cabinet(farm: Farm) -> AsyncIterator[Endpoint]:
    server = ModbusTcpServer(Endpoint("127.0.0.1", 0), farm.buses["cabinet"].execute)
    await server.start()
    try:
        yield server.endpoint
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def client(endpoint: Endpoint) -> AsyncIterator[AsyncModbusTcpClient]:
    modbus = AsyncModbusTcpClient(endpoint.host, port=endpoint.port, timeout=2, retries=0, reconnect_delay=0)
    assert await modbus.connect()
    try:
        yield modbus
    finally:
        modbus.close()


@contextlib.asynccontextmanager
async def raw(endpoint: Endpoint) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_several_clients_reach_several_units_at_once() -> None:
    farm = build_farm(1, 13.5)
    async with cabinet(farm) as endpoint, client(endpoint) as one, client(endpoint) as other:
        answers = await asyncio.gather(
            one.read_holding_registers(2, count=3, device_id=2),
            other.read_input_registers(0, count=3, device_id=3),
            one.read_coils(0, count=8, device_id=1),
            other.write_coil(1, True, device_id=1),
        )
        assert not any(answer.isError() for answer in answers)
        assert answers[0].registers[:2] == [1, 1]
        assert farm.relay.coil(1)


async def test_a_flash_goes_through_as_it_came() -> None:
    farm = build_farm(1, 13.5)
    async with cabinet(farm) as endpoint, raw(endpoint) as (reader, writer):
        frame = struct.pack(">HHHB", 7, 0, 6, 1) + bytes.fromhex("0502010258")
        writer.write(frame)
        assert await reader.readexactly(len(frame)) == frame
        assert farm.relay.next_flash_end_s() == 60.0


async def test_an_exception_reaches_the_client() -> None:
    async with cabinet(build_farm(1, 13.5)) as endpoint, client(endpoint) as modbus:
        answer = await modbus.read_input_registers(0, count=9, device_id=3)
        assert answer.isError()
        assert answer.exception_code == 2


async def test_a_dead_unit_is_silent_and_the_others_go_on() -> None:
    farm = build_farm(1, 13.5)
    farm.buses["cabinet"].dead.add(2)
    async with cabinet(farm) as endpoint:
        async with client(endpoint) as modbus:
            modbus.comm_params.timeout_connect = 0.2
            with pytest.raises(ModbusException):
                await modbus.read_holding_registers(4, count=1, device_id=2)
        async with client(endpoint) as modbus:
            assert not (await modbus.read_coils(0, count=8, device_id=1)).isError()


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">HHHB", 1, 0, 0, 1),
        struct.pack(">HHHB", 1, 0, 999, 1),
        bytes(7) + b"\xff" * 300,
        b"\x00",
    ],
)
async def test_noise_costs_only_its_own_client(noise: bytes) -> None:
    async with cabinet(build_farm(1, 13.5)) as endpoint, client(endpoint) as modbus:
        async with raw(endpoint) as (reader, writer):
            writer.write(noise)
            writer.write_eof()
            assert await reader.read() == b""
        assert not (await modbus.read_coils(0, count=8, device_id=1)).isError()


async def test_requests_in_one_piece_and_in_crumbs_are_all_answered() -> None:
    frame = struct.pack(">HHHB", 1, 0, 6, 1) + bytes.fromhex("0100000008")
    async with cabinet(build_farm(1, 13.5)) as endpoint, raw(endpoint) as (reader, writer):
        writer.write(frame + frame)
        for byte in frame:
            writer.write(bytes([byte]))
            await writer.drain()
        answers = await reader.readexactly(3 * 10)
        assert answers == answers[:10] * 3


async def test_a_taken_port_is_said_in_one_line() -> None:
    async with cabinet(build_farm(1, 13.5)) as endpoint:
        second = ModbusTcpServer(endpoint, lambda _unit, _request: None)
        with pytest.raises(CannotListen, match=str(endpoint.port)):
            await second.start()


@pytest.mark.parametrize("text", ["", "localhost", ":502", "host:", "host:70000", "host:5o2"])
def test_an_address_without_host_or_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        Endpoint.parse(text)
