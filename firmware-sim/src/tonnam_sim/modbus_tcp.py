"""A Modbus TCP server for one bus.

Our own sixty lines rather than pymodbus' server, which refuses what real relay boards take: FC05 with a value other
than FF00 and 0000 (the flash commands), and silence of a dead unit.
"""

import asyncio
import struct

from .wires import CannotListen, Endpoint, Execute, cannot_listen

_HEADER = struct.Struct(">HHHB")  # MBAP: transaction, protocol 0, length of what follows it, unit
_LONGEST_PDU = 253
_MOST_CLIENTS = 32


class ModbusTcpServer:
    """Serves `execute` to up to 32 clients at once; a client whose framing is lost is hung up on, alone."""

    def __init__(self, endpoint: Endpoint, execute: Execute) -> None:
        self.endpoint = endpoint
        self._execute = execute
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen; CannotListen when the address is taken. Port 0 becomes the real one in `endpoint`."""
        try:
            self._server = await asyncio.start_server(
                self._serve, self.endpoint.host, self.endpoint.port, reuse_address=True
            )
        except OSError as why:
            raise _taken(self.endpoint, why) from why
        self.endpoint = Endpoint(self.endpoint.host, self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is None:
            return
        self._server.close()
        for client in list(self._clients):
            client.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= _MOST_CLIENTS:
            writer.transport.abort()
            return
        self._clients.add(writer)
        try:
            while await self._answer_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client has gone: nothing to say
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        transaction, protocol, length, unit = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        if protocol != 0 or not 2 <= length <= _LONGEST_PDU + 1:
            return False
        response = self._execute(unit, await reader.readexactly(length - 1))
        if response is not None:
            writer.write(_HEADER.pack(transaction, 0, len(response) + 1, unit) + response)
            await writer.drain()
        return True


def _taken(endpoint: Endpoint, why: OSError) -> CannotListen:
    return cannot_listen(str(endpoint), why)
