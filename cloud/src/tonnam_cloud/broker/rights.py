"""Who may say and hear what, in MQTT's words. Pure: the registry's nodes and the users file in, users out.

A node writes its own `up`, `back`, `outcome` and `presence`, and reads its own `reply`, `command` and `config`. A
gateway reads `command` and `config` also of the nodes behind it, and writes their `presence`. Nobody but the cloud
touches the live bus. Nothing else is allowed.

At a site's own broker a gateway is to the nodes behind it what the cloud is elsewhere: it takes what they write, and
writes what they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tonnam_cloud.broker.passwords import Hashes
from tonnam_cloud.broker.users_file import OtherUser
from tonnam_link.topics import ROOT, Channel, node_topic

OWN_WRITES = (Channel.UP, Channel.BACK, Channel.OUTCOME, Channel.PRESENCE)
OWN_READS = (Channel.REPLY, Channel.COMMAND, Channel.CONFIG)
BEHIND_WRITES = (Channel.PRESENCE,)
BEHIND_READS = (Channel.COMMAND, Channel.CONFIG)
ALL_OF_TONNAM = f"{ROOT}/#"


class NodeAccess(NamedTuple):
    """A node that may connect, as the registry has it. Without `hashes` it has no password of its own yet."""

    tenant: str
    node: str
    via: str | None
    hashes: Hashes | None

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.tenant}/{self.node}"

    @property
    def user(self) -> str:
        """Its user name: no id has a dot, so it is nobody else's."""
        return user_name(self.tenant, self.node)


@dataclass(frozen=True)
class User:
    """One user of the broker, and the filters of the topics that it may publish to and hear."""

    name: str
    hashes: Hashes
    writes: tuple[str, ...]
    reads: tuple[str, ...]


def user_name(tenant: str, node: str) -> str:
    """A node's user name."""
    return f"{tenant}.{node}"


def users_of(
    nodes: Sequence[NodeAccess], others: Iterable[tuple[OtherUser, Hashes]], site: str | None = None
) -> list[User]:
    """Everybody who may sign in, in a steady order.

    `site` is the gateway ("tenant/node") whose site's broker it is; None for the broker that the cloud is at.
    """
    known = list(others)
    here = [node for node in nodes if site in (None, node.name, f"{node.tenant}/{node.via}")]
    users = [_other(user, hashes) for user, hashes in known]
    return users + [_node(node, here, known, site) for node in here if node.hashes is not None]


def _other(user: OtherUser, hashes: Hashes) -> User:
    if user.cloud:
        return User(user.name, hashes, (ALL_OF_TONNAM,), (ALL_OF_TONNAM,))
    return User(user.name, hashes, user.writes, user.reads)


def _node(
    node: NodeAccess, nodes: Sequence[NodeAccess], others: Iterable[tuple[OtherUser, Hashes]], site: str | None
) -> User:
    """A node's own topics, those of the nodes behind it, and those of the field devices that name it."""
    assert node.hashes is not None
    behind = [each for each in nodes if (each.tenant, each.via) == (node.tenant, node.node)]
    if node.name == site:
        writes, reads = _topics(behind, OWN_READS), _topics(behind, OWN_WRITES)
    else:
        writes = [*_topics([node], OWN_WRITES), *_topics(behind, BEHIND_WRITES)]
        reads = [*_topics([node], OWN_READS), *_topics(behind, BEHIND_READS)]
    field = [user for user, _ in others if node.name in user.gateways]
    writes += [topic for user in field for topic in user.reads]
    reads += [topic for user in field for topic in user.writes]
    return User(node.user, node.hashes, tuple(dict.fromkeys(writes)), tuple(dict.fromkeys(reads)))


def _topics(nodes: Iterable[NodeAccess], channels: Sequence[Channel]) -> list[str]:
    return [node_topic(node.tenant, node.node, channel) for node in nodes for channel in channels]
