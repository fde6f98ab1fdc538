"""MQTT topics: `tonnam/1/{tenant}/{node}/{channel}` and the live bus `tonnam/1/live/{tenant}/{site}`."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

ROOT = "tonnam/1"
ID_PATTERN = r"[a-z0-9][a-z0-9-]{0,31}"
_ID = re.compile(ID_PATTERN)


class Channel(StrEnum):
    """The last level of a node's topic. The first three carry sealed batches up, the next three go down."""

    UP = "up"
    BACK = "back"
    OUTCOME = "outcome"
    REPLY = "reply"
    COMMAND = "command"
    CONFIG = "config"
    PRESENCE = "presence"


class Origin(NamedTuple):
    """The node that sealed a batch, or that a command is for."""

    tenant: str
    node: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.node}"


class NodeTopic(NamedTuple):
    tenant: str
    node: str
    channel: Channel

    @property
    def origin(self) -> Origin:
        return Origin(self.tenant, self.node)


def is_id(text: str) -> bool:
    """Whether `text` can be a tenant, node, site or thing id. `live` is taken: it names the live bus."""
    return _ID.fullmatch(text) is not None and text != "live"


def node_topic(tenant: str, node: str, channel: Channel) -> str:
    """The topic of one node's channel. Raises ValueError when an id is not one."""
    for text in (tenant, node):
        if not is_id(text):
            raise ValueError(f"{text!r} is not an id: it must match {ID_PATTERN} and not be 'live'")
    return f"{ROOT}/{tenant}/{node}/{channel}"


def parse_node_topic(topic: str) -> NodeTopic | None:
    """The node and channel that a topic names, or None when it is not a node's topic."""
    levels = topic.split("/")
    if len(levels) != 5 or levels[:2] != ROOT.split("/"):
        return None
    tenant, node, channel = levels[2:]
    if not (is_id(tenant) and is_id(node)) or channel not in set(Channel):
        return None
    return NodeTopic(tenant, node, Channel(channel))


def all_nodes(channel: Channel) -> str:
    """The subscription of a receiver to one channel of every node."""
    return f"{ROOT}/+/+/{channel}"


def live_topic(tenant: str, site: str) -> str:
    """Where ingest tells, after its commit, what it stored for a site."""
    return f"{ROOT}/live/{tenant}/{site}"


ALL_LIVE = f"{ROOT}/live/+/+"
