"""A TCP proxy that counts what a node and its broker say to each other.

Counted: the bytes of TCP payload, the TLS records in them (by their own headers), and the TCP segments of the node's
connection, with SYN, FIN and bare acknowledgements, as the kernel tells them (TCP_INFO: segs_in, segs_out). Computed:
52 bytes of header for each segment (IPv4 20, TCP 20, its timestamps 12).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple

HEADER_BYTES = 52
RECORD_BYTES = 22
"""What TLS 1.3 adds to each record: header 5, content type 1, tag 16."""
HOST = "127.0.0.1"
_SEGMENTS_AT = 136


class Traffic(NamedTuple):
    """What went over one connection, both ways together."""

    payload: int = 0
    records: int = 0
    segments: int = 0

    def since(self, before: Traffic) -> Traffic:
        return Traffic(*(now - then for now, then in zip(self, before, strict=True)))

    @property
    def tls(self) -> int:
        """Bytes that TLS adds."""
        return self.records * RECORD_BYTES

    @property
    def headers(self) -> int:
        """Bytes of TCP and IP headers."""
        return self.segments * HEADER_BYTES

    @property
    def total(self) -> int:
        return self.payload + self.headers


@dataclass
class _Records:
    """Counts TLS records in a stream."""

    count: int = 0
    _missing: int = 0
    _header: bytes = b""

    def add(self, chunk: bytes) -> None:
        while chunk:
            if self._missing:
                skipped = min(self._missing, len(chunk))
                self._missing -= skipped
                chunk = chunk[skipped:]
                continue
            taken = 5 - len(self._header)
            self._header += chunk[:taken]
            chunk = chunk[taken:]
            if len(self._header) == 5:
                self._missing = int.from_bytes(self._header[3:], "big")
                self._header = b""
                self.count += 1


@dataclass
class Proxy:
    """One node's way to its broker. It may connect only once: else the count of segments would begin anew."""

    broker_port: int
    port: int = 0
    _bytes: int = 0
    _records: tuple[_Records, _Records] = field(default_factory=lambda: (_Records(), _Records()))
    _node: socket.socket | None = None

    def traffic(self) -> Traffic:
        """What has gone over the connection so far."""
        if self._node is None:
            return Traffic()
        info = self._node.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        segments = sum(struct.unpack_from("@II", info, _SEGMENTS_AT))
        return Traffic(self._bytes, sum(records.count for records in self._records), segments)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._node is not None:
            raise RuntimeError("the node has lost its connection: what was counted is of no use")
        self._node = socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))
        up, down = self._records
        broker_reader, broker_writer = await asyncio.open_connection(HOST, self.broker_port)
        await asyncio.gather(self._pump(reader, broker_writer, up), self._pump(broker_reader, writer, down))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, records: _Records) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65_536):
                self._bytes += len(chunk)
                records.add(chunk)
                writer.write(chunk)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def counting(broker_port: int) -> AsyncIterator[Proxy]:
    """A proxy to the broker's port for one node."""
    proxy = Proxy(broker_port)
    server = await asyncio.start_server(proxy.carry, HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
