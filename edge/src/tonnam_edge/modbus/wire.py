"""The wire: Modbus over TCP, over a serial port, or serial framing over TCP, through pymodbus."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Sequence
from typing import Protocol

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import WriteSingleCoilRequest

from tonnam_edge.errors import Rejected, Transient
from tonnam_edge.modbus.writes import Write
from tonnam_edge.site.address import parse_address
from tonnam_edge.site.polling import Read
from tonnam_edge.site.site_file import BusPart

# After a time-out on a serial line: a late reply must not answer the next request.
SETTLE_S = 0.1
# A gateway that says "target did not answer" or "no path to it" speaks for a device that is silent.
GATEWAY_SILENT = {0x0A, 0x0B}
BUSY = 6
_PARITY = {"none": "N", "even": "E", "odd": "O"}


class Transport(Protocol):
    """A bus that can be talked over, one request at a time.

    Raises Transient when nobody answers, Rejected when the device answers with a Modbus exception.
    """

    async def connect(self) -> None: ...

    async def read(self, unit: int, read: Read) -> Sequence[int]: ...

    async def write(self, write: Write) -> None: ...

    async def close(self) -> None: ...


class RawCoilWrite(WriteSingleCoilRequest):
    """Function 5 with any value. Relay boards take a count there, which pymodbus alone cannot send."""

    def __init__(self, dev_id: int, address: int, value: int) -> None:
        super().__init__(dev_id=dev_id, address=address, bits=[value != 0])
        self.value = value

    def encode(self) -> bytes:
        return struct.pack(">HH", self.address, self.value)


class ModbusTransport:
    """One port through pymodbus. Connects when needed; after silence the line is let settle or connected anew."""

    def __init__(self, bus: BusPart) -> None:
        self._bus = bus
        self._address = parse_address(bus.address)
        self._serial = self._address.kind == "serial"
        self._client = self._make()
        # A serial line needs rest between devices; a TCP connection does not.
        self._pause_s = bus.pause_s if bus.pause_s is not None else 0.02 if self._address.kind != "tcp" else 0.0

    async def connect(self) -> None:
        """Open the port if it is not open; this alone may take one time-out."""
        await self._connected()

    async def read(self, unit: int, read: Read) -> Sequence[int]:
        """The words (or bits, as 0 and 1) of one request."""
        client = await self._connected()
        calls = {
            1: client.read_coils,
            2: client.read_discrete_inputs,
            3: client.read_holding_registers,
            4: client.read_input_registers,
        }
        what = f"function {read.function} at 0x{read.address:04X}"
        answer = await self._ask(calls[read.function](read.address, count=read.size, device_id=unit), unit, what)
        words = [int(bit) for bit in answer.bits[: read.size]] if read.function <= 2 else list(answer.registers)
        if len(words) != read.size or answer.function_code != read.function:
            await self._settle()
            raise Transient(f"unit {unit} answered {what} with something else")
        return words

    async def write(self, write: Write) -> None:
        """Write one coil; the reply must echo the address."""
        client = await self._connected()
        request = RawCoilWrite(write.unit, write.address, write.value)
        what = f"function 5 at 0x{write.address:04X}"
        answer = await self._ask(client.execute(False, request), write.unit, what)
        if answer.function_code != 5 or answer.address != write.address:
            await self._settle()
            raise Transient(f"unit {write.unit} answered {what} with something else")

    async def close(self) -> None:
        self._client.close()

    async def _ask(self, call: Awaitable[ModbusPDU], unit: int, what: str) -> ModbusPDU:
        if self._pause_s:
            await asyncio.sleep(self._pause_s)
        try:
            answer: ModbusPDU | None = await call
        except (ModbusException, OSError, struct.error, IndexError, ValueError) as failure:
            _heed_cancelling()
            await self._settle()
            raise Transient(f"unit {unit} did not answer {what}") from failure
        _heed_cancelling()
        if answer is None or answer.isError():
            code = answer.exception_code if answer else 0
            if code in GATEWAY_SILENT or code == BUSY or not code:
                raise Transient(f"unit {unit} is silent or busy (exception {code})")
            raise Rejected(code, what)
        return answer

    async def _connected(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        if not self._client.connected:
            self._client.close()
            self._client = self._make()
            if not await self._client.connect():
                _heed_cancelling()
                raise Transient(f"no connection to {self._address}")
        return self._client

    async def _settle(self) -> None:
        """Let late bytes pass. A TCP connection is made anew: its peer may be gone without a word."""
        if self._serial:
            await asyncio.sleep(SETTLE_S)
        else:
            self._client.close()

    def _make(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        if self._serial:
            return AsyncModbusSerialClient(
                self._address.host,
                framer=FramerType.RTU,
                baudrate=self._bus.baud,
                parity=_PARITY[self._bus.parity],
                stopbits=self._bus.stop_bits,
                timeout=self._bus.timeout_s,
                retries=0,
                reconnect_delay=0,
            )
        return AsyncModbusTcpClient(
            self._address.host,
            port=self._address.port,
            framer=FramerType.RTU if self._address.kind == "rtu+tcp" else FramerType.SOCKET,
            timeout=self._bus.timeout_s,
            retries=0,
            reconnect_delay=0,
        )


def _heed_cancelling() -> None:
    """Raise CancelledError if this task is being cancelled. pymodbus waits with `asyncio.wait_for`, which before
    Python 3.12 forgets a cancellation that comes together with the answer: the bus would go on for ever then, and
    hold up the end of the agent.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
