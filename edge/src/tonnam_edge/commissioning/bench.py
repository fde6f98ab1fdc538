"""Valves and pumps one at a time, by hand: each opening has an end, held by the board where it can.

"On" here is what is not the safe state: an open valve, a pump that runs, and a flood pump that stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from tonnam_edge.core import Action
from tonnam_edge.errors import EdgeError, Transient
from tonnam_edge.modbus.wire import Transport
from tonnam_edge.modbus.writes import writes_of
from tonnam_edge.site.coils import PULSE_S, at_rest, position
from tonnam_edge.site.polling import Poll, Read, Values, coil_id
from tonnam_edge.site.profile import FUNCTION_CODE
from tonnam_edge.site.site import Actuator, Site
from tonnam_edge.site.site_file import BusPart

AGAIN_S = 0.2
# How long a close may take to be read back, and a device to answer at all.
PATIENCE_S = 10.0


def _pulse_s(actuator: Actuator) -> float:
    """How long a latching valve's pulse is under way before it can be seen to have ended."""
    return (actuator.part.pulse_s or PULSE_S) if actuator.part.kind == "latching" else 0.0


class NotOff(EdgeError):
    """A valve or pump was told to be off, and its coil does not say so. The text is for the person at the cabinet."""


class Bench:
    """A site's devices without an agent. One user at a time."""

    def __init__(self, site: Site, transport: Callable[[BusPart], Transport]) -> None:
        self.site = site
        self._ports = {name: transport(part) for name, part in site.buses.items()}

    @contextlib.asynccontextmanager
    async def on(self, actuator: Actuator, hold_s: float, within_s: float | None = None) -> AsyncIterator[None]:
        """On within the block, for at most `hold_s` seconds. Then, or after `within_s`, it ends with TimeoutError.

        Off afterwards, until it is read back. Raises NotOff when it is not, Transient when nobody answers.
        """
        try:
            async with asyncio.timeout(within_s or hold_s):
                await self._write(actuator, hold_s)
                yield
        finally:  # in a task of its own: this one may be being cancelled
            await asyncio.create_task(self.off(actuator))

    async def renew(self, actuator: Actuator, hold_s: float) -> None:
        """Tell one that is on again: on for `hold_s`."""
        await self._write(actuator, hold_s)

    async def off(self, actuator: Actuator) -> None:
        """Off, again and again until it is read back. Raises NotOff."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + PATIENCE_S
        while True:
            with contextlib.suppress(EdgeError):
                await self._write(actuator, None)
                await asyncio.sleep(_pulse_s(actuator))
                if not await self.is_on(actuator):
                    return
            if loop.time() > ends:
                raise NotOff(f"{actuator.part.name.en} is not proven to be off: close it by hand at the cabinet")
            await asyncio.sleep(AGAIN_S)

    async def is_on(self, actuator: Actuator) -> bool:
        """Whether its coils say that it is not in its safe state; of a latching valve, that a pulse is under way.

        Raises Transient.
        """
        bits = await self.coils(actuator.part.device, actuator.relay.coils)
        values = {coil_id(n): float(bit) for n, bit in enumerate(bits)}
        if actuator.part.kind == "latching":
            return not at_rest(actuator.part, values)
        return position(actuator.part, values) is not actuator.part.safe_open

    async def coils(self, device: str, count: int) -> Sequence[int]:
        """All coils of a board. Raises Transient when it does not answer."""
        part = self.site.devices[device].part
        return await self._ports[part.bus].read(part.unit, Read(FUNCTION_CODE["coil"], 0, count))

    async def value(self, datastream: str | None) -> float | None:
        """What a datastream measures now; None when there is none, or it is not known."""
        sensed = next((each for each in self.site.sensed if each.datastream.id == datastream), None)
        if sensed is None:
            return None
        try:
            return (await self.values(sensed.device)).get(sensed.value)
        except EdgeError:
            return None

    async def values(self, name: str) -> Values:
        """All that a device measures now. Raises EdgeError."""
        device = self.site.devices[name]
        return await self._drive(device.plan.poll(), device.part.bus, device.part.unit)

    async def close(self) -> None:
        for port in self._ports.values():
            await port.close()

    async def _write(self, actuator: Actuator, hold_s: float | None) -> None:
        part = actuator.part
        held = None if hold_s is None or actuator.timer_s is None else min(hold_s, actuator.timer_s)
        is_open = part.safe_open if hold_s is None else not part.safe_open
        action = Action(part.id, part.device, part.coil, is_open, held, 0)
        port = self._ports[self.site.devices[part.device].part.bus]
        try:
            for write in writes_of(action, self.site):
                await port.write(write)
        except Transient as failure:
            raise Transient(f"{part.name.en} cannot be moved: {failure}") from failure

    async def _drive(self, poll: Poll, bus: str, unit: int) -> Values:
        try:
            read = next(poll)
            while True:
                try:
                    words = await self._ports[bus].read(unit, read)
                except EdgeError as failure:
                    read = poll.throw(failure)
                else:
                    read = poll.send(words)
        except StopIteration as end:
            values: Values = end.value
            return values
