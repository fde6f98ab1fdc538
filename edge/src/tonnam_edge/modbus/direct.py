"""Talk to devices in this very process, without sockets: the same profiles and planner, for tests and simulation."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from tonnam_edge.core.image import Observation
from tonnam_edge.core.plant.actuators import Action
from tonnam_edge.errors import EdgeError, Rejected, Transient
from tonnam_edge.modbus.writes import Write, writes_of
from tonnam_edge.site.polling import Poll, Read, Values
from tonnam_edge.site.site import Device, Site

Execute = Callable[[int, bytes], bytes | None]
"""Carries a request PDU (function code and data) to a unit; None when nobody answers."""


class DirectTransport:
    """A bus whose devices are functions. Raises as every transport does."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def read(self, unit: int, read: Read) -> Sequence[int]:
        """The words (or bits, as 0 and 1) of one request."""
        body = self._ask(unit, _request(read))
        payload = body[1 : 1 + body[0]]
        if read.function <= 2:
            bits = int.from_bytes(payload, "little")
            return [bits >> n & 1 for n in range(read.size)]
        if len(payload) != read.size * 2:
            raise Transient(f"unit {unit} answered with {len(payload)} bytes, not {read.size * 2}")
        return struct.unpack(f">{read.size}H", payload)

    def write(self, write: Write) -> None:
        """Write one coil, by function 5."""
        self._ask(write.unit, struct.pack(">BHH", 5, write.address, write.value))

    def _ask(self, unit: int, request: bytes) -> bytes:
        answer = self._execute(unit, request)
        if not answer:
            raise Transient(f"unit {unit} did not answer")
        if answer[0] & 0x80:
            raise Rejected(answer[1], f"function {request[0]}")
        return answer[1:]


@cache
def _request(read: Read) -> bytes:
    return struct.pack(">BHH", read.function, read.address, read.size)


def poll_once(transports: Mapping[str, DirectTransport], site: Site, mono_ms: int) -> list[Observation]:
    """Read every device of the site once. `transports` by bus id; a device of a bus that is not there is silent."""
    return [poll_device(transports.get(each.part.bus), each, mono_ms) for each in site.devices.values()]


def poll_device(transport: DirectTransport | None, device: Device, mono_ms: int) -> Observation:
    """Read one device once; without a transport it is silent."""
    values, fault = None, False
    if transport is not None:
        try:
            values = _drive(device.plan.poll(), transport, device.part.unit)
        except EdgeError as failure:
            fault = isinstance(failure, Rejected)
    return Observation(device.part.id, mono_ms, values, fault)


def act_once(actions: Iterable[Action], transports: Mapping[str, DirectTransport], site: Site) -> list[EdgeError]:
    """Carry out the actions of a step, in their order; returns what failed, which the read-back will show too."""
    failures = []
    for action in actions:
        transport = transports.get(site.devices[action.device].part.bus)
        try:
            if transport is None:
                raise Transient(f"there is no bus for {action.device}")
            for write in writes_of(action, site):
                transport.write(write)
        except EdgeError as failure:
            failures.append(failure)
    return failures


def _drive(poll: Poll, transport: DirectTransport, unit: int) -> Values:
    try:
        read = next(poll)
        while True:
            try:
                words = transport.read(unit, read)
            except EdgeError as failure:
                read = poll.throw(failure)
            else:
                read = poll.send(words)
    except StopIteration as end:
        values: Values = end.value
        return values
