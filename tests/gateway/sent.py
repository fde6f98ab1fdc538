"""Messages as devices sent them, and the mapping that understands them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tonnam_gateway import loader
from tonnam_gateway.mapping import Mapping
from tonnam_gateway.measurement import Timing

ROOT = Path(__file__).parents[2]
TOWN = ROOT / "gateway/examples/town.toml"
ARRIVED = datetime(2026, 11, 20, 6, 0, 7, tzinfo=UTC)
BANGKOK = Timing(ZoneInfo("Asia/Bangkok"))
EUI = "70b3d57ed0051234"
SENSOR = "tele/tonnam-air-1/SENSOR"
LWT = "tele/tonnam-air-1/LWT"
UP = f"application/17c82e96-be03-4f38-aef3-f83d48582d97/device/{EUI}/event/up"
LEVEL = "town/river-1/state"


def frame(name: str) -> bytes:
    """A captured payload."""
    return (Path(__file__).with_name("frames") / name).read_bytes()


def town() -> Mapping:
    """The example that is shipped."""
    return loader.load(TOWN)


def after(seconds: float) -> datetime:
    """So many seconds after the first message arrived."""
    return ARRIVED + timedelta(seconds=seconds)
