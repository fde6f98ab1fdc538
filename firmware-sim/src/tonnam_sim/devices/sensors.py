"""Sensors that only speak of what they feel: air, light, level, pulses, soil.

Each takes a function that returns the true value in the units named; scaling to raw words is here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .pdu import (
    READ_HOLDING,
    READ_INPUT,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    Function,
    answer,
    high_low,
    read_words,
    write_word,
)
from .pdu import write_words as write_many


@dataclass(frozen=True, slots=True)
class AirFelt:
    """Air at a sensor."""

    air_c: float
    humidity_pct: float


@dataclass(frozen=True, slots=True)
class SoilFelt:
    """Soil at a probe: volumetric water in %, C, bulk EC in uS/cm."""

    vwc_pct: float
    soil_c: float
    ec_us_cm: float
    ph: float


class Sht20:
    """SHT20 transmitter, x10 variant: FC04 0x0001 int16 0.1 C, 0x0002 uint16 0.1 %RH; corrections in 0x0103-04."""

    def __init__(self, feel: Callable[[], AirFelt], address: int = 1) -> None:
        self._feel = feel
        self._settings = {0x0101: address, 0x0102: 9600, 0x0103: 0, 0x0104: 0}
        self._limits = {0x0103: (-100, 100), 0x0104: (-100, 100)}

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(
            request,
            {
                READ_INPUT: lambda body: read_words(body, self._measured()),
                READ_HOLDING: partial(read_words, registers=self._settings),
                WRITE_REGISTER: partial(write_word, settings=self._settings, limits=self._limits),
                WRITE_REGISTERS: partial(write_many, settings=self._settings, limits=self._limits),
            },
        )

    def _measured(self) -> dict[int, int]:
        felt = self._feel()
        humidity = round(felt.humidity_pct * 10) + self._settings[0x0104]
        return {0x0001: round(felt.air_c * 10) + self._settings[0x0103], 0x0002: min(1000, max(0, humidity))}


class CwtLight:
    """CWT-SLS, 200k model: FC03 0x0000 0.1 %RH, 0x0001 0.1 C, 0x0002-03 uint32 ABCD lx, 0x0006 in 100 lx."""

    def __init__(self, feel_lx: Callable[[], float], feel_air: Callable[[], AirFelt]) -> None:
        self._feel_lx = feel_lx
        self._feel_air = feel_air

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, {READ_HOLDING: lambda body: read_words(body, self._measured())})

    def _measured(self) -> dict[int, int]:
        lux = min(200_000, max(0, round(self._feel_lx())))
        air = self._feel_air()
        high, low = high_low(lux)
        humidity, temperature = round(air.humidity_pct * 10), round(air.air_c * 10)
        return {0: humidity, 1: temperature, 2: high, 3: low, 6: round(lux / 100)}


class Qdy30a:
    """QDY30A level transmitter: FC03 0x0002 unit (1 = cm), 0x0003 decimals (1), 0x0004 int16 level in mm."""

    def __init__(self, feel_cm: Callable[[], float], address: int = 2) -> None:
        self._feel_cm = feel_cm
        self._address = address

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, {READ_HOLDING: lambda body: read_words(body, self._measured())})

    def _measured(self) -> dict[int, int]:
        return {0: self._address, 1: 3, 2: 1, 3: 1, 4: round(self._feel_cm() * 10), 5: 0, 6: 3000}


class PulseCounter:
    """Our own counter: FC04 0x0000-01 uint32 ABCD pulses (free running, wraps), 0x0002 frequency in 0.01 Hz."""

    def __init__(self, count: Callable[[], int], frequency_hz: Callable[[], float]) -> None:
        self._count = count
        self._frequency_hz = frequency_hz

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, {READ_INPUT: lambda body: read_words(body, self._measured())})

    def _measured(self) -> dict[int, int]:
        high, low = high_low(self._count())
        return {0: high, 1: low, 2: min(0xFFFF, round(self._frequency_hz() * 100))}


class CwtSoil:
    """CWT 7-in-1: FC03 0x0000 0.1 % VWC, 01 int16 0.1 C, 02 uS/cm, 03 0.1 pH, 04-06 N P K mg/kg, 07-08 salinity, TDS.

    N, P and K are guessed from EC, as the real probe does. Offsets 0x0050-53 are written with FC06.
    """

    def __init__(self, feel: Callable[[], SoilFelt], address: int) -> None:
        self._feel = feel
        self._settings = {
            0x22: 20,
            0x23: 55,
            0x24: 50,
            0x50: 0,
            0x51: 0,
            0x52: 0,
            0x53: 0,
            0x07D0: address,
            0x07D1: 1,
        }
        limits = dict.fromkeys((0x50, 0x51, 0x52, 0x53), (-1000, 1000))
        self._functions: dict[int, Function] = {
            READ_HOLDING: self._read,
            WRITE_REGISTER: partial(write_word, settings=self._settings, limits=limits),
        }

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, self._functions)

    def _read(self, body: bytes) -> bytes:
        return read_words(body, self._measured() | self._settings)

    def _measured(self) -> dict[int, int]:
        felt = self._feel()
        offset = self._settings
        ec = min(20_000, max(0, round(felt.ec_us_cm) + offset[0x52]))
        return {
            0: min(1000, max(0, round(felt.vwc_pct * 10) + offset[0x51])),
            1: round(felt.soil_c * 10) + offset[0x50],
            2: ec,
            3: min(90, max(30, round(felt.ph * 10) + offset[0x53])),
            4: round(ec * 0.06),
            5: round(ec * 0.03),
            6: round(ec * 0.11),
            7: ec * offset[0x23] // 100,
            8: ec * offset[0x24] // 100,
        }
