"""Waveshare Modbus RTU Relay, 8 channels, with its device-held deadlines.

FC01 reads the coils, FC05 and FC0F write them. FC05 to 0x0200 + channel is "flash on": close now, open by itself
after value x 100 ms; 0x0400 + channel is "flash off", the reverse. The rest of a flash cannot be read back.
Where the vendor is silent we take the plainer reading: an ordinary write ends a flash, a new flash replaces it,
and a flash of 0 or of more than 0x7FFF is exception 3.

Boards differ where the vendor is silent, so `renewal` says what a second flash of a running one does: it replaces the
end, is ignored, or is added to it. A board with `flash=False` has no timers (exception 2). `reboot` forgets coils and
timers.
"""

from functools import partial
from typing import Literal

from .pdu import (
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    READ_COILS,
    READ_HOLDING,
    WRITE_COIL,
    WRITE_COILS,
    Function,
    Refused,
    answer,
    read_words,
    two_words,
)

CHANNELS = 8
_ON, _OFF, _TOGGLE = 0xFF00, 0x0000, 0x5500
_FLASH_ON, _FLASH_OFF, _ALL = 0x0200, 0x0400, 0x00FF
_TICK_S = 0.1
_NEAR_S = 1e-6
_VERSION = 200  # 2.00

Renewal = Literal["replaces", "ignored", "adds"]


class RelayBoard:
    """Eight relays; powers on with all off. `now_s` is the wall time that the last `tick` brought.

    `stuck` coils obey nobody, `welded` contacts never open, `burnt` ones never close. `clock_rate` is how many true
    seconds the board's own second lasts.
    """

    def __init__(
        self, address: int = 1, *, flash: bool = True, renewal: Renewal = "replaces", clock_rate: float = 1.0
    ) -> None:
        self.stuck: dict[int, bool] = {}
        self.welded: set[int] = set()
        self.burnt: set[int] = set()
        self.clock_rate = clock_rate
        self._has_flash = flash
        self._renewal = renewal
        self._coils = [False] * CHANNELS
        self._flashes: dict[int, tuple[float, bool]] = {}
        self._now_s = 0.0
        self._functions: dict[int, Function] = {
            READ_COILS: self._read_coils,
            READ_HOLDING: partial(read_words, registers={0x4000: address, 0x8000: _VERSION}),
            WRITE_COIL: self._write_coil,
            WRITE_COILS: self._write_mask,
        }

    def execute(self, request: bytes) -> bytes:
        """Answer one request PDU."""
        return answer(request, self._functions)

    def coil(self, channel: int) -> bool:
        """What FC01 says of a channel: the command, unless the coil is stuck."""
        return self.stuck.get(channel, self._coils[channel])

    def contact(self, channel: int) -> bool:
        """Whether current flows: the coil, unless the contact has welded or burnt away."""
        return channel in self.welded or (channel not in self.burnt and self.coil(channel))

    @property
    def mask(self) -> int:
        """The coils as they were commanded, bit 0 for channel 0."""
        return sum(on << channel for channel, on in enumerate(self._coils))

    def reboot(self, mask: int = 0) -> None:
        """Forget coils and timers, and wake up with `mask`."""
        for channel in range(CHANNELS):
            self._set(channel, bool(mask >> channel & 1))

    def next_flash_end_s(self) -> float | None:
        """Wall time at which the next flash ends."""
        return min((end_s for end_s, _ in self._flashes.values()), default=None)

    def tick(self, now_s: float) -> None:
        """Bring the wall time, and end the flashes that are due."""
        self._now_s = now_s
        for channel, (end_s, after) in list(self._flashes.items()):
            if end_s <= now_s + _NEAR_S:
                self._set(channel, after)

    def _set(self, channel: int, closed: bool) -> None:
        self._flashes.pop(channel, None)
        self._coils[channel] = closed

    def _read_coils(self, body: bytes) -> bytes:
        first, count = two_words(body)
        if count < 1:
            raise Refused(ILLEGAL_VALUE)
        if first + count > CHANNELS:
            raise Refused(ILLEGAL_ADDRESS)
        return bytes([1, sum(self.coil(first + bit) << bit for bit in range(count))])

    def _write_coil(self, body: bytes) -> bytes:
        address, value = two_words(body)
        if address == _ALL:
            for channel in range(CHANNELS):
                self._switch(channel, value)
        elif address < CHANNELS:
            self._switch(address, value)
        elif self._has_flash and address & ~0x0007 in (_FLASH_ON, _FLASH_OFF):
            self._flash(address & 0x0007, value, closed=address & ~0x0007 == _FLASH_ON)
        else:
            raise Refused(ILLEGAL_ADDRESS)
        return body

    def _switch(self, channel: int, value: int) -> None:
        if value not in (_ON, _OFF, _TOGGLE):
            raise Refused(ILLEGAL_VALUE)
        self._set(channel, not self._coils[channel] if value == _TOGGLE else value == _ON)

    def _flash(self, channel: int, ticks: int, *, closed: bool) -> None:
        if not 1 <= ticks <= 0x7FFF:
            raise Refused(ILLEGAL_VALUE)
        from_s = self._now_s
        if channel in self._flashes and self._renewal != "replaces":
            if self._renewal == "ignored":
                return
            from_s = self._flashes[channel][0]
        self._set(channel, closed)
        self._flashes[channel] = (from_s + ticks * _TICK_S * self.clock_rate, not closed)

    def _write_mask(self, body: bytes) -> bytes:
        if len(body) != 6 or body[4] != 1:
            raise Refused(ILLEGAL_VALUE)
        first, count = two_words(body[:4])
        if count < 1:
            raise Refused(ILLEGAL_VALUE)
        if first + count > CHANNELS:
            raise Refused(ILLEGAL_ADDRESS)
        for bit in range(count):
            self._set(first + bit, bool(body[5] >> bit & 1))
        return body[:4]
