"""What compose runs around the broker: its configuration and start, what writes its users, and the nodes' keys.

Docker does not run here. So the commands are taken from docker-compose.yml and run with this machine's places.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.certificates import Authority
from tests.cloud.broker_scene import Party
from tests.servers import HOST, BrokerServer, executable, free_port, running, wait_until

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
WITH_TLS: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.tls.yml").read_text(encoding="utf-8"))
SECRETS = {name: f"0123456789-secret-of-{name}" for name in ("CLOUD", "GATEWAY", "EDGE", "FIELD", "HEALTH")}
EDGE, GATEWAY = "demo-farm.edge-1", "demo-town.gateway-1"
pytestmark = pytest.mark.xdist_group("deploy")
USERS = {"cloud": "CLOUD", EDGE: "EDGE", GATEWAY: "GATEWAY", "field": "FIELD", "health": "HEALTH"}


class Machine:
    """One machine's directories in the places of the containers' ones."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.access = directory / "broker"
        self.port, self.tls_port = free_port(), free_port()
        self.environment = {
            **os.environ,
            "TONNAM_DATA": str(directory / "state"),
            "TONNAM_CLOUD_KEY_FILE": str(directory / "public"),
            "TONNAM_BROKER_ACCESS": str(self.access),
            **{f"MQTT_PASSWORD_{name}": secret for name, secret in SECRETS.items()},
        }

    def here(self, words: list[str]) -> list[str]:
        """A command of compose with this machine's places."""
        places = {
            "/deploy/": f"{ROOT}/deploy/",
            "/tls/": f"{self.directory}/tls/",
            "--out=/broker": f"--out={self.access}",
            "--listen=1883": f"--listen={HOST}:{self.port}",
            "--listen-tls=8883": f"--listen-tls={HOST}:{self.tls_port}",
        }
        for theirs, ours in places.items():
            words = [word.replace(theirs, ours) for word in words]
        return words

    def cloud(self, *words: str) -> str:
        """`tonnam-cloud`, as in the container of the cloud."""
        done = subprocess.run(
            [executable("tonnam-cloud"), *words], env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def start_cloud(self) -> None:
        """`deploy/cloud/start`, but without serving at its end."""
        shim = self.directory / "bin" / "tonnam-cloud"
        shim.parent.mkdir(exist_ok=True)
        shim.write_text(f'#!/bin/sh\n[ "$1" = serve ] || exec {shlex.quote(executable("tonnam-cloud"))} "$@"\n')
        shim.chmod(0o755)
        path = f"{shim.parent}{os.pathsep}{self.environment['PATH']}"
        start = ROOT / "deploy/cloud/start"
        subprocess.run([start], env={**self.environment, "PATH": path}, check=True, capture_output=True)

    @contextmanager
    def access_service(self, compose: dict[str, Any] = COMPOSE) -> Iterator[subprocess.Popen[bytes]]:
        """The service `access`."""
        command = self.here(compose["services"]["access"]["command"])
        process = subprocess.Popen([executable("tonnam-cloud"), *command], env=self.environment)
        try:
            wait_until((self.access / "version").exists, "the broker's users")
            yield process
        finally:
            process.terminate()
            assert process.wait(5) == 0

    @contextmanager
    def broker(self) -> Iterator[BrokerServer]:
        """The service `mosquitto`: its entrypoint and command."""
        text = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text(encoding="utf-8")
        for theirs, ours in (("/broker", str(self.access)), ("/mosquitto/data/", f"{self.directory}/")):
            assert theirs in text
            text = text.replace(theirs, ours)
        config = self.directory / "mosquitto.conf"
        config.write_text(text + ("user root\n" if os.geteuid() == 0 else ""), encoding="utf-8")
        service = COMPOSE["services"]["mosquitto"]
        words = self.here([*service["entrypoint"], *service["command"]])
        words = [word.replace("/usr/sbin/mosquitto", executable("mosquitto")) for word in words]
        words[-1] = str(config)
        words = ["env", f"TONNAM_BROKER_ACCESS={self.access}", *words]
        with running(BrokerServer(words, self.port, self.directory / "broker.log")) as server:
            assert isinstance(server, BrokerServer)
            yield server

    def enter(self, name: str) -> Party:
        return Party(self.port, name, SECRETS[USERS[name]])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine whose cloud has started before."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.start_cloud()
    return machine


def can_enter(machine: Machine, name: str) -> bool:
    party = machine.enter(name)
    party.close()
    return party.is_in or party.connect_code == 0


def watcher_of(server: BrokerServer) -> int:
    """The process that looks for new users, a child of the broker's."""
    text = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text(encoding="ascii")
    return int(text.split()[0])


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_one_machine_comes_up_lets_its_own_in_and_shuts_a_revoked_node_out(machine: Machine) -> None:
    with machine.access_service(), machine.broker() as broker:
        assert not can_enter(machine, EDGE), "no node is known before the cloud has started"
        machine.start_cloud()
        wait_until(lambda: can_enter(machine, EDGE) and can_enter(machine, GATEWAY), "the example's nodes", 10)
        cloud, edge, gateway = (machine.enter(name) for name in ("cloud", EDGE, GATEWAY))
        gateway.subscribe("tele/#")
        machine.enter("field").say("tele/air-1/SENSOR", b"{}")
        gateway.hears("tele/air-1/SENSOR", b"{}")
        machine.cloud("node", "revoke", "demo-farm", "edge-1")
        wait_until(lambda: edge.lost, "the end of the revoked node", 10)
        assert not can_enter(machine, EDGE)
        assert cloud.is_in
        assert gateway.is_in
        watcher = watcher_of(broker)
        broker.process.send_signal(signal.SIGTERM)
        assert broker.process.wait(5) == 0
        wait_until(lambda: is_gone(watcher), "the end of what looked for new users", 5)
        for party in (cloud, edge, gateway):
            party.close()


def test_stranger_is_refused_and_no_password_lies_in_the_files(started: Machine) -> None:
    with started.access_service(), started.broker():
        strangers = [(None, None), ("cloud", "guessed"), ("root", SECRETS["CLOUD"]), ("edge-1", SECRETS["EDGE"])]
        assert not any(Party(started.port, name, password).is_in for name, password in strangers)
        assert can_enter(started, "health")
        files = {path.name: path for path in started.access.iterdir()}
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in files.values())
        text = "".join(path.read_text(encoding="utf-8") for path in files.values())
        assert not any(secret in text for secret in SECRETS.values())


