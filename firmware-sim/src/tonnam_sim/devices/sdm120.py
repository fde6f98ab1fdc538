"""Eastron SDM120, a one-phase energy meter: FC04, each value a float32 ABCD in two registers."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from .pdu import READ_HOLDING, READ_INPUT, answer, read_words

_HERTZ = 50.0


@dataclass(frozen=True, slots=True)
class MainsFelt:
    """One phase at a load: V, A, W (active), kWh imported since the meter was made."""

    volts: float
    amperes: float
    watts: float
    energy_kwh: float


class Sdm120:
    """FC04 0x0000 V, 0x0006 A, 0x000C W, 0x0012 VA, 0x001E cos phi, 0x0046 Hz, 0x0048 kWh; its id in FC03 0x0014."""

    def __init__(self, feel: Callable[[], MainsFelt], address: int = 1) -> None:
        self._feel = feel
        self._settings = dict(enumerate(_words(0.0) + _words(float(address)), start=0x0012))

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(
            request,
            {
                READ_INPUT: lambda body: read_words(body, self._measured()),
                READ_HOLDING: lambda body: read_words(body, self._settings),
            },
        )

    def _measured(self) -> dict[int, int]:
        felt = self._feel()
        apparent = felt.volts * felt.amperes
        quantities = {
            0x0000: felt.volts,
            0x0006: felt.amperes,
            0x000C: felt.watts,
            0x0012: apparent,
            0x001E: felt.watts / apparent if apparent else 1.0,
            0x0046: _HERTZ,
            0x0048: felt.energy_kwh,
        }
        return {at + n: word for at, value in quantities.items() for n, word in enumerate(_words(value))}


def _words(value: float) -> list[int]:
    return list(struct.unpack(">HH", struct.pack(">f", value)))
