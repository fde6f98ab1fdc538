"""The town as a process: the pure town driven by the real clock, speaking MQTT."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from .field_client import FieldBroker, FieldClient
from .state_file import StateFile
from .town import Town, build_town
from .town_messages import AIR_LWT_TOPIC, town_messages

_log = structlog.get_logger()
_SAVE_S, _TELL_S = 5.0, 60.0


@dataclass(frozen=True, slots=True)
class TownOptions:
    """What `tonnam-sim town` was asked for."""

    broker: FieldBroker
    seed: int
    speed: float
    hour: float
    every_s: float
    state: Path | None = None


async def run_town(options: TownOptions) -> None:
    """Speak until cancelled. A broker that is away is waited for; what is measured meanwhile is lost."""
    state = StateFile(options.state)
    town = state.restore(lambda saved: build_town(options.seed, options.hour, saved))
    state.save(town.state())
    client = FieldClient(
        options.broker,
        f"tonnam-sim-town-{options.seed}",
        birth=(AIR_LWT_TOPIC, b"Online"),
        will=(AIR_LWT_TOPIC, b"Offline"),
    )
    _log.info("the town speaks", broker=str(options.broker), every_s=options.every_s, speed=options.speed)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.run())
            tasks.create_task(_speak(town, client, options, state))
    finally:
        state.save(town.state())


async def _speak(town: Town, client: FieldClient, options: TownOptions, state: StateFile) -> None:
    """Say everything every so often; save every 5 s or when something is said, tell every minute."""
    loop = asyncio.get_running_loop()
    at_s = tell_at_s = save_at_s = loop.time()
    while True:
        now_s = loop.time()
        town.step((now_s - at_s) * options.speed)
        at_s = now_s
        for topic, payload in town_messages(town, datetime.now(UTC)):
            client.publish(topic, payload)
        if now_s >= save_at_s:
            save_at_s = now_s + _SAVE_S
            await state.save_on_the_way(town.state())
        if now_s >= tell_at_s:
            tell_at_s = now_s + _TELL_S
            _log.info("the town goes on", **vital_signs(town))
        await asyncio.sleep(options.every_s)


def vital_signs(town: Town) -> dict[str, str]:
    """The town in one line: field hour, dust, rain, river."""
    return {
        "hour": f"{town.field_s % 86_400 / 3600:.1f}",
        "pm2_5": f"{town.air.pm2_5:.0f}",
        "rain_mm": f"{town.rain_total_mm:.1f}",
        "river_m": f"{town.river_m:.2f}",
    }
