"""A Modbus RTU bus on a pseudo-terminal, as slow as its baud rate.

A frame ends with 3.5 characters of silence; noise, bad CRCs and frames for nobody get no answer. A reply comes when
request, turnaround and reply would have been on the wire.
"""

import asyncio
import os
import tty
from pathlib import Path

from .bus import BITS_A_CHARACTER, TURNAROUND_S
from .wires import CannotListen, Execute, cannot_listen

_LONGEST_FRAME = 256


def crc16(frame: bytes) -> bytes:
    """Modbus CRC of a frame, low byte first as on the wire."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


class ModbusRtuServer:
    """Serves `execute` on a pseudo-terminal whose client side is the symlink `path`."""

    def __init__(self, path: Path, execute: Execute, *, baud: int = 4800) -> None:
        self.path = path
        self._execute = execute
        self._character_s = BITS_A_CHARACTER / baud
        self._silence_s = 3.5 * self._character_s
        self._master = self._slave = -1
        self._heard = bytearray()
        self._frame_end: asyncio.TimerHandle | None = None
        self._free_at_s = 0.0

    def start(self) -> None:
        """Open the terminal and point the symlink at it; CannotListen when the path is in the way."""
        if self.path.exists() and not self.path.is_symlink():
            raise CannotListen(f"cannot make the serial line {self.path}: something else is there; remove it")
        self._master, self._slave = os.openpty()  # holding the slave open keeps the line alive between clients
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        try:
            self._link(os.ttyname(self._slave))
        except OSError as why:
            self._close()
            raise cannot_listen(str(self.path), why) from why
        asyncio.get_running_loop().add_reader(self._master, self._hear)

    def stop(self) -> None:
        """Close the terminal, and take the symlink away if it is still ours."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        if self._frame_end is not None:
            self._frame_end.cancel()
        if self.path.is_symlink() and os.readlink(self.path) == os.ttyname(self._slave):
            self.path.unlink()
        self._close()

    def _link(self, target: str) -> None:
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(self.path)

    def _close(self) -> None:
        for end in (self._master, self._slave):
            os.close(end)
        self._master = self._slave = -1

    def _hear(self) -> None:
        self._heard += os.read(self._master, 4096)
        del self._heard[: -2 * _LONGEST_FRAME]
        if self._frame_end is not None:
            self._frame_end.cancel()
        self._frame_end = asyncio.get_running_loop().call_later(self._silence_s, self._frame_heard)

    def _frame_heard(self) -> None:
        frame, self._heard = bytes(self._heard), bytearray()
        if not 4 <= len(frame) <= _LONGEST_FRAME or crc16(frame[:-2]) != frame[-2:]:
            return
        response = self._execute(frame[0], frame[1:-2])
        if response is None:
            return
        reply = frame[:1] + response
        loop = asyncio.get_running_loop()
        wire_s = (len(frame) + len(reply) + 2) * self._character_s + TURNAROUND_S
        self._free_at_s = max(loop.time(), self._free_at_s) + wire_s
        loop.call_at(self._free_at_s, self._say, reply + crc16(reply))

    def _say(self, frame: bytes) -> None:
        if self._master < 0:
            return
        try:
            os.write(self._master, frame)
        except BlockingIOError:
            return  # nobody has read for a long time: a wire forgets too
