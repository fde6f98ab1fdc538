"""DFRobot URM15 (SEN0519), an ultrasonic gauge over water: FC03 0x0005 distance in 0.1 cm, 0x0006 int16 0.1 C."""

from __future__ import annotations

from collections.abc import Callable

from .pdu import READ_HOLDING, answer, read_words

_NONE, _NEAREST_CM, _FARTHEST_CM, _AIR_C = 0xFFFF, 30.0, 500.0, 30.0


class Urm15:
    """0x0002 its id, 0x0005 the distance: 0xFFFF without an echo (`feel_cm` None, under 30 cm or over 500 cm)."""

    def __init__(self, feel_cm: Callable[[], float | None], address: int = 0x0F) -> None:
        self._feel_cm = feel_cm
        self._address = address

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, {READ_HOLDING: lambda body: read_words(body, self._measured())})

    def _measured(self) -> dict[int, int]:
        felt = self._feel_cm()
        near = felt is not None and _NEAREST_CM <= felt <= _FARTHEST_CM
        distance = round(felt * 10) if near and felt is not None else _NONE
        return {2: self._address, 5: distance, 6: round(_AIR_C * 10)}
