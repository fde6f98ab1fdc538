"""Faults that a test can switch on while the farm runs: JSON lines over a Unix socket.

    {"fault": "dead_unit", "bus": "soil", "unit": 2, "on": true}
    {"fault": "stuck_coil", "coil": 1, "closed": true, "on": true}     the coil obeys nobody and reads `closed`
    {"fault": "welded_contact", "coil": 1, "on": true}                 the coil obeys, the current flows on
    {"fault": "valve_no_flow", "zone": 1, "on": true}                  the valve of zone-1 lets nothing through

Each line is answered with {"ok": true} or {"ok": false, "error": "..."}.
"""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from .farm import Farm
from .wires import cannot_listen

Coil = Annotated[int, Field(ge=0, le=7)]


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    on: bool = True


class DeadUnit(_Fault):
    """A device that does not answer."""

    fault: Literal["dead_unit"]
    bus: str
    unit: int

    def apply(self, farm: Farm) -> None:
        """Switch it on or off; ValueError when there is no such device."""
        if self.bus not in farm.buses or self.unit not in farm.buses[self.bus].devices:
            raise ValueError(f"no unit {self.unit} on a bus {self.bus!r}; buses: {', '.join(farm.buses)}")
        dead = farm.buses[self.bus].dead
        (dead.add if self.on else dead.discard)(self.unit)


class StuckCoil(_Fault):
    """A coil that neither closes nor opens."""

    fault: Literal["stuck_coil"]
    coil: Coil
    closed: bool = False

    def apply(self, farm: Farm) -> None:
        """Switch it on or off."""
        if self.on:
            farm.relay.stuck[self.coil] = self.closed
        else:
            farm.relay.stuck.pop(self.coil, None)


class WeldedContact(_Fault):
    """A contact that stays closed whatever its coil says."""

    fault: Literal["welded_contact"]
    coil: Coil

    def apply(self, farm: Farm) -> None:
        """Switch it on or off."""
        (farm.relay.welded.add if self.on else farm.relay.welded.discard)(self.coil)


class ValveNoFlow(_Fault):
    """A valve that opens on paper only."""

    fault: Literal["valve_no_flow"]
    zone: Literal[1, 2]

    def apply(self, farm: Farm) -> None:
        """Switch it on or off."""
        (farm.blocked_zones.add if self.on else farm.blocked_zones.discard)(self.zone - 1)


Fault = Annotated[DeadUnit | StuckCoil | WeldedContact | ValveNoFlow, Field(discriminator="fault")]
_FAULT: TypeAdapter[DeadUnit | StuckCoil | WeldedContact | ValveNoFlow] = TypeAdapter(Fault)


def switch_fault(farm: Farm, line: bytes) -> str | None:
    """Do one JSON line; the text says what is wrong with it, None that it is done."""
    try:
        _FAULT.validate_json(line).apply(farm)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError as wrong:
        return str(wrong)
    return None


def _clear_socket(path: Path) -> None:
    """Remove what a killed process left behind; anything that is no socket stays."""
    if path.is_socket():
        path.unlink()


async def serve_control(path: Path, farm: Farm) -> asyncio.Server:
    """Listen for fault lines on a Unix socket; CannotListen when the path is in the way."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                error = switch_fault(farm, line)
                answer = {"ok": True} if error is None else {"ok": False, "error": error}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError):
            pass  # a line without end, or a client that has gone
        finally:
            writer.close()

    try:
        _clear_socket(path)
        return await asyncio.start_unix_server(serve, path)
    except OSError as why:
        raise cannot_listen(str(path), why) from why
