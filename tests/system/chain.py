"""The farm behind a gateway: its edge knows only the site's broker, and the gateway has what it sends in custody."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from tests import servers
from tests.system.stack import Stack, plan_in
from tonnam_demo import plan
from tonnam_link.topics import Origin

EDGE = Origin("demo-farm", "edge-1")
GATEWAY = Origin("demo-farm", "gateway-1")
PROCESSES = ["edge", "site", "gateway", "up", "cloud"]


@dataclass
class Chain(Stack):
    """Edge and field devices at `site`, the cloud at `up`, and the gateway between; it takes in the town as well."""

    site: servers.BrokerServer = field(kw_only=True)
    up: servers.BrokerServer = field(kw_only=True)

    def register(self) -> None:
        super().register()
        self._tell(["node", "add", *GATEWAY, "--name-en", "gateway"])
        self._tell(["node", "add", *EDGE, "--name-en", "edge", "--via", GATEWAY.node])
        self._turn("edge", TONNAM_BROKER=self.site.url)
        self._turn("town-sim", TONNAM_BROKER=self.site.url)
        self._turn("gateway", TONNAM_FIELD_BROKER=self.site.url, TONNAM_SITE_BROKER=self.site.url)
        mapping = self.plan.home / plan.TOWN_SITE.name
        text = mapping.read_text().replace('"demo-town"', f'"{GATEWAY.tenant}"')
        mapping.write_text(text.replace("[site]", f'[relay]\nnodes = ["{EDGE.node}"]\n\n[site]', 1))

    def _turn(self, name: str, **environment: str) -> None:
        spec = self.specs[name]
        self.specs[name] = replace(spec, environment={**spec.environment, **environment})

    def kill_and_start(self, name: str) -> None:
        """As when the power goes and comes back."""
        broker = {"site": self.site, "up": self.up}.get(name)
        if broker is not None:
            broker.kill()
            broker.start()
        else:
            self.kill(name)
            self.start(name)


def chain_in(home: Path, site: servers.BrokerServer, up: servers.BrokerServer) -> Chain:
    """The chain, with every reading told each second. Edge and gateway trust their clock, which is the cloud's."""
    return Chain(plan_in(home, up.url), {"TONNAM_CLOCK": "trusted"}, hurried=True, site=site, up=up)
