"""A serial line between two containers, over TCP, as an RS-485-to-Ethernet converter would carry it.

A pseudo-terminal exists in one container only. So the simulator's side offers its line on a TCP port, and the edge's
side makes a line of its own that leads there:

serial_bridge.py offer PORT PATH -- COMMAND...         COMMAND makes the line PATH; whoever connects to PORT is on it
serial_bridge.py reach HOST:PORT PATH -- COMMAND...    makes the line PATH that leads to HOST:PORT; COMMAND uses it

Bytes are passed on as they come. While there is no connection, what is sent is lost, as on a cut cable. COMMAND gets
SIGTERM and SIGINT, and its exit code is ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Coroutine
from pathlib import Path

RECONNECT_S = 1.0
CHUNK = 4096


class Line:
    """One end of a serial line as a file descriptor, raw and non-blocking. Closing it is the owner's task."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._writer: asyncio.StreamWriter | None = None
        os.set_blocking(fd, False)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes both ways until the connection ends."""
        self._writer = writer
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                with contextlib.suppress(BlockingIOError):
                    os.write(self.fd, data)
        self._writer = None
        writer.close()

    def listen(self) -> None:
        """Pass on what the line says from now on."""
        asyncio.get_running_loop().add_reader(self.fd, self._heard)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.fd)
        os.close(self.fd)

    def _heard(self) -> None:
        try:
            data = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the other end went away; the connection ends with it and a new one opens the line anew
            asyncio.get_running_loop().remove_reader(self.fd)
            if self._writer is not None:
                self._writer.close()
        elif self._writer is not None:
            self._writer.write(data)


async def offer(port: int, path: Path) -> None:
    """Let the newest to connect onto the line at `path`, which another process made."""
    on_the_line: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for older in on_the_line:
            older.close()
        on_the_line.clear()
        on_the_line.add(writer)
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(fd, termios.TCSANOW)
        except (OSError, termios.error):
            writer.close()
            return
        line = Line(fd)
        line.listen()
        await line.carry(reader, writer)
        line.close()

    async with await asyncio.start_server(connected, None, port) as server:
        await server.serve_forever()


def make_line(path: Path) -> tuple[int, int]:
    """A new line: our end, and the other one, to which `path` leads and which we keep open so that it stays."""
    ours, theirs = os.openpty()
    tty.setraw(theirs, termios.TCSANOW)
    path.unlink(missing_ok=True)
    path.symlink_to(os.ttyname(theirs))
    return ours, theirs


async def reach(host: str, port: int, path: Path) -> None:
    """Make a line at `path` and keep it connected to `host:port`."""
    ours, theirs = make_line(path)
    line = Line(ours)
    line.listen()
    try:
        while True:
            with contextlib.suppress(OSError):
                await line.carry(*await asyncio.open_connection(host, port))
            await asyncio.sleep(RECONNECT_S)
    finally:
        line.close()
        os.close(theirs)


async def beside(bridge: Coroutine[None, None, None], command: list[str]) -> int:
    """Run the command with the bridge at its side; its exit code."""
    bridging = asyncio.create_task(bridge)
    await asyncio.sleep(0)  # `reach` makes its line before the command looks for it
    child = await asyncio.create_subprocess_exec(*command)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, child.send_signal, number)
    waiting = asyncio.create_task(child.wait())
    await asyncio.wait({waiting, bridging}, return_when=asyncio.FIRST_COMPLETED)
    if bridging.done():  # it can only fail: end both, and let the restart policy begin anew
        sys.stderr.write(f"the bridge ended: {bridging.exception()}\n")
        child.terminate()
        await waiting
        return 1
    bridging.cancel()
    await asyncio.wait({bridging})
    return waiting.result()


def main(arguments: list[str]) -> int:
    """The exit code of the command, or 2 when the arguments are wrong."""
    match arguments:
        case ["offer", port, path, "--", *command] if command and port.isdigit():
            return asyncio.run(beside(offer(int(port), Path(path)), command))
        case ["reach", where, path, "--", *command] if command and where.rpartition(":")[2].isdigit():
            host, _, number = where.rpartition(":")
            return asyncio.run(beside(reach(host, int(number), Path(path)), command))
    sys.stderr.write(__doc__ or "")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
