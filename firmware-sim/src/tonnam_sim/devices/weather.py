"""Weather sensors on Modbus: sun, wind, and a whole small station."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from .pdu import READ_HOLDING, answer, high_low, read_words

_STARTS_AT_M_S = 0.5  # below this a cup stands still
_ABSENT_NOISE = 300  # 30.0 dB: how the station says that it has no microphone
_LUX_PER_W_M2 = 115.0


@dataclass(frozen=True, slots=True)
class WeatherFelt:
    """Air, wind, sun and rain (mm since the gauge was made) at a station."""

    air_c: float
    humidity_pct: float
    wind_m_s: float
    wind_deg: float
    sun_w_m2: float
    rain_mm: float
    pressure_kpa: float = 97.0


class Pyranometer:
    """DFRobot SEN0640: FC03 0x0000 uint16 W/m2."""

    def __init__(self, feel_w_m2: Callable[[], float]) -> None:
        self._feel_w_m2 = feel_w_m2

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(
            request, {READ_HOLDING: lambda body: read_words(body, {0: _bounded(self._feel_w_m2(), 0, 1800)})}
        )


class CupAnemometer:
    """DFRobot SEN0483: FC03 0x0000 uint16 0.1 m/s; its id in 0x1000."""

    def __init__(self, feel_m_s: Callable[[], float], address: int = 2) -> None:
        self._feel_m_s = feel_m_s
        self._address = address

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, {READ_HOLDING: lambda body: read_words(body, self._measured())})

    def _measured(self) -> dict[int, int]:
        return {0x0000: _cups(self._feel_m_s()), 0x1000: self._address}


class RenkeStation:
    """Renke RS-FSXCS: FC03 0x01F4 wind 0.1 m/s, F5 Beaufort, F6 eighth, F7 deg, F8 0.1 %RH, F9 0.1 C, FA noise,
    FB-FC dust, FD 0.1 kPa, FE-FF lux, 0x0200 100 lx, 0201 rain 0.1 mm (wraps), 0202 and 0203 W/m2.
    """

    def __init__(self, feel: Callable[[], WeatherFelt]) -> None:
        self._feel = feel

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, {READ_HOLDING: lambda body: read_words(body, self._measured())})

    def _measured(self) -> dict[int, int]:
        felt = self._feel()
        lux = min(200_000, max(0, round(felt.sun_w_m2 * _LUX_PER_W_M2)))
        sun = _bounded(felt.sun_w_m2, 0, 1800)
        degrees = round(felt.wind_deg) % 360
        wind = [_cups(felt.wind_m_s), _beaufort(felt.wind_m_s), round(degrees / 45) % 8, degrees]
        air = [_bounded(felt.humidity_pct * 10, 0, 1000), round(felt.air_c * 10), _ABSENT_NOISE, 0, 0]
        light = [*high_low(lux), round(lux / 100)]
        words = [*wind, *air, round(felt.pressure_kpa * 10), *light, int(felt.rain_mm * 10 + 1e-6), sun, sun]
        return dict(enumerate(words, start=0x01F4))


def _cups(wind_m_s: float) -> int:
    return _bounded(wind_m_s * 10, 0, 400) if wind_m_s >= _STARTS_AT_M_S else 0


def _beaufort(wind_m_s: float) -> int:
    return min(12, round(math.pow(max(0.0, wind_m_s) / 0.836, 2 / 3)))


def _bounded(value: float, low: int, high: int) -> int:
    return min(high, max(low, round(value)))
