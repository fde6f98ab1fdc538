"""TLS as `broker-config` sets it up: nodes and cloud over `mqtts://`, and a certificate that is renewed meanwhile."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.cloud.broker_scene import FARM, KINDS, Access, broker_of, following, user
from tests.link.harness import running, until
from tests.servers import HOST, free_port
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session

UP = f"tonnam/1/{FARM}/up"


class Scene:
    """A broker with TLS, its follower, and the authority that issues its certificates."""

    def __init__(self, directory: Path) -> None:
        self.access = Access(directory)
        self.authority = Authority(directory)
        self.port = free_port()
        self.options = (
            *("--listen-tls", f"{HOST}:{self.port}"),
            *("--tls-certificate", str(self.authority.certificate), "--tls-key", str(self.authority.key)),
        )

    def session(self, who: str, scheme: str = "mqtts") -> Session:
        name = user(who)
        ca = f"?ca={self.authority.ca}" if scheme == "mqtts" else ""
        url = f"{scheme}://{name}:{self.access.passwords[name]}@localhost:{self.port}{ca}"
        return Session(Broker.parse(url), client_id=f"test-{who}".replace("/", "-"), pause_s=(0.1, 0.2))

    def shown(self) -> str:
        """The certificate that the broker shows now."""
        return ssl.get_server_certificate((HOST, self.port)).strip()

    def issued(self) -> str:
        """The certificate that was issued last."""
        return self.authority.certificate.read_text().split("-----END CERTIFICATE-----")[0].strip()

    def log(self) -> str:
        return (self.access.directory / "follow.log").read_text()


@pytest.mark.parametrize("kind", KINDS)
async def test_certificate_is_renewed_under_everybody_s_feet(tmp_path: Path, kind: str) -> None:
    scene, heard = Scene(tmp_path), list[bytes]()
    cloud, node, plain = scene.session("cloud"), scene.session(FARM), scene.session("field", "mqtt")
    cloud.subscribe(UP, lambda message: heard.append(message.payload))
    with (
        broker_of(scene.access, kind, *scene.options, port=scene.port),
        following(scene.access, kind, *scene.options, port=scene.port),
    ):
        async with running(cloud.run(), node.run(), plain.run()):
            await until(lambda: cloud.connected.is_set() and node.connected.is_set(), "both sessions")
            scene.authority.issue()
            await until(lambda: scene.issued() in scene.shown(), "the new certificate", 10)
            scene.authority.key.write_text("half a renewal")
            await until(lambda: "the broker's certificate stays as it is" in scene.log(), "the complaint")
            scene.access.run("node", "revoke", *FARM.split("/"))
            await until(lambda: not node.connected.is_set(), "the revocation, whatever the certificate", 10)
            assert scene.issued() in scene.shown()
            scene.access.run("node", "restore", *FARM.split("/"))
            await until(node.connected.is_set, "the node", 10)
            node.publish(UP, b"over TLS")
            await until(lambda: heard == [b"over TLS"], "its message")
            assert (cloud.connections, plain.connections) == (1, 0)
