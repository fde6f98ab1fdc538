"""Lets a running broker read its users and certificate anew: SIGHUP, which ends no connection but those that must."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import structlog

from tonnam_cloud.outage import Outage

log = structlog.get_logger(__name__)

PROC = Path("/proc")


class Reloader:
    """Tells the process of a PID file once for each version, and once when it is another process.

    A broker that starts while files are written may have read the old ones. So every new process is told, but only
    when it is ready for the signal: until then a SIGHUP would end it. `program` is how the process is called: a
    number left in the file by a broker that is gone may have become somebody else's.
    """

    def __init__(self, pid_file: Path, program: str) -> None:
        self._pid_file = pid_file
        self._program = program
        self._told: tuple[int, str] | None = None
        self._missed = False
        self._outage = Outage("the broker cannot be told to read its users anew")

    def tell(self, version: str) -> None:
        """Signal the broker if this version is news to it. One that does not run reads the files as it starts."""
        pid = self._pid()
        if pid is not None and (pid, version) == self._told:
            return
        if pid is None or not is_ready(pid, self._program):
            self._miss()
            return
        try:
            os.kill(pid, signal.SIGHUP)
        except OSError as error:
            self._outage.note(error)
            return
        self._outage.over()
        self._missed = False
        self._told = (pid, version)
        log.info("the broker reads its users anew", pid=pid)

    def _miss(self) -> None:
        """Say once that nobody was told: the file may be another one than the broker's."""
        if not self._missed:
            log.info(
                f"no {self._program} runs by this PID file; it reads the files as it starts", file=str(self._pid_file)
            )
        self._missed = True

    def _pid(self) -> int | None:
        try:
            text = self._pid_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(text) if text.isascii() and text.isdigit() and int(text) > 1 else None


def is_ready(pid: int, program: str, proc: Path = PROC) -> bool:
    """Whether the process is called so, and has a handler for SIGHUP. Where there is no /proc: whether it lives."""
    if not proc.is_dir():
        return _lives(pid)
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    caught = int(fields.get("SigCgt", "0").strip(), 16)
    return fields.get("Name", "").strip() == program and bool(caught >> (signal.SIGHUP - 1) & 1)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
