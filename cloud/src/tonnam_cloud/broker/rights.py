"""Who may say and hear what, in MQTT's words. Pure: the registry's nodes and the users file in, users out.

A node writes its own `up`, `back`, `outcome` and `presence`, and reads its own `reply`, `command` and `config`. A
gateway reads `command` and `config` also of the nodes behind it, and writes their `presence`. Nobody but the cloud
touches the live bus. Nothing else is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


def users_of(nodes: Sequence[NodeAccess], others: Iterable[tuple[OtherUser, Hashes]]) -> list[User]:
    """Everybody who may sign in, in a steady order."""
    known = list(others)
    return [
        *(_other(user, hashes) for user, hashes in known),
        *_nodes(nodes, [user for user, _ in known]),
    ]


def _other(user: OtherUser, hashes: Hashes) -> User:
    if user.cloud:
        return User(user.name, hashes, (ALL_OF_TONNAM,), (ALL_OF_TONNAM,))
    return User(user.name, hashes, user.writes, user.reads)


def _nodes(nodes: Sequence[NodeAccess], others: Sequence[OtherUser]) -> Iterator[User]:
    for node in nodes:
        if node.hashes is None:
            continue
        behind = [each for each in nodes if (each.tenant, each.via) == (node.tenant, node.node)]
        heard = [user for user in others if f"{node.tenant}/{node.node}" in user.gateways]
        writes = [*_topics(node, OWN_WRITES), *(topic for each in behind for topic in _topics(each, BEHIND_WRITES))]
        reads = [*_topics(node, OWN_READS), *(topic for each in behind for topic in _topics(each, BEHIND_READS))]
        writes += [topic for user in heard for topic in user.reads]
        reads += [topic for user in heard for topic in user.writes]
        yield User(node.user, node.hashes, _once(writes), _once(reads))


def _topics(node: NodeAccess, channels: Iterable[Channel]) -> Iterator[str]:
    return (node_topic(node.tenant, node.node, channel) for channel in channels)


def _once(topics: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(topics))
