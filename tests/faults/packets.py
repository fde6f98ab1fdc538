"""MQTT 3.1.1 on the wire, as far as a proxy must know it: where a packet begins, and what a PUBLISH says."""

from __future__ import annotations

from dataclasses import dataclass

CONNECT = 1
PUBLISH = 3
SUBSCRIBE = 8
LONGEST_LENGTH = 4


@dataclass(frozen=True)
class Packet:
    """One packet as it came. `header` is the size of its fixed header; 0 when this is no packet at all."""

    raw: bytes
    header: int

    @property
    def type(self) -> int:
        """Which of MQTT's packets it is; 0 is none of them."""
        return self.raw[0] >> 4 if self.header else 0

    @property
    def is_publish(self) -> bool:
        return self.type == PUBLISH and len(self.raw) >= self.header + 2

    @property
    def topic_end(self) -> int:
        """Where the topic of a PUBLISH ends; it begins two bytes after the header, which hold its length."""
        return min(len(self.raw), self.header + 2 + int.from_bytes(self.raw[self.header : self.header + 2], "big"))

    @property
    def payload_begin(self) -> int:
        """Where the payload of a PUBLISH begins: with QoS 1 and 2 a number of two bytes stands before it."""
        return min(len(self.raw), self.topic_end + (2 if self.raw[0] & 0b110 else 0))

    @property
    def topic(self) -> str:
        return self.raw[self.header + 2 : self.topic_end].decode(errors="replace")

    @property
    def payload(self) -> bytes:
        return self.raw[self.payload_begin :]


class Splitter:
    """Cuts one direction of a connection into packets. What cannot be MQTT passes as it comes, from there on."""

    def __init__(self) -> None:
        self._rest = b""
        self._lost = False

    def feed(self, chunk: bytes) -> list[Packet]:
        """The packets that are complete with `chunk`."""
        if self._lost:
            return [Packet(chunk, 0)]
        self._rest += chunk
        packets: list[Packet] = []
        while (size := self._next_size()) is not None:
            header, whole = size
            packets.append(Packet(self._rest[:whole], header))
            self._rest = self._rest[whole:]
        if self._lost:
            packets.append(Packet(self._rest, 0))
            self._rest = b""
        return packets

    def _next_size(self) -> tuple[int, int] | None:
        """Header and whole size of the first packet, or None while it is not complete."""
        length = 0
        for place, byte in enumerate(self._rest[1 : 1 + LONGEST_LENGTH]):
            length |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                whole = 2 + place + length
                return (2 + place, whole) if len(self._rest) >= whole else None
        self._lost = len(self._rest) > LONGEST_LENGTH
        return None
