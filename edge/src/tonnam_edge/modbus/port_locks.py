"""Who talks on which bus: one agent a port of this machine, however many state directories there are.

A lock is a Unix socket in the abstract namespace: the kernel gives it back at the death of its process, whatever kind
of death, so nothing stale can block a start. A second socket beside it names the holder. Containers with a network of
their own do not see each other's; there serial ports are kept apart only by the lock that is on the open port itself.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import ipaddress
import os
import socket
import sys
from pathlib import Path

from tonnam_edge.errors import Misconfigured
from tonnam_edge.site.address import BusAddress, parse_address
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_file import BusPart

PREFIX = "tonnam-bus/"
LONGEST_NAME = 107  # bytes of a Unix socket's name, the zero in front counted
SOCKETS = Path("/proc/net/unix")


class PortLocks:
    """Locks on a site's buses: every serial line, and every bus with something to move. `owner` is for people."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._held: dict[str, list[socket.socket]] = {}

    def take(self, site: Site) -> None:
        """Lock the buses of `site` that are not locked here yet, all or none.

        Raises Misconfigured that names the holder when another process has one of them.
        """
        before = set(self._held)
        for name, holder in self.take_free(site).items():
            self._give_back(set(self._held) - before)
            raise Misconfigured(
                f'bus "{name}" ({site.buses[name].address}): another agent uses it ({holder}). '
                "Stop it first: two must not move one valve"
            )

    def take_free(self, site: Site) -> dict[str, str]:
        """Lock what nobody else has. Returns who has the others, by the name of the bus."""
        others = {}
        for name, key in _keys(site).items():
            if key in self._held:
                continue
            try:
                self._held[key] = _lock(key, self._owner)
            except OSError as failure:
                if failure.errno != errno.EADDRINUSE:
                    raise
                others[name] = _holder(key)
        return others

    def keep_only(self, site: Site) -> None:
        """Give back what `site` does not need."""
        self._give_back(set(self._held) - set(_keys(site).values()))

    def close(self) -> None:
        self._give_back(set(self._held))

    def _give_back(self, keys: set[str]) -> None:
        for key in keys:
            for one in self._held.pop(key):
                one.close()


def _keys(site: Site) -> dict[str, str]:
    """What to lock, by the name of the bus. Nothing where there is no abstract namespace."""
    if sys.platform != "linux":
        return {}
    moving = {site.devices[actuator.part.device].part.bus for actuator in site.actuators.values()}
    return {name: _key(bus) for name, bus in site.buses.items() if name in moving or _address(bus).kind == "serial"}


def _address(bus: BusPart) -> BusAddress:
    return parse_address(bus.address)


def _key(bus: BusPart) -> str:
    """The same for every way to write one address. Names of hosts are not looked up: that may need a network."""
    kind, host, port = _address(bus)
    where = os.path.realpath(host) if kind == "serial" else f"{_host(host)}:{port}"
    return hashlib.sha256(where.encode()).hexdigest()[:16]


def _host(host: str) -> str:
    name = host.lower().rstrip(".")
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address("127.0.0.1" if name == "localhost" else name)
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return "127.0.0.1" if address.is_loopback else str(mapped or address)
    return name


def _lock(key: str, owner: str) -> list[socket.socket]:
    name = f"\0{PREFIX}{key}"
    begin = f"{name}/pid {os.getpid()}, ".encode()
    label = begin + owner.encode()[-(LONGEST_NAME - len(begin)) :]  # of a long path the end tells more
    held = []
    try:
        for each in (name.encode(), label):
            held.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            held[-1].bind(each)
    except OSError:
        for one in held:
            one.close()
        raise
    return held


def _holder(key: str) -> str:
    """What the label beside a lock says."""
    begin = f"@{PREFIX}{key}/"
    with contextlib.suppress(OSError):
        for line in SOCKETS.read_text(encoding="utf-8", errors="replace").splitlines():
            if begin in line:
                return line.partition(begin)[2]
    return "it does not say who it is"
