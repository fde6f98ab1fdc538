"""The farm as a process: the pure farm driven by the real clock, behind real sockets and a serial line."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from .farm import Farm, build_farm
from .faults import serve_control
from .modbus_rtu import ModbusRtuServer
from .modbus_tcp import ModbusTcpServer
from .state_file import StateFile
from .wires import Endpoint, Execute

_log = structlog.get_logger()
_TICK_S, _SAVE_S, _TELL_S = 0.2, 5.0, 60.0


@dataclass(frozen=True, slots=True)
class FarmOptions:
    """What `tonnam-sim farm` was asked for."""

    endpoints: dict[str, Endpoint]
    soil: Path
    seed: int
    speed: float
    hour: float
    sunny: bool
    state: Path | None = None
    control: Path | None = None


class LiveFarm:
    """Keeps a farm at the present moment: every request and every tick steps it to now."""

    def __init__(self, farm: Farm, speed: float, clock: Callable[[], float]) -> None:
        self.farm = farm
        self._speed = speed
        self._clock = clock
        self._at_s = clock()

    def catch_up(self) -> None:
        """Step the farm to the present."""
        now_s = self._clock()
        wall_s, self._at_s = max(0.0, now_s - self._at_s), now_s
        self.farm.step(wall_s * self._speed, wall_s)

    def executor(self, bus: str) -> Execute:
        """What a rim calls to have a request answered now."""

        def execute(unit: int, request: bytes) -> bytes | None:
            self.catch_up()
            return self.farm.buses[bus].execute(unit, request)

        return execute


async def run_farm(options: FarmOptions) -> None:
    """Serve until cancelled; CannotListen before anything is served."""
    state = StateFile(options.state)
    farm = state.restore(lambda saved: build_farm(options.seed, options.hour, saved, sunny=options.sunny))
    live = LiveFarm(farm, options.speed, asyncio.get_running_loop().time)
    servers = [ModbusTcpServer(endpoint, live.executor(bus)) for bus, endpoint in options.endpoints.items()]
    soil = ModbusRtuServer(options.soil, live.executor("soil"))
    control: asyncio.Server | None = None
    try:
        soil.start()
        for server in servers:
            await server.start()
        control = await serve_control(options.control, farm) if options.control else None
        state.save(farm.state())
        addresses = {bus: str(server.endpoint) for bus, server in zip(options.endpoints, servers, strict=True)}
        _log.info("the farm answers", **addresses, soil=str(options.soil), speed=options.speed, hour=options.hour)
        try:
            await _keep_time(live, state)
        finally:
            live.catch_up()
            state.save(farm.state())
    finally:
        soil.stop()
        if control is not None:
            control.close()
        for server in servers:
            await server.stop()


async def _keep_time(live: LiveFarm, state: StateFile) -> None:
    """Tick for ever; save every 5 s, tell every minute."""
    loop = asyncio.get_running_loop()
    save_at_s, tell_at_s = loop.time() + _SAVE_S, loop.time() + _TELL_S
    while True:
        await asyncio.sleep(_TICK_S)
        live.catch_up()
        if loop.time() >= save_at_s:
            save_at_s = loop.time() + _SAVE_S
            await state.save_on_the_way(live.farm.state())
        if loop.time() >= tell_at_s:
            tell_at_s = loop.time() + _TELL_S
            _log.info("the farm goes on", **vital_signs(live.farm))


def vital_signs(farm: Farm) -> dict[str, str]:
    """The farm in one line: field hour, soil, tank, flow, roof."""
    return {
        "hour": f"{farm.hour:.1f}",
        "soil_pct": " ".join(f"{soil.top * 100:.1f}" for soil in farm.soil),
        "tank_cm": f"{farm.water.level_cm:.1f}",
        "flow_l_min": f"{farm.water.flow_l_min:.1f}",
        "roof_w": f"{farm.roof_w:.0f}",
    }
