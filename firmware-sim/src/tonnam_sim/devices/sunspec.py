"""A three-phase solar inverter by SunSpec: "SunS" at 40000, model 1 (common), model 103, end."""

from collections.abc import Callable

from .pdu import READ_HOLDING, answer, high_low, read_words

BASE = 40000
_NO_INT16, _NO_UINT16 = 0x8000, 0xFFFF
_SLEEPING, _MPPT = 2, 4
_VOLTS, _HERTZ, _DC_VOLTS = 231.4, 50.01, 612.0


class SunSpecInverter:
    """FC03 only. W in watts, WH in watt hours (both scale 0), A in 0.01 A, V in 0.1 V."""

    def __init__(self, power_w: Callable[[], float], energy_wh: Callable[[], float], serial: str) -> None:
        self._power_w = power_w
        self._energy_wh = energy_wh
        self._common = _common_model(serial)

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, {READ_HOLDING: lambda body: read_words(body, self._registers())})

    def _registers(self) -> dict[int, int]:
        model_103 = _model_103(round(self._power_w()), int(self._energy_wh()))
        words = [0x5375, 0x6E53, *self._common, *model_103, 0xFFFF, 0]
        return dict(enumerate(words, start=BASE))


def _text(text: str, registers: int) -> list[int]:
    padded = text.encode("ascii")[: 2 * registers].ljust(2 * registers, b"\0")
    return [int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2)]


def _common_model(serial: str) -> list[int]:
    names = [*_text("Tonnam", 16), *_text("Sim-10K-3P", 16), *_text("", 8), *_text("1.0", 8), *_text(serial, 16)]
    return [1, 66, *names, 1, _NO_INT16]


def _model_103(power_w: int, energy_wh: int) -> list[int]:
    """ID, length and the 50 registers, in the order of the SunSpec model."""
    amps = round(power_w / (3 * _VOLTS) * 100)
    volts, dc_w = round(_VOLTS * 10), round(power_w / 0.97)
    words = [103, 50]
    words += [3 * amps, amps, amps, amps, 0xFFFE]  # A, AphA-C, A_SF -2
    words += [round(_VOLTS * 17.32)] * 3 + [volts] * 3 + [0xFFFF]  # PPV, PhV, V_SF -1
    words += [power_w, 0, round(_HERTZ * 100), 0xFFFE]  # W, W_SF, Hz, Hz_SF -2
    words += [power_w, 0, 0, 0, 100 if power_w else 0, 0]  # VA, VAr, PF in %, each with its SF
    words += [*high_low(energy_wh), 0]  # WH acc32, WH_SF
    words += [round(dc_w / _DC_VOLTS * 100), 0xFFFE, round(_DC_VOLTS * 10) if power_w else 0, 0xFFFF, dc_w, 0]
    words += [round(300 + power_w / 40), _NO_INT16, _NO_INT16, _NO_INT16, 0xFFFF]  # Tmp cabinet 0.1 C, others, SF
    words += [_MPPT if power_w else _SLEEPING, _NO_UINT16, 0, 0, 0, 0]  # St, StVnd, Evt1, Evt2
    return words + [0xFFFF] * 8  # vendor events: not implemented
