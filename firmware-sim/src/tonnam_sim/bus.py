"""One pair of wires, or one gateway, with the devices on it."""

from collections.abc import Mapping

from .devices.pdu import WRITES, Device

_BROADCAST = 0
BITS_A_CHARACTER = 10  # 8N1
TURNAROUND_S = 0.010


def wire_s(request: bytes, response: bytes | None, baud: int, timeout_s: float) -> float:
    """How long an RTU transaction holds the wires: frames, silences and turnaround, or the master's whole time-out.

    PDUs as in `Bus.execute`; unit id and CRC are added here.
    """
    character_s = BITS_A_CHARACTER / baud
    asked_s = (len(request) + 3 + 3.5) * character_s
    if response is None:
        return asked_s + timeout_s
    return asked_s + TURNAROUND_S + (len(response) + 3 + 3.5) * character_s


class Bus:
    """Devices by unit id. `dead` units stay silent, as do ids that nobody has."""

    def __init__(self, name: str, devices: Mapping[int, Device]) -> None:
        self.name = name
        self.devices = dict(devices)
        self.dead: set[int] = set()

    def execute(self, unit: int, request: bytes) -> bytes | None:
        """Carry a request PDU to a unit and return its response PDU; None when nobody answers.

        Unit 0 is a broadcast: every live device does a write, none answers. An empty PDU is noise.
        """
        if not request:
            return None
        if unit == _BROADCAST:
            for address, device in self.devices.items():
                if request[0] in WRITES and address not in self.dead:
                    device.execute(request)
            return None
        if unit in self.dead or unit not in self.devices:
            return None
        return self.devices[unit].execute(request)
