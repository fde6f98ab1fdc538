"""A gateway process that only relays: killed again and again, it loses nothing that a node behind it has sealed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests import servers
from tests.link.harness import ORIGIN, SPECS, Ledger, cloud, frame, identities, running, until
from tonnam_link.messages import Event
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.uplink import Uplink

FILE = f'tenant = "{ORIGIN.tenant}"\nnode = "gateway-1"\n[relay]\nnodes = ["{ORIGIN.node}"]\n'


class RelayProcess:
    """`tonnam-gateway run` between two brokers."""

    def __init__(self, directory: Path, site: str, up: str) -> None:
        self.file = directory / "farm.toml"
        self.file.write_text(FILE)
        self.log = directory / "gateway.log"
        self._state = directory / "state"
        self._environment = {"TONNAM_BROKER": up, "TONNAM_SITE_BROKER": site, "PATH": "/usr/bin:/bin"}
        self.start()

    def start(self) -> None:
        command = [servers.executable("tonnam-gateway"), "run", str(self.file), "--state", str(self._state)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)

    def kill(self) -> None:
        """As when the power goes."""
        self.process.kill()
        self.process.wait()

    def said(self, event: str) -> int:
        return self.log.read_text(errors="replace").count(event)


@contextlib.contextmanager
def relay_process(directory: Path, site: str, up: str) -> Iterator[RelayProcess]:
    relay = RelayProcess(directory, site, up)
    try:
        yield relay
    finally:
        relay.kill()
        sys.stdout.write(relay.log.read_text(errors="replace"))


async def test_gateway_that_is_killed_again_and_again_loses_nothing(
    tmp_path: Path, mosquitto_server: servers.BrokerServer, nats_broker: str
) -> None:
    ledger, accepted = Ledger(), 0
    url = mosquitto_server.url
    node = Uplink(
        tmp_path / "edge.db", Broker.parse(url), tenant=ORIGIN.tenant, node=ORIGIN.node, datastreams=SPECS,
        seal_every_s=0.1,
    )  # fmt: skip
    with relay_process(tmp_path, url, nats_broker) as relay:
        async with cloud(nats_broker, ledger), running(node.run()):
            for round_number in range(2):
                before = len(ledger.readings)
                while len(ledger.readings) < before + 40:
                    told = [Event(f"e{accepted}", "k", frame(accepted).observed_at_ms, {})]
                    await node.accept([frame(accepted)], told if accepted % 10 == 0 else [])
                    accepted += 1
                    await asyncio.sleep(0.01)
                if round_number == 0:
                    mosquitto_server.kill()
                    await asyncio.to_thread(mosquitto_server.start)
                relay.kill()
                relay.start()
            await until(lambda: node.backlog().empty, "the gateway's last reply", 40)
            everything = identities([frame(n) for n in range(accepted)])
            await until(lambda: ledger.readings.keys() == everything, "every reading at the cloud", 40)
    kinds = Counter(event.kind for event in ledger.events.values())
    assert kinds == {"k": (accepted + 9) // 10, "node.started": 3}, "the gateway's own events came the same way"
    assert relay.said("relay.flows") == 3
