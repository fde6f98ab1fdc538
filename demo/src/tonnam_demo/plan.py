"""What the demo starts, and with which settings. Nothing here touches the disk or the network."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from tonnam_demo import broker
from tonnam_demo.children import ChildSpec
from tonnam_demo.credentials import Credentials
from tonnam_link.mqtt.broker import Broker

PROJECT = Path(__file__).resolve().parents[3]
FARM_SITE = PROJECT / "edge" / "examples" / "melon-greenhouse.toml"
TOWN_SITE = PROJECT / "gateway" / "examples" / "town.toml"
FARM = ("demo-farm", "edge-1")
TOWN = ("demo-town", "gateway-1")
DRY_AFTERNOON_HOUR = 13.5
BUSES = ("cabinet", "climate", "inverter")


@dataclass(frozen=True)
class Ports:
    """Loopback ports that stay the same while the demo runs, so that a restarted child is found again."""

    mqtt: int
    nats: int
    cabinet: int
    climate: int
    inverter: int

    def bus(self, name: str) -> str:
        """Where a Modbus TCP bus listens."""
        return f"127.0.0.1:{getattr(self, name)}"


@dataclass(frozen=True)
class Plan:
    """The settings of one demo run. `external_broker` is TONNAM_BROKER, or None for the embedded one."""

    home: Path
    web_host: str
    web_port: int
    speed: float
    seed: int
    ports: Ports
    credentials: Credentials
    external_broker: str | None = None

    def broker_url(self, user: str, password: str) -> str:
        """The broker as one user sees it; an external broker is taken as it was given."""
        if self.external_broker:
            return self.external_broker
        return f"mqtt://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{self.ports.mqtt}"


def program(name: str) -> str:
    """A program of this environment."""
    return str(Path(sys.executable).parent / name)


def soil_port(plan: Plan) -> Path:
    """The pseudo-terminal that stands for the farm's RS-485 adapter."""
    return plan.home / "soil-bus"


def cloud_environment(plan: Plan) -> dict[str, str]:
    """What `tonnam-cloud` needs to know, whether it serves or only registers somebody."""
    return {
        "TONNAM_DATA": str(plan.home / "cloud"),
        "TONNAM_BROKER": plan.broker_url("cloud", plan.credentials.cloud),
    }


def broker_child(plan: Plan, config: Path) -> ChildSpec:
    """The embedded NATS server."""
    return ChildSpec("broker", [program("nats-server"), "-c", str(config)])


def access_child(plan: Plan) -> ChildSpec:
    """What keeps the broker's users as the registry says: `tonnam-cloud node revoke` counts at once here, too."""
    command = [
        program("tonnam-cloud"), "broker-config", "nats", "--out", str(plan.home / broker.ACCESS),
        "--users", str(broker.USERS), "--listen", f"127.0.0.1:{plan.ports.mqtt}",
        "--follow", "--reload-pid-file", str(broker.pid_file(plan.home)),
    ]  # fmt: skip
    return ChildSpec("access", command, {**cloud_environment(plan), **broker.passwords(plan.credentials)})


def cloud_child(plan: Plan) -> ChildSpec:
    """Ingest, store, alerts, API and page."""
    command = [program("tonnam-cloud"), "serve", "--host", plan.web_host, "--port", str(plan.web_port)]
    return ChildSpec("cloud", command, cloud_environment(plan))


def field_children(plan: Plan, cloud_key: str) -> list[ChildSpec]:
    """The simulated field, the edge and the gateway. These two obey whoever signs with the key of the cloud."""
    field_broker = plan.broker_url("field", plan.credentials.field)
    listen = [word for name in BUSES for word in (f"--{name}", plan.ports.bus(name))]
    farm = [
        program("tonnam-sim"), "farm", *listen, "--soil", str(soil_port(plan)), "--seed", str(plan.seed),
        "--speed", f"{plan.speed:g}", "--state", str(plan.home / "farm-sim.json"), "--hour", str(DRY_AFTERNOON_HOUR),
    ]  # fmt: skip
    town = [
        program("tonnam-sim"), "town", "--seed", str(plan.seed), "--speed", f"{plan.speed:g}",
        "--state", str(plan.home / "town-sim.json"),
    ]  # fmt: skip
    buses = [word for name in BUSES for word in ("--bus", f"{name}=tcp://{plan.ports.bus(name)}")]
    edge = [
        program("tonnam-edge"), "run", str(FARM_SITE), "--state", str(plan.home / "edge"),
        *buses, "--bus", f"soil={soil_port(plan)}",
    ]  # fmt: skip
    gateway = [program("tonnam-gateway"), "run", str(TOWN_SITE), "--state", str(plan.home / "gateway")]
    node = "{}.{}".format
    return [
        ChildSpec("farm-sim", farm),
        ChildSpec("town-sim", town, {"TONNAM_BROKER": field_broker}),
        ChildSpec(
            "edge",
            edge,
            {"TONNAM_BROKER": plan.broker_url(node(*FARM), plan.credentials.edge), "TONNAM_CLOUD_KEY": cloud_key},
        ),
        ChildSpec(
            "gateway",
            gateway,
            {"TONNAM_BROKER": plan.broker_url(node(*TOWN), plan.credentials.gateway), "TONNAM_CLOUD_KEY": cloud_key},
        ),
    ]


def without_password(url: str) -> str:
    """A broker's address that may be shown."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


def settings_from_environment(environment: Mapping[str, str] = os.environ) -> tuple[int, str | None]:
    """The web port and the external broker that the user asked for. ValueError says what is wrong."""
    text = environment.get("TONNAM_PORT", "8080")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"TONNAM_PORT is {text!r}: it must be a port number from 1 to 65535, such as 8081")
    broker = environment.get("TONNAM_BROKER") or None
    if broker is not None:
        try:
            Broker.parse(broker)
        except ValueError as error:
            raise ValueError(f"TONNAM_BROKER: {error}") from error
    return int(text), broker
