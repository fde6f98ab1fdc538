"""Probes in water: EC, pH and pressure transmitters with the plain map that most makers share (no maker's own).

FC03 (and FC04) 0x0000 the quantity, 0x0001 int16 0.1 C. Out of the water EC is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .pdu import READ_HOLDING, READ_INPUT, answer, read_words


@dataclass(frozen=True, slots=True)
class SolutionFelt:
    """Water at a probe: EC in uS/cm, or pH, and its warmth in C."""

    value: float
    water_c: float


class EcProbe:
    """EC transmitter: 0x0000 uint16 1 uS/cm, 0 to 20000; 0x0001 int16 0.1 C."""

    def __init__(self, feel: Callable[[], SolutionFelt]) -> None:
        self._feel = feel

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return _answered(request, self._feel(), per_unit=1.0, most=20_000)


class PhProbe:
    """pH transmitter: 0x0000 uint16 0.01 pH, 0 to 14; 0x0001 int16 0.1 C."""

    def __init__(self, feel: Callable[[], SolutionFelt]) -> None:
        self._feel = feel

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return _answered(request, self._feel(), per_unit=100.0, most=1400)


class PressureProbe:
    """Pressure (or pressure difference) transmitter: 0x0000 int16 0.1 kPa."""

    def __init__(self, feel_kpa: Callable[[], float]) -> None:
        self._feel_kpa = feel_kpa

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        registers = {0x0000: min(30_000, max(-1000, round(self._feel_kpa() * 10)))}

        def read(body: bytes) -> bytes:
            return read_words(body, registers)

        return answer(request, {READ_HOLDING: read, READ_INPUT: read})


def _answered(request: bytes, felt: SolutionFelt, *, per_unit: float, most: int) -> bytes:
    registers = {0x0000: min(most, max(0, round(felt.value * per_unit))), 0x0001: round(felt.water_c * 10)}

    def read(body: bytes) -> bytes:
        return read_words(body, registers)

    return answer(request, {READ_HOLDING: read, READ_INPUT: read})