def test_tls_of_compose_lets_a_node_in_and_keeps_the_plain_port_for_those_inside(started: Machine) -> None:
    (started.directory / "tls").mkdir()
    authority = Authority(started.directory / "tls")
    authority.certificate.rename(started.directory / "tls/fullchain.pem")
    authority.key.rename(started.directory / "tls/privkey.pem")
    (started.access / "version").unlink(missing_ok=True)
    with started.access_service(WITH_TLS), started.broker():
        assert can_enter(started, "cloud")
        node = Party(started.tls_port, EDGE, SECRETS["EDGE"], ca=authority.ca)
        assert node.is_in
        node.close()


def test_tls_changes_nothing_else_of_what_the_service_is_told() -> None:
    plain, tls = (compose["services"]["access"]["command"] for compose in (COMPOSE, WITH_TLS))
    assert [word for word in tls if not word.startswith(("--listen-tls", "--tls-"))] == plain
    assert WITH_TLS["services"]["mosquitto"]["ports"] == ["8883:8883"]
    assert set(WITH_TLS["services"]) <= set(COMPOSE["services"])


def test_node_beside_its_cloud_is_given_the_cloud_s_key(started: Machine) -> None:
    key = started.cloud("keys", "public").strip()
    words = [str(ROOT / "deploy/node/start"), "sh", "-c", 'printf %s "$TONNAM_CLOUD_KEY"']
    done = subprocess.run(words, env=started.environment, check=True, capture_output=True, text=True)
    assert done.stdout == key
    assert key.startswith("ed25519:")


def test_compose_gives_everybody_the_user_that_the_registry_has() -> None:
    urls = {
        name: service["environment"]["TONNAM_BROKER"]
        for name, service in COMPOSE["services"].items()
        if "TONNAM_BROKER" in service.get("environment", {})
    }
    users = {name: url.removeprefix("mqtt://").split(":")[0] for name, url in urls.items()}
    assert users == {"cloud": "cloud", "gateway": GATEWAY, "edge": EDGE, "town-sim": "field"}
    for name, url in urls.items():
        assert f"${{MQTT_PASSWORD_{USERS[users[name]]}:" in url
