"""Rows of the registry that ingest and the command line read and write."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tonnam_cloud.errors import Rejected
from tonnam_cloud.registry.models import Dictionary, Node, Site, Tenant
from tonnam_link.topics import ID_PATTERN, Origin, is_id

FAREWELL = ""
"""In place of a session's name: the gateway of this node has told that it went."""


class Sender(NamedTuple):
    """What ingest must know of a node: the gateway that may speak for it, and whether it may speak at all."""

    via: str | None
    revoked: bool


def add_node(
    session: Session, tenant: str, node: str, name: Mapping[str, str] | None, now_ms: int, via: str | None = None
) -> bool:
    """Register a node, and its tenant with it. Doing it again changes what is given; True when it is new.

    Without a `name` it stays, and a new node is called by its id. `via` is the gateway that may pass on what the node
    seals: None leaves it as it is, "" is no gateway.
    Raises Rejected when an id is not one, or when the gateway is not a node of the tenant that speaks for itself.
    """
    for text in (tenant, node):
        if not is_id(text):
            raise Rejected(f"{text!r} is not an id: small letters, digits and '-' ({ID_PATTERN}), and not 'live'")
    if via:
        _check_gateway(session, tenant, node, via)
    if session.get(Tenant, tenant) is None:
        session.add(Tenant(id=tenant, name={"th": tenant, "en": tenant}, created_ms=now_ms))
        session.flush()
    known = session.get(Node, (tenant, node))
    if known is None:
        called = dict(name or {"th": node, "en": node})
        session.add(Node(tenant=tenant, id=node, name=called, created_ms=now_ms, via=via or None))
        return True
    known.name = dict(name or known.name)
    known.via = known.via if via is None else via or None
    return False


def _check_gateway(session: Session, tenant: str, node: str, via: str) -> None:
    """Raises Rejected unless `via` may be the gateway of a node: nothing is passed on twice."""
    gateway = session.get(Node, (tenant, via))
    if via == node or gateway is None:
        raise Rejected(f"{via!r} cannot speak for {tenant} {node}: add it as another node of {tenant} first")
    if gateway.via:
        raise Rejected(f"{via!r} cannot speak for {tenant} {node}: it is itself behind {gateway.via!r}")
    if session.scalar(select(Node.id).where(Node.tenant == tenant, Node.via == node).limit(1)) is not None:
        raise Rejected(f"{via!r} cannot speak for {tenant} {node}: that is a gateway for others")


def all_nodes(session: Session) -> Sequence[Node]:
    """Every node, by tenant and id."""
    return session.scalars(select(Node).order_by(Node.tenant, Node.id)).all()


def senders(session: Session) -> dict[tuple[str, str], Sender]:
    """Every node by (tenant, id), the revoked ones too."""
    rows = session.execute(select(Node.tenant, Node.id, Node.via, Node.revoked_ms))
    return {(tenant, node): Sender(via, revoked_ms is not None) for tenant, node, via, revoked_ms in rows}


def site_nodes(session: Session) -> dict[tuple[str, str], str]:
    """The node that has described each site, by (tenant, site). One that was revoked has given its sites up."""
    its_node = (Node.tenant == Site.tenant) & (Node.id == Site.node)
    rows = session.execute(
        select(Site.tenant, Site.id, Site.node).join(Node, its_node).where(Node.revoked_ms.is_(None))
    )
    return {(tenant, site): node for tenant, site, node in rows}


def dictionary(session: Session, tenant: str, name: str) -> bytes | None:
    """The content of a dictionary by its hash."""
    row = session.get(Dictionary, (tenant, name))
    return None if row is None else row.content


def keep_dictionary(session: Session, tenant: str, name: str, content: bytes, now_ms: int) -> None:
    """Keep a dictionary for good; it never changes."""
    if session.get(Dictionary, (tenant, name)) is None:
        session.add(Dictionary(tenant=tenant, hash=name, content=content, received_ms=now_ms))
        session.flush()


def heard(session: Session, last_heard: Mapping[tuple[str, str], int]) -> Collection[tuple[str, str]]:
    """Note when batches of nodes last came. A batch after a last will outranks it; those nodes are returned.

    Which session sent it is not known: any farewell may be that one's. Not so for a node whose gateway has told its
    farewell: what the gateway passes on of it since may be hours old.
    """
    returned = []
    for (tenant, node), at_ms in last_heard.items():
        mine = (Node.tenant == tenant, Node.id == node)
        session.execute(update(Node).where(*mine).values(last_heard_ms=at_ms))
        asleep = (~Node.online, (Node.online_changed_ms.is_(None)) | (Node.online_changed_ms < at_ms))
        there = Node.via.is_(None) | Node.session.is_distinct_from(FAREWELL)
        woken = session.execute(
            update(Node)
            .where(*mine, *asleep, there)
            .values(online=True, online_changed_ms=at_ms, session=None)
            .returning(Node.id)
        )
        if woken.scalar() is not None:
            returned.append((tenant, node))
    return returned


def trust(session: Session, tenant: str, node_id: str, serial: int, trusts: Sequence[str]) -> None:
    """Note which keys a node obeys, as its presence says."""
    node = session.get(Node, (tenant, node_id))
    if node is not None and (node.keys_serial, node.trusts) != (serial, list(trusts)):
        node.keys_serial, node.trusts = serial, list(trusts)


class Trusting(NamedTuple):
    """Which keys a node obeys: the serial of its key document, and the ids of its keys."""

    origin: Origin
    serial: int
    trusts: Sequence[str]


def trusting(session: Session, *, online: bool = False) -> list[Trusting]:
    """The nodes that have told which keys they obey, by tenant and id; only those that are online, if so asked."""
    told = select(Node.tenant, Node.id, Node.keys_serial, Node.trusts).where(Node.keys_serial.is_not(None))
    wanted = told.where(Node.online) if online else told
    rows = session.execute(wanted.order_by(Node.tenant, Node.id))
    return [Trusting(Origin(tenant, node), serial or 0, trusts or []) for tenant, node, serial, trusts in rows]


def presence(
    session: Session, tenant: str, node_id: str, online: bool, name: str, at_ms: int, kept: bool = False
) -> Collection[tuple[str, str]]:
    """Note that a session came or went, at `at_ms` of our clock. The nodes whose state changed by it.

    A last will of another session than the node's own is old news, unless it is what the broker has `kept`: then that
    session came and went while nobody listened. What a broker has kept of a revoked node is old news, too. With a
    gateway go those behind it, and none of them comes before it.
    """
    node = session.get(Node, (tenant, node_id), with_for_update=True)
    if node is None or node.revoked_ms is not None:
        return []
    if not online and not kept and node.session not in {None, name}:
        return []
    if online or node.via:
        node.session = name if online else FAREWELL
    gateway = session.get(Node, (tenant, node.via)) if node.via else None
    if node.online == online or (online and gateway is not None and not gateway.online):
        return []
    node.online, node.online_changed_ms = online, at_ms
    if online:
        return [(tenant, node_id)]
    session.flush()
    behind = update(Node).where(Node.tenant == tenant, Node.via == node_id, Node.online)
    gone = session.scalars(behind.values(online=False, online_changed_ms=at_ms).returning(Node.id))
    return [(tenant, node_id), *((tenant, each) for each in gone)]
