"""The edge's side of the simulated cables: each device is polled at its own pace, as the agent's buses do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tonnam_edge.core import Action, Core, NotWritten, Observation
from tonnam_edge.core.image import Now
from tonnam_edge.core.people.contact import UNKNOWN_AFTER_S
from tonnam_edge.modbus.direct import DirectTransport, act_once, poll_device
from tonnam_edge.site.site import Device, Site
from tonnam_sim.world.buses import WorldBus

MOST_TRIES = 10


class Wires:
    """Reads and writes through Modbus PDUs. Times are since boot, in milliseconds."""

    def __init__(self, site: Site, buses: Mapping[str, WorldBus]) -> None:
        self._site, self._buses = site, buses
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
        asked = 1 if self._buses[device.part.bus].silent(device.part.unit) else MOST_TRIES
        for _ in range(max(1, min(asked, int(slack_ms // (device.poll_s * 1000))))):
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


def leave_out_contacts(core: Core) -> None:
    """Let the core not ask for a look when a contact that it has just seen would be too old: a look sees it anew."""
    people = core._people
    deadlines = people.deadlines_mono_ms

    def soon(now: Now) -> Iterator[int]:
        return (at for at in deadlines(now) if at - now.mono_ms < UNKNOWN_AFTER_S * 1000)

    people.deadlines_mono_ms = soon  # type: ignore[method-assign]
