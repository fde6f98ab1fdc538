"""What systemd hears of us (sd_notify), and when: it is told that all is well only while all is well."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tonnam_edge.modbus.bus import REST_MS, Bus
from tonnam_edge.site.site import Site

# A bus may take this much longer than its rest, a connection and a transaction together.
SLACK_MS = 3_000


class Systemd:
    """Datagrams to the socket that systemd names in NOTIFY_SOCKET. Without it nothing is said."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        mine = environ.get("WATCHDOG_PID") in {None, str(os.getpid())}
        self.watches = mine and environ.get("WATCHDOG_USEC", "0") != "0"

    def say(self, words: str) -> None:
        """Such as "READY=1". That nobody hears it is no reason to stop watering."""
        if self._address:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.setblocking(False)
                notify.sendto(words.encode(), self._address)


class Watchdog:
    """Feeds systemd's watchdog once a cycle, as long as every bus with valves or pumps on it makes progress.

    A device that does not answer is progress: its time-out has come. A task that hangs makes none.
    """

    def __init__(
        self, site: Site, buses: Iterable[Bus], mono_ms: Callable[[], int], log: Any, systemd: Systemd | None = None
    ) -> None:
        moving = {site.devices[actuator.part.device].part.bus for actuator in site.actuators.values()}
        self._buses = [bus for bus in buses if bus.name in moving]
        self._limits_ms = {name: round(site.buses[name].timeout_s * 2000) + REST_MS + SLACK_MS for name in moving}
        self._mono_ms, self._log = mono_ms, log
        self._systemd = systemd or Systemd()
        self._begun = False
        self._stuck: set[str] = set()

    def cycle(self) -> None:
        """A cycle of the loop has come to its end."""
        if not self._begun:
            self._begun = True
            self._systemd.say("READY=1")
        stuck = self._now_stuck()
        for name in stuck - self._stuck:
            self._log.error("bus.stuck", bus=name, meaning="no transaction ends; the watchdog is not fed any more")
        for name in self._stuck - stuck:
            self._log.info("bus.moves", bus=name)
        self._stuck = stuck
        if self._systemd.watches and not stuck:
            self._systemd.say("WATCHDOG=1")

    def stopping(self) -> None:
        self._systemd.say("STOPPING=1")

    def _now_stuck(self) -> set[str]:
        now_ms = self._mono_ms()
        return {bus.name for bus in self._buses if now_ms - bus.progress_mono_ms > self._limits_ms[bus.name]}
