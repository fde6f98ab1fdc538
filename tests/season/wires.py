"""The edge's side of the simulated cables: each device is polled at its own pace, as the agent's buses do."""

from __future__ import annotations

from collections.abc import Mapping

from tonnam_edge.core import Action, NotWritten, Observation
from tonnam_edge.modbus.direct import DirectTransport, act_once, poll_device
from tonnam_edge.site.site import Device, Site
from tonnam_sim.bus import Bus

MOST_TRIES = 10


class Wires:
    """Reads and writes through Modbus PDUs. Times are since boot, in milliseconds."""

    def __init__(self, site: Site, buses: Mapping[str, Bus]) -> None:
        self._site = site
        self._transports = {name: DirectTransport(bus.execute) for name, bus in buses.items()}
        self._due_ms = dict.fromkeys(site.devices, 0)
        self._read_ms = 0
        self._waiting: dict[str, Action] = {}
        self._lost: list[NotWritten] = []

    def forget(self) -> None:
        """A new process polls everything at once, and knows of no close that waits."""
        self._waiting, self._lost = {}, []
        self._due_ms = dict.fromkeys(self._site.devices, -(10**15))
        self._read_ms = -(10**15)

    def read(self, mono_ms: int) -> list[Observation | NotWritten]:
        """Poll what is due, after the closes that wait, and tell which openings were not written.

        After a long time each is asked as often as it would be.
        """
        for action in list(self._waiting.values()):
            self.act(action)
        found: list[Observation | NotWritten] = [*self._lost]
        self._lost = []
        slack_ms = mono_ms - self._read_ms
        for name, device in self._site.devices.items():
            if self._due_ms[name] > mono_ms:
                continue
            seen = self._ask(device, mono_ms, slack_ms)
            found.append(seen)
            self._due_ms[name] = mono_ms + round(device.poll_s * 1000)
        self._read_ms = mono_ms
        return found

    def _ask(self, device: Device, mono_ms: int, slack_ms: int) -> Observation:
        tries = max(1, min(MOST_TRIES, int(slack_ms // (device.poll_s * 1000))))
        for _ in range(tries):
            seen = poll_device(self._transports[device.part.bus], device, mono_ms)
            if seen.values is not None:
                break
        return seen

    def act(self, action: Action) -> bool:
        """Carry out one action; whether it was heard. A close that was not waits, as in the agent's queue."""
        heard = not act_once([action], self._transports, self._site)
        if heard or not action.safe:
            self._waiting.pop(action.actuator, None)
        else:
            self._waiting[action.actuator] = action
        if not heard and not action.safe:
            self._lost.append(NotWritten(action.actuator, action.decided_mono_ms))
        return heard
