"""The Modbus application layer that all devices share (Modbus application protocol 1.1b3)."""

import struct
from collections.abc import Callable, Mapping
from typing import Protocol

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 0x01, 0x02, 0x03, 0x04
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 0x05, 0x06, 0x0F, 0x10
WRITES = frozenset({WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS})


class Refused(Exception):
    """The device answers with an exception code instead."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


class Device(Protocol):
    """Anything that answers on a bus."""

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU; what the device will not do is answered with an exception PDU."""


Function = Callable[[bytes], bytes]


def answer(request: bytes, functions: Mapping[int, Function]) -> bytes:
    """Run the function a request asks for; unknown ones are exception 1, malformed bodies exception 3."""
    code, body = request[0], request[1:]
    try:
        if code not in functions:
            raise Refused(ILLEGAL_FUNCTION)
        return bytes([code]) + functions[code](body)
    except Refused as refused:
        return bytes([code | 0x80, refused.code])


def two_words(body: bytes) -> tuple[int, int]:
    """(address, count or value), or exception 3."""
    if len(body) != 4:
        raise Refused(ILLEGAL_VALUE)
    first, second = struct.unpack(">HH", body)
    return first, second


def read_words(body: bytes, registers: Mapping[int, int]) -> bytes:
    """Answer FC03 or FC04 from a map address -> raw word; a gap inside the block fails it whole with exception 2."""
    address, count = two_words(body)
    if not 1 <= count <= 125:
        raise Refused(ILLEGAL_VALUE)
    try:
        words = [registers[at] & 0xFFFF for at in range(address, address + count)]
    except KeyError:
        raise Refused(ILLEGAL_ADDRESS) from None
    return struct.pack(f">B{count}H", 2 * count, *words)


def write_word(body: bytes, settings: dict[int, int], limits: Mapping[int, tuple[int, int]]) -> bytes:
    """Do FC06 on a setting; `limits` says which addresses may be written and the signed range of each."""
    address, value = two_words(body)
    _set(address, value, settings, limits)
    return body


def write_words(body: bytes, settings: dict[int, int], limits: Mapping[int, tuple[int, int]]) -> bytes:
    """Do FC16 on settings; nothing is written unless all may be."""
    if len(body) < 5 or len(body) != 5 + body[4]:
        raise Refused(ILLEGAL_VALUE)
    address, count = struct.unpack(">HH", body[:4])
    if not 1 <= count <= 123 or body[4] != 2 * count:
        raise Refused(ILLEGAL_VALUE)
    trial = dict(settings)
    for at, value in enumerate(struct.unpack(f">{count}H", body[5:]), start=address):
        _set(at, value, trial, limits)
    settings.update(trial)
    return body[:4]


def _set(address: int, value: int, settings: dict[int, int], limits: Mapping[int, tuple[int, int]]) -> None:
    if address not in limits:
        raise Refused(ILLEGAL_ADDRESS)
    low, high = limits[address]
    signed_value = signed(value)
    if not low <= signed_value <= high:
        raise Refused(ILLEGAL_VALUE)
    settings[address] = signed_value


def signed(word: int) -> int:
    """The int16 in a raw word."""
    return word - 0x10000 if word & 0x8000 else word


def high_low(value: int) -> tuple[int, int]:
    """A uint32 as two words, high word first (ABCD); wraps."""
    return value >> 16 & 0xFFFF, value & 0xFFFF
