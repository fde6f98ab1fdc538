"""A module of eight digital inputs, as Waveshare, LC-tech and others make them: FC02 reads inputs 0 to 7."""

from collections.abc import Callable, Sequence

from .pdu import ILLEGAL_ADDRESS, ILLEGAL_VALUE, READ_DISCRETE, Refused, answer, two_words

INPUTS = 8


class DigitalInputs:
    """Eight contacts; `feel` returns them, True where current flows. Those beyond its length are open."""

    def __init__(self, feel: Callable[[], Sequence[bool]]) -> None:
        self._feel = feel

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, {READ_DISCRETE: self._read})

    def _read(self, body: bytes) -> bytes:
        first, count = two_words(body)
        if count < 1:
            raise Refused(ILLEGAL_VALUE)
        if first + count > INPUTS:
            raise Refused(ILLEGAL_ADDRESS)
        bits = sum(closed << at for at, closed in enumerate(list(self._feel())[:INPUTS]))
        return bytes([1, bits >> first & (1 << count) - 1])
